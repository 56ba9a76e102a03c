"""T15: a host that has seen a million events is no larger than one that has seen a few, and a flood is only a queue.

A commit's dose is 100 000 events; `SEATRIAL_NIGHTLY=n` makes it n millions. The database is a SQLite file whose journal
is cut as it grows, for the store is not what is measured.
"""

from __future__ import annotations

import gc
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text

from core.kernel.kinds import EventKind
from core.kernel.units import MICRO, MINUTE, SECOND
from live.clock import VirtualClock, timer
from live.events import Incoming
from tests.doses import NIGHTLY
from tests.live.story import OPENING, SYMBOLS, Broker, database, leave, open_host, opening, serve, signal

EVENTS = NIGHTLY * 1_000_000 or 100_000
WARM = 20_000
ALLOWED = 5_000_000  # bytes, as is promised of a million; a hundred thousand may not need more


def resident() -> int:
    """Bytes of memory that are in use by this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
@pytest.mark.timeout(3_600 if NIGHTLY else 300)
def test_memory_does_not_grow_with_events(sqlite_url: str, tmp_path: Path):
    clock, broker = VirtualClock(OPENING), Broker(tmp_path / "broker")
    host = open_host(sqlite_url, clock)
    raw = host._writer.connection.connection.driver_connection
    assert raw is not None
    raw.execute("PRAGMA synchronous=OFF")
    serve(host, broker, host.handle(*opening(OPENING)), OPENING)
    rng, minute, floor = Random(1), 0, 0
    while host.books.seen() < EVENTS:
        minute += 1
        now = OPENING + minute * MINUTE + SECOND
        clock.move(now)
        events = []
        for i in range(250):
            symbol = i % len(SYMBOLS)
            price = (100 + symbol) * MICRO + rng.randrange(-20, 21) * 10_000
            fields = {"symbol": symbol, "price": price, "qty": MICRO, "amount": price, "target": price, "stop": price}
            events.append(Incoming(EventKind.BAR, now - MINUTE, now, fields, source="feed"))
        serve(host, broker, host.handle(*events, timer(now - SECOND, now)), now)
        serve(host, broker, host.handle(signal(now, minute % len(SYMBOLS), minute)), now)
        serve(host, broker, host.handle(leave(now, minute % len(SYMBOLS))), now)
        if minute % 40 == 0:
            with database(sqlite_url) as connection:
                connection.execute(text("DELETE FROM journal WHERE seq < :s"), {"s": host.books.seen() - 20_000})
        if floor == 0 and host.books.seen() > WARM:
            gc.collect()
            floor = resident()
    gc.collect()
    grown = resident() - floor
    host.close()
    assert grown < ALLOWED, f"{grown / 1e6:.1f} MB more after {EVENTS} events"
