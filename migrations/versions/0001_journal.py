"""The journal and its projections: what a trader needs to start, stop and start again.

Revision 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    _runs()
    _writers()
    _breakers()
    _checks()
    _decisions()
    _equity()
    _fills()
    _inbox()
    _journal()
    _modes()
    _orders()
    _outbox()
    _positions()
    _risk_events()
    _snapshots()


def downgrade() -> None:
    """Drop them, with what is in them."""
    for table in (
        "snapshots",
        "risk_events",
        "positions",
        "outbox",
        "orders",
        "modes",
        "journal",
        "inbox",
        "fills",
        "equity",
        "decisions",
        "checks",
        "breakers",
        "writers",
        "runs",
    ):
        op.drop_table(table)


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=96), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("symbols", sa.Text(), nullable=False),
        sa.Column("strategies", sa.Text(), nullable=False),
        sa.Column("layout", sa.String(length=64), nullable=False),
        sa.Column("code_version", sa.String(length=32), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.UniqueConstraint("name", name="uq_runs_name"),
    )


def _writers() -> None:
    op.create_table(
        "writers",
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", name="pk_writers"),
    )


def _breakers() -> None:
    op.create_table(
        "breakers",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("lane", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("backoff", sa.BigInteger(), nullable=False),
        sa.Column("trips", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_breakers_run"),
        sa.PrimaryKeyConstraint("run", "lane", name="pk_breakers"),
    )


def _checks() -> None:
    op.create_table(
        "checks",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("check", sa.String(length=32), nullable=False),
        sa.Column("measured", sa.BigInteger(), nullable=False),
        sa.Column("limit", sa.BigInteger(), nullable=False),
        sa.Column("use", sa.Double(), nullable=False),
        sa.Column("result", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_checks_run"),
        sa.PrimaryKeyConstraint("run", "seq", "check", name="pk_checks"),
    )


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("intent_id", sa.String(length=64), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("bar_time", sa.BigInteger(), nullable=False),
        sa.Column("strategy", sa.String(length=64), nullable=False),
        sa.Column("symbol", sa.String(length=16), nullable=False),
        sa.Column("side", sa.String(length=32), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("qty", sa.BigInteger(), nullable=False),
        sa.Column("price_ref", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.String(length=32), nullable=False),
        sa.Column("refusal_codes", sa.Text(), nullable=False),
        sa.Column("binding", sa.String(length=32), nullable=False),
        sa.Column("mode", sa.String(length=32), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_decisions_run"),
        sa.PrimaryKeyConstraint("run", "seq", name="pk_decisions"),
    )
    op.create_index("ix_decisions_run_intent_id", "decisions", ["run", "intent_id"], unique=False)


def _equity() -> None:
    op.create_table(
        "equity",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("cash", sa.BigInteger(), nullable=False),
        sa.Column("equity", sa.BigInteger(), nullable=False),
        sa.Column("unit_value", sa.BigInteger(), nullable=False),
        sa.Column("high_water_mark", sa.BigInteger(), nullable=False),
        sa.Column("day_start_equity", sa.BigInteger(), nullable=False),
        sa.Column("gross", sa.BigInteger(), nullable=False),
        sa.Column("net", sa.BigInteger(), nullable=False),
        sa.Column("buying_power", sa.BigInteger(), nullable=False),
        sa.Column("open_orders", sa.BigInteger(), nullable=False),
        sa.Column("mode", sa.String(length=32), nullable=False),
        sa.Column("stale", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("equity = cash + net", name="ck_equity_identity"),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_equity_run"),
        sa.PrimaryKeyConstraint("run", "seq", name="pk_equity"),
    )


def _fills() -> None:
    op.create_table(
        "fills",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("execution_id", sa.String(length=96), nullable=False),
        sa.Column("client_order_id", sa.String(length=64), nullable=True),
        sa.Column("broker_order_id", sa.String(length=64), nullable=True),
        sa.Column("symbol", sa.String(length=16), nullable=True),
        sa.Column("side", sa.String(length=32), nullable=False),
        sa.Column("qty", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("cum_qty", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=False),
        sa.Column("half_spread", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("price >= 0", name="ck_fills_price"),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_fills_run"),
        sa.PrimaryKeyConstraint("run", "seq", name="pk_fills"),
    )
    op.create_index("uq_fills_run_execution_id_kind", "fills", ["run", "execution_id", "kind"], unique=True)


def _inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("identity", sa.String(length=96), nullable=False),
        sa.Column("place", sa.String(length=48), nullable=True),
        sa.Column("content", sa.BigInteger(), nullable=False),
        sa.Column("same_as", sa.String(length=96), nullable=True),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_inbox_run"),
        sa.PrimaryKeyConstraint("run", "identity", name="pk_inbox"),
    )
    op.create_index("uq_inbox_run_place", "inbox", ["run", "place"], unique=True)


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("t_visible", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.LargeBinary(), nullable=False),
        sa.Column("command_hash", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_journal_run"),
        sa.PrimaryKeyConstraint("run", "seq", name="pk_journal"),
    )


def _modes() -> None:
    op.create_table(
        "modes",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("mode", sa.String(length=32), nullable=False),
        sa.Column("conditions", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_modes_run"),
        sa.PrimaryKeyConstraint("run", "seq", name="pk_modes"),
    )


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("client_order_id", sa.String(length=64), nullable=False),
        sa.Column("broker_order_id", sa.String(length=64), nullable=True),
        sa.Column("intent_id", sa.String(length=64), nullable=True),
        sa.Column("parent", sa.BigInteger(), nullable=False),
        sa.Column("replaces", sa.BigInteger(), nullable=False),
        sa.Column("symbol", sa.String(length=16), nullable=False),
        sa.Column("side", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("tif", sa.String(length=32), nullable=False),
        sa.Column("cause", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("qty", sa.BigInteger(), nullable=False),
        sa.Column("filled", sa.BigInteger(), nullable=False),
        sa.Column("paid", sa.BigInteger(), nullable=False),
        sa.Column("limit_price", sa.BigInteger(), nullable=False),
        sa.Column("stop_price", sa.BigInteger(), nullable=False),
        sa.Column("overfill", sa.BigInteger(), nullable=False),
        sa.Column("late", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("submitted", sa.BigInteger(), nullable=False),
        sa.Column("accepted", sa.BigInteger(), nullable=False),
        sa.Column("terminal", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("filled >= 0 AND qty >= 0", name="ck_orders_quantities"),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_orders_run"),
        sa.PrimaryKeyConstraint("run", "number", name="pk_orders"),
    )
    op.create_index("ix_orders_run_broker_order_id", "orders", ["run", "broker_order_id"], unique=False)
    op.create_index("ix_orders_run_client_order_id", "orders", ["run", "client_order_id"], unique=True)


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("verdict", sa.String(length=32), nullable=False),
        sa.Column("symbol", sa.String(length=16), nullable=True),
        sa.Column("client_order_id", sa.String(length=64), nullable=True),
        sa.Column("target_client_order_id", sa.String(length=64), nullable=True),
        sa.Column("stop_client_order_id", sa.String(length=64), nullable=True),
        sa.Column("command", sa.LargeBinary(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("answered", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_outbox_run"),
        sa.PrimaryKeyConstraint("run", "number", name="pk_outbox"),
    )
    op.create_index(
        "ix_outbox_pending",
        "outbox",
        ["run", "number"],
        unique=False,
        postgresql_where=sa.text("answered IS NULL"),
        sqlite_where=sa.text("answered IS NULL"),
    )
    op.create_index(
        "uq_outbox_run_intent",
        "outbox",
        ["run", "client_order_id"],
        unique=True,
        postgresql_where=sa.text("kind LIKE 'submit%'"),
        sqlite_where=sa.text("kind LIKE 'submit%'"),
    )


def _positions() -> None:
    op.create_table(
        "positions",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.String(length=16), nullable=False),
        sa.Column("qty", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("realized", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_positions_run"),
        sa.PrimaryKeyConstraint("run", "symbol", name="pk_positions"),
    )


def _risk_events() -> None:
    op.create_table(
        "risk_events",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("severity", sa.String(length=32), nullable=False),
        sa.Column("symbol", sa.String(length=16), nullable=True),
        sa.Column("client_order_id", sa.String(length=64), nullable=True),
        sa.Column("metric", sa.String(length=64), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("limit", sa.Double(), nullable=True),
        sa.Column("use", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_risk_events_run"),
        sa.PrimaryKeyConstraint("run", "seq", "ordinal", name="pk_risk_events"),
    )


def _snapshots() -> None:
    op.create_table(
        "snapshots",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("layout", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_snapshots_run"),
        sa.PrimaryKeyConstraint("run", "seq", name="pk_snapshots"),
    )
