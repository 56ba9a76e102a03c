"""Under 429: nothing is asked while the server is closed, cancels go first when it opens, and no storm builds up."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import Any

import numpy as np
import pytest

from core.kernel.kinds import CommandKind, EventKind, OperatorAct, OrderStatus, OrderType, ReconcileStep, TimeInForce
from core.kernel.records import COMMAND
from core.kernel.units import MICRO, MINUTE, SECOND
from live.alpaca.messages import Order
from live.alpaca.outcomes import Accepted, Limited
from live.alpaca.values import Instant, Quantity
from live.answers import Action, Call
from live.asking import perform
from live.clock import VirtualClock
from live.directory import Directory
from live.dispatch import Dispatcher
from live.events import Outgoing, Verdict
from live.reconciler import Line, Reconciler
from tests.live.bottle import START, SYMBOLS, Bottle, rest_over

ALLOWED = 60  # requests in the server's minute: fewer than we allow ourselves, for somebody else uses the account


class Window:
    """A server that counts the requests of the last minute, and says when the oldest of them will be forgotten."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._taken: deque[int] = deque()
        self.calls: list[tuple[int, Action, bool]] = []  # time, what, whether it was taken

    def ask(self, call: Call) -> Any:
        now = self._clock.now()
        while self._taken and self._taken[0] <= now - MINUTE:
            self._taken.popleft()
        taken = len(self._taken) < ALLOWED
        self.calls.append((now, call.action, taken))
        if not taken:
            return Limited(-(-(self._taken[0] + MINUTE) // SECOND))
        self._taken.append(now)
        if call.action is Action.CANCEL:
            return Accepted(None)
        return Accepted(order(call))


def order(call: Call) -> Order:
    name = call.job.client_order_id or ""
    terms = {"symbol": "AAA", "side": "buy", "status": "new", "type": "market", "qty": Quantity(MICRO)}
    return Order(id=f"broker-{name}", client_order_id=name, submitted_at=Instant(START), **terms)  # type: ignore[arg-type]


def row(number: int, kind: CommandKind) -> Outgoing:
    command = np.zeros(1, COMMAND)[0]
    terms = {"kind": kind, "order": number, "side": 1, "qty": MICRO, "type": OrderType.MARKET, "tif": TimeInForce.DAY}
    for name, value in terms.items():
        command[name] = value
    verdict = Verdict.CANCEL if kind == CommandKind.CANCEL else Verdict.APPROVED
    return Outgoing(number, 1, verdict, command, "AAA", f"st-{number:016x}-00", None, None)


def test_a_rush_of_cancels_and_openings_against_a_server_with_a_smaller_limit() -> None:
    clock = VirtualClock(START)
    directory = Directory(Bottle().host.state, SYMBOLS)
    dispatcher = Dispatcher(directory, clock)
    dispatcher.authorised(True)
    server = Window(clock)
    for number in range(1_001, 1_081):
        dispatcher.add(row(number, CommandKind.SUBMIT))
    for number in range(2_001, 2_101):
        directory.bind(number, f"broker-{number}")
        dispatcher.add(row(number, CommandKind.CANCEL))
    while len(dispatcher):
        dispatcher.expire()
        while (call := dispatcher.take()) is not None:
            dispatcher.settle(call, server.ask(call))
        clock.move(clock.now() + max(dispatcher.wait() or 0, SECOND // 10))
    refused = [time for time, _, taken in server.calls if not taken]
    assert 1 <= len(refused) <= 8, "each time it is closed that is found out by one request"
    for time in refused:
        following = next((later for later, _, _ in server.calls if later > time), None)
        assert following is None or following - time >= SECOND // 2
    done = [action for _, action, taken in server.calls if taken]
    assert done[:100] == [Action.CANCEL] * 100, "what reduces risk goes first"
    assert Counter(done)[Action.CANCEL] == 100
    busiest = max(sum(start <= time < start + MINUTE for time, *_ in server.calls) for start, *_ in server.calls)
    assert busiest <= ALLOWED + 8


@pytest.mark.parametrize("header", ["x-ratelimit-reset", "retry-after"])
def test_a_cancel_that_is_asked_for_again_and_again_is_sent_once(header: str) -> None:
    """The engine repeats a cancel that has no answer; those that wait behind a closed limit are one cancel."""
    opens = START + 100 * SECOND
    seen: list[int] = []

    def weather(method: str, path: str) -> str:
        if method != "DELETE":
            return ""
        seen.append(bottle.clock.now())
        left = -(-(opens - bottle.clock.now()) // SECOND)
        return "" if left <= 0 else f"429 {header}: {left if header == 'retry-after' else opens // SECOND + 1}"

    bottle = Bottle(weather)
    entry = bottle.signal()
    bottle.pump()
    bottle.hear()
    for _ in range(140):
        bottle.tell(EventKind.OPERATOR, code=OperatorAct.CANCEL_ALL)
        bottle.pump()
        bottle.hear()
        bottle.wait(1)
    cancels = [row for row in bottle.host.outbox.values() if row.kind == CommandKind.CANCEL]
    assert len(cancels) > 1, "the engine has asked again"
    assert len(seen) == 2
    assert seen[1] >= opens
    assert OrderStatus(bottle.host.order(entry).status) == OrderStatus.CANCELED
    assert {row.number for row in cancels} <= bottle.host.answered
    assert EventKind.CANCEL_REJECTED not in bottle.host.kinds()


def test_a_reset_that_is_always_a_second_away_is_asked_about_once_a_second() -> None:
    seen: list[int] = []

    def weather(method: str, path: str) -> str:
        seen.append(bottle.clock.now())
        return f"429 x-ratelimit-reset: {bottle.clock.now() // SECOND + 1}"

    bottle = Bottle(weather)
    for symbol in range(3):
        bottle.signal(symbol)
    for _ in range(1_200):
        bottle.pump()
        bottle.wait(0.1)
    assert len(seen) > 10
    assert max(Counter(time // SECOND for time in seen).values()) == 1
    assert bottle.exchange.posts == []


class Skipping:
    """A pace on which waiting moves the clock."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    async def sleep(self, nanos: int) -> None:
        self._clock.move(self._clock.now() + nanos)


class Desk:
    """Where a reconciliation delivers."""

    def __init__(self, bottle: Bottle) -> None:
        self._bottle = bottle

    def deliver(self, *events: Any) -> None:
        self._bottle.deliver(*events)

    def hold(self) -> None:
        return

    def release(self) -> None:
        return


def test_a_reconciliation_waits_for_the_reset_too() -> None:
    opens = START + 45 * SECOND
    seen: list[int] = []

    def weather(method: str, path: str) -> str:
        seen.append(bottle.clock.now())
        return "" if bottle.clock.now() >= opens else f"429 x-ratelimit-reset: {opens // SECOND}"

    bottle = Bottle(weather)
    bottle.tell(EventKind.RECONCILE, code=ReconcileStep.STARTED)
    pace: Any = Skipping(bottle.clock)
    line = Line(bottle.rest, bottle.directory, bottle.dispatcher, bottle.clock, START, pace)
    asyncio.run(Reconciler(Desk(bottle), bottle.host, line).run(None))
    assert len([time for time in seen if time < opens]) == 1
    assert int(bottle.host.state["run"]["reconciling"][0]) == 0
    assert rest_over(bottle.exchange).clock() is not None


def test_questions_about_one_order_that_wait_are_one_question() -> None:
    opens = START + 600 * SECOND

    def weather(method: str, path: str) -> str:
        if method == "POST":
            return "lost request"
        return "" if bottle.clock.now() >= opens else f"429 x-ratelimit-reset: {opens // SECOND}"

    bottle = Bottle(weather, breaker_failures=10_000, breaker_min=10_000)
    entry = bottle.signal()
    for _ in range(150):
        bottle.pump()
        bottle.wait(3)
    questions = [row for row in bottle.host.outbox.values() if row.kind == CommandKind.QUERY]
    assert len(questions) > 3, "the engine has asked again"
    bottle.clock.move(opens)
    asked = []
    while (call := bottle.dispatcher.take()) is not None:
        asked.append(call.job.kind)
        if call.action is Action.RECONCILE:
            bottle.dispatcher.finish(call)
        else:
            bottle.deliver(*bottle.dispatcher.settle(call, perform(bottle.rest, call)))
    assert asked.count(CommandKind.QUERY) == 1
    assert {row.number for row in questions} <= bottle.host.answered
    assert OrderStatus(bottle.host.order(entry).status) == OrderStatus.UNKNOWN, "one answer is not enough to give it up"
