"""The venue's day: auctions, hours, expiries, halts, splits and dividends; by hand (cases.py)."""

from __future__ import annotations

import pytest

from core.kernel.kinds import EventKind, RejectReason
from sim.records import Rule, Stand
from tests.sim.cases import (
    AUCTION,
    BRACKET,
    GAP,
    HALF,
    IMPROVED,
    OPEN,
    STOP,
    TOUCHED,
    WAITS,
    WIDE,
    Case,
    case,
    play,
    rule_of,
)
from tests.sim.floor import CLOSE, POST, Bar, Floor, flat
from tests.sim.floor_orders import Order, buy, cancel, sell

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


@pytest.mark.parametrize("case", [*AUCTIONS, *HOURS, *HALTS], ids=rule_of)
def test_rule(case: Case) -> None:
    play(case)


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


def test_on_a_splits_day_impact_counts_in_new_shares() -> None:
    """Average volume is given in the day's own shares: a hundredth of it is a tenth of sigma at Y = 1."""
    floor = Floor(impact=1).day([flat(100)], [buy(100)], split=(4, 1), adv=10_000, sigma=0.02)
    assert floor.fills[0].price == 100.2


def test_an_auction_has_no_spread_to_pay() -> None:
    floor = Floor(**HALF).day([flat(100)], [buy(1), sell(1, tif="cls", at=60)], close_print=101)
    assert [(fill.rule, fill.half_spread) for fill in floor.fills] == [(Rule.OPEN, 0.1), (AUCTION, 0)]


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
