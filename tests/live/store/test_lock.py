"""P11: two processes on one account, and the one that was frozen and comes back."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from sqlalchemy import text

from core.errors import InputError
from live.clock import VirtualClock
from live.host import HostError
from live.store import writer as writers
from live.store.database import open_engine
from live.store.writer import StoreWriter
from tests.live.crash.lives import check, finished, start
from tests.live.story import OPENING, database, open_host, opening


def test_a_second_instance_is_refused(url: str):
    first = open_host(url, VirtualClock(OPENING))
    with pytest.raises(InputError, match="another process is trading"):
        open_host(url, VirtualClock(OPENING))
    first.handle(*opening(OPENING))
    first.close()
    open_host(url, VirtualClock(OPENING)).close()


def test_another_account_is_another_matter(postgres_url: str):
    host = open_host(postgres_url, VirtualClock(OPENING))
    other = StoreWriter(open_engine(postgres_url), "another-account", OPENING)
    other.close()
    host.close()


def test_each_taking_is_a_new_epoch(url: str):
    open_host(url, VirtualClock(OPENING)).close()
    engine = open_engine(url)
    epochs = []
    for _ in range(3):
        writer = StoreWriter(engine, "test-account", OPENING)
        epochs.append(writer.epoch)
        writer.close()
    assert epochs == [2, 3, 4]
    engine.dispose()


def test_a_writer_of_yesterday_sends_nothing(url: str, monkeypatch: pytest.MonkeyPatch):
    host = open_host(url, VirtualClock(OPENING))
    host.handle(*opening(OPENING))
    with database(url) as connection:
        connection.execute(text("UPDATE writers SET epoch = epoch + 1"))
    monkeypatch.setattr(writers, "FRESH", 0)
    with pytest.raises(HostError, match="epoch 1 is over, 2 writes"):
        host.confirm_writer()
    with pytest.raises(HostError):
        host.handle(*opening(OPENING))


def test_two_writers_cannot_journal_one_number(postgres_url: str):
    """Were both locks gone, the primary key would still let only one of them through."""
    host = open_host(postgres_url, VirtualClock(OPENING))
    host.handle(*opening(OPENING))
    with database(postgres_url) as connection:
        columns = "run, seq + 1, kind, t_visible, event, command_hash, source, detail, hash"
        connection.execute(text(f"INSERT INTO journal SELECT {columns} FROM journal WHERE seq = 3"))
    with pytest.raises(HostError, match=r"IntegrityError|UniqueViolation"):
        host.handle(*opening(OPENING))


def test_the_lock_of_a_killed_process_is_free(url: str, tmp_path: Path):
    book = tmp_path / "broker"
    child = start(url, book, "before_inbox:5")
    child.communicate(timeout=120)
    assert child.returncode == -signal.SIGKILL
    check(url, finished(url, book))
