"""Opening a database: a SQLite file by default, PostgreSQL by its URL, both set so that a commit means durable.

SQLite runs in WAL mode with `synchronous=FULL`: a commit has been flushed when it returns, and readers are never
blocked. Its transactions begin as IMMEDIATE, because one that turns from reader to writer half way can be refused.
PostgreSQL runs with `synchronous_commit=on` whatever the server's default, and with timeouts, so that a server that
hangs is an error and not a process that waits for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any, TypeAlias

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from core.errors import InputError

Database: TypeAlias = Engine  # what callers outside hold and hand on, without knowing what it is
Transaction: TypeAlias = Connection

DEFAULT_URL = "sqlite:///seatrial.db"
SQLITE_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000")
POSTGRES_OPTIONS = "-c synchronous_commit=on -c statement_timeout=30000 -c lock_timeout=10000 -c timezone=UTC"
POSTGRES_LEAST = 150_000  # server_version_num of the oldest release that is tested


def parse(url: str) -> URL:
    """A database URL with the driver that is installed. Raises InputError for what is neither SQLite nor PostgreSQL."""
    remedy = "Write sqlite:///FILE or postgresql://USER@HOST/DATABASE."
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InputError("--database-url", "is not a database URL", remedy) from None
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend == "sqlite":
        return parsed
    raise InputError("--database-url", f"{backend} is not supported", remedy)


def shown(url: URL) -> str:
    """The URL as it may be printed: without its password."""
    return url.render_as_string(hide_password=True)


def sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite database; None for PostgreSQL and for one in memory."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database)


def open_engine(url: str, create: bool = True) -> Engine:
    """An engine for `url`, connected to once; a SQLite file that is not there is made only with `create`.

    Raises InputError, without the password, when that fails.
    """
    parsed = parse(url)
    file = sqlite_file(parsed)
    if file is not None and not create and not file.exists():
        raise InputError(str(file), "does not exist", "Make it with `seatrial db upgrade`, or name another.")
    if parsed.get_backend_name() == "sqlite":
        engine = _sqlite(parsed)
    else:
        arguments: dict[str, Any] = {"options": POSTGRES_OPTIONS, "connect_timeout": 10, "application_name": "seatrial"}
        engine = create_engine(parsed, connect_args=arguments, hide_parameters=True)
    try:
        with engine.connect() as connection:
            _check_server(connection, parsed)
    except DBAPIError as error:
        engine.dispose()
        raise InputError(shown(parsed), _first_line(error), _remedy(parsed)) from None
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Transaction]:
    """A transaction that writes, beside the trader's: for acts of the operator, watchlists and migrations."""
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        yield connection


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _prepare(connection: SqliteConnection, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        for pragma in SQLITE_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")

    return engine


def _check_server(connection: Connection, url: URL) -> None:
    if url.get_backend_name() == "sqlite":
        return
    version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
    if version < POSTGRES_LEAST:
        raise InputError(shown(url), f"is PostgreSQL {version // 10_000}", "Use PostgreSQL 15 or newer.")


def _first_line(error: DBAPIError) -> str:
    """What the driver says, in a line; drivers do not repeat passwords, and the URL is not in it."""
    text = str(error.orig).strip() or type(error.orig).__name__
    return "cannot be opened: " + text.splitlines()[0].rstrip(".")


def _remedy(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return "Name a file in a folder that exists and can be written to."
    return "See that the server runs, and that host, port, user, password and database are right."
