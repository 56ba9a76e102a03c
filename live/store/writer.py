"""The one connection that writes, and the one way to write: a batch of rows, all or none.

A batch is what a transaction of the host leaves: rows by table. Tables of facts are inserted, each row once for ever;
tables of the present (orders, positions, breakers) are upserted, so that replaying a commit changes nothing. Rows go
as one statement a table, which the drivers pipeline; that is where the speed comes from.
"""

from __future__ import annotations

import os
import platform
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Insert, RootTransaction, func, insert, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from core.errors import InputError
from core.kernel.units import SECOND
from live.clock import stopwatch
from live.store import lock, migrate
from live.store.database import shown
from live.store.models import (
    Alert,
    Base,
    BreakerRow,
    Check,
    Decision,
    Equity,
    Fill,
    Journal,
    Mode,
    OperatorRequest,
    Order,
    Outbox,
    Position,
    RiskEvent,
)
from live.store.points import point
from live.store.rows import Row

FACTS: tuple[type[Base], ...] = (Decision, Check, RiskEvent, Fill, Equity, Mode, Alert)
PRESENT: tuple[type[Base], ...] = (Order, Position, BreakerRow)


FRESH = SECOND  # how long a commit vouches for the lock


class Batch:
    """Rows of one transaction, by table; `run` is added to each."""

    def __init__(self, run: int) -> None:
        self.run = run
        self.rows: dict[type[Base], list[Row]] = defaultdict(list)
        self.answered: list[Row] = []  # {number, time, outcome}
        self.requests: list[Row] = []  # {id, time, outcome}
        self.cleared: list[Row] = []  # {rule, cause, time}

    def add(self, table: type[Base], *rows: Row) -> None:
        """Rows of one table."""
        for row in rows:
            row["run"] = self.run
            self.rows[table].append(row)


class StoreWriter:
    """Writes for one account, alone. Closing it lets others write."""

    def __init__(self, engine: Engine, account: str, now: int) -> None:
        """Check the schema, take the lock and a new epoch; the engine is ours from now on.

        Raises InputError when the schema is another or the lock is taken.
        """
        migrate.check(engine)
        self.engine = engine
        self.account = account
        self.connection: Connection = engine.connect().execution_options(writes=True)
        holder = f"process {os.getpid()} on {platform.node()}"
        try:
            self._lock, self.epoch = lock.take(self.connection, account, holder, now)
        except BaseException:
            self.connection.close()
            engine.dispose()
            raise
        self._pipeline: Any = None
        self._committed = stopwatch()
        self._upserts = {table: _upsert(table, self.connection.dialect.name) for table in PRESENT}

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back by an error."""
        transaction = self.connection.begin()
        try:
            yield self.connection
            transaction.commit()
            self._end_pipeline()
        except BaseException:
            self._withdraw(transaction)
            raise
        self._committed = stopwatch()

    def save(self, batch: Batch) -> None:
        """Write a batch into the transaction that is open: the journal first, the outbox next, then the projections.

        Nothing is read after this in the transaction: on PostgreSQL all of it and the commit travel together.
        """
        self._begin_pipeline()
        self._insert(batch, Journal)
        point("after_journal")
        self._insert(batch, Outbox)
        if batch.answered:
            self._close(Outbox, batch.run, batch.answered)
        point("after_outbox")
        if batch.cleared:
            self._clear(batch)
        for table in FACTS:
            self._insert(batch, table)
        for table, statement in self._upserts.items():
            if rows := batch.rows.get(table):
                self.connection.execute(statement, rows)
        if batch.requests:
            self._close(OperatorRequest, batch.run, batch.requests)
        point("after_projections")

    def confirm(self) -> None:
        """Raise InputError when this process is no longer the writer of its account.

        A commit proves it too, being made by the connection that holds the lock: one of the last second is enough.
        """
        if stopwatch() - self._committed < FRESH:
            return
        with self.transaction() as connection:
            newest = lock.epoch_of(connection, self.account)
        if newest != self.epoch:
            problem = f"epoch {self.epoch} is over, {newest} writes for {self.account} now"
            raise InputError(shown(self.engine.url), problem, "Let this process end.")

    def close(self) -> None:
        """Let go of the lock and of the connection."""
        try:
            if not self.connection.closed and not self.connection.invalidated:
                self._lock.release()
        finally:
            self.connection.close()
            self.engine.dispose()

    def abandon(self) -> None:
        """Let go without a word to the database, after an error that may have been its own.

        Cutting the connection lets go of PostgreSQL's lock; the one beside a SQLite file is let go by itself.
        """
        if self.connection.dialect.name == "sqlite":
            self._lock.release()
        self.connection.invalidate()
        self.connection.close()
        self.engine.dispose()

    def _begin_pipeline(self) -> None:
        """Send what follows without waiting for each answer; errors come with the commit at the latest."""
        driver: Any = self.connection.connection.driver_connection
        if self.connection.dialect.name == "postgresql":
            self._pipeline = driver.pipeline()
            self._pipeline.__enter__()

    def _end_pipeline(self) -> None:
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            pipeline.__exit__(None, None, None)

    def _withdraw(self, transaction: RootTransaction) -> None:
        """Undo: by a rollback, or by cutting the connection, after which the server does it. Raises nothing of its own,
        so that what went wrong first is what is seen."""
        try:
            if self._pipeline is None:
                transaction.rollback()
                return
        except SQLAlchemyError:
            pass  # the connection is gone, and the transaction with it
        self._pipeline = None
        self.connection.invalidate()

    def _insert(self, batch: Batch, table: type[Base]) -> None:
        if rows := batch.rows.get(table):
            self.connection.execute(insert(table), rows)

    def _close(self, table: Any, run: int, rows: list[Row]) -> None:
        """Mark outbox rows as answered, or requests as handled: each once, whatever comes later."""
        for row in rows:
            if table is Outbox:
                where = (Outbox.run == run, Outbox.number == row["number"], Outbox.answered.is_(None))
                values = {"answered": row["time"], "outcome": row["outcome"]}
            else:
                where = (OperatorRequest.run == run, OperatorRequest.id == row["id"], OperatorRequest.handled.is_(None))
                values = {"handled": row["time"], "outcome": row["outcome"]}
            self.connection.execute(update(table).where(*where).values(values))

    def _clear(self, batch: Batch) -> None:
        for row in batch.cleared:
            where = (Alert.run == batch.run, Alert.rule == row["rule"], Alert.cause == row["cause"])
            statement = update(Alert).where(*where, Alert.cleared.is_(None)).values(cleared=row["time"])
            self.connection.execute(statement)


def _upsert(table: type[Base], dialect: str) -> Insert:
    """Insert a row, or bring the one with its key up to date; what is not known now stays as it was."""
    statement = (sqlite if dialect == "sqlite" else postgresql).insert(table)
    columns = table.__table__.columns
    keys = [column.name for column in columns if column.primary_key]
    changes = {
        column.name: func.coalesce(statement.excluded[column.name], column)
        if column.nullable
        else statement.excluded[column.name]
        for column in columns
        if not column.primary_key
    }
    upsert: Insert = statement.on_conflict_do_update(index_elements=keys, set_=changes)
    return upsert
