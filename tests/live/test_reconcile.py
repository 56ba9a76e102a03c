"""Reconciliation: a regression for each incident that semantics C4 has learned from, and its laws on random histories."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.kernel.kinds import EventKind, Mode, OperatorAct, OrderStatus, RejectReason
from core.kernel.reconciliation import DIFFERS
from core.kernel.units import MICRO
from live.alpaca.outcomes import Ambiguous
from live.news import ENDED
from live.reconcile import Ours, reconcile
from tests.live.bottle import SYMBOLS, Bottle

TOLD = {EventKind.ACCOUNT, EventKind.RECONCILE}


def news(report) -> list[EventKind]:
    return [event.kind for event in report.events if event.kind not in TOLD]


def working() -> tuple[Bottle, int]:
    """An entry that the broker has, and whose news has been heard."""
    bottle = Bottle()
    entry = bottle.signal()
    bottle.pump()
    bottle.hear()
    return bottle, entry


def test_a_fill_that_the_stream_never_told_is_found_once():
    bottle, entry = working()
    bottle.exchange.lost = True
    bottle.exchange.fill(bottle.at_broker(entry)["id"], 40, "100.5")
    report = bottle.compare()
    assert report is not None
    assert news(report) == [EventKind.FILL]
    assert report.settled, "the cash that was paid is explained, too"
    assert bottle.host.symbol().qty == 40 * MICRO
    again = bottle.compare()
    assert again is not None
    assert news(again) == []
    assert bottle.host.symbol().qty == 40 * MICRO


def test_executions_are_booked_in_the_order_of_their_sums():
    """Alpaca lists fills of one millisecond in any order."""
    bottle, entry = working()
    bottle.exchange.lost = True
    for _ in range(3):
        bottle.exchange.fill(bottle.at_broker(entry)["id"], 10)
    bottle.exchange.fills.reverse()
    bottle.compare()
    fills = [event.fields["cum_qty"] for event in bottle.host.journal if event.kind == EventKind.FILL]
    assert fills == [10 * MICRO, 20 * MICRO, 30 * MICRO]
    assert bottle.host.symbol().unreconciled == 0


def test_fills_come_before_the_end_that_hides_them():
    bottle, entry = working()
    bottle.exchange.lost = True
    order = bottle.at_broker(entry)["id"]
    bottle.exchange.fill(order, 40)
    bottle.exchange.end(order, "canceled")
    report = bottle.compare()
    assert report is not None
    assert news(report)[:2] == [EventKind.FILL, EventKind.ORDER_CANCELED]
    order = bottle.host.order(entry)
    assert (order.status, order.filled, order.late) == (OrderStatus.CANCELED, 40 * MICRO, 0)


def test_the_stream_and_the_history_name_one_execution_differently():
    bottle, entry = working()
    bottle.exchange.fill(bottle.at_broker(entry)["id"], 40)
    bottle.exchange.fills[0]["id"] = "20261122::another-name"
    bottle.hear()
    report = bottle.compare()
    assert report is not None
    assert news(report) == []
    assert bottle.host.symbol().qty == 40 * MICRO


def test_a_replayed_history_changes_nothing():
    bottle, entry = working()
    bottle.exchange.fill(bottle.at_broker(entry)["id"])
    frames = list(bottle.exchange.frames)
    bottle.hear()
    bottle.exchange.frames = frames
    before = len(bottle.host.journal)
    bottle.hear()
    assert bottle.host.symbol().qty == 100 * MICRO
    assert EventKind.FILL not in [event.kind for event in bottle.host.journal[before:]]


def test_a_missing_execution_is_inferred_only_at_the_last_look():
    bottle, entry = working()
    bottle.exchange.lost = True
    order = bottle.at_broker(entry)["id"]
    bottle.exchange.fill(order, 40, "100")
    bottle.exchange.fill(order, 60, "101")
    del bottle.exchange.fills[1]
    first = bottle.compare(last=False)
    assert first is not None
    assert (first.short, first.settled) == (True, False)
    assert bottle.host.symbol().qty == 40 * MICRO
    bottle.compare(last=True)
    inferred = bottle.host.journal[-10:]
    (fill,) = [event for event in inferred if event.kind == EventKind.FILL and "inferred" in (event.identity or "")]
    assert (fill.fields["qty"], fill.fields["price"]) == (60 * MICRO, 101 * MICRO)
    assert bottle.host.symbol().qty == 100 * MICRO


def test_the_real_execution_that_follows_an_inferred_one_is_not_booked_again():
    bottle, entry = working()
    bottle.exchange.lost = True
    bottle.exchange.fill(bottle.at_broker(entry)["id"], 40)
    late = bottle.exchange.fills.pop()
    bottle.compare()
    bottle.exchange.fills.append(late)
    report = bottle.compare()
    assert report is not None
    assert news(report) == []
    assert bottle.host.symbol().qty == 40 * MICRO


def test_no_trade_is_made_up_to_explain_a_position():
    bottle, _ = working()
    bottle.exchange.positions["BBB"] = 7  # type: ignore[assignment]
    report = bottle.compare()
    assert report is not None
    assert news(report) == []
    assert list(report.differs) == [1]
    assert bottle.host.symbol(1).unreconciled == DIFFERS
    assert bottle.host.symbol(1).qty == 0
    bottle.signal(symbol=1)
    assert bottle.host.symbol(1).entry == 0, "nothing opens in a symbol that differs"
    bottle.exchange.positions.clear()
    bottle.compare()
    assert bottle.host.symbol(1).unreconciled == 0


def test_working_orders_are_not_dropped_because_the_position_agrees():
    bottle, entry = working()
    report = bottle.compare()
    assert report is not None
    assert news(report) == []
    assert bottle.host.order(entry).terminal == 0
    assert bottle.at_broker(entry)["status"] == "new"


def test_side_effects_follow_new_facts_only():
    """A reconciliation that repeats what is known must not cancel a sibling or arm a stop again."""
    bottle, entry = working()
    bottle.exchange.fill(bottle.at_broker(entry)["id"])
    bottle.hear()
    bottle.exchange.fill(bottle.at_broker(entry + 1)["id"], price="102")
    bottle.hear()
    rows = len(bottle.host.outbox)
    for _ in range(3):
        bottle.compare()
    assert len(bottle.host.outbox) == rows


@pytest.mark.parametrize("path", ["/v2/positions", "/v2/orders", "/v2/account/activities/FILL", "/v2/account"])
def test_a_question_that_failed_says_nothing(path):
    """An empty list and no list are not the same: a failed one is never "flat" and never "no such order"."""
    fates: dict[str, str] = {}
    bottle = Bottle(lambda method, asked: fates.get(asked, "") if method == "GET" else "")
    entry = bottle.signal()
    bottle.pump()
    bottle.exchange.fill(bottle.at_broker(entry)["id"])
    bottle.hear()
    fates[path] = "503"
    assert isinstance(bottle.snapshot(), Ambiguous)
    assert bottle.compare() is None
    assert bottle.host.symbol().qty == 100 * MICRO


def test_an_order_that_could_not_be_asked_about_stops_its_symbol_and_is_kept():
    bottle, entry = working()
    del bottle.exchange.orders[bottle.at_broker(entry)["id"]]
    bottle.clock.move(bottle.clock.now() + 60 * 10**9)
    real = bottle.exchange.handle
    bottle.exchange.handle = lambda m, p, q, b: (500, {}) if p.startswith("/v2/orders/") else real(m, p, q, b)  # type: ignore[method-assign]
    report = bottle.compare()
    assert report is not None
    assert news(report) == []
    assert list(report.differs) == [0]
    assert bottle.host.order(entry).terminal == 0


def test_an_order_that_the_broker_has_lost_is_kept_and_told():
    bottle, entry = working()
    for order in list(bottle.exchange.orders):
        del bottle.exchange.orders[order]
    bottle.clock.move(bottle.clock.now() + 60 * 10**9)
    report = bottle.compare()
    assert report is not None
    assert "lost" in report.differs[0]
    assert bottle.host.order(entry).terminal == 0


def test_an_order_whose_arrival_is_in_doubt_is_given_up_after_several_answers():
    bottle = Bottle(lambda method, path: "lost request" if method == "POST" else "")
    entry = bottle.signal()
    bottle.pump()
    assert bottle.host.order(entry).status == OrderStatus.UNKNOWN
    young = bottle.compare()
    assert young is not None
    assert news(young) == [], "it may still be on its way"
    bottle.clock.move(bottle.clock.now() + 10 * 10**9)
    for _ in range(2):
        bottle.compare()
    order = bottle.host.order(entry)
    assert (order.status, order.reason) == (OrderStatus.REJECTED, RejectReason.UNCONFIRMED)


def test_an_order_given_up_that_turns_up_is_cancelled():
    bottle = Bottle(lambda method, path: "lost request" if method == "POST" else "")
    entry = bottle.signal()
    bottle.pump()
    for _ in range(12):
        bottle.wait(5)
        bottle.pump()
    assert bottle.host.order(entry).status == OrderStatus.REJECTED
    bottle.exchange.place("AAA", "buy", 100, str(bottle.directory.client_id(entry)))
    bottle.exchange.frames.clear()
    bottle.compare()
    bottle.pump()
    (order,) = bottle.exchange.orders.values()
    assert order["status"] == "canceled"


def test_a_foreign_order_stops_its_symbol_and_its_fill_is_booked_once():
    bottle, _ = working()
    order = bottle.exchange.place("CCC", "buy", 5)
    report = bottle.compare()
    assert report is not None
    assert "not ours" in report.differs[2]
    bottle.exchange.fill(order["id"])
    bottle.exchange.frames.clear()
    for _ in range(2):
        bottle.compare()
    assert [kind for kind in bottle.host.kinds() if kind == EventKind.FOREIGN_FILL] == [EventKind.FOREIGN_FILL]
    assert bottle.host.symbol(2).qty == 5 * MICRO
    assert int(bottle.host.state[0]["account"]["suspense"]) == 1


def test_a_sibling_whose_cancellation_was_never_told_is_found_dead():
    """When one exit fills, Alpaca has been seen to keep silent about the other."""
    bottle, entry = working()
    bottle.exchange.fill(bottle.at_broker(entry)["id"])
    bottle.hear()
    bottle.exchange.fill(bottle.at_broker(entry + 1)["id"], price="102")
    del bottle.exchange.frames[-1]
    bottle.hear()
    assert bottle.host.order(entry + 2).terminal == 0
    bottle.compare()
    assert bottle.host.order(entry + 2).status == OrderStatus.CANCELED
    assert bottle.host.symbol().entry == 0


def test_a_quantity_that_the_broker_has_changed_is_taken_over():
    bottle, entry = working()
    bottle.exchange.fill(bottle.at_broker(entry)["id"])
    bottle.hear()
    bottle.at_broker(entry + 2)["qty"] = "60"
    report = bottle.compare()
    assert report is not None
    assert news(report) == [EventKind.ORDER_RESTATED]
    assert bottle.host.order(entry + 2).qty == 60 * MICRO


def test_cash_that_nothing_explains_halts():
    bottle, _ = working()
    bottle.exchange.cash -= 50
    report = bottle.compare()
    assert report is not None
    assert report.cash == -50 * MICRO
    assert not report.settled
    assert bottle.host.state["run"]["mode"][0] == Mode.HALTED
    again = bottle.compare()
    assert again is not None
    assert again.cash == -50 * MICRO


def test_cash_that_a_person_adopts_is_ours():
    bottle, _ = working()
    bottle.exchange.cash -= 50
    bottle.compare()
    bottle.tell(EventKind.OPERATOR, code=OperatorAct.ADOPT_CASH)
    report = bottle.compare()
    assert report is not None
    assert report.settled
    assert bottle.host.state["run"]["mode"][0] == Mode.NORMAL


def test_cash_that_agrees_again_is_told():
    bottle, _ = working()
    bottle.exchange.cash -= 50
    bottle.compare()
    bottle.exchange.cash += 50
    bottle.compare()
    assert bottle.host.state["account"]["difference"][0] == 0


def test_another_account_ends_the_journal():
    bottle, _ = working()
    snapshot = bottle.snapshot()
    ours = Ours(bottle.ours().positions, bottle.ours().cash, "another")
    with pytest.raises(InputError, match="reset is a new one"):
        reconcile(bottle.directory, ours, snapshot, bottle.policy, last=True)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["signal", "fill", "part", "cancel", "expire", "deaf", "hear", "hand", "pump", "wait"]),
        st.integers(0, 5),
    ),
    max_size=30,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_after_a_reconciliation_the_books_agree_and_another_says_nothing(steps):
    """Whatever was done and whatever of it was heard: what the broker has is what we have, and once is enough."""
    bottle = Bottle()
    for what, which in steps:
        _do(bottle, what, which)
    bottle.pump()
    bottle.exchange.lost = False
    for _ in range(3):  # what a reconciliation brings to light may ask for cancels, and these bring news
        assert bottle.compare() is not None
        bottle.pump()
        bottle.hear()
    again = bottle.compare()
    assert again is not None
    assert news(again) == []
    for place, name in enumerate(SYMBOLS):
        symbol = bottle.host.symbol(place)
        assert symbol.qty == bottle.exchange.positions.get(name, 0) * MICRO or symbol.unreconciled
    for fill in bottle.exchange.fills:
        assert bottle.directory.passed_on(fill["order_id"], int(float(fill["cum_qty"]) * MICRO))
    for record in bottle.directory.orders():
        broker_id = bottle.directory.broker_id(int(record["id"]))
        if broker_id in bottle.exchange.orders and bottle.exchange.orders[broker_id]["status"] in ENDED:
            assert record["terminal"], "dead there, alive here"


def _do(bottle: Bottle, what: str, which: int) -> None:
    exchange = bottle.exchange
    alive = [o for o in exchange.orders.values() if o["status"] in ("new", "partially_filled")]
    if what == "signal":
        bottle.signal(which % len(SYMBOLS))
    elif what == "hand":
        exchange.place(SYMBOLS[which % 3], "buy", 3, f"hand-{len(exchange.orders)}")
    elif what == "deaf":
        exchange.lost = not exchange.lost
    elif what == "hear":
        bottle.hear()
    elif what == "pump":
        bottle.pump()
    elif what == "wait":
        bottle.wait(which)
    elif alive:
        order = alive[which % len(alive)]
        if what == "fill":
            exchange.fill(order["id"])
        elif what == "part":
            exchange.fill(order["id"], 1)
        else:
            exchange.end(order["id"], "canceled" if what == "cancel" else "expired")
