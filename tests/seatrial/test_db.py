"""`seatrial db` as a person and as a program meet it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from live.clock import VirtualClock
from live.store.database import open_engine
from tests.live.story import OPENING, database, open_host, opening
from tests.seatrial.shell import code_of


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/trader.db"


def test_upgrade_says_what_it_did_and_does_it_once(url: str, capsys: pytest.CaptureFixture[str]):
    assert code_of("db", "upgrade", "--database-url", url) == 0
    assert "revision none → 0002" in capsys.readouterr().out
    assert code_of("db", "upgrade", "--database-url", url, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"database": url, "before": "0002", "after": "0002"}


def test_check_follows_every_journal(url: str, capsys: pytest.CaptureFixture[str]):
    host = open_host(url, VirtualClock(OPENING))
    host.handle(*opening(OPENING))
    host.close()
    assert code_of("db", "check", "--replay", "--database-url", url, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {"ok": True, "differences": [], "runs": [{"run": "story", "events": 3, "replayed": True}]}
    with database(url) as connection:
        connection.exec_driver_sql("UPDATE journal SET source = 'x' WHERE seq = 2")
    assert code_of("db", "check", "--database-url", url) == 2
    assert "row 2: was changed" in capsys.readouterr().err


def test_check_sees_tables_that_are_not_ours(url: str, capsys: pytest.CaptureFixture[str]):
    code_of("db", "upgrade", "--database-url", url)
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE guests (name TEXT)")
    engine.dispose()
    assert code_of("db", "check", "--database-url", url) == 1
    assert "guests" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("db", "check", "--database-url", "sqlite:///none.db"), "none.db: does not exist"),
        (("db", "upgrade", "--database-url", "oracle://x"), "oracle is not supported"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(
    words: tuple[str, ...],
    problem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    assert code_of(*words) == 2
    told = capsys.readouterr().err
    assert problem in told
    assert len(told.splitlines()) == 1
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("words", [("db", "upgrade"), ("db", "check"), ("status",), ("mode", "halt", "--reason", "r")])
def test_a_database_of_a_newer_version_is_left_alone(
    url: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
):
    code_of("db", "upgrade", "--database-url", url)
    with database(url) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    capsys.readouterr()
    assert code_of(*words, "--database-url", url) == 2
    told = capsys.readouterr().err
    assert "is at revision 9999, and this version needs 0002. It was written by a newer version: use that one." in told
    assert len(told.splitlines()) == 1
