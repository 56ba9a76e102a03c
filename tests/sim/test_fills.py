"""Every fill rule by itself, with the numbers computed by hand.

Most cases trade the bar WIDE, 100 → 103 → 97 → 101 in the path `ohlc`: up by $0.15 a second to 20 s, down by $0.30 to
40 s, up by $0.20 to the end. A time that does not come out even is the first nanosecond at which the price is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from core.kernel.kinds import EventKind, RejectReason
from sim.records import Rule, Stand
from tests.sim.floor import CLOSE, POST, Bar, Floor, Order, buy, cancel, flat, sell

WIDE = Bar(100, 103, 97, 101)
HALF = {"half_spread_bps": 10}  # ten cents at $100
OPEN, PATH, TOUCHED, IMPROVED = Rule.OPEN, Rule.PATH, Rule.LIMIT_TOUCH, Rule.LIMIT_IMPROVED
STOP, GAP, AUCTION, NBBO = Rule.STOP, Rule.STOP_GAP, Rule.AUCTION, Rule.NBBO
WAITS = "waits"


@dataclass(frozen=True)
class Case:
    """A rule, what it is tried on, and the executions and ends that it must lead to.

    Executions are (order, second, shares, price, rule); an order that is not named in `ends` must have filled, and one
    that is still there WAITS.
    """

    rule: str
    bars: Sequence[Bar | None] | Mapping[int, Bar]
    orders: Sequence[Order]
    fills: Sequence[tuple[int, float, float, float, Rule]]
    ends: Mapping[int, str] = field(default_factory=dict)
    day: Mapping[str, Any] = field(default_factory=dict)
    venue: Mapping[str, Any] = field(default_factory=dict)


def case(rule: str, bars: Any, orders: Any, *fills: Any, ends: Any = (), day: Any = (), **venue: Any) -> Case:
    bars = [bars] if isinstance(bars, Bar) else bars
    orders = [orders] if isinstance(orders, Order) else orders
    return Case(rule, bars, orders, fills, dict(ends), dict(day), venue)


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

BRACKET = {"target": 102, "stop_loss": 98}
GROUPS = [
    case("the target fills and withdraws the stop", WIDE, buy(10, **BRACKET),
         (1, 0, 10, 100, OPEN), (2, 13.333333334, 10, 102, TOUCHED), ends={3: "canceled"}),
    case("the stop fills and withdraws the target", WIDE, buy(10, **BRACKET),
         (1, 0, 10, 100, OPEN), (3, 13.333333334, 10, 98, STOP), ends={2: "canceled"}, path="olhc"),
    case("a short bracket is its mirror", WIDE, sell(10, target=98, stop_loss=102),
         (1, 0, 10, 100, OPEN), (3, 13.333333334, 10, 102, STOP), ends={2: "canceled"}),
    case("prices before the entry's fill do not reach its target", WIDE, buy(10, limit=99, target=102, stop_loss=96),
         (1, 33.333333334, 10, 99, TOUCHED), ends={2: WAITS, 3: WAITS}),
    case("prices before the entry's fill do not reach its stop", Bar(100, 103, 97, 102),
         buy(10, at=45, target=103.5, stop_loss=98), (1, 45, 10, 98.25, PATH), ends={2: WAITS, 3: WAITS}),
    case("prices after it in the same bar do", WIDE, buy(10, limit=98, target=102, stop_loss=97.5),
         (1, 13.333333334, 10, 98, TOUCHED), (3, 16.666666667, 10, 97.5, STOP), ends={2: "canceled"}, path="olhc"),
    case("a target that the entry's price is already beyond fills at once at the market", [flat(100), flat(104)],
         buy(10, at=0, limit=105, target=105.5, stop_loss=99), (1, 0, 10, 100, IMPROVED), ends={2: WAITS, 3: WAITS}),
    case("a stop opened through is a gap", [flat(100), Bar(95, 96, 94, 95)], buy(10, **BRACKET),
         (1, 0, 10, 100, OPEN), (3, 60, 10, 95, GAP), ends={2: "canceled"}),
    case("a target opened beyond is improved", [flat(100), Bar(105, 106, 104, 105)], buy(10, **BRACKET),
         (1, 0, 10, 100, OPEN), (2, 60, 10, 105, IMPROVED), ends={3: "canceled"}),
    case("a stop leg with a limit is a stop-limit", [flat(100), Bar(95, 96, 94, 95)],
         buy(10, **BRACKET, stop_limit=97.5), (1, 0, 10, 100, OPEN), ends={2: "canceled", 3: WAITS}),
    case("the buy stop of a short bracket has the collar too", [flat(100), Bar(105, 107, 104.8, 106)],
         sell(10, target=98, stop_loss=102), (1, 0, 10, 100, OPEN), ends={2: "canceled", 3: WAITS}),
    case("a partly filled entry wakes no leg", [WIDE._replace(volume=100)], buy(100, **BRACKET), (1, 0, 10, 100, OPEN),
         ends={1: WAITS, 2: WAITS, 3: WAITS}, participation=0.1),
    case("the legs wake when the entry is whole", [flat(100, 100), WIDE], buy(20, **BRACKET),
         (1, 0, 10, 100, OPEN), (1, 60, 10, 100, OPEN), (2, 73.333333334, 20, 102, TOUCHED), ends={3: "canceled"},
         participation=0.1),
    case("the target of an OCO withdraws its stop", WIDE, [buy(10), sell(10, at=1, oco=True, **BRACKET)],
         (1, 0, 10, 100, OPEN), (2, 13.333333334, 10, 102, TOUCHED), ends={3: "canceled"}),
    case("the stop of an OCO works from the start", WIDE, [buy(10), sell(10, at=1, oco=True, **BRACKET)],
         (1, 0, 10, 100, OPEN), (3, 13.333333334, 10, 98, STOP), ends={2: "canceled"}, path="olhc"),
    case("the stop of an OCO may carry a limit", WIDE, [buy(10), sell(10, at=1, oco=True, stop_limit=97.9, **BRACKET)],
         (1, 0, 10, 100, OPEN), (3, 13.333333334, 10, 98, IMPROVED), ends={2: "canceled"}, path="olhc"),
    case("a target that fills in part shrinks the stop",
         [flat(100), Bar(103, 103, 103, 103, 60), Bar(97, 97, 97, 97)], buy(10, **BRACKET),
         (1, 0, 10, 100, OPEN), (2, 60, 6, 103, IMPROVED), (3, 120, 4, 97, GAP), ends={2: "canceled"}, participation=0.1),
]  # fmt: skip

PATHS = [
    case("adverse takes a long bracket to its stop", WIDE, buy(10, **BRACKET),
         (1, 0, 10, 100, OPEN), (3, 13.333333334, 10, 98, STOP), ends={2: "canceled"}, path="adverse"),
    case("adverse takes a short bracket to its stop", WIDE, sell(10, target=98, stop_loss=102),
         (1, 0, 10, 100, OPEN), (3, 13.333333334, 10, 102, STOP), ends={2: "canceled"}, path="adverse"),
    case("adverse knows an order that comes within the minute", WIDE, sell(10, at=0.4, target=98, stop_loss=102),
         (1, 0.4, 10, 100.06, PATH), (3, 13.333333334, 10, 102, STOP), ends={2: "canceled"}, path="adverse"),
    case("adverse takes a marketable limit for a market order", WIDE, buy(10, at=0.4, limit=101, **BRACKET),
         (1, 0.4, 10, 99.94, IMPROVED), (3, 13.333333334, 10, 98, STOP), ends={2: "canceled"}, path="adverse"),
    case("adverse shows a waiting entry its target first", WIDE, buy(10, limit=99, target=102, stop_loss=98),
         (1, 33.333333334, 10, 99, TOUCHED), (3, 36.666666667, 10, 98, STOP), ends={2: "canceled"}, path="adverse"),
    case("adverse goes against a position's exits, whatever else is open", [flat(100), WIDE],
         [buy(10, **BRACKET), buy(5, limit=96.9, at=5)],
         (1, 0, 10, 100, OPEN), (3, 73.333333334, 10, 98, STOP), ends={2: "canceled", 4: WAITS}, path="adverse"),
    case("nearest visits the nearer extreme first", Bar(100, 103, 98, 101), buy(10, **BRACKET),
         (1, 0, 10, 100, OPEN), (3, 20, 10, 98, STOP), ends={2: "canceled"}, path="nearest"),
    case("nearest takes the high when both are equally near", WIDE, buy(10, **BRACKET),
         (1, 0, 10, 100, OPEN), (2, 13.333333334, 10, 102, TOUCHED), ends={3: "canceled"}, path="nearest"),
    case("ohlc is the other end of the band", WIDE, sell(10, target=98, stop_loss=102),
         (1, 0, 10, 100, OPEN), (2, 13.333333334, 10, 98, TOUCHED), ends={3: "canceled"}, path="olhc"),
]  # fmt: skip

SIZES = [
    case("orders take at most the cap of a bar's volume", [WIDE, flat(100)], buy(400),
         (1, 0, 250, 100, OPEN), (1, 60, 150, 100, OPEN), participation=0.025),
    case("the orders of a symbol share the cap", [flat(100), flat(101)], [buy(200), buy(100)],
         (1, 0, 200, 100, OPEN), (2, 0, 50, 100, OPEN), (2, 60, 50, 101, OPEN), participation=0.025),
    case("the cap is in whole shares", [flat(100, 1_010), flat(100)], buy(30),
         (1, 0, 25, 100, OPEN), (1, 60, 5, 100, OPEN), participation=0.025),
    case("less than a share of room fills nothing", [flat(100, 30), flat(100)], buy(30), (1, 60, 30, 100, OPEN),
         participation=0.025),
    case("what fractions leave of the room is no share either", [flat(100, 80), flat(100)], [buy(1.5), buy(1)],
         (1, 0, 1.5, 100, OPEN), (2, 60, 1, 100, OPEN), participation=0.025),
    case("without a cap size is not looked at", WIDE, buy(9_999), (1, 0, 9_999, 100, OPEN)),
    case("an IOC order fills on arrival", WIDE, buy(10, at=10, tif="ioc"), (1, 10, 10, 101.5, PATH)),
    case("an IOC limit that is not marketable is cancelled", WIDE, buy(10, limit=99, tif="ioc"), ends={1: "canceled"}),
    case("the rest of an IOC order is cancelled", WIDE, buy(400, tif="ioc"), (1, 0, 250, 100, OPEN),
         ends={1: "canceled"}, participation=0.025),
    case("an IOC order in a minute without trades is cancelled", [None, WIDE], buy(10, tif="ioc"), ends={1: "canceled"}),
    case("a FOK order within the cap fills", WIDE, buy(250, tif="fok"), (1, 0, 250, 100, OPEN), participation=0.025),
    case("a FOK order beyond the cap is cancelled", WIDE, buy(251, tif="fok"), ends={1: "canceled"}, participation=0.025),
    case("a FOK order is never filled in part", WIDE, buy(10, tif="fok"), (1, 0, 10, 100, OPEN), partial_probability=1),
    case("an IOC order in a halt is cancelled", WIDE, buy(10, at=10, tif="ioc"), ends={1: "canceled"},
         day={"halts": [(5, 300)]}),
]  # fmt: skip

EARLY = -3_600  # an hour before the open
LATE = 380 * 60 - 1  # a second before closing orders are refused
AUCTIONS = [
    case("an opening order fills at the official print", WIDE, buy(10, tif="opg", at=EARLY), (1, 0, 10, 99.9, AUCTION),
         day={"open_print": 99.9}),
    case("the auction knows neither spread nor cap", WIDE, buy(999, tif="opg", at=EARLY), (1, 0, 999, 99.9, AUCTION),
         day={"open_print": 99.9}, participation=0.025, **HALF),
    case("without a print the first trade stands in", WIDE, buy(10, tif="opg", at=EARLY), (1, 0, 10, 100, AUCTION)),
    case("a symbol that does not trade in the first minute has no auction", [None, WIDE], buy(10, tif="opg", at=EARLY),
         ends={1: "expired"}),
    case("an opening limit that is met gets the print", WIDE, buy(10, tif="opg", limit=100, at=EARLY),
         (1, 0, 10, 99.9, AUCTION), day={"open_print": 99.9}),
    case("an opening limit that is missed expires", WIDE, buy(10, tif="opg", limit=99.8, at=EARLY), ends={1: "expired"},
         day={"open_print": 99.9}),
    case("a symbol halted at the open has no auction", WIDE, buy(10, tif="opg", at=EARLY), ends={1: "expired"},
         day={"open_print": 99.9, "halts": [(-60, 600)]}),
    case("a closing order fills at the official print", WIDE, sell(10, tif="cls", at=LATE), (1, CLOSE, 10, 101.3, AUCTION),
         day={"close_print": 101.3}),
    case("without a print the session's last price stands in", {0: WIDE, 389: flat(102)}, sell(10, tif="cls", at=LATE),
         (1, CLOSE, 10, 102, AUCTION)),
    case("trades after the close are not the close", {0: WIDE, 389: flat(102), 390: flat(90)},
         sell(10, tif="cls", at=LATE), (1, CLOSE, 10, 102, AUCTION)),
    case("a closing limit that is missed expires", WIDE, sell(10, tif="cls", limit=101.4, at=LATE), ends={1: "expired"},
         day={"close_print": 101.3}),
]  # fmt: skip

HOURS = [
    case("an order of the regular session waits for it", {-30: flat(99), 0: WIDE}, buy(10, at=-30 * 60),
         (1, 0, 10, 100, OPEN)),
    case("so does a limit that the morning's price would fill", {-30: flat(90), 0: WIDE}, buy(10, limit=95, at=-1_800),
         ends={1: WAITS}),
    case("an extended limit fills before the open", {-30: flat(99), 0: WIDE}, buy(10, limit=99.5, extended=True, at=-1_795),
         (1, -1_795, 10, 99, IMPROVED)),
    case("an extended limit fills after the close", {0: WIDE, 395: flat(90)}, buy(10, limit=95, extended=True, at=60),
         (1, 395 * 60, 10, 90, IMPROVED)),
    case("an extended limit fills in the regular session too", WIDE, buy(10, limit=99, extended=True, at=-1_795),
         (1, 33.333333334, 10, 99, TOUCHED)),
    case("a queued limit meets the opening market as one that arrives", WIDE, buy(10, limit=101, at=EARLY),
         (1, 0, 10, 100.1, IMPROVED), **HALF),
    case("a queued stop below the market triggers at the open as a gap", {-60: flat(100), 0: Bar(95, 96, 94, 95)},
         sell(10, stop=98, at=EARLY + 60), (1, 0, 10, 95, GAP)),
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

HALTS = [
    case("a halt stops matching", WIDE, buy(10, limit=99), ends={1: WAITS}, day={"halts": [(30, 3_000)]}),
    case("what filled before the halt has filled", WIDE, sell(10, limit=102), (1, 13.333333334, 10, 102, TOUCHED),
         day={"halts": [(30, 3_000)]}),
    case("an order that comes in a halt waits for the reopening print", {0: flat(100), 5: Bar(90, 91, 89, 90)},
         buy(10, at=120), (1, 330, 10, 90, OPEN), day={"halts": [(90, 330)]}),
    case("a stop is elected at the reopening print", {0: flat(100), 5: Bar(90, 91, 89, 90)}, sell(10, stop=98),
         (1, 330, 10, 90, GAP), day={"halts": [(90, 330)]}),
    case("a resting limit is improved at the reopening", {0: flat(100), 5: Bar(90, 91, 89, 90)}, buy(10, limit=98),
         (1, 330, 10, 90, IMPROVED), day={"halts": [(90, 330)]}),
    case("after a reopening in the minute the path takes the rest of it", {0: flat(100), 5: Bar(90, 93, 87, 91)},
         sell(10, limit=92, at=120), (1, 336.666666667, 10, 92, TOUCHED), day={"halts": [(90, 330)]}),
    case("without trades at the reopening the next bar is the print", {0: flat(100), 5: flat(90, 0), 6: flat(89)},
         sell(10, stop=98), (1, 360, 10, 89, GAP), day={"halts": [(90, 330)]}),
    case("a halt and a reopening within the minute leave a hole in the path", WIDE, sell(10, stop=99),
         (1, 38, 10, 97.6, GAP), day={"halts": [(25, 38)]}),
    case("a trailing stop sees nothing of a halt", {0: Bar(100, 106, 100, 106)}, sell(10, trail=3), ends={1: WAITS},
         day={"halts": [(10, 3_000)]}),
    case("an order may be cancelled in a halt", {0: flat(100), 5: flat(90)}, [buy(10, limit=98), cancel(1, at=200)],
         ends={1: "canceled"}, day={"halts": [(90, 330)]}),
]  # fmt: skip

TABLE = [*MARKETS, *LIMITS, *STOPS, *TRAILS, *GROUPS, *PATHS, *SIZES, *AUCTIONS, *HOURS, *COSTS, *HALTS]


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.rule)
def test_rule(case: Case) -> None:
    """One day on the floor, by the table."""
    floor = Floor(**case.venue).day(case.bars, case.orders, **case.day)
    fills = [(fill.order, fill.second, fill.qty, fill.price, fill.rule) for fill in floor.fills]
    assert fills == [
        (order, second, qty, pytest.approx(price, abs=1e-9), rule) for order, second, qty, price, rule in case.fills
    ]
    for number in range(1, floor.next_number):
        wanted = case.ends.get(number, "filled")
        end = floor.order(number).end
        waits = end is None or (end == "expired" and floor.ended(number)[1] in (CLOSE, POST))
        assert waits if wanted == WAITS else end == wanted, f"order {number} ended as {end}"


# -- what one fill carries ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "bars", "order", "second", "ambiguous"),
    [
        ("the bar holds both prices", [WIDE], buy(10, **BRACKET), 13.333333334, True),
        ("also when the entry filled in an earlier bar", [flat(100), WIDE], buy(10, **BRACKET), 73.333333334, True),
        ("the bar holds the target only", [WIDE], buy(10, target=102, stop_loss=96), 13.333333334, False),
        ("the bar opens beyond the target", [flat(100), Bar(103, 104, 97, 101)], buy(10, **BRACKET), 60, False),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_exit_is_ambiguous_when_the_path_model_chose_it(
    rule: str, bars: list[Bar], order: Order, second: float, ambiguous: bool
) -> None:
    floor = Floor().day(bars, [order])
    entry, target = floor.fills
    assert not entry.ambiguous
    assert (target.order, target.second, target.ambiguous) == (2, second, ambiguous)
    assert (floor.exits, floor.ambiguous_exits) == (1, int(ambiguous))


def test_a_stop_that_rests_since_an_earlier_bar_is_not_ambiguous() -> None:
    """The bar that fills it holds the target's price too, but the target went when the stop triggered."""
    floor = Floor().day(
        [flat(100), Bar(105, 107, 104.8, 106), Bar(106, 107, 97, 98)], [sell(10, target=98, stop_loss=102)]
    )
    assert [(fill.order, fill.price, fill.ambiguous) for fill in floor.fills] == [(1, 100, False), (3, 104.55, False)]


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


# -- partial fills ------------------------------------------------------------------------------------------------


def test_partial_fills_come_a_second_apart_until_one_share_is_left() -> None:
    floor = Floor(partial_probability=1).day([flat(100)], [buy(50)])
    assert sum(fill.qty for fill in floor.fills) == 50
    assert [fill.second for fill in floor.fills] == list(range(len(floor.fills)))
    assert len(floor.fills) > 2
    left = 50.0
    for fill in floor.fills[:-1]:
        assert 1 <= fill.qty < left
        left -= fill.qty
    assert floor.fills[-1].qty == left == 1


def test_partial_fills_are_drawn_from_the_seed_and_the_order_alone() -> None:
    def quantities(seed: int, *others: Order) -> list[float]:
        floor = Floor(seed=seed, partial_probability=1).day([flat(100)], [*others, buy(50, number=7)])
        return [fill.qty for fill in floor.fills if fill.order == 7]

    assert quantities(1) == quantities(1, sell(20, limit=100.5), buy(33, at=-60))
    assert quantities(1) != quantities(2)


def test_one_order_in_ten_is_filled_in_parts() -> None:
    floor = Floor(partial_probability=0.1, cash=100_000_000)
    for _ in range(8):
        floor.day([flat(100)], [buy(10, at=i, number=floor.next_number + i) for i in range(50)])
    split = {fill.order for fill in floor.fills if fill.qty < 10}
    assert 20 < len(split) < 65  # 40 expected of 400, a few standard deviations of 6 either way


# -- the day's end ------------------------------------------------------------------------------------------------


def test_a_day_order_expires_with_the_session() -> None:
    floor = Floor().day([flat(100)], [buy(10, limit=90), buy(10, limit=90, target=102, stop_loss=80)])
    assert [floor.ended(number) for number in (1, 2, 3, 4)] == [("expired", CLOSE)] * 4


def test_a_day_order_expires_at_an_early_close() -> None:
    noon = 210 * 60
    floor = Floor().day({0: flat(100), 215: flat(80)}, [buy(10, limit=90)], close=noon)
    assert floor.ended(1) == ("expired", noon)
    assert not floor.fills


def test_day_legs_expire_and_leave_the_position() -> None:
    floor = Floor().day([flat(100)], [buy(10, **BRACKET)])
    assert [floor.ended(number)[0] for number in (1, 2, 3)] == ["filled", "expired", "expired"]
    assert floor.position() == 10


def test_an_order_good_till_cancelled_lives_on() -> None:
    floor = Floor().day([flat(100)], [buy(10, limit=90, tif="gtc")])
    floor.day([flat(89)])
    assert floor.executions == [(1, 0, 10, 89)]


def test_gtc_legs_protect_overnight() -> None:
    floor = Floor().day([flat(100)], [buy(10, tif="gtc", **BRACKET)])
    floor.day([Bar(94, 95, 93, 94)])
    assert floor.executions[1:] == [(3, 0, 10, 94)]
    assert floor.order(2).end == "canceled"


def test_an_order_good_till_cancelled_lapses_after_90_days() -> None:
    floor = Floor().day([flat(100)], [buy(10, limit=90, tif="gtc")])
    floor.day([flat(100)], after=89)
    assert floor.order(1).end is None
    floor.day([flat(100)], after=1)
    assert floor.ended(1) == ("expired", CLOSE)


def test_an_order_sent_after_the_close_waits_for_the_next_session() -> None:
    floor = Floor().day([flat(100)], [buy(10, at=CLOSE + 60), buy(10, limit=90, at=CLOSE + 60)])
    assert floor.order(1).stand == floor.order(2).stand == Stand.QUEUED
    floor.day([flat(101)])
    assert floor.executions == [(1, 0, 10, 101)]
    assert floor.ended(2) == ("expired", CLOSE)


def test_an_order_sent_at_the_close_is_the_next_sessions() -> None:
    floor = Floor().day([flat(100)], [buy(10, at=CLOSE)])
    assert floor.order(1).stand == Stand.QUEUED


@pytest.mark.parametrize("at", [60.0, CLOSE + 60.0])
def test_an_extended_order_expires_when_extended_hours_end(at: float) -> None:
    floor = Floor().day([flat(100)], [buy(10, limit=90, extended=True, at=at)])
    assert floor.ended(1) == ("expired", POST)


def test_an_extended_order_sent_at_night_starts_in_the_morning() -> None:
    floor = Floor().day([flat(100)], [buy(10, limit=95, extended=True, at=POST + 30)])
    floor.day({-300: flat(94), 0: flat(100)})
    assert floor.executions == [(1, -300 * 60, 10, 94)]


def test_a_trailing_stop_sleeps_outside_the_regular_session() -> None:
    floor = Floor().day({0: flat(100), 391: Bar(100, 130, 100, 100)}, [sell(10, trail=2, tif="gtc")])
    floor.day({-10: Bar(100, 140, 100, 100), 0: Bar(100, 100, 97, 99)})
    (fill,) = floor.fills
    assert (fill.second, fill.price, fill.rule) == (33.333333334, 98, STOP)


def test_auction_orders_sent_in_the_evening_are_for_the_next_day() -> None:
    evening = 571 * 60
    floor = Floor().day([flat(100)], [buy(10, tif="opg", at=evening), buy(4, tif="cls", at=evening)])
    floor.day([flat(101)], open_print=100.7, close_print=102.3)
    assert floor.executions == [(1, 0, 10, 100.7), (2, CLOSE, 4, 102.3)]


# -- halts --------------------------------------------------------------------------------------------------------


def test_a_profile_may_refuse_orders_in_a_halt() -> None:
    floor = Floor(halt_orders="reject").day([flat(100)], [buy(10, at=10)], halts=[(5, 3_000)])
    assert (floor.order(1).end, floor.order(1).reason) == ("rejected", RejectReason.HALTED)


def test_a_halt_over_the_close_lets_day_orders_expire() -> None:
    floor = Floor().day([flat(100)], [buy(10, limit=99), buy(10, at=60)], halts=[(30, POST)])
    assert [floor.ended(number) for number in (1, 2)] == [("expired", CLOSE)] * 2


def test_an_extended_order_starts_at_the_end_of_a_halt_before_the_open() -> None:
    bars = {-20: flat(90), -5: flat(91)}
    floor = Floor().day(bars, [buy(10, limit=95, extended=True, at=-1_800)], halts=[(-3_600, -600)])
    assert floor.executions == [(1, -300, 10, 91)]


def test_the_engine_hears_of_an_order_in_a_halt_that_it_is_accepted_and_works_later() -> None:
    floor = Floor().day({0: flat(100), 5: flat(90)}, [buy(10, limit=95, at=100)], halts=[(90, 330)])
    heard = [(news.kind, news.heard) for news in floor.news if news.order == 1]
    accepted, working, fill = EventKind.ORDER_ACCEPTED, EventKind.ORDER_WORKING, EventKind.FILL
    assert heard == [(accepted, 100), (working, 330), (fill, 330)]


# -- corporate actions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratio", "held", "order", "order_after"),
    [((4, 1), 40, 20, 80), ((1, 3), 3.333333, 20, 6), ((1, 8), 1.25, 7, None), ((3, 2), 15, 7, 10)],
)
def test_a_split_changes_quantities_and_no_prices(
    ratio: tuple[int, int], held: float, order: float, order_after: float | None
) -> None:
    """Positions keep fractions down to a micro-share; orders keep whole shares, and none means cancelled."""
    floor = Floor().day([flat(100)], [buy(10), buy(order, limit=90, tif="gtc")])
    floor.day([flat(100)], split=ratio)
    assert floor.position() == held
    state = floor.order(2)
    assert state.limit == 90
    assert (state.end, state.qty) == (None, order_after) if order_after else state.end == "canceled"


def test_a_split_leaves_what_has_filled() -> None:
    floor = Floor(participation=0.01).day([flat(100, 1_000)], [buy(30, limit=101, tif="gtc")])
    assert floor.order(1).filled == 10
    floor.day([flat(50)], split=(2, 1))
    assert (floor.order(1).filled, floor.order(1).qty, floor.position()) == (50, 50, 60)


@pytest.mark.parametrize(("order", "paid"), [(buy(10), 5.0), (sell(10), -5.0)], ids=["a holder", "a short"])
def test_a_dividend_is_paid_on_its_pay_date_to_who_held_before(order: Order, paid: float) -> None:
    floor = Floor(profile="live_conservative").day([flat(100)], [order])
    cash = floor.cash
    away = sell(10) if order.side > 0 else buy(10)
    floor.day([flat(100)], [away], dividend=(0.5, 2))
    assert floor.position() == 0
    assert floor.cash == pytest.approx(cash + order.side * 1_000)
    floor.day([flat(100)])
    assert floor.cash == pytest.approx(cash + order.side * 1_000)
    floor.day([flat(100)])
    assert floor.cash == pytest.approx(cash + order.side * 1_000 + paid)


def test_the_paper_profile_pays_no_dividend() -> None:
    floor = Floor().day([flat(100)], [buy(10)])
    cash = floor.cash
    floor.day([flat(100)], dividend=(0.5, 0))
    assert floor.cash == cash


# -- drawn paths --------------------------------------------------------------------------------------------------


def test_a_drawn_path_stays_within_the_bar_and_repeats_with_its_seed() -> None:
    def walk(seed: int) -> list[float]:
        floor = Floor(path="bridge", seed=seed).day([WIDE], [buy(1, at=second) for second in range(0, 60, 2)])
        return [fill.price for fill in floor.fills]

    one, two = walk(1), walk(2)
    assert one == walk(1)
    assert one != two
    for prices in (one, two):
        assert prices[0] == 100
        assert 97 <= min(prices) < 99.5
        assert 101.5 < max(prices) <= 103


def test_a_drawn_path_ends_at_the_close_and_reaches_both_extremes() -> None:
    for seed in range(1, 6):
        for orders in ([buy(1, stop=103), buy(1, at=59.999999999)], [sell(1, stop=97), sell(1, at=59.999999999)]):
            floor = Floor(path="bridge", seed=seed).day([WIDE], orders)
            assert [fill.price for fill in floor.fills] == [orders[0].stop, 101]
