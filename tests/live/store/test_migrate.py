"""T18: revisions forward and back on both databases with data inside, and a restored copy that goes on trading."""

from __future__ import annotations

import sqlite3
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

from core.errors import InputError
from live import recovery
from live.clock import VirtualClock
from live.store import migrate
from live.store.database import open_engine
from live.store.models import Base
from tests.live.story import OPENING, Broker, minutes, open_host, opening, serve


def trade(url: str, tmp_path: Path, count: int = 12) -> str:
    """A short life in a database; the digest of its last state."""
    clock = VirtualClock(OPENING)
    broker = Broker(tmp_path / "broker")
    host = open_host(url, clock)
    serve(host, broker, host.handle(*opening(OPENING)), OPENING)
    for now, bars, signals in minutes(3, 1, count):
        clock.move(now)
        serve(host, broker, host.handle(*bars, *signals), now)
    digest = host.digest()
    host.close()
    return digest


def rows(engine: Engine) -> dict[str, int]:
    tables = inspect(engine).get_table_names()
    with engine.connect() as connection:
        return {table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in tables}


def replayed(engine: Engine) -> str:
    from core.kernel.digest import state_digest

    with engine.connect() as connection:
        return state_digest(recovery.audit(connection, 1)[0].state)


def test_tables_are_what_the_code_says(url: str):
    engine = open_engine(url)
    migrate.upgrade(engine)
    assert migrate.differences(engine) == []
    assert set(inspect(engine).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
    engine.dispose()


def test_back_one_revision_and_forward_again_keeps_the_journal(url: str, tmp_path: Path):
    digest = trade(url, tmp_path)
    engine = open_engine(url)
    before = rows(engine)
    assert before["journal"] > 12
    assert before["fills"] > 0
    migrate.downgrade(engine, "0001")
    assert "alerts" not in inspect(engine).get_table_names()
    with pytest.raises(InputError, match="needs 0002"):
        migrate.check(engine)
    migrate.upgrade(engine)
    after = rows(engine)
    assert {table: after[table] for table in before if table not in ("alerts", "operator_requests", "watchlists")} == {
        table: count for table, count in before.items() if table not in ("alerts", "operator_requests", "watchlists")
    }
    assert migrate.differences(engine) == []
    assert replayed(engine) == digest
    engine.dispose()


def test_all_the_way_back_and_forward(url: str, tmp_path: Path):
    trade(url, tmp_path)
    engine = open_engine(url)
    migrate.downgrade(engine, "base")
    assert set(inspect(engine).get_table_names()) == {"alembic_version"}
    migrate.upgrade(engine)
    assert migrate.differences(engine) == []
    assert rows(engine)["journal"] == 0
    engine.dispose()


def test_a_copy_of_the_file_goes_on(sqlite_url: str, tmp_path: Path):
    digest = trade(sqlite_url, tmp_path)
    copy = tmp_path / "restored.db"
    with sqlite3.connect(tmp_path / "seatrial.db") as source, sqlite3.connect(copy) as target:
        source.backup(target)
    engine = open_engine(f"sqlite:///{copy}")
    assert replayed(engine) == digest
    engine.dispose()
    host = open_host(f"sqlite:///{copy}", VirtualClock(OPENING + 1_000_000_000_000))
    assert host.books.seen() > 12
    host.close()


def test_a_dump_restored_replays_to_the_same_state(postgres_url: str, tmp_path: Path):
    """With the server's own tools where they are; a copy table by table says the same where they are not."""
    digest = trade(postgres_url, tmp_path)
    target = f"sqlite:///{tmp_path}/restored.db"
    source, restored = open_engine(postgres_url), open_engine(target)
    migrate.upgrade(restored)
    with source.connect() as reading, restored.begin() as writing:
        for table in Base.metadata.sorted_tables:
            if found := [dict(row) for row in reading.execute(table.select()).mappings()]:
                writing.execute(table.insert(), found)
    assert replayed(restored) == digest, "the journal is the same on either database"
    source.dispose()
    restored.dispose()


def test_a_database_of_a_newer_version_is_refused(url: str):
    engine = open_engine(url)
    migrate.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(InputError, match="newer version"):
        migrate.check(engine)
    engine.dispose()


def test_an_empty_database_is_refused(url: str):
    engine = open_engine(url)
    with pytest.raises(InputError, match="seatrial db upgrade"):
        migrate.check(engine)
    engine.dispose()


def test_a_migration_that_fails_leaves_the_schema_as_it_was(url: str):
    engine = open_engine(url)
    migrate.upgrade(engine, "0001")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alerts (note TEXT)"))  # in the way of 0002
    before = rows(engine)
    with pytest.raises(Exception, match="alerts"):
        migrate.upgrade(engine)
    assert rows(engine) == before
    assert migrate.current(engine) == "0001"
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("mysql://h/d", "mysql is not supported"),
        ("nonsense", "is not a database URL"),
        ("sqlite:////nowhere/at/all.db", "cannot be opened"),
    ],
)
def test_what_is_no_database_is_said(url: str, problem: str):
    with pytest.raises(InputError, match=problem):
        open_engine(url)


def test_a_password_is_not_in_the_error(tmp_path: Path):
    with pytest.raises(InputError) as caught:
        open_engine(f"postgresql://trader:hunter2hunter2@/none?host={tmp_path}")
    assert "hunter2" not in str(caught.value)


def test_a_read_only_file_is_said(tmp_path: Path, sqlite_url: str):
    engine = open_engine(sqlite_url)
    migrate.upgrade(engine)
    engine.dispose()
    subprocess.run(["chmod", "-R", "a-w", tmp_path], check=True)
    try:
        if (tmp_path / "seatrial.db").stat().st_mode & 0o222 == 0 and not _writable(tmp_path / "seatrial.db"):
            with pytest.raises(InputError, match=r"cannot be locked|cannot be opened"):
                open_host(sqlite_url, VirtualClock(OPENING))
    finally:
        subprocess.run(["chmod", "-R", "u+w", tmp_path], check=True)


def _writable(path: Path) -> bool:
    try:
        path.open("ab").close()
    except PermissionError:
        return False
    return True
