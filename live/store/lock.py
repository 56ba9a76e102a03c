"""One writer for an account, and nobody else.

Two locks, because each alone has a hole. The first is held as long as the process lives and let go by the operating
system when it dies: on PostgreSQL a session's advisory lock, taken by the very connection that writes, so that whoever
loses the lock has lost the connection and cannot write either; on SQLite an exclusive transaction on a file beside the
database. The second is the *epoch*, a number that grows with each taking of the first. It stands in every outbox row
and is looked at before a row is sent, so a process that was frozen and comes back finds that it is yesterday's.
A third comes free: two writers would both journal the same number, and the primary key lets only one.
"""

from __future__ import annotations

import sqlite3
from typing import Protocol

from sqlalchemy import Connection, func, select, text
from sqlalchemy.dialects import postgresql, sqlite

from core.errors import InputError
from core.kernel.digest import text_hash
from live.store.database import shown, sqlite_file
from live.store.models import Writer
from live.store.points import point

TAKEN = "another process is trading this account"
REMEDY = "Stop that one first; `seatrial status` names it."


class Lock(Protocol):
    """Something that is held until it is released or the process ends."""

    def release(self) -> None:
        """Let go."""


class _Advisory:
    """PostgreSQL: `pg_advisory_lock` of the connection's session."""

    def __init__(self, connection: Connection, account: str) -> None:
        self._connection = connection
        self._key = text_hash("seatrial writer", account)
        with connection.begin():
            held = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": self._key}).scalar_one()
        if not held:
            raise InputError(shown(connection.engine.url), TAKEN, REMEDY)

    def release(self) -> None:
        """Unlock; closing the connection into its pool would not."""
        with self._connection.begin():
            self._connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": self._key})


class _Beside:
    """SQLite: a transaction that is never committed on `FILE.writer`; readers of the database do not notice it."""

    def __init__(self, connection: Connection) -> None:
        path = sqlite_file(connection.engine.url)
        self._holder = sqlite3.connect(
            ":memory:" if path is None else f"{path}.writer", timeout=0, isolation_level=None
        )
        try:
            self._holder.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            self._holder.close()
            problem = TAKEN if "locked" in str(error) else f"cannot be locked: {error}"
            raise InputError(f"{path}.writer", problem, REMEDY) from None

    def release(self) -> None:
        """End the transaction."""
        self._holder.close()


def take(connection: Connection, account: str, holder: str, now: int) -> tuple[Lock, int]:
    """Take the writer's lock of an account and a new epoch; `holder` says who, `now` ns UTC.

    Raises InputError when somebody else holds it.
    """
    on_sqlite = connection.dialect.name == "sqlite"
    lock: Lock = _Beside(connection) if on_sqlite else _Advisory(connection, account)
    point("after_lock")
    insert = sqlite.insert(Writer) if on_sqlite else postgresql.insert(Writer)
    row = {"account": account, "epoch": 1, "holder": holder, "since": now}
    later = {"epoch": Writer.epoch + 1, "holder": holder, "since": now}
    statement = insert.values(row).on_conflict_do_update(index_elements=[Writer.account], set_=later)
    with connection.begin():
        epoch = connection.execute(statement.returning(Writer.epoch)).scalar_one()
    point("after_epoch")
    return lock, epoch


def epoch_of(connection: Connection, account: str) -> int:
    """The newest epoch of an account; 0 when nobody has ever written for it."""
    statement = select(func.coalesce(func.max(Writer.epoch), 0)).where(Writer.account == account)
    return int(connection.execute(statement).scalar_one())
