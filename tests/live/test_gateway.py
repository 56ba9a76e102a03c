"""The whole way on real sockets: HTTP and a websocket to the scripted exchange, the engine in between."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from core.errors import InputError
from core.kernel.kinds import EventKind, LaneFailure, OperatorAct, OrderStatus, Phase, ReconcileStep
from core.kernel.reconciliation import DIFFERS
from core.kernel.units import MICRO, MINUTE, SECOND
from live.alpaca.endpoint import Endpoint
from live.alpaca.rest import Deadlines, Rest
from live.alpaca.session import TradingSession
from live.alpaca.stream import Stream
from live.clock import SystemClock
from live.directory import Directory
from live.dispatch import Dispatcher
from live.events import Incoming
from live.gateway import Gateway
from live.pacing import Backoff
from live.reconciler import Line
from tests.kernel.desk import HOURS
from tests.live.bottle import KEYS, SYMBOLS, Memory
from tests.live.exchange import Exchange
from tests.live.server import HttpServer, TradingSocket


class Desk:
    """A gateway with everything around it, on the machine's clock."""

    http: HttpServer

    def __init__(self, port: int, socket: TradingSocket, exchange: Exchange, wait: float = 1.0, **config: int) -> None:
        self.exchange, self.socket = exchange, socket
        clock = SystemClock()
        self.host = Memory(clock, stale_after=3_600 * SECOND, **config)  # type: ignore[arg-type]
        self.directory = Directory(self.host.state, SYMBOLS)
        self.dispatcher = Dispatcher(self.directory, clock)
        rest = Rest(Endpoint.at(f"http://127.0.0.1:{port}", KEYS), Deadlines(wait, wait, wait))
        line = Line(rest, self.directory, self.dispatcher, clock, clock.now())
        self.gateway = Gateway(self.host, line)
        policy = self.gateway._reconciler.policy
        self.gateway._reconciler.policy = replace(policy, settle=SECOND // 5, looks=3)
        backoff = Backoff(1, base=SECOND // 100, cap=SECOND // 20)
        url = f"ws://127.0.0.1:{socket.port}/stream"
        self.stream = Stream(url, lambda: TradingSession(KEYS), self.gateway, clock, backoff)
        self._clock = clock

    def tell(self, kind: EventKind, **fields: int) -> None:
        now = self._clock.now()
        self.gateway.deliver(Incoming(kind, now, now, fields, source="test"))

    def open(self) -> None:
        self.tell(EventKind.SESSION, code=Phase.REGULAR, amount=1, qty=HOURS)
        start = self._clock.now() - MINUTE
        for symbol in range(len(SYMBOLS)):
            price = 100 * MICRO
            fields = {"symbol": symbol, "price": price, "qty": 10**9, "amount": price, "target": price, "stop": price}
            self.gateway.deliver(Incoming(EventKind.BAR, start, self._clock.now(), fields, source="test"))

    def signal(self, symbol: int = 0, number: int = 0) -> int:
        self.tell(
            EventKind.SIGNAL, symbol=symbol, strategy=0, intent=0x55 + symbol + number * 8, code=1, price=100 * MICRO, stop=MICRO,
            target=2 * MICRO, ratio=600_000,
        )  # fmt: skip
        return self.host.symbol(symbol).entry

    async def until(self, done: Callable[[], Any]) -> None:
        async with asyncio.timeout(15):
            while not done():
                await asyncio.sleep(0.005)

    def reconciled(self) -> bool:
        return not int(self.host.state[0]["run"]["reconciling"])


def tell(act: Callable[[Desk], Awaitable[None]]) -> Desk:
    async def story() -> Desk:
        exchange = Exchange(SystemClock().now)
        http = HttpServer(exchange)
        try:
            async with TradingSocket(exchange) as socket:
                desk = Desk(http.port, socket, exchange)
                desk.http = http
                desk.open()
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(desk.gateway.run()), group.create_task(desk.stream.run())]
                    await act(desk)
                    for task in tasks:
                        task.cancel()
                return desk
        finally:
            http.close()

    return asyncio.run(story())


def test_a_trade_from_signal_to_flat():
    async def act(desk: Desk) -> None:
        await desk.until(desk.reconciled)
        entry = desk.signal()
        assert entry
        await desk.until(lambda: desk.directory.broker_id(entry + 2))
        desk.exchange.fill(str(desk.directory.broker_id(entry)))
        await desk.until(lambda: desk.host.symbol().qty == 100 * MICRO)
        desk.exchange.fill(str(desk.directory.broker_id(entry + 1)), price="102")
        await desk.until(lambda: desk.host.symbol().entry == 0)

    desk = tell(act)
    assert desk.host.symbol().realized == 200 * MICRO
    steps = [e.fields["code"] for e in desk.host.journal if e.kind == EventKind.RECONCILE]
    assert steps.count(ReconcileStep.FINISHED) == 1, "the one that the start waits for"
    assert desk.host.answered == set(desk.host.outbox)


def test_what_happens_while_the_stream_is_down_is_found_when_it_is_back():
    async def act(desk: Desk) -> None:
        await desk.until(desk.reconciled)
        entry = desk.signal()
        await desk.until(lambda: desk.directory.broker_id(entry))
        desk.socket.mood = "503"
        await desk.socket.drop()
        await desk.until(lambda: not int(desk.host.state[0]["run"]["streaming"]))
        desk.exchange.lost = True
        desk.exchange.fill(str(desk.directory.broker_id(entry)), 30)
        desk.exchange.lost = False
        assert desk.signal(symbol=1) == 0, "nothing opens while the stream is down"
        desk.socket.mood = ""
        await desk.until(lambda: desk.host.symbol().qty == 30 * MICRO)
        await desk.until(desk.reconciled)

    desk = tell(act)
    assert desk.exchange.posts[0] not in desk.exchange.posts[1:], "what follows protects the 30 shares"


def test_the_leg_of_an_order_whose_answer_is_not_here_yet_is_waited_for():
    async def act(desk: Desk) -> None:
        await desk.until(desk.reconciled)
        real = desk.exchange._post

        def slow(body: dict[str, Any]) -> tuple[int, Any]:
            status, answer = real(body)
            desk.exchange.fill(answer["id"])
            desk.exchange.fill(next(leg["id"] for leg in answer["legs"] if leg["type"] == "limit"), price="102")
            time.sleep(0.3)
            return status, answer

        desk.exchange._post = slow  # type: ignore[method-assign]
        desk.signal()
        await desk.until(lambda: desk.host.symbol().realized == 200 * MICRO)

    desk = tell(act)
    assert EventKind.FOREIGN_FILL not in desk.host.kinds()


def test_a_broker_that_cannot_be_read_is_asked_until_it_can():
    async def act(desk: Desk) -> None:
        await desk.until(desk.reconciled)
        desk.http.status = 503
        desk.gateway.lost(LaneFailure.CONNECTION, "dropped")
        desk.gateway.ready()
        await desk.until(lambda: desk.host.kinds().count(EventKind.LANE_FAILED) >= 3)
        assert not desk.reconciled()
        desk.http.status = 0
        await desk.until(desk.reconciled)

    tell(act)


def test_a_difference_stops_the_symbol_after_the_last_look():
    async def act(desk: Desk) -> None:
        desk.exchange.positions["BBB"] = 7  # type: ignore[assignment]
        await desk.until(desk.reconciled)
        assert desk.host.symbol(1).unreconciled == DIFFERS
        assert desk.signal(symbol=1) == 0
        assert desk.signal(symbol=2)

    desk = tell(act)
    steps = [e.fields["code"] for e in desk.host.journal if e.kind == EventKind.RECONCILE]
    assert steps.count(ReconcileStep.SYMBOL_DIFFERS) == 1


def test_a_person_who_adopts_hears_what_is_left_and_can_adopt_that_too():
    async def act(desk: Desk) -> None:
        desk.gateway.poll = SECOND // 10
        desk.exchange.positions["BBB"] = 7  # type: ignore[assignment]
        desk.exchange.cash -= 700
        await desk.until(lambda: desk.host.symbol(1).unreconciled == DIFFERS)
        desk.tell(EventKind.OPERATOR, code=OperatorAct.ADOPT_POSITION, symbol=1)
        account = desk.host.state["account"]
        await desk.until(lambda: account["difference"][0] == -700 * MICRO)
        assert not desk.signal(symbol=2)
        desk.tell(EventKind.OPERATOR, code=OperatorAct.ADOPT_CASH)
        await desk.until(lambda: desk.gateway._reconciler.settled and desk.reconciled())
        assert account["cash"][0] == int(desk.exchange.cash * MICRO)
        assert desk.signal(symbol=2)

    tell(act)


def test_books_are_compared_when_a_day_begins():
    async def act(desk: Desk) -> None:
        await desk.until(desk.reconciled)
        desk.gateway.poll = 0
        desk.exchange.move("FEE", "-3")
        desk.tell(EventKind.SESSION, code=Phase.PRE, amount=2, qty=HOURS)
        await desk.until(lambda: EventKind.CASH_FLOW in desk.host.kinds())

    desk = tell(act)
    assert desk.host.state["account"]["fees"][0] == 3 * MICRO


def test_a_fill_that_the_stream_forgot_is_missed_by_its_sum():
    async def act(desk: Desk) -> None:
        await desk.until(desk.reconciled)
        entry = desk.signal()
        await desk.until(lambda: desk.directory.broker_id(entry))
        order = str(desk.directory.broker_id(entry))
        desk.exchange.lost = True
        desk.exchange.fill(order, 30)
        desk.exchange.lost = False
        desk.exchange.end(order, "canceled")
        await desk.until(lambda: desk.host.symbol().qty == 30 * MICRO)
        assert desk.host.order(entry).status == OrderStatus.CANCELED

    tell(act)


def test_another_account_ends_the_process():
    async def act(desk: Desk) -> None:
        await desk.until(desk.reconciled)
        desk.exchange.account = "another"
        desk.gateway.unreadable("x", SystemClock().now())
        await asyncio.sleep(10)

    with pytest.RaisesGroup(InputError, flatten_subgroups=True):
        tell(act)


def test_a_stop_waits_for_what_is_on_its_way_and_sends_nothing_more():
    async def act(desk: Desk) -> None:
        await desk.until(desk.reconciled)
        real, began, go_on = desk.exchange._post, threading.Event(), threading.Event()

        def slow(body: dict[str, Any]) -> tuple[int, Any]:
            answer = real(body)
            began.set()
            assert go_on.wait(10)
            return answer

        desk.exchange._post = slow  # type: ignore[method-assign]
        first = desk.signal()
        await desk.until(began.is_set)
        finishing = asyncio.ensure_future(desk.gateway.finish())
        desk.signal(symbol=1)
        await asyncio.sleep(0.05)
        assert not finishing.done()
        go_on.set()
        await finishing
        assert desk.directory.broker_id(first), "its answer was heard"

    desk = tell(act)
    assert len(desk.exchange.posts) == 1
