"""The broker's own buying power: what counts for and against it, and at which prices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from core.kernel.kinds import RejectReason
from tests.sim.cases import rule_of
from tests.sim.floor import Floor, flat
from tests.sim.floor_orders import Order, buy, cancel, sell

R = RejectReason
HUNDRED = [flat(100)]
GROUP = {"target": 102.0, "stop_loss": 98.0}


def last(orders: Sequence[Order], **venue: Any) -> tuple[str | None, RejectReason]:
    """How the last of some orders ended on a day on which the price stays at $100, and why."""
    floor = Floor(**venue).day(HUNDRED, orders)
    state = floor.order(floor.next_number - 1 - orders[-1].legs)
    return state.end, state.reason


@pytest.mark.parametrize(
    ("rule", "orders", "multiplier"),
    [
        # the account has $10,000; the second order of each pair is one share more than it can pay
        ("twice the equity", [buy(200), buy(201)], 2),
        ("the cash and no more", [buy(100), buy(101)], 1),
        ("a limit counts at its price", [buy(250, limit=80), buy(251, limit=80)], 2),
        ("a stop counts at its price", [buy(181, stop=110), buy(182, stop=110)], 2),
        ("a short sale counts at 3 % above the market", [sell(194), sell(195)], 2),
        ("or at its limit if that is more", [sell(190, limit=105), sell(191, limit=105)], 2),
        ("but never at a lower limit", [sell(194, limit=90), sell(195, limit=90)], 2),
        ("a bracket counts once", [buy(200, **GROUP), buy(201, **GROUP)], 2),
    ],
    ids=rule_of,
)
def test_buying_power(rule: str, orders: list[Order], multiplier: int) -> None:
    enough, too_much = orders
    assert last([enough], cash=10_000, multiplier=multiplier)[0] != "rejected"
    assert last([too_much], cash=10_000, multiplier=multiplier) == ("rejected", R.BUYING_POWER)


@pytest.mark.parametrize(
    ("rule", "before", "left"),
    [
        # shares at $100 that twice $10,000 still buys after what went before
        ("a working purchase reserves", [buy(150, limit=90)], 65),
        ("so does a bracket's entry that works, without its legs", [buy(100, limit=98, target=102, stop_loss=97)], 102),
        ("a cancelled one does not", [buy(150, limit=90), cancel(1, at=0.5)], 200),
        ("a position counts at the market", [buy(120)], 80),
        ("an exit reserves nothing", [buy(120), sell(100, limit=110, at=0.5)], 80),
        ("orders of other symbols count", [buy(150, limit=90, symbol=1)], 65),
    ],
    ids=rule_of,
)
def test_buying_power_that_is_left(rule: str, before: list[Order], left: int) -> None:
    bars = {"0": HUNDRED, "1": HUNDRED}
    for qty, end in ((left, "filled"), (left + 1, "rejected")):
        floor = Floor(symbols=2, cash=10_000, multiplier=2).day(bars, [*before, buy(qty, limit=100, at=1)])
        assert floor.order(floor.next_number - 1).end == end


def test_profits_are_buying_power() -> None:
    """100 shares that have risen by $10: equity $11,000, of which twice, less the $11,000 held, is free."""
    for qty, end in ((100, "filled"), (101, "rejected")):
        floor = Floor(cash=10_000, multiplier=2).day([flat(100), flat(110), flat(110)], [buy(100), buy(qty, at=125)])
        assert floor.order(2).end == end


@pytest.mark.parametrize("exits", [{"stop": 50}, {"trail": 60}], ids=["a stop that sleeps", "a stop that follows"])
def test_a_minute_that_goes_on_counts_at_the_close_before_it(exits: dict[str, float]) -> None:
    """$1,000 hold 30 shares at $100. Whether an order of theirs could act at $80 is nothing to the account."""
    bars = {"0": [flat(100), flat(80)], "1": [flat(10), flat(10)]}
    orders = [buy(30), sell(30, at=1, **exits), buy(100, at=61, symbol=1), buy(1, at=62, symbol=1)]
    floor = Floor(symbols=2, cash=1_000).day(bars, orders)
    assert [floor.order(number).end for number in (3, 4)] == ["filled", "rejected"]


def test_the_broker_knows_every_close_before_our_feed_does() -> None:
    """At $80 the account has nothing left, whichever symbol the next order is for and whenever we hear of it."""
    bars = {"0": [flat(100), flat(80), flat(80)], "1": [flat(10)] * 3}
    orders = [buy(30), buy(1, at=120.1, symbol=1)]
    floor = Floor(symbols=2, cash=1_000, feed_latency="500ms").day(bars, orders)
    assert (floor.order(2).end, floor.order(2).reason) == ("rejected", R.BUYING_POWER)
