"""The chain of the journal, and what a row that was touched does to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from core.errors import InputError
from live import recovery
from live.store import journal, runs
from live.store.database import open_engine
from tests.live.store.test_migrate import trade

ROW = 9


@pytest.fixture
def traded(sqlite_url: str, tmp_path: Path) -> Iterator[Engine]:
    trade(sqlite_url, tmp_path)
    engine = open_engine(sqlite_url)
    yield engine
    engine.dispose()


def spoil(engine: Engine, sql: str) -> None:
    with engine.begin() as connection:
        assert connection.execute(text(sql), {"row": ROW}).rowcount == 1


def test_the_whole_chain_holds(traded: Engine):
    with traded.connect() as connection:
        assert journal.verify(connection, 1) == connection.execute(text("SELECT max(seq) FROM journal")).scalar_one()


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("DELETE FROM journal WHERE seq = :row", f"row {ROW}: is missing"),
        ("UPDATE journal SET command_hash = command_hash + 1 WHERE seq = :row", f"row {ROW}: was changed"),
        ("UPDATE journal SET source = 'somebody' WHERE seq = :row", f"row {ROW}: was changed"),
        ("UPDATE journal SET detail = '{}' WHERE seq = :row", f"row {ROW}: was changed"),
        ("UPDATE journal SET event = zeroblob(length(event)) WHERE seq = :row", f"row {ROW}: was changed"),
        ("UPDATE journal SET event = zeroblob(8) WHERE seq = :row", f"row {ROW}: holds 8 bytes"),
        ("UPDATE journal SET hash = zeroblob(32) WHERE seq = :row", f"row {ROW}: was changed"),
        ("UPDATE journal SET seq = 100000 WHERE seq = :row", f"row {ROW}: is missing"),
    ],
)
def test_a_row_that_was_touched_is_named(traded: Engine, sql: str, problem: str):
    spoil(traded, sql)
    with traded.connect() as connection, pytest.raises(InputError, match=problem):
        journal.verify(connection, 1)


def test_an_engine_that_decides_otherwise_is_found_at_the_event(traded: Engine):
    """A chain that holds, written by an engine that commanded something else: every hash is made anew from there."""
    chain = journal.GENESIS
    with traded.begin() as connection:
        rows = connection.execute(text("SELECT * FROM journal ORDER BY seq")).mappings().all()
        for row in rows:
            command_hash = row["command_hash"] + (row["seq"] >= ROW)
            chain = journal.link(chain, row["event"], command_hash, row["source"], row["detail"])
            values = {"c": command_hash, "h": chain, "s": row["seq"]}
            connection.execute(text("UPDATE journal SET command_hash = :c, hash = :h WHERE seq = :s"), values)
    with traded.connect() as connection:
        assert journal.verify(connection, 1) == len(rows)
        with pytest.raises(InputError, match=f"row {ROW}: this engine decides otherwise"):
            recovery.audit(connection, 1)


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("UPDATE snapshots SET state = zeroblob(100) WHERE seq > 0", "is damaged"),
        ("UPDATE snapshots SET digest = 'other' WHERE seq > 0", "is damaged"),
        ("UPDATE snapshots SET layout = 'other' WHERE seq > 0", "other records"),
    ],
)
def test_a_snapshot_that_was_touched_is_refused(traded: Engine, sql: str, problem: str):
    with traded.begin() as connection:
        connection.execute(text(sql))
    with traded.connect() as connection, pytest.raises(InputError, match=problem):
        runs.load_snapshot(connection, 1)
