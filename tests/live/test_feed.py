"""Market data to events: versions, halts, silence; and the history that is left when nothing comes."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from core.calendar import MINUTE, sessions
from core.datasets.dataset import Dataset
from core.kernel.kinds import EventKind, HaltKind, LaneFailure, Phase
from core.kernel.units import MICRO, SECOND
from live.alpaca.values import Instant, Price, Quantity
from live.alpaca.wire import Bar, Malformed, Other, Quote, RevisedBar, Status
from live.clock import VirtualClock
from live.events import Incoming
from live.feed import Feed
from live.history import History
from tests.live.bottle import SYMBOLS
from tests.tidy.test_tidy import ROOT

DAY = sessions(date(2026, 3, 2), date(2026, 3, 2))[0]
OPEN = int(DAY["open"])


class Desk:
    """A feed in the first minute of a session, subscribed, with what it has delivered."""

    def __init__(self) -> None:
        self.clock = VirtualClock(OPEN + MINUTE)
        self.history = History(SYMBOLS, 60, 500)
        self.history.begin(DAY)
        self.told: list[Incoming] = []
        self.ups: list[bool] = []
        self.feed = Feed(self.history, self.clock, lambda *events: self.told.extend(events), self.ups.append)
        self.feed.ready()
        self.told.clear()

    def hear(self, *items: Any) -> list[Incoming]:
        self.told.clear()
        self.feed.heard(items, self.clock.now())
        return list(self.told)


def bar(kind: type = Bar, symbol: str = "AAA", start: int = OPEN, close: int = 100) -> Any:
    price = Price(close * MICRO)
    terms = {"open": price, "high": price, "low": price, "close": price, "volume": Quantity(5 * MICRO)}
    return kind(symbol=symbol, start=Instant(start), **terms)


def status(code: str, reason: str = "", symbol: str = "AAA") -> Status:
    return Status(symbol=symbol, time=Instant(OPEN), code=code, reason=reason)


def test_a_bar_comes_once_and_its_revisions_are_counted():
    desk = Desk()
    (first,) = desk.hear(bar())
    assert (first.kind, first.t_market) == (EventKind.BAR, OPEN)
    assert (first.fields["price"], first.fields["qty"]) == (100 * MICRO, 5 * MICRO)
    (second,) = desk.hear(bar(RevisedBar, close=101))
    (third,) = desk.hear(bar(close=102))
    assert [event.kind for event in (second, third)] == [EventKind.BAR_REVISION] * 2
    assert [event.detail["version"] for event in (second, third)] == ["2", "3"]
    assert desk.history.bars(OPEN + MINUTE).close[0, 0] == 100.0, "what was decided on stays"


@pytest.mark.parametrize("start", [OPEN + 2 * MINUTE, OPEN - 40 * MINUTE, OPEN + 1, OPEN - 86_400 * SECOND])
def test_a_bar_that_is_not_of_this_time_is_no_price(start):
    (event,) = Desk().hear(bar(start=start))
    assert (event.kind, event.fields["code2"]) == (EventKind.LANE_FAILED, LaneFailure.UNPARSEABLE)


def test_strangers_and_other_items_are_passed_over_and_bad_ones_told():
    desk = Desk()
    assert desk.hear(bar(symbol="ZZZ"), Other(kind="t"), status("H", symbol="ZZZ")) == []
    assert [event.kind for event in desk.hear(Malformed(problem="x"), bar())] == [EventKind.LANE_FAILED, EventKind.BAR]


def test_quotes_are_thinned_to_the_newest():
    desk = Desk()
    for bid in (99, 98, 97):
        desk.hear(Quote(symbol="AAA", time=Instant(OPEN), bid=Price(bid * MICRO), ask=Price(101 * MICRO)))
    desk.feed.tick(Phase.REGULAR)
    assert [(event.kind, event.fields["price"]) for event in desk.told] == [(EventKind.QUOTE, 97 * MICRO)]
    desk.told.clear()
    desk.feed.tick(Phase.REGULAR)
    assert desk.told == []


@pytest.mark.parametrize(
    ("code", "reason", "kind", "halt"),
    [
        ("H", "T1", EventKind.HALT, HaltKind.REGULATORY),
        ("2", "D", EventKind.HALT, HaltKind.REGULATORY),
        ("P", "LUDP", EventKind.HALT, HaltKind.LULD),
        ("2", "M", EventKind.HALT, HaltKind.LULD),
        ("Q", "T3", EventKind.HALT, HaltKind.REGULATORY),
        ("T", "C11", EventKind.RESUME, HaltKind.REGULATORY),
        ("3", "", EventKind.RESUME, HaltKind.REGULATORY),
        ("!", "?", EventKind.HALT, HaltKind.REGULATORY),
    ],
)
def test_statuses(code, reason, kind, halt):
    (event,) = Desk().hear(status(code, reason))
    assert (event.kind, event.fields["code"]) == (kind, halt)


@pytest.mark.parametrize("code", list("6789ACDEF"))
def test_indications_and_imbalances_halt_nothing(code):
    assert Desk().hear(status(code)) == []


@pytest.mark.parametrize("reason", ["MWC1", "MWC3", "1", "3"])
def test_a_market_wide_breaker_halts_every_symbol(reason):
    events = Desk().hear(status("H", reason, symbol="SPY"))
    assert [(e.fields["symbol"], e.fields["code"]) for e in events] == [(s, HaltKind.MARKET_WIDE) for s in range(3)]


def test_silence_in_the_session_takes_the_feed_down_and_a_bar_brings_it_back():
    desk = Desk()
    desk.clock.move(OPEN + 10 * MINUTE)
    desk.feed.tick(Phase.POST)
    assert desk.told == [], "after hours silence is no news"
    desk.feed.tick(Phase.REGULAR)
    desk.feed.tick(Phase.REGULAR)
    assert [(e.kind, e.fields["code"]) for e in desk.told] == [(EventKind.FEED, 0), (EventKind.LANE_FAILED, 4)]
    back = desk.hear(bar(start=OPEN + 9 * MINUTE))
    assert [e.kind for e in back] == [EventKind.FEED, EventKind.BAR]
    assert desk.ups == [True, False, True]


def test_a_lost_stream_is_down_until_everything_is_subscribed_to_again():
    desk = Desk()
    desk.hear(bar())
    desk.feed.lost(LaneFailure.CONNECTION, "closed")
    assert desk.told[-2].fields == {"code": 0}
    assert desk.told[-2].detail["as_of"] == str(OPEN + MINUTE)
    assert desk.hear(bar(symbol="BBB"))[0].kind == EventKind.BAR, "a last bar does not make it up again"
    desk.feed.ready()
    assert desk.ups == [True, False, True]


def test_history_is_parquet_and_then_what_was_received():
    """Rows of a day heard bar by bar are those that the stored day has."""
    dataset = Dataset.open(ROOT / "scenarios" / "data" / "us10-4w")
    symbols, last = dataset.symbols[:2], dataset.sessions[1]
    dates = [date.fromordinal(719_163 + int(day["date"])) for day in dataset.sessions[:2]]
    warm = History.from_dataset(Dataset.open(dataset.folder, symbols, end=dates[0]), 10_000)
    before = warm.as_of
    warm.begin(last)
    *_, stored = Dataset.open(dataset.folder, symbols, end=dates[1]).blocks()
    bars = stored.bars
    for row, start in enumerate(bars.time):
        for symbol in range(2):
            if not np.isnan(bars.close[row, symbol]):
                names = ("open", "high", "low", "close")
                prices = {name: Price(round(getattr(bars, name)[row, symbol] * MICRO)) for name in names}
                volume = Quantity(int(bars.volume[row, symbol]) * MICRO)
                warm.put(symbol, Bar(symbol=symbols[symbol], start=Instant(int(start)), volume=volume, **prices))
    heard = warm.bars(int(last["post"]))
    today = heard.window(len(heard.time) - len(bars.time), len(heard.time))
    for name in ("time", "regular", "session", "open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(getattr(today, name), getattr(bars, name))
    assert before < int(last["open"]) < warm.as_of
    assert warm.bars(int(bars.time[1])).time[-1] < bars.time[1], "a bar that has not ended is not shown"
