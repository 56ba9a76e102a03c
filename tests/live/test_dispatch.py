"""From the outbox to the broker: what is sent, what is never sent twice, and what the engine is told."""

from __future__ import annotations

import pytest

from core.kernel.kinds import Breaker, EventKind, Lane, LaneFailure, OperatorAct, OrderStatus, RejectReason
from core.kernel.units import SECOND
from live.answers import Action
from live.dispatch import Limits
from tests.live.bottle import Bottle


class Sky:
    """Weather that a test sets: one fate for each request that matches, until the list is empty."""

    def __init__(self, *fates: tuple[str, str]) -> None:
        self.fates = list(fates)
        self.seen: list[str] = []

    def __call__(self, method: str, path: str) -> str:
        self.seen.append(method)
        if self.fates and self.fates[0][0] == method:
            return self.fates.pop(0)[1]
        return ""


def status(bottle: Bottle, number: int) -> OrderStatus:
    return OrderStatus(bottle.host.order(number).status)


def failures(bottle: Bottle) -> list[tuple[int, int]]:
    failed = [event.fields for event in bottle.host.journal if event.kind == EventKind.LANE_FAILED]
    return [(fields["code"], fields["code2"]) for fields in failed]


def test_an_accepted_group_is_known_by_all_its_names():
    bottle = Bottle()
    entry = bottle.signal()
    bottle.pump()
    assert [status(bottle, n) for n in (entry, entry + 1, entry + 2)] == [
        OrderStatus.ACCEPTED,
        OrderStatus.HELD,
        OrderStatus.HELD,
    ]
    kinds = {bottle.at_broker(n)["type"] for n in (entry, entry + 1, entry + 2)}
    assert kinds == {"market", "limit", "stop"}
    assert bottle.at_broker(entry + 1)["type"] == "limit", "the target"
    assert bottle.host.answered == set(bottle.host.outbox) - {
        n for n, row in bottle.host.outbox.items() if row.symbol is None
    }


@pytest.mark.parametrize("fate", ["lost request", "lost answer", "500", "502", "503", "504", "200"])
def test_an_ambiguous_submit_is_never_sent_again_and_is_looked_for(fate):
    sky = Sky(("POST", fate))
    bottle = Bottle(sky)
    entry = bottle.signal()
    bottle.pump()
    assert status(bottle, entry) == OrderStatus.UNKNOWN
    for _ in range(12):
        bottle.wait(5)
        bottle.pump()
    assert sky.seen.count("POST") == 1
    landed = fate == "lost answer"
    assert len(bottle.exchange.posts) == landed
    expected = {OrderStatus.ACCEPTED, OrderStatus.WORKING} if landed else {OrderStatus.REJECTED}
    assert status(bottle, entry) in expected
    if not landed:
        assert bottle.host.order(entry).reason == RejectReason.UNCONFIRMED


@pytest.mark.parametrize("fate", ["unsent", "429"])
def test_what_has_certainly_not_happened_is_sent_again_under_the_same_id(fate):
    sky = Sky(("POST", fate), ("POST", fate))
    bottle = Bottle(sky)
    entry = bottle.signal()
    for _ in range(10):
        bottle.pump()
        bottle.wait(2)
    assert sky.seen.count("POST") == 3
    assert bottle.exchange.posts == [bottle.directory.client_id(entry)]
    failure = LaneFailure.CONNECTION if fate == "unsent" else LaneFailure.RATE_LIMIT
    assert failures(bottle) == [(Lane.SUBMIT, failure)] * 2


def test_a_client_id_that_is_taken_means_that_the_order_has_arrived():
    bottle = Bottle()
    entry = bottle.signal()
    name = bottle.directory.client_id(entry)
    body = {"symbol": "AAA", "side": "buy", "qty": 100, "type": "market", "client_order_id": name}
    legs = {"order_class": "bracket", "take_profit": {"limit_price": 102.0}, "stop_loss": {"stop_price": 99.0}}
    bottle.exchange.handle("POST", "/v2/orders", {}, body | legs)
    bottle.pump()
    assert bottle.exchange.posts == [name]
    assert status(bottle, entry) == OrderStatus.WORKING
    assert EventKind.ORDER_REJECTED not in bottle.host.kinds()


def test_a_business_refusal_is_told_with_its_reason_and_is_no_failure_of_the_lane():
    bottle = Bottle()
    bottle.exchange._post = lambda body: (  # type: ignore[method-assign]
        403,
        {"code": 40310000, "message": "insufficient buying power", "buying_power": "1", "cost_basis": "2"},
    )
    entry = bottle.signal()
    bottle.pump()
    assert status(bottle, entry) == OrderStatus.REJECTED
    assert bottle.host.order(entry).reason == RejectReason.BUYING_POWER
    assert failures(bottle) == []


def test_revoked_keys_fail_the_lane_as_well_as_the_order():
    bottle = Bottle(Sky(("POST", "401")))
    entry = bottle.signal()
    bottle.pump()
    assert status(bottle, entry) == OrderStatus.REJECTED
    assert failures(bottle) == [(Lane.SUBMIT, LaneFailure.UNAUTHORISED)]


def test_an_order_that_alpaca_would_refuse_is_not_sent():
    bottle = Bottle(lot=1)
    entry = bottle.signal()
    row = next(row for row in bottle.host.outbox.values() if int(row.command["order"]) == entry)
    row.command["qty"] += 1
    events = bottle.dispatcher.add(row)
    assert [(event.kind, event.fields["code"]) for event in events] == [
        (EventKind.ORDER_REJECTED, RejectReason.QUANTITY)
    ]


def test_openings_wait_for_the_trading_stream_and_grow_too_old():
    bottle = Bottle()
    bottle.dispatcher.authorised(False)
    entry = bottle.signal()
    assert bottle.pump() == 0
    bottle.dispatcher.authorised(True)
    assert bottle.pump() > 0
    bottle.dispatcher.authorised(False)
    late = bottle.signal(symbol=1)
    bottle.clock.move(bottle.clock.now() + 31 * SECOND)
    bottle.pump()
    bottle.dispatcher.authorised(True)
    bottle.pump()
    assert [status(bottle, n) for n in (entry, late)] == [OrderStatus.ACCEPTED, OrderStatus.REJECTED]
    assert len(bottle.exchange.posts) == 1


def test_an_exit_waits_for_the_stream_and_then_goes_without():
    bottle = Bottle()
    entry = bottle.signal()
    bottle.pump()
    bottle.exchange.fill(bottle.at_broker(entry)["id"])
    bottle.hear()
    bottle.dispatcher.authorised(False)
    bottle.tell(EventKind.OPERATOR, code=OperatorAct.FLATTEN, symbol=-1)
    bottle.pump()
    bottle.hear()
    assert len(bottle.exchange.posts) == 1, "the legs are cancelled at once, the exit waits"
    bottle.clock.move(bottle.clock.now() + 21 * SECOND)
    bottle.pump()
    assert len(bottle.exchange.posts) == 2


def test_cancels_go_first_and_a_part_of_the_limit_is_kept_for_them():
    limits = Limits(per_minute=60, burst=3, reserve=2)
    sky = Sky()
    bottle = Bottle(sky, limits)
    first = bottle.signal()
    assert bottle.pump() == 1
    bottle.signal(symbol=1)
    assert bottle.pump() == 0, "two tokens are left, and kept"
    bottle.tell(EventKind.OPERATOR, code=OperatorAct.CANCEL_ALL)
    bottle.pump()
    assert sky.seen == ["POST", "DELETE"]
    bottle.hear()
    assert status(bottle, first) == OrderStatus.CANCELED


def test_a_cancel_that_overtakes_its_order_stops_it():
    bottle = Bottle()
    bottle.dispatcher.authorised(False)
    entry = bottle.signal()
    bottle.tell(EventKind.OPERATOR, code=OperatorAct.CANCEL_ALL)
    bottle.dispatcher.authorised(True)
    bottle.pump()
    assert bottle.exchange.posts == []
    assert {status(bottle, n) for n in (entry, entry + 1, entry + 2)} == {OrderStatus.CANCELED}
    assert len(bottle.dispatcher) == 0


@pytest.mark.parametrize("fate", ["unsent", "lost request", "lost answer", "503", "429"])
def test_a_cancel_is_tried_until_it_is_answered(fate):
    sky = Sky(("DELETE", fate), ("DELETE", fate))
    bottle = Bottle(sky)
    entry = bottle.signal()
    bottle.pump()
    bottle.hear()
    bottle.tell(EventKind.OPERATOR, code=OperatorAct.CANCEL_ALL)
    for _ in range(10):
        bottle.pump()
        bottle.hear()
        bottle.wait(1)
    assert status(bottle, entry) == OrderStatus.CANCELED
    assert bottle.exchange.orders[bottle.at_broker(entry)["id"]]["status"] == "canceled"


def test_a_refused_cancel_is_looked_into():
    """The news of its end was lost; the refusal alone would leave the order in our books for ever."""
    bottle = Bottle()
    entry = bottle.signal()
    bottle.pump()
    bottle.hear()
    bottle.exchange.lost = True
    bottle.exchange.end(bottle.at_broker(entry)["id"], "expired")
    bottle.tell(EventKind.OPERATOR, code=OperatorAct.CANCEL_ALL)
    bottle.pump()
    assert status(bottle, entry) == OrderStatus.EXPIRED


def test_a_cancel_of_an_order_without_a_name_asks_for_the_name_first():
    sky = Sky(("POST", "lost answer"))
    bottle = Bottle(sky)
    entry = bottle.signal()
    bottle.pump()
    assert bottle.directory.broker_id(entry) is None
    bottle.tell(EventKind.OPERATOR, code=OperatorAct.CANCEL_ALL)
    bottle.pump()
    bottle.hear()
    assert status(bottle, entry) == OrderStatus.CANCELED
    assert "GET" in sky.seen[: sky.seen.index("DELETE")]


def test_probes_bring_a_lane_back_to_ready_and_only_the_operator_further():
    sky = Sky(*[("POST", "503")] * 5)
    bottle = Bottle(sky, breaker_failures=2)
    for symbol in (0, 1):
        bottle.signal(symbol)
        bottle.pump()
    lane = bottle.host.state[0]["lanes"][Lane.SUBMIT]
    assert lane["state"] == Breaker.OPEN
    for _ in range(20):
        bottle.wait(60)
        bottle.pump()
        bottle.hear()
    assert lane["state"] == Breaker.READY
    bottle.tell(EventKind.OPERATOR, code=OperatorAct.RESET_BREAKER, code2=Lane.SUBMIT)
    assert lane["state"] == Breaker.HALF_OPEN


def test_calls_of_one_group_are_made_one_at_a_time():
    bottle = Bottle()
    entry = bottle.signal()
    submit = bottle.dispatcher.take()
    assert submit is not None
    bottle.tell(EventKind.OPERATOR, code=OperatorAct.CANCEL_ALL)
    assert bottle.dispatcher.take() is None
    other = bottle.signal(symbol=1)
    call = bottle.dispatcher.take()
    assert call is not None
    assert (call.action, int(call.job.command["order"])) == (Action.SUBMIT, other)
    assert bottle.dispatcher.holds(entry + 1), "a leg belongs to its group"
