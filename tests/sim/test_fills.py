"""When an order fills and at what price, rule by rule, with the numbers computed by hand (cases.py)."""

from __future__ import annotations

import pytest

from sim.records import Rule
from tests.sim.cases import (
    GAP,
    HALF,
    IMPROVED,
    NBBO,
    OPEN,
    PATH,
    STOP,
    TOUCHED,
    WAITS,
    WIDE,
    Case,
    case,
    play,
    rule_of,
)
from tests.sim.floor import Bar, Floor, flat
from tests.sim.floor_orders import Order, buy, sell

MARKETS = [
    case("a market order at the open pays the open", WIDE, buy(10), (1, 0, 10, 100, OPEN)),
    case("a market order in the minute pays the path at its arrival", WIDE, buy(10, at=10), (1, 10, 10, 101.5, PATH)),
    case("a quarter second of latency moves the price along", WIDE, sell(5, at=0.25), (1, 0.25, 5, 100.0375, PATH)),
    case("halfway down from the high", WIDE, buy(10, at=30), (1, 30, 10, 100, PATH)),
    case(
        "what is left of a micro is left out, up and down alike",
        Bar(100, 100.00001, 100, 100.00001),
        [buy(1, at=7), buy(1, at=27)],
        (1, 7, 1, 100.000003, PATH),
        (2, 27, 1, 100.000007, PATH),
    ),
    case("without a bar the order waits for the next open", [None, WIDE], buy(10, at=5), (1, 60, 10, 100, OPEN)),
    case(
        "a bar without volume never fills", [WIDE._replace(volume=0), WIDE], buy(10, at=5), (1, 60, 10, 100, OPEN)
    ),
    case(
        "a bar without volume fills no limit either",
        [flat(100), WIDE._replace(volume=0)],
        buy(10, limit=99),
        ends={1: WAITS},
    ),
    case("a market order may sell fractions that are held", WIDE, [buy(1.5), sell(0.5, at=10)],
         (1, 0, 1.5, 100, OPEN), (2, 10, 0.5, 101.5, PATH)),
]  # fmt: skip

LIMITS = [
    case("a resting buy fills when the path goes through it", WIDE, buy(10, limit=99), (1, 33.333333334, 10, 99, TOUCHED)),
    case("a resting sell mirrors it", WIDE, sell(10, limit=102), (1, 13.333333334, 10, 102, TOUCHED)),
    case("a price that is only touched fills no buy", WIDE, buy(10, limit=97), ends={1: WAITS}),
    case("a price that is only touched fills no sell", WIDE, sell(10, limit=103), ends={1: WAITS}),
    case("a touch profile fills at the touch", WIDE, buy(10, limit=97), (1, 40, 10, 97, TOUCHED), touch_fills=True),
    case(
        "a touch profile waits for the ask, not for the trade",
        WIDE, [buy(10, limit=97.09), buy(10, limit=97.10)],
        (2, 40, 10, 97.10, TOUCHED), ends={1: WAITS}, touch_fills=True, **HALF,
    ),
    case(
        "a touch profile waits for the bid to sell",
        WIDE, [sell(10, limit=102.91), sell(10, limit=102.90)],
        (2, 20, 10, 102.90, TOUCHED), ends={1: WAITS}, touch_fills=True, **HALF,
    ),
    case("a buy that is marketable on arrival pays the ask", WIDE, buy(10, limit=101), (1, 0, 10, 100.1, IMPROVED), **HALF),
    case("a sell that is marketable on arrival gets the bid", WIDE, sell(10, limit=99), (1, 0, 10, 99.9, IMPROVED), **HALF),
    case("an ask at the limit is marketable", WIDE, buy(10, limit=100.1), (1, 0, 10, 100.1, TOUCHED), **HALF),
    case("a limit within the spread is traded through, at its price", WIDE, buy(10, limit=100.03),
         (1, 0, 10, 100.03, TOUCHED), **HALF),
    case("arriving below the limit pays the path there", WIDE, buy(10, limit=99, at=41), (1, 41, 10, 97.2, IMPROVED)),
    case(
        "a resting buy is improved by an open below it, without a spread",
        [flat(100), Bar(98, 99, 97, 98)], buy(10, limit=99), (1, 60, 10, 98, IMPROVED), **HALF,
    ),
    case(
        "a resting sell is improved by an open above it",
        [flat(100), Bar(104, 105, 103, 104)], sell(10, limit=102), (1, 60, 10, 104, IMPROVED),
    ),
    case(
        "a touch profile is improved to the ask of the open",
        [flat(100), Bar(98, 99, 97, 98)], buy(10, limit=99), (1, 60, 10, 98.098, IMPROVED), touch_fills=True, **HALF,
    ),
    case("an open at the limit is a touch only", [flat(100), Bar(99, 101, 99, 100)], buy(10, limit=99), ends={1: WAITS}),
    case("slippage never worsens a limit", WIDE, buy(10, limit=99), (1, 33.333333334, 10, 99, TOUCHED), slippage_bps=50),
    case("a marketable limit pays no slippage", WIDE, buy(10, limit=101), (1, 0, 10, 100.1, IMPROVED), slippage_bps=50, **HALF),
]  # fmt: skip

STOPS = [
    case("a buy stop triggers where the path reaches it", WIDE, buy(10, stop=102), (1, 13.333333334, 10, 102, STOP)),
    case("a sell stop mirrors it", WIDE, sell(10, stop=98), (1, 36.666666667, 10, 98, STOP)),
    case("a stop triggers at a touch", WIDE, sell(10, stop=97), (1, 40, 10, 97, STOP)),
    case("a stop beyond the range sleeps", WIDE, sell(10, stop=96.99), ends={1: WAITS}),
    case("a stop pays spread and slippage from its price", WIDE, sell(10, stop=98), (1, 36.666666667, 10, 97.851, STOP),
         slippage_bps=5, **HALF),
    case("a sell stop opened through fills at the open", [flat(100), Bar(95, 96, 94, 95)], sell(10, stop=98),
         (1, 60, 10, 95, GAP)),
    case("a buy stop opened through within its collar fills at the open", [flat(100), Bar(104, 105, 103, 104)],
         buy(10, stop=102), (1, 60, 10, 104, GAP)),
    case("a stop at the open exactly is no gap", [flat(100), Bar(98, 99, 97, 98)], sell(10, stop=98),
         (1, 60, 10, 98, STOP)),
    case("a wider gap leaves a buy stop resting at its collar, 2.5 % above", [flat(100), Bar(105, 106, 104, 105)],
         buy(10, stop=102), (1, 94.5, 10, 104.55, TOUCHED)),
    case("a price that does not come back leaves it unfilled", [flat(100), Bar(105, 107, 104.8, 106)],
         buy(10, stop=102), ends={1: WAITS}),
    case("the collar is 4 % below $50", [flat(39), Bar(41.5, 42, 41, 41)], buy(10, stop=40), (1, 60, 10, 41.5, GAP)),
    case("and no more than 4 %", [flat(39), Bar(41.7, 42, 41.65, 42)], buy(10, stop=40), ends={1: WAITS}),
    case("by touch the ask must be within the collar, not the trade", [flat(100), Bar(104.5, 105, 104.5, 105)],
         buy(10, stop=102), ends={1: WAITS}, touch_fills=True, **HALF),
    case("a collar within the spread is traded through, at its price", [flat(100), Bar(104.5, 105, 104.5, 105)],
         buy(10, stop=102), (1, 60, 10, 104.55, GAP), **HALF),
    case("slippage stops at the collar", [flat(100), Bar(104, 105, 104, 105)], buy(10, stop=102),
         (1, 60, 10, 104.55, GAP), slippage_bps=100),
    case("without the collar a buy stop takes any gap", [flat(100), Bar(110, 111, 109, 110)], buy(10, stop=102),
         (1, 60, 10, 110, GAP), buy_stop_collar=False),
    case("a sell stop is not converted", [flat(100), Bar(50, 51, 49, 50)], sell(10, stop=98), (1, 60, 10, 50, GAP)),
    case("a stop-limit fills at its trigger when the market is within the limit", WIDE, buy(10, stop=102, limit=102.5),
         (1, 13.333333334, 10, 102, IMPROVED), slippage_bps=50),
    case("a stop-limit pays the ask, up to its limit", WIDE, buy(10, stop=102, limit=102.5),
         (1, 13.333333334, 10, 102.1, IMPROVED), **HALF),
    case("a stop-limit at its own stop needs the price to come back through it", WIDE, buy(10, stop=102, limit=102),
         (1, 23.333333334, 10, 102, TOUCHED), **HALF),
    case("a sell stop-limit rests above the fall and fills on the way back", WIDE, sell(10, stop=98, limit=98.5),
         (1, 47.5, 10, 98.5, TOUCHED)),
    case("prices before the trigger do not fill a stop-limit", WIDE, buy(10, stop=102, limit=99), ends={1: WAITS},
         path="olhc"),
    case("prices after the trigger do", WIDE, buy(10, stop=102, limit=99), (1, 33.333333334, 10, 99, TOUCHED)),
    case("a gap beyond the limit leaves a stop-limit resting", [flat(100), Bar(95, 96, 94, 95)],
         sell(10, stop=98, limit=97), ends={1: WAITS}),
    case("a later bar may still fill it", [flat(100), Bar(95, 96, 94, 95), Bar(95, 99, 95, 98)],
         sell(10, stop=98, limit=97), (1, 130, 10, 97, TOUCHED)),
]  # fmt: skip

TRAILS = [
    case("a trailing stop gives back its distance from the high", WIDE, sell(10, trail=2), (1, 26.666666667, 10, 101, STOP)),
    case("a buy follows the low", WIDE, buy(10, trail=2), (1, 26.666666667, 10, 99, STOP), path="olhc"),
    case("highs before its arrival do not count", WIDE, sell(10, trail=2, at=30), (1, 36.666666667, 10, 98, STOP)),
    case("a share of the high instead of a distance", WIDE, sell(10, trail_share=0.02), (1, 26.866666667, 10, 100.94, STOP)),
    case("the high is carried over the minute", [Bar(100, 110, 104, 105), Bar(104, 104, 99, 101)], sell(10, trail=10),
         (1, 96, 10, 100, STOP)),
    case("an open below its level is a gap", [Bar(100, 110, 104, 105), Bar(98, 99, 97, 98)], sell(10, trail=10),
         (1, 60, 10, 98, GAP)),
    case("another order's fill does not show it the past", WIDE, [sell(10, trail=4, at=25), buy(10, limit=101, at=1)],
         (2, 1, 10, 100.15, IMPROVED), (1, 38.333333334, 10, 97.5, STOP)),
    case("a fill of another order in between loses nothing", WIDE, [sell(10, trail=4), sell(5, limit=102.7, at=1)],
         (2, 18, 5, 102.7, TOUCHED), (1, 33.333333334, 10, 99, STOP)),
]  # fmt: skip

COSTS = [
    case("half the spread is a share of the bar's open", Bar(50, 60, 50, 60), buy(10, at=10), (1, 10, 10, 55.05, PATH), **HALF),
    case("slippage is a share of the price", WIDE, buy(10, at=10), (1, 10, 10, 101.50 + 0.05075, PATH), slippage_bps=5),
    case("impact is sigma times the root of the share of daily volume", WIDE, buy(100), (1, 0, 100, 100.2, OPEN),
         day={"adv": 10_000, "sigma": 0.02}, impact=1),
    case("without a known daily volume there is no impact", WIDE, buy(100), (1, 0, 100, 100, OPEN),
         day={"sigma": 0.02}, impact=1),
    case("costs are against a sale", WIDE, sell(100), (1, 0, 100, 99.65, OPEN),
         day={"adv": 10_000, "sigma": 0.02}, impact=1, slippage_bps=5, **HALF),
    case("a quote of the minute's start is what a buy pays then", WIDE._replace(bid=99.8, ask=100.4), buy(10),
         (1, 0, 10, 100.4, NBBO)),
    case("and what a sale gets", WIDE._replace(bid=99.8, ask=100.4), sell(10), (1, 0, 10, 99.8, NBBO)),
    case("later in the minute the quote gives the spread", WIDE._replace(bid=99.8, ask=100.4), buy(10, at=10),
         (1, 10, 10, 101.8, PATH)),
    case("a limit is marketable by the quote", WIDE._replace(bid=99.8, ask=100.4), [buy(10, limit=100.4)],
         (1, 0, 10, 100.4, TOUCHED)),
    case("a stop opened through takes the quote", [flat(100), Bar(95, 96, 94, 95, bid=94.6, ask=94.8)],
         sell(10, stop=98), (1, 60, 10, 94.6, GAP)),
    case("a locked quote has no spread", WIDE._replace(bid=100, ask=100), buy(10, at=10), (1, 10, 10, 101.5, PATH), **HALF),
    case("a crossed quote is no quote", WIDE._replace(bid=101, ask=100), buy(10, at=10), (1, 10, 10, 101.6, PATH), **HALF),
    case("quotes may be left unused", WIDE._replace(bid=99.8, ask=100.4), buy(10), (1, 0, 10, 100, OPEN), use_quotes=False),
]  # fmt: skip


@pytest.mark.parametrize("case", [*MARKETS, *LIMITS, *STOPS, *TRAILS, *COSTS], ids=rule_of)
def test_rule(case: Case) -> None:
    play(case)


@pytest.mark.parametrize(
    ("rule", "order", "fee"),
    [
        ("sec and taf, each rounded up to a cent", sell(1_000), 2.06 + 0.20),
        ("at least a cent each", sell(1), 0.02),
        ("taf has a cap", sell(100_000), 206.00 + 9.79),
        ("a purchase is free", buy(1_000), 0),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_fees(rule: str, order: Order, fee: float) -> None:
    """SEC $20.60 a million of proceeds, TAF $0.000195 a share and no more than $9.79."""
    floor = Floor(cash=100_000_000, fees=True).day([flat(100)], [order])
    (fill,) = floor.fills
    assert fill.fee == pytest.approx(fee, abs=1e-9)
    assert floor.cash == pytest.approx(100_000_000 - order.side * order.qty * 100 - fee, abs=1e-6)


def test_without_fees_a_sale_is_free() -> None:
    (fill,) = Floor().day([flat(100)], [sell(1_000)]).fills
    assert fill.fee == 0


@pytest.mark.parametrize(
    ("stop", "limit"),
    [(39.99, 41.58), (49.99, 51.98), (50.00, 51.25), (102.01, 104.56), (0.3333, 0.3466), (1.00, 1.04)],
)
def test_collar_of_a_buy_stop(stop: float, limit: float) -> None:
    """4 % below $50, 2.5 % from there, down to the price increment."""
    floor = Floor().day([flat(0.3)], [buy(1, stop=stop)])
    assert floor.order(1).limit == limit


def test_a_fill_tells_what_it_cost() -> None:
    floor = Floor(slippage_bps=5, **HALF).day([WIDE], [buy(10, at=10)])
    (fill,) = floor.fills
    assert fill.half_spread == 0.1
    assert fill.slippage == pytest.approx(0.1 + 0.05075)  # against the path's price


@pytest.mark.parametrize(
    ("order", "rule"),
    [(buy(10, limit=101), IMPROVED), (buy(10, limit=100.03), TOUCHED), (buy(10, stop=102, limit=102.5), IMPROVED)],
    ids=["marketable", "within the spread", "stop-limit"],
)
def test_the_spread_is_no_slippage_of_a_limit(order: Order, rule: Rule) -> None:
    """A limit is never worsened; what it pays beyond the middle is the spread, or its own price."""
    (fill,) = Floor(slippage_bps=5, **HALF).day([WIDE], [order]).fills
    assert (fill.rule, fill.half_spread, fill.slippage) == (rule, 0.1, 0)
