"""From an event that has come in to the order that is handed to the HTTP client, at 200 events a second.

    pytest tests/bench/test_gateway.py --benchmark-enable -n 0

Host, dispatcher and gateway are the real ones, on both databases; the client notes when it is called and refuses, so
that the symbol is free again. Between come quotes, each its own transaction. The clock starts when the gateway is given
the signal, and includes its own loop, the commit and the thread in which the request is made.
"""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import numpy as np
from pytest_benchmark.fixture import BenchmarkFixture

from core.kernel.kinds import EventKind, RejectReason
from core.kernel.units import MICRO, MINUTE, SECOND
from live.alpaca.outcomes import Refused
from live.clock import VirtualClock, stopwatch
from live.directory import Directory
from live.dispatch import Dispatcher
from live.gateway import Gateway
from live.host import Host
from live.reconciler import Line
from live.store import migrate
from live.store.database import open_engine
from live.store.writer import StoreWriter
from tests.live.conftest import postgres_url, server, sqlite_url, url  # noqa: F401  (fixtures)
from tests.live.story import OPENING, SPEC, SYMBOLS, bars, genesis, incoming, opening, signal

EVENTS, PACE, EVERY = 3_000, 0.005, 10
GENEROUS = {"reject_storm": 10**9, "orders_day": 10**9, "orders_minute": 10**9, "repeat_limit": 10**9}
GENEROUS |= {"stale_after": 10**6 * SECOND, "signal_max_age": 10**6 * SECOND}


class Client:
    """Where alpaca-py would send; `called` are ns of the stopwatch."""

    def __init__(self) -> None:
        self.called: list[int] = []

    def submit(self, _request: Any) -> Refused:
        self.called.append(stopwatch())
        return Refused(RejectReason.ORDER_RULE, 422, 42210000, "no")


async def trade(url: str) -> list[float]:  # noqa: F811
    """Milliseconds from each signal to its request."""
    clock = VirtualClock(OPENING)
    engine = open_engine(url)
    migrate.upgrade(engine)
    host = Host.start(StoreWriter(engine, SPEC.account, OPENING), SPEC, genesis(**GENEROUS), clock)
    directory, client = Directory(host.state, SYMBOLS), Client()
    dispatcher = Dispatcher(directory, clock)
    dispatcher.authorised(True)
    gateway = Gateway(host, Line(client, directory, dispatcher, clock, OPENING))  # type: ignore[arg-type]
    gateway.poll = 0
    host.handle(*opening(OPENING), *bars(OPENING, Random(1)))
    task = asyncio.create_task(gateway.run())
    given, due = [], asyncio.get_running_loop().time()
    for number in range(EVENTS):
        due += PACE
        await asyncio.sleep(max(due - asyncio.get_running_loop().time(), 0))
        now, symbol = clock.now(), number % len(SYMBOLS)
        price = (100 + symbol) * MICRO
        if number % EVERY == EVERY - 1:
            clock.move(now + MINUTE)
            given.append(stopwatch())
            gateway.deliver(signal(clock.now(), number // EVERY % len(SYMBOLS), number))
        else:
            gateway.deliver(incoming(EventKind.QUOTE, now, symbol=symbol, price=price - 10_000, target=price + 10_000))
    await asyncio.sleep(0.2)
    task.cancel()
    host.close()
    assert len(client.called) == len(given)
    return [(after - before) / 1e6 for before, after in zip(given, client.called, strict=True)]


def test_event_to_request(benchmark: BenchmarkFixture, url: str) -> None:  # noqa: F811
    """The run itself is timed by the benchmark, which says little; the figures are in its extra_info and printed."""
    waits = benchmark.pedantic(lambda: asyncio.run(trade(url)), rounds=1)
    figures = {f"p{share}": round(float(np.percentile(waits, share)), 2) for share in (50, 90, 99)}
    benchmark.extra_info.update(figures)
    print(f"\n{url.split(':')[0]}: event to request, ms: {figures}")
    assert len(waits) == EVENTS // EVERY
