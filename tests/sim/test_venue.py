"""The venue's own rules: what it refuses and why, what a cancel takes with it, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from core.kernel.kinds import CommandKind, EventKind, Lane, OrderType, ReconcileStep, RejectReason
from sim.records import LIVE_ORDERS, Stand
from tests.sim.floor import CLOSE, POST, Bar, Floor, flat
from tests.sim.floor_orders import Order, buy, cancel, query, sell

R = RejectReason
HUNDRED = [flat(100)]
GROUP = {"target": 102.0, "stop_loss": 98.0}
OCO = {"oco": True, **GROUP}
NIGHT, EVENING = -3_600.0, 570 * 60.0
CANCELED, EXPIRED, REJECTED = EventKind.ORDER_CANCELED, EventKind.ORDER_EXPIRED, EventKind.ORDER_REJECTED
ACCEPTED, WORKING, FILL = EventKind.ORDER_ACCEPTED, EventKind.ORDER_WORKING, EventKind.FILL


def rule_of(value: object) -> str | None:
    """The rule names a case."""
    return value if isinstance(value, str) else ""


def last(orders: Sequence[Order], **venue: Any) -> tuple[str | None, RejectReason]:
    """How the last of some orders ended on a day on which the price stays at $100, and why."""
    floor = Floor(**venue).day(HUNDRED, orders)
    state = floor.order(floor.next_number - 1 - orders[-1].legs)
    return state.end, state.reason


# -- refusals -----------------------------------------------------------------------------------------------------

REFUSED = [
    # quantity
    ("nothing to trade", [buy(0)], R.QUANTITY),
    ("less than nothing", [buy(-1)], R.QUANTITY),
    ("a fraction good till cancelled", [buy(1.5, tif="gtc")], R.QUANTITY),
    ("a fraction in a bracket", [buy(1.5, **GROUP)], R.QUANTITY),
    ("a fraction on a trailing stop", [buy(1.5, trail=1)], R.QUANTITY),
    ("more than is held", [buy(10), sell(11, at=1)], R.QUANTITY),
    ("through zero from a short position", [sell(10), buy(11, at=1)], R.QUANTITY),
    ("what another exit holds", [buy(10), sell(6, limit=101, at=1), sell(5, limit=101, at=2)], R.QUANTITY),
    ("what a bracket's exits hold", [buy(10, **GROUP), sell(1, at=1)], R.QUANTITY),
    ("what an OCO's exits hold", [buy(10), sell(6, at=1, **OCO), sell(5, at=2)], R.QUANTITY),
    ("what an OCO that waits holds", [buy(10), sell(6, at=CLOSE + 1, **OCO), sell(5, at=CLOSE + 2)], R.QUANTITY),
    # form
    ("a stop on the open", [buy(1, stop=101, tif="opg", at=NIGHT)], R.ORDER_RULE),
    ("a stop-limit on the close", [buy(1, stop=101, limit=102, tif="cls")], R.ORDER_RULE),
    ("a stop at once or not at all", [buy(1, stop=101, tif="ioc")], R.ORDER_RULE),
    ("a trailing stop whole at once", [sell(1, trail=1, tif="fok")], R.ORDER_RULE),
    ("a market order in extended hours", [buy(1, extended=True)], R.ORDER_RULE),
    ("a stop in extended hours", [buy(1, stop=101, extended=True)], R.ORDER_RULE),
    ("an IOC limit in extended hours", [buy(1, limit=101, extended=True, tif="ioc")], R.ORDER_RULE),
    ("a bracket in extended hours", [buy(1, limit=100, extended=True, **GROUP)], R.ORDER_RULE),
    ("a bracket at once or not at all", [buy(1, tif="ioc", **GROUP)], R.ORDER_RULE),
    ("a bracket on the open", [buy(1, tif="opg", at=NIGHT, **GROUP)], R.ORDER_RULE),
    ("a bracket with a stop for its entry", [buy(1, type=OrderType.STOP, **GROUP)], R.ORDER_RULE),
    ("an OCO without a limit", [buy(1), sell(1, at=1, type=OrderType.MARKET, **OCO)], R.ORDER_RULE),
    ("a market order with a limit", [buy(1, limit=101, type=OrderType.MARKET)], R.ORDER_RULE),
    ("a stop with a limit", [buy(1, stop=101, limit=102, type=OrderType.STOP)], R.ORDER_RULE),
    ("a trailing stop without a trail", [sell(1, type=OrderType.TRAILING_STOP)], R.ORDER_RULE),
    ("a trailing stop by both measures", [sell(1, trail=1, trail_share=0.01)], R.ORDER_RULE),
    ("a trail below 0.1 %", [sell(1, trail_share=0.000_999)], R.ORDER_RULE),
    ("a buy stop at the market", [buy(1, stop=100, at=1)], R.ORDER_RULE),
    ("a sell stop above the market", [sell(1, stop=100.01, at=1)], R.ORDER_RULE),
    ("a stop-limit that is late", [buy(1, stop=99, limit=101, at=1)], R.ORDER_RULE),
    # hours
    ("on the open from 09:28", [buy(1, tif="opg", at=-120)], R.SESSION),
    ("on the open in the session", [buy(1, tif="opg", at=60)], R.SESSION),
    ("on the open before 19:00", [buy(1, tif="opg", at=EVENING - 1)], R.SESSION),
    ("on the close from 15:50", [buy(1, tif="cls", at=380 * 60)], R.SESSION),
    ("on the close before 19:00", [buy(1, tif="cls", at=EVENING - 1)], R.SESSION),
    ("at once before the open", [buy(1, limit=100, tif="ioc", at=-60)], R.SESSION),
    ("whole at once after the close", [buy(1, tif="fok", at=CLOSE)], R.SESSION),
    # increments
    ("a limit finer than a cent", [buy(1, limit=99.995)], R.PRICE_INCREMENT),
    ("a limit below a dollar finer than four decimals", [buy(1, limit=0.12345)], R.PRICE_INCREMENT),
    ("a limit of nothing", [buy(1, type=OrderType.LIMIT)], R.PRICE_INCREMENT),
    ("a stop finer than a cent", [buy(1, stop=101.001)], R.PRICE_INCREMENT),
    ("a stop-limit's limit", [buy(1, stop=101, limit=102.001)], R.PRICE_INCREMENT),
    ("a stop-limit's stop", [buy(1, stop=101.001, limit=102)], R.PRICE_INCREMENT),
    ("a bracket's target", [buy(1, target=102.005, stop_loss=98)], R.PRICE_INCREMENT),
    ("a bracket's stop", [buy(1, target=102, stop_loss=98.005)], R.PRICE_INCREMENT),
    ("a bracket's stop limit", [buy(1, stop_limit=97.005, **GROUP)], R.PRICE_INCREMENT),
    ("a bracket's entry", [buy(1, limit=99.995, **GROUP)], R.PRICE_INCREMENT),
    ("an OCO's target", [buy(1), sell(1, at=1, oco=True, target=102.005, stop_loss=98)], R.PRICE_INCREMENT),
    # geometry
    ("a target less than a cent above the market", [buy(1, target=100, stop_loss=98, at=1)], R.BRACKET_GEOMETRY),
    ("a target less than a cent above the entry", [buy(1, limit=102, **GROUP)], R.BRACKET_GEOMETRY),
    ("a stop less than a cent below the market", [buy(1, target=102, stop_loss=100, at=1)], R.BRACKET_GEOMETRY),
    ("a stop less than a cent below the entry", [buy(1, limit=98, **GROUP)], R.BRACKET_GEOMETRY),
    ("a stop below the entry but not below the market", [buy(1, limit=105, target=106, stop_loss=103, at=1)],
     R.BRACKET_GEOMETRY),
    ("a short target above the market", [sell(1, target=101, stop_loss=102, at=1)], R.BRACKET_GEOMETRY),
    ("a short stop below the market", [sell(1, target=98, stop_loss=99, at=1)], R.BRACKET_GEOMETRY),
    ("a stop limit above its sell stop", [buy(1, stop_limit=98.01, **GROUP)], R.BRACKET_GEOMETRY),
    ("an OCO whose stop is above its target", [buy(1), sell(1, at=1, oco=True, target=98, stop_loss=99)], R.BRACKET_GEOMETRY),
    ("an OCO whose stop the market has passed", [buy(1), sell(1, at=1, oco=True, target=102, stop_loss=100)], R.BRACKET_GEOMETRY),
    # the account
    ("a fraction sold short", [sell(0.5)], R.NOT_SHORTABLE),
    ("a bracket into a position", [buy(1), buy(1, at=1, **GROUP)], R.NOT_ENTRY),
    ("a bracket against a position", [buy(1), sell(1, at=1, target=98, stop_loss=102)], R.NOT_ENTRY),
    ("an OCO without a position", [sell(1, **OCO)], R.NOT_ENTRY),
    ("an OCO that would add to the position", [sell(1), sell(1, at=1, **OCO)], R.NOT_ENTRY),
    ("a second order against a market order", [buy(1, at=-60), sell(1, at=-50)], R.WASH_TRADE),
    ("a limit against a stop", [buy(10), sell(5, stop=99, at=1), buy(5, limit=98, at=2)], R.WASH_TRADE),
    ("a market order against a limit", [buy(10), sell(5, limit=101, at=1), buy(5, at=2)], R.WASH_TRADE),
    ("a limit that would cross another", [buy(10), sell(5, limit=101, at=1), buy(5, limit=101, at=2)], R.WASH_TRADE),
    ("a short sale while a purchase is open", [buy(5, limit=98), sell(5, limit=102, at=1)], R.WASH_TRADE),
    ("a purchase while a short sale is open", [sell(5, limit=102), buy(5, limit=98, at=1)], R.WASH_TRADE),
    ("more orders in a symbol than the book holds", [buy(1, limit=99, at=i) for i in range(LIVE_ORDERS - 2)], R.ACCOUNT),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "orders", "reason"), REFUSED, ids=rule_of)
def test_refused(rule: str, orders: list[Order], reason: RejectReason) -> None:
    assert last(orders) == ("rejected", reason)


TAKEN = [
    ("a fraction for the day", [buy(1.5)]),
    ("a stop-limit for a fraction", [buy(1.5, stop=101, limit=102)]),
    ("exactly what is held", [buy(10), sell(10, at=1)]),
    ("what a partly filled exit leaves free", [buy(10), sell(6, limit=101, at=1), sell(4, limit=101, at=2)]),
    ("what a cancelled exit has given back", [buy(10), sell(6, limit=101, at=1), cancel(2, at=2), sell(10, at=3)]),
    ("on the open before 09:28", [buy(1, tif="opg", at=-121)]),
    ("on the open from 19:00", [buy(1, tif="opg", at=EVENING)]),
    ("on the close before 15:50", [buy(1, tif="cls", at=380 * 60 - 1)]),
    ("on the close from 19:00", [buy(1, tif="cls", at=EVENING)]),
    ("four decimals below a dollar", [buy(1, limit=0.1234)]),
    ("a limit good till cancelled in extended hours", [buy(1, limit=99, extended=True, tif="gtc")]),
    ("exits exactly a cent away", [buy(1, target=100.01, stop_loss=99.99, at=1)]),
    ("a stop limit at its stop", [buy(1, stop_limit=98, **GROUP)]),
    ("a buy stop a cent above the market", [buy(1, stop=100.01, at=1)]),
    ("a trail of 0.1 %", [sell(1, trail_share=0.001)]),
    ("limits that cannot cross", [buy(10), sell(5, limit=101, at=1), buy(5, limit=100.99, at=2)]),
    ("anything beside a group's exits", [buy(10, **GROUP), buy(5, at=1)]),
    ("anything beside a trailing stop", [buy(10), sell(5, trail=1, at=1), buy(5, at=2)]),
    ("a trailing stop beside anything", [buy(10), buy(5, limit=98, at=1), sell(5, trail=1, at=2)]),
    ("an OCO beside an order on the other side", [buy(10), buy(5, limit=98, at=1), sell(5, at=2, **OCO)]),
    ("as many orders in a symbol as the book holds", [buy(1, limit=99, at=i) for i in range(LIVE_ORDERS - 3)]),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "orders"), TAKEN, ids=rule_of)
def test_taken(rule: str, orders: list[Order]) -> None:
    assert last(orders)[0] != "rejected"


def test_a_symbol_that_is_not_tradable() -> None:
    floor = Floor().forbid().day(HUNDRED, [buy(1)])
    assert floor.order(1).reason == R.NOT_TRADABLE


def test_a_cash_account_sells_nothing_short() -> None:
    assert last([sell(1)], multiplier=1) == ("rejected", R.NOT_SHORTABLE)
    assert last([buy(1), sell(1, at=1)], multiplier=1)[0] == "filled"


def test_a_refused_group_takes_its_legs_with_it() -> None:
    floor = Floor().day(HUNDRED, [buy(1, limit=98, **GROUP)])
    states = [floor.order(number) for number in (1, 2, 3)]
    assert {(state.end, state.reason, state.stand) for state in states} == {
        ("rejected", R.BRACKET_GEOMETRY, Stand.DONE)
    }
    assert floor.told(1) == [REJECTED]
    assert floor.told(2) == floor.told(3) == []


def test_a_refused_order_leaves_no_trace_in_the_account() -> None:
    floor = Floor(cash=10_000, multiplier=2).day(HUNDRED, [buy(201), buy(200)])
    assert [floor.order(number).end for number in (1, 2)] == ["rejected", "filled"]


def test_a_number_that_is_known_is_passed_over() -> None:
    """Its first order stands, whatever became of it, and nothing is said: who asks gets an answer."""
    floor = Floor().day(
        HUNDRED, [buy(10, limit=99, number=1), buy(20, at=1, number=1), cancel(1, at=2), buy(5, at=3, number=1)]
    )
    assert not floor.fills
    assert floor.order(1).qty == 10
    assert floor.told(1) == [ACCEPTED, WORKING, CANCELED]


# -- cancels ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2, 3])
def test_cancelling_one_order_of_a_bracket_cancels_all(number: int) -> None:
    floor = Floor().day(HUNDRED, [buy(10, limit=99, **GROUP), cancel(number, at=5)])
    assert [floor.ended(n) for n in (1, 2, 3)] == [("canceled", 5)] * 3
    assert [floor.told(n)[-1] for n in (1, 2, 3)] == [CANCELED] * 3


@pytest.mark.parametrize("number", [2, 3])
def test_cancelling_one_leg_cancels_the_other(number: int) -> None:
    floor = Floor().day(HUNDRED, [buy(10, **GROUP), cancel(number, at=5)])
    assert [floor.ended(n) for n in (1, 2, 3)] == [("filled", 0), ("canceled", 5), ("canceled", 5)]


@pytest.mark.parametrize("number", [2, 3])
def test_cancelling_one_order_of_an_oco_cancels_the_other(number: int) -> None:
    floor = Floor().day(HUNDRED, [buy(10), sell(10, at=1, **OCO), cancel(number, at=5)])
    assert [floor.ended(n) for n in (2, 3)] == [("canceled", 5)] * 2


def test_cancelling_a_partly_filled_entry_leaves_its_shares_without_a_stop() -> None:
    floor = Floor(participation=0.1).day([flat(100, 50), flat(100, 50)], [buy(10, **GROUP), cancel(1, at=5)])
    assert floor.executions == [(1, 0, 5, 100)]
    assert [floor.ended(n) for n in (1, 2, 3)] == [("canceled", 5)] * 3
    assert floor.position() == 5


def test_cancelling_leaves_other_groups_alone() -> None:
    floor = Floor().day(
        HUNDRED, [buy(10, limit=99, **GROUP), buy(10, limit=99, **GROUP), buy(1, limit=99), cancel(1, at=5)]
    )
    assert [floor.ended(n)[1] for n in range(1, 8)] == [5, 5, 5, CLOSE, CLOSE, CLOSE, CLOSE]


def test_an_order_fills_until_its_cancel_arrives() -> None:
    wide = Bar(100, 103, 97, 101)  # through 99 at 33.3 seconds
    late = Floor().day([wide], [buy(10, limit=99), cancel(1, at=34)])
    assert late.order(1).end == "filled"
    assert late.told(1) == [ACCEPTED, WORKING, FILL, EventKind.CANCEL_REJECTED]
    assert Floor().day([wide], [buy(10, limit=99), cancel(1, at=33)]).order(1).end == "canceled"


@pytest.mark.parametrize(
    ("rule", "orders", "number", "reason"),
    [
        ("nobody knows it", [buy(1)], 999, R.NOT_FOUND),
        ("it has filled", [buy(1)], 1, R.ALREADY_FILLED),
        ("it was cancelled", [buy(1, limit=99), cancel(1, at=1)], 1, R.NOT_CANCELABLE),
        ("it was refused", [buy(0)], 1, R.NOT_CANCELABLE),
        ("it has expired", [buy(1, limit=99, at=-60, extended=True)], 1, R.NOT_CANCELABLE),
        ("its number was used again", [buy(1), buy(1, at=1, number=1_025)], 1, R.NOT_FOUND),
    ],
    ids=rule_of,
)
def test_a_cancel_that_comes_to_nothing(rule: str, orders: list[Order], number: int, reason: RejectReason) -> None:
    floor = Floor().day(HUNDRED, [*orders, cancel(number, at=POST + 30)])
    answer = floor.news[-1]
    assert (answer.order, answer.kind, answer.code) == (number, EventKind.CANCEL_REJECTED, reason)


def test_a_queued_order_can_be_cancelled() -> None:
    floor = Floor().day(HUNDRED, [buy(10, at=-60), buy(10, tif="opg", at=NIGHT), cancel(1, at=-50), cancel(2, at=-40)])
    assert [floor.ended(n) for n in (1, 2)] == [("canceled", -50), ("canceled", -40)]
    assert not floor.fills


# -- queries ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "orders", "number", "answer"),
    [
        ("waits for its session", [buy(1, at=CLOSE + 1)], 1, ACCEPTED),
        ("works", [buy(1, limit=99, extended=True)], 1, WORKING),
        ("sleeps", [buy(1, limit=99, tif="gtc", **GROUP)], 2, EventKind.ORDER_HELD),
        ("was cancelled", [buy(1, limit=99), cancel(1, at=1)], 1, CANCELED),
        ("expired", [buy(1, limit=99)], 1, EXPIRED),
        ("was refused", [buy(0)], 1, REJECTED),
        ("is not known", [], 7, EventKind.ORDER_NOT_FOUND),
    ],
    ids=rule_of,
)
def test_a_query_tells_how_an_order_stands(rule: str, orders: list[Order], number: int, answer: EventKind) -> None:
    floor = Floor().day(HUNDRED, [*orders, query(number, at=CLOSE + 3_600)])
    told = [news for news in floor.news if news.sent == CLOSE + 3_600]
    assert [(news.order, news.kind) for news in told] == [(number, answer)]
    if answer == REJECTED:
        assert told[0].code == R.QUANTITY


def test_a_query_about_a_stop_that_rests_on_its_collar() -> None:
    floor = Floor().day([flat(100), flat(110)], [buy(1, stop=102), query(1, at=100)])
    assert floor.told(1)[-2:] == [EventKind.ORDER_TRIGGERED, EXPIRED]
    assert [news.kind for news in floor.news if news.sent == 100] == [EventKind.ORDER_TRIGGERED]


def test_a_query_tells_every_execution_again() -> None:
    floor = Floor(participation=0.1).day([flat(100, 50), flat(101, 50)], [buy(10), query(1, at=5), query(1, at=100)])
    first, second = floor.fills
    again = [(news.heard, news.kind, news.execution, news.qty) for news in floor.news if news.heard in (5, 100)]
    at_first = [(5, FILL, first.execution, 5), (5, WORKING, 0, 10)]
    assert again == [*at_first, (100, FILL, first.execution, 5), (100, FILL, second.execution, 5)]
    assert [news.sent for news in floor.news if news.execution == first.execution] == [0, 0, 0], "when it happened"


def test_a_probe_is_answered_for_its_lane() -> None:
    floor = Floor().day(HUNDRED, [Order(1, 0, at=5, leg=Lane.QUERY, kind=CommandKind.PROBE)])
    assert [(news.kind, news.code) for news in floor.news] == [(EventKind.PROBE_OK, Lane.QUERY)]


def test_a_reconciliation_tells_every_position() -> None:
    bars = {"0": HUNDRED, "1": HUNDRED}
    orders = [buy(10), sell(4, symbol=1), Order(1, 0, at=5, kind=CommandKind.RECONCILE)]
    floor = Floor(symbols=2).day(bars, orders)
    told = [(news.code, news.symbol, news.qty) for news in floor.news if news.sent == 5]
    started, fine, finished = ReconcileStep.STARTED, ReconcileStep.SYMBOL_OK, ReconcileStep.FINISHED
    assert told == [(started, -2, 0), (fine, -1, 0), (fine, 0, 10), (fine, 1, -4), (finished, -2, 0)]


# -- news ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "orders", "number", "heard"),
    [
        ("a market order is accepted and fills", [buy(1)], 1, [ACCEPTED, FILL]),
        ("a limit works in between", [buy(1, limit=101)], 1, [ACCEPTED, WORKING, FILL]),
        ("a target works when its entry has filled", [buy(1, **GROUP)], 2, [WORKING, EXPIRED]),
        ("the stop beside it does so silently", [buy(1, **GROUP)], 3, [EXPIRED]),
        ("an OCO's target is an order of its own", [buy(1), sell(1, at=1, **OCO)], 2, [ACCEPTED, WORKING, EXPIRED]),
        ("and its stop is silent", [buy(1), sell(1, at=1, **OCO)], 3, [EXPIRED]),
        ("an order for tomorrow is accepted only", [buy(1, limit=99, at=CLOSE)], 1, [ACCEPTED]),
    ],
    ids=rule_of,
)
def test_what_is_heard_of_an_order(rule: str, orders: list[Order], number: int, heard: list[EventKind]) -> None:
    assert Floor().day(HUNDRED, orders).told(number) == heard


def test_a_stop_that_triggers_is_heard_of_and_its_sibling_goes() -> None:
    floor = Floor().day([flat(100), flat(95)], [buy(1, **GROUP)])
    assert floor.told(3) == [FILL, EventKind.ORDER_TRIGGERED]  # of one instant, executions first
    assert floor.told(2) == [WORKING, CANCELED]


def test_a_partly_filled_target_restates_its_sibling() -> None:
    bars = [flat(100), flat(103, 60)]
    floor = Floor(participation=0.1).day(bars, [buy(10, **GROUP)])
    restated = [(news.order, news.qty) for news in floor.news if news.kind == EventKind.ORDER_RESTATED]
    assert restated == [(3, 4)]


def test_every_execution_has_a_number_of_its_own() -> None:
    floor = Floor(partial_probability=1).day(HUNDRED, [buy(20), buy(20, at=1), sell(20, at=30)])
    numbers = [fill.execution for fill in floor.fills]
    assert len(set(numbers)) == len(numbers) > 6
    assert min(numbers) > 0
    assert numbers == [news.execution for news in floor.news if news.kind == FILL]
