"""The host's speed on both databases: events durable a second, and from an event to a command that may leave.

    pytest tests/bench/test_host.py --benchmark-enable -n 0 -s

What limits it: with few events a transaction the disk's flush, with many the rows' way through driver and server.
"""

from __future__ import annotations

from itertools import count
from random import Random

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from core.kernel.units import MINUTE, SECOND
from live.clock import VirtualClock
from live.host import Host
from tests.live.conftest import postgres_url, server, sqlite_url, url  # noqa: F401  (fixtures)
from tests.live.story import OPENING, bars, open_host, opening, signal


@pytest.fixture
def trading(url: str) -> tuple[Host, VirtualClock]:  # noqa: F811
    clock = VirtualClock(OPENING)
    host = open_host(url, clock)
    host.handle(*opening(OPENING))
    return host, clock


@pytest.mark.parametrize("size", [1, 16, 64, 256])
def test_events_durable(benchmark: BenchmarkFixture, trading: tuple[Host, VirtualClock], size: int):
    """Bars in transactions of `size`; events a second are size / time."""
    host, clock = trading
    minutes = count(1)

    def batch() -> tuple[tuple[object, ...], dict[str, object]]:
        now = OPENING + next(minutes) * MINUTE + SECOND
        clock.move(now)
        rng = Random(now)
        return tuple(event for _ in range(size // 3 + 1) for event in bars(now, rng))[:size], {}

    benchmark.pedantic(host.handle, setup=batch, rounds=200)
    assert host.books.seen() >= 3 + size
    host.close()


def test_event_to_command(benchmark: BenchmarkFixture, trading: tuple[Host, VirtualClock]):
    """A signal alone: decided, written, committed, and its command in hand."""
    host, clock = trading
    minutes = count(1)

    def one() -> tuple[tuple[object, ...], dict[str, object]]:
        minute = next(minutes)
        now = OPENING + minute * MINUTE + SECOND
        clock.move(now)
        host.handle(*bars(now, Random(minute)))
        return (signal(now, minute % 3, minute),), {}

    benchmark.pedantic(host.handle, setup=one, rounds=200)
    assert host.state[0]["run"]["decisions"] > 0
    host.close()
