"""T7 over time: the network changes its mind every fraction of a second, and once it is calm both sides agree.

Real sockets throughout. Each seed draws which toxics there are at all, for evenly mixed ones hide each other; requests
pass a proxy that does them, the trading stream is dropped, refused and deaf in between, and orders fill meanwhile.
"""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from core.kernel.kinds import EventKind, OrderStatus
from core.kernel.units import MICRO, SECOND
from live.clock import SystemClock
from live.pacing import Backoff, TokenBucket
from tests.doses import dose
from tests.live.bottle import SYMBOLS
from tests.live.exchange import Exchange
from tests.live.proxy import TOXICS, Proxy
from tests.live.server import HttpServer, TradingSocket
from tests.live.test_gateway import Desk

SEEDS = dose(4, 500, "SEATRIAL_WEATHER_SEEDS")
STEPS = 14
MOODS = ("503", "429", "deaf", "silent")
HASTY = {
    "query_step": SECOND // 20,
    "reconcile_wait": SECOND // 2,
    "exit_step": SECOND // 2,
    "breaker_failures": 10_000,
    "breaker_min": 10_000,
    "reject_storm": 10_000,
    "orders_minute": 10_000,
}
DOUBTFUL = {OrderStatus.SUBMITTED, OrderStatus.UNKNOWN, OrderStatus.PENDING_CANCEL}


class Storm:
    """One schedule."""

    def __init__(self, seed: int, desk: Desk, proxy: Proxy, http: HttpServer) -> None:
        self.draw = Random(seed)
        self.desk, self.proxy, self.http = desk, proxy, http
        self.toxics = [toxic for toxic in TOXICS if toxic != "refuse" and self.draw.random() < 0.5] or ["reply_lost"]
        self.moods = [mood for mood in MOODS if self.draw.random() < 0.5]
        self.signals = 0

    async def blow(self) -> None:
        for _ in range(STEPS):
            self.proxy.toxic = self.draw.choice(["", *self.toxics])
            if self.moods and self.draw.random() < 0.3:
                self.desk.socket.mood = self.draw.choice(["", *self.moods])
                await self.desk.socket.drop()
            for symbol in range(len(SYMBOLS)):
                if self.draw.random() < 0.5:
                    self.signals += 1
                    self.desk.signal(symbol, self.signals)
            self.trade()
            await asyncio.sleep(self.draw.uniform(0.02, 0.25))

    def trade(self) -> None:
        """Some orders fill, in part or in whole; some news of it is lost."""
        exchange = self.desk.exchange
        with self.http._lock:
            exchange.lost = self.draw.random() < 0.2
            for order in list(exchange.orders.values()):
                if order["status"] in ("new", "partially_filled") and self.draw.random() < 0.4:
                    exchange.fill(order["id"], 1 if self.draw.random() < 0.3 else None)
            exchange.lost = False

    async def calm(self) -> None:
        self.proxy.toxic, self.desk.socket.mood = "", ""
        await self.desk.socket.drop()  # whatever was deaf or half open begins anew
        await self.desk.until(self.agreed)

    def agreed(self) -> bool:
        """Nothing is in doubt or under way, and the broker's positions are ours."""
        orders = {OrderStatus(int(order["status"])) for order in self.desk.directory.orders()}
        quiet = not orders & DOUBTFUL and not len(self.desk.dispatcher) and self.desk.reconciled()
        return quiet and self.positions() == self.theirs()

    def positions(self) -> list[int]:
        return [self.desk.host.symbol(place).qty for place in range(len(SYMBOLS))]

    def theirs(self) -> list[int]:
        return [int(self.desk.exchange.positions.get(name, 0) * MICRO) for name in SYMBOLS]


async def timers(desk: Desk) -> None:
    """Time passes for the engine."""
    while True:
        await asyncio.sleep(0.05)
        desk.tell(EventKind.TIMER)


async def story(seed: int) -> Storm:
    exchange = Exchange(SystemClock().now)
    http = HttpServer(exchange)
    proxy = Proxy(http.port)
    try:
        async with TradingSocket(exchange) as socket:
            desk = Desk(proxy.port, socket, exchange, wait=0.3, **HASTY)
            desk.gateway.poll = SECOND // 2
            desk.dispatcher._bucket = TokenBucket(60_000, 1_000, SystemClock().monotonic())
            desk.dispatcher._backoff = Backoff(seed, base=SECOND // 50, cap=SECOND // 5)
            desk.open()
            storm = Storm(seed, desk, proxy, http)
            async with asyncio.TaskGroup() as group:
                work = (desk.gateway.run(), desk.stream.run(), timers(desk))
                tasks = [group.create_task(each) for each in work]
                await desk.until(desk.reconciled)
                await storm.blow()
                await storm.calm()
                for task in tasks:
                    task.cancel()
            return storm
    finally:
        proxy.close()
        http.close()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_after_the_storm_both_sides_agree(seed: int) -> None:
    storm = asyncio.run(story(seed))
    exchange, host = storm.desk.exchange, storm.desk.host
    assert len(set(exchange.posts)) == len(exchange.posts), "an order was sent twice"
    assert int(host.state[0]["account"]["cash"]) == int(exchange.cash * MICRO)
