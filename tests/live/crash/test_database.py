"""T6 and T8: the database dies, throws us out, or runs out of room, and what is left is what was committed.

`SEATRIAL_NIGHTLY=n pytest tests/live/crash` makes the doses n times as large and adds a PostgreSQL on a disk of 64 MB,
which needs root and mount namespaces.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from sqlalchemy import event, text

from live.clock import VirtualClock
from live.host import Host, HostError
from tests.doses import NIGHTLY, dose
from tests.live.crash.lives import ROOT, check, finished, start
from tests.live.postgres import Server, binaries
from tests.live.story import OPENING, database, minutes, open_host, opening

RESTARTS = dose(10, 200)


def trade_until_it_ends(host: Host, clock: VirtualClock, first: int) -> int:
    """Hand minutes to the host until it stops; returns the last sequence number whose commit had returned."""
    known = host.books.seen()
    try:
        for now, bars, _ in minutes(11, first, first + 5_000):
            clock.move(now)
            host.handle(*bars)
            known = host.books.seen()
    except HostError:
        return known
    raise AssertionError("the host should have stopped")


def committed(url: str) -> int:
    with database(url) as connection:
        count, last = connection.execute(text("SELECT count(*), coalesce(max(seq), 0) FROM journal")).one()
    assert count == last, "no row is missing"
    return int(last)


def test_the_power_is_cut_again_and_again(postgres_url: str, server: Server, request: pytest.FixtureRequest):
    """Immediate stops at random moments: what handle() has returned is there, and at most one transaction more."""
    rng = random.Random(3)
    clock = VirtualClock(OPENING)
    for life in range(RESTARTS):
        clock.move(OPENING + life * 20 * 3_600 * 1_000_000_000)
        host = open_host(postgres_url, clock)
        host.handle(*opening(clock.now(), life + 1))
        script = [sys.executable, "-c", f"import time, sys; time.sleep({rng.uniform(0.05, 0.4)})"]
        timer = subprocess.Popen(script)
        seen, first = host.books.seen(), (clock.now() - OPENING) // 60_000_000_000 + 1
        stopped = False
        try:
            for now, bars, _ in minutes(11, first, first + 5_000):
                clock.move(now)
                if not stopped and timer.poll() is not None:
                    server.stop("immediate")
                    stopped = True
                host.handle(*bars)
                seen = host.books.seen()
        except HostError:
            pass
        assert stopped, "the host goes on until its database is gone"
        timer.wait()
        server.start()
        assert seen <= committed(postgres_url) <= seen + len(bars)
    again = open_host(postgres_url, VirtualClock(clock.now() + 3_600_000_000_000))
    again.close()


def test_the_server_dies_under_a_trader_with_orders(postgres_url: str, server: Server, tmp_path: Path):
    book = tmp_path / "broker"
    child = start(postgres_url, book)
    time.sleep(2.5)
    server.restart()
    _, errors = child.communicate(timeout=120)
    assert child.returncode == 0 or "HostError" in errors or "OperationalError" in errors or "InputError" in errors
    check(postgres_url, finished(postgres_url, book))


def test_a_connection_that_is_thrown_out_ends_the_host(postgres_url: str, server: Server):
    clock = VirtualClock(OPENING)
    host = open_host(postgres_url, clock)
    host.handle(*opening(OPENING))
    seen = host.books.seen()
    server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'test'")
    with pytest.raises(HostError):
        host.handle(*next(minutes(1, 1, 2))[1])
    assert committed(postgres_url) == seen
    with pytest.raises(HostError, match="has stopped"):
        host.confirm_writer()


def test_a_server_that_turned_read_only_ends_the_host(postgres_url: str, server: Server):
    clock = VirtualClock(OPENING)
    host = open_host(postgres_url, clock)
    host.handle(*opening(OPENING))
    server.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    server.execute("SELECT pg_reload_conf()")
    try:
        time.sleep(0.5)
        with pytest.raises(HostError, match="read-only"):
            host.handle(*next(minutes(1, 1, 2))[1])
    finally:
        server.execute("ALTER SYSTEM RESET default_transaction_read_only")
        server.execute("SELECT pg_reload_conf()")


def test_a_full_sqlite_database_ends_the_host_and_loses_nothing(sqlite_url: str):
    clock = VirtualClock(OPENING)
    host = open_host(sqlite_url, clock)
    host.handle(*opening(OPENING))
    raw = host._writer.connection.connection.driver_connection
    assert raw is not None
    pages = raw.execute("PRAGMA page_count").fetchone()[0]
    raw.execute(f"PRAGMA max_page_count = {pages + 8}")
    seen = trade_until_it_ends(host, clock, 1)
    assert committed(sqlite_url) == seen
    again = open_host(sqlite_url, VirtualClock(clock.now()))
    assert again.books.seen() == seen + 1, "room again: nothing was lost, and the restart is an event"
    again.close()


def test_a_file_that_may_not_grow_ends_the_process(sqlite_url: str, tmp_path: Path):
    """RLIMIT_FSIZE: the write fails as on a full disk, without root."""
    book = tmp_path / "broker"
    command = [sys.executable, "-m", "tests.live.crash.child", sqlite_url, str(book), "4000"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_DISABLE_JIT": "1"}

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))

    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, preexec_fn=limit, timeout=240, check=False
    )
    assert done.returncode == 1
    assert "HostError" in done.stderr
    assert committed(sqlite_url) > 0
    check(sqlite_url, finished(sqlite_url, book))


@pytest.mark.skipif(not NIGHTLY, reason="the nightly dose: SEATRIAL_NIGHTLY=n")
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="mounting a small disk needs root")
def test_a_full_disk_under_postgresql():
    if binaries() is None:
        pytest.skip("no PostgreSQL server binaries on this machine")
    disk = Path(tempfile.mkdtemp(prefix="seatrial-disk-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=0777", "tmpfs", disk], check=True)
    try:
        server = Server(disk, max_wal_size="32MB", min_wal_size="32MB")
        clock = VirtualClock(OPENING)
        host = open_host(server.url, clock)
        host.handle(*opening(OPENING))
        filler = disk / "filler"
        free = shutil.disk_usage(disk).free
        filler.write_bytes(b"\0" * (free - 200_000))
        seen = trade_until_it_ends(host, clock, 1)
        filler.unlink()
        server.restart()
        assert seen <= committed(server.url) <= seen + 4
        open_host(server.url, VirtualClock(clock.now())).close()
        server.remove()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
        disk.rmdir()


def test_a_commit_that_was_refused_left_nothing(url: str):
    """A failure at the very commit: the rows were written, and are gone."""
    clock = VirtualClock(OPENING)
    host = open_host(url, clock)
    host.handle(*opening(OPENING))
    seen = host.books.seen()

    @event.listens_for(host._writer.engine, "commit")
    def refuse(_connection: object) -> None:
        raise OSError("input/output error")

    with pytest.raises(HostError, match="input/output error"):
        host.handle(*next(minutes(1, 1, 2))[1])
    assert committed(url) == seen
