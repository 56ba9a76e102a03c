"""What people work with: requests to the running trader, alerts, and watchlists.

Revision 0002, after 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    _watchlists()
    _alerts()
    _operator_requests()


def downgrade() -> None:
    """Drop them, with what is in them."""
    for table in ("operator_requests", "alerts", "watchlists"):
        op.drop_table(table)


def _watchlists() -> None:
    op.create_table(
        "watchlists",
        sa.Column("session", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("made", sa.BigInteger(), nullable=False),
        sa.Column("symbols", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("session", "kind", name="pk_watchlists"),
    )


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rule", sa.String(length=32), nullable=False),
        sa.Column("cause", sa.String(length=64), nullable=False),
        sa.Column("severity", sa.String(length=32), nullable=False),
        sa.Column("raised", sa.BigInteger(), nullable=False),
        sa.Column("cleared", sa.BigInteger(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_alerts_run"),
        sa.PrimaryKeyConstraint("run", "seq", "rule", "cause", name="pk_alerts"),
    )
    op.create_index(
        "uq_alerts_open",
        "alerts",
        ["run", "rule", "cause"],
        unique=True,
        postgresql_where=sa.text("cleared IS NULL"),
        sqlite_where=sa.text("cleared IS NULL"),
    )


def _operator_requests() -> None:
    op.create_table(
        "operator_requests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("act", sa.String(length=32), nullable=False),
        sa.Column("symbol", sa.String(length=16), nullable=True),
        sa.Column("lane", sa.String(length=32), nullable=True),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested", sa.BigInteger(), nullable=False),
        sa.Column("handled", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.CheckConstraint("actor <> '' AND reason <> ''", name="ck_operator_requests_signed"),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_operator_requests_run"),
        sa.PrimaryKeyConstraint("id", name="pk_operator_requests"),
    )
    op.create_index("ix_operator_requests_run", "operator_requests", ["run"], unique=False)
