"""T10 to the end: whatever a broker says, it is read or refused by name, and what is read never stops the host.

A commit's dose is a few hundred messages into one host on each database; SEATRIAL_NIGHTLY=n multiplies it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.kernel.digest import state_digest
from core.kernel.kinds import EventKind
from core.kernel.units import MINUTE, SECOND
from live import recovery
from live.alpaca import wire
from live.alpaca.messages import Activity, Flow, Order, Update
from live.alpaca.wire import WireError
from live.clock import VirtualClock
from live.directory import Directory
from live.flows import from_flow
from live.host import Host
from live.mailbox import Mailbox
from live.news import from_activity, from_execution
from tests.doses import NIGHTLY
from tests.live.alpaca.test_wire import ORDER, UPDATE, mutants
from tests.live.story import OPENING, SYMBOLS, database, incoming, open_host, opening, signal

DOSE = settings(
    max_examples=150 * max(NIGHTLY * 20, 1),
    deadline=None,
    derandomize=not NIGHTLY,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
FAR = "x" * 200
WORDS = ("", " ", "\0", "a\0b", "é", "\ud7ff", FAR, "'; DROP TABLE journal; --", "%s", "{0}", "st-0000000012340001-00")


class Desk:
    """A host with an order at the broker, and the way from a frame to it."""

    def __init__(self, url: str) -> None:
        self.clock = VirtualClock(OPENING + MINUTE)
        self.host: Host = open_host(url, self.clock)
        self.host.handle(*opening(OPENING))
        now = OPENING + SECOND
        (submit,) = self.host.handle(
            incoming(EventKind.BAR, now, symbol=0, price=10**8, qty=10**9, amount=10**8, target=10**8, stop=10**8),
            signal(now, 0, 1),
        )
        self.ours = {"client_order_id": submit.client_order_id, "symbol": SYMBOLS[0]}
        self.directory = Directory(self.host.state, SYMBOLS)
        self.mailbox = Mailbox(self.directory, self.clock, self.deliver)

    def deliver(self, *events: Any) -> None:
        self.host.handle(*events)
        for event in events:
            self.directory.delivered(event)


@pytest.fixture
def desk(url: str) -> Iterator[Desk]:
    made = Desk(url)
    yield made
    assert made.host.books.run("broken") == 0
    digest, run = made.host.digest(), made.host.run
    made.host.close()
    with database(url) as connection:
        books, _ = recovery.audit(connection, run)
    assert state_digest(books.state) == digest, "what was taken in can be taken up again"


def spoil(draw: st.DrawFn, message: dict[str, Any], names: tuple[str, ...]) -> None:
    """Put odd words into some of the fields that go into the database."""
    for name in draw(st.lists(st.sampled_from(names), max_size=2)):
        message[name] = draw(st.sampled_from(WORDS) | st.text(max_size=90))


@st.composite
def listed(draw: st.DrawFn, shape: dict[str, Any]) -> dict[str, Any]:
    """An item of a history, as it is or spoiled."""
    message = copy.deepcopy(draw(st.just(shape) | mutants(shape)))
    spoil(draw, message, tuple(shape))
    return message


@st.composite
def updates(draw: st.DrawFn) -> dict[str, Any]:
    message = copy.deepcopy(draw(st.just(UPDATE) | mutants(UPDATE)))
    spoil(draw, message, ("execution_id", "event"))
    order = message.get("order")
    if isinstance(order, dict):
        spoil(draw, order, ("id", "client_order_id", "symbol", "status", "replaced_by"))
    return message


@pytest.mark.parametrize("name", ["execution_id", "event", "id", "client_order_id", "symbol", "status", "replaced_by"])
@pytest.mark.parametrize("event", ["fill", "canceled", "levitated"])
def test_odd_names_never_stop_the_host(desk: Desk, name: str, event: str) -> None:
    for number, word in enumerate(WORDS):
        order = UPDATE["order"] | desk.ours | {"id": f"broker-{number}"}
        message = UPDATE | {"event": event, "execution_id": f"execution-{number}", "order": order}
        (message if name in message else order)[name] = word
        try:
            update = wire.parse_trading(json.dumps({"stream": "trade_updates", "data": message}))
        except WireError:
            continue
        assert isinstance(update, Update)
        desk.mailbox.hear(update, desk.clock.now())


def test_hostile_updates_never_stop_the_host(desk: Desk) -> None:
    heard = []

    @DOSE
    @given(updates(), st.booleans())
    def tell(message: dict[str, Any], ours: bool) -> None:
        if ours and isinstance(message.get("order"), dict):
            message["order"] |= desk.ours
        try:
            update = wire.parse_trading(json.dumps({"stream": "trade_updates", "data": message}))
        except WireError:
            return
        if isinstance(update, Update):
            heard.append(update)
            desk.mailbox.hear(update, desk.clock.now())

    tell()
    desk.clock.move(desk.clock.now() + 2 * MINUTE)
    desk.mailbox.retry()
    assert len(heard) > 20, "some of it is news"


FILL = {"id": "20261120150000000::8f0a", "order_id": "61e69015", "symbol": "AAA", "side": "buy", "qty": "1"}
FILL |= {"price": "100", "cum_qty": "1", "transaction_time": "2026-11-20T15:00:00Z"}
FLOW = {"id": "20261120150000000::8f0b", "activity_type": "DIV", "net_amount": "1.5", "date": "2026-11-20"}


def test_hostile_histories_never_stop_the_host(desk: Desk) -> None:
    taken = []

    @DOSE
    @given(listed(FILL), listed(FLOW), listed(ORDER))
    def tell(fill: dict[str, Any], flow: dict[str, Any], order: dict[str, Any]) -> None:
        now = desk.clock.now()
        for form, message in ((Activity, fill), (Flow, flow)):
            try:
                item: Any = wire.parse(form, json.dumps(message))
                whose = wire.parse(Order, json.dumps(order if form is Activity else ORDER))
            except WireError:
                continue
            taken.append(item)
            if isinstance(item, Flow):
                desk.deliver(from_flow(item, desk.directory.symbol(item.symbol or ""), now))
            else:
                desk.deliver(from_execution(from_activity(item, whose), desk.directory, now, "rest"))

    tell()
    assert len(taken) > 20
