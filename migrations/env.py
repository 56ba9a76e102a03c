"""What alembic runs for every migration: on the connection that `live.store.migrate` has opened, in its transaction.

SQLite cannot change a column in place, so there alembic copies the table (batch mode).
"""

from __future__ import annotations

from alembic import context

from live.store.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    compare_type=True,
    render_as_batch=connection.dialect.name == "sqlite",
    transaction_per_migration=False,
)
context.run_migrations()
