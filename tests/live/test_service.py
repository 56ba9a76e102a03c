"""A trader on a clock that the test moves: what it tells the engine, in which order, and what it knows after a restart.

Nothing is sent: its requests and streams are never started, and there is no broker at its address.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from core.bars import Bars
from core.calendar import as_date, sessions
from core.kernel.kinds import EventKind, Phase
from core.kernel.units import MICRO, MINUTE, SECOND
from core.strategies.contract import Signals
from live.alerts import Change
from live.alpaca.endpoint import Endpoint
from live.alpaca.values import Instant, Price, Quantity
from live.alpaca.wire import Bar
from live.books import Books
from live.clock import VirtualClock
from live.events import Incoming, Step
from live.pace import VirtualPace
from live.service import Day, Plan, Surroundings, Trader
from live.signals import Traded
from live.store import journal, migrate
from live.store.database import open_engine
from live.store.writer import StoreWriter
from tests.live.bottle import KEYS
from tests.live.story import SPEC, SYMBOLS, database, genesis

DAYS = sessions(date(2026, 3, 2), date(2026, 3, 4))
MONDAY, TUESDAY = DAYS[0], DAYS[1]
OPEN = int(MONDAY["open"])
NOWHERE = Endpoint.at("http://127.0.0.1:9", KEYS)
Told = list[tuple[str, int]]


class Watchful:
    """A strategy that wants to be long in the first symbol on every bar, and remembers what it was shown."""

    name, model_version, warmup = "watchful", "1", 2

    def __init__(self) -> None:
        self.seen: list[Bars] = []

    def signals(self, bars: Bars) -> Signals:
        self.seen.append(bars)
        shape = bars.close.shape
        one = np.where(np.isnan(bars.close), np.nan, 1.0)
        return Signals(one * 0.6, one, one, np.ones(shape, np.int8), one * 5, np.zeros(shape, bool))


class Count:
    """How many transactions there were."""

    def __init__(self) -> None:
        self.batches = 0

    def committed(self, steps: Sequence[Step], changes: Sequence[Change], books: Books, elapsed: int) -> None:
        self.batches += 1


def brief(session: np.void) -> Day:
    """Every symbol is tradable; nothing else is known."""
    at = int(session["pre"])
    events = [Incoming(EventKind.ASSET, at, at, {"symbol": s, "code": 7, "qty": 10**12}) for s in range(len(SYMBOLS))]
    return Day(events, np.ones(len(SYMBOLS)))


class Life:
    """One process."""

    def __init__(self, url: str, now: int, **plan: Any) -> None:
        engine = open_engine(url)
        migrate.upgrade(engine)
        self.clock, self.strategy, self.count, self.url = VirtualClock(now), Watchful(), Count(), url
        traded = [Traded(self.strategy, np.array([True, False, False]))]
        whole = Plan("name", SPEC, genesis(), traded, DAYS, brief, quotes=False, poll=0)
        place = Surroundings(NOWHERE, self.clock, VirtualPace(self.clock), [self.count])
        self.trader = Trader(StoreWriter(engine, SPEC.account, now), replace(whole, **plan), place)

    def at(self, now: int, *bars: Bar) -> None:
        """A moment: time has come to it, the market speaks, and all of it is here."""
        self.clock.move(now)
        self.trader.enter(now)
        if bars:
            self.trader.feed.heard(bars, now)
        self.trader.conclude(now)

    def journal(self) -> list[Any]:
        """Every event so far."""
        with database(self.url) as connection:
            rows = journal.entries(connection, 1, 0, journal.GENESIS)
            return [np.frombuffer(row.event, self.trader.host._event.dtype)[0] for row in rows]

    def told(self, *kinds: EventKind) -> Told:
        """Events of some kinds, by name and time in minutes since Monday's open."""
        found = [(EventKind(int(e["kind"])), int(e["t_market"])) for e in self.journal()]
        return [(kind.name, (time - OPEN) // MINUTE) for kind, time in found if not kinds or kind in kinds]


@contextmanager
def life(url: str, now: int, **plan: Any) -> Iterator[Life]:
    """One process to its end in good order."""
    living = Life(url, now, **plan)
    try:
        yield living
    finally:
        living.trader.close()


def bar(start: int, symbol: str = "AAA", close: int = 100) -> Bar:
    price = Price(close * MICRO)
    return Bar(
        symbol=symbol, start=Instant(start), open=price, high=price, low=price, close=price, volume=Quantity(MICRO)
    )


def test_a_day_is_told_phase_by_phase_with_what_is_known_of_it(sqlite_url: str):
    with life(sqlite_url, int(MONDAY["pre"]) + SECOND) as living:
        for moment in (MONDAY["pre"] + SECOND, OPEN, MONDAY["close"], MONDAY["post"], TUESDAY["pre"] + MINUTE):
            living.at(int(moment))
        events = [e for e in living.journal() if e["kind"] in (EventKind.SESSION, EventKind.ASSET)]
    names = [(EventKind(int(e["kind"])).name, int(e["code"])) for e in events]
    known = [("ASSET", 7)] * 3
    phases = [("SESSION", int(phase)) for phase in (Phase.PRE, Phase.REGULAR, Phase.POST, Phase.CLOSED, Phase.PRE)]
    assert names == [phases[0], *known, *phases[1:4], phases[4], *known]


def test_who_begins_within_a_day_is_told_the_phase_in_force(sqlite_url: str):
    with life(sqlite_url, OPEN + 90 * MINUTE) as living:
        living.at(OPEN + 90 * MINUTE)
        assert living.told(EventKind.SESSION) == [("SESSION", 0)]
        assert living.trader.host.books.run("phase") == Phase.REGULAR
        living.at(int(MONDAY["close"]))
        assert living.trader.host.books.run("phase") == Phase.POST


def test_before_the_first_day_nothing_is_told(sqlite_url: str):
    with life(sqlite_url, int(MONDAY["pre"]) - SECOND) as living:
        assert living.trader.next_due() == MONDAY["pre"]
        living.at(int(MONDAY["pre"]) - SECOND)
        assert living.told() == []


def test_a_minute_ends_when_its_bars_are_taken_to_be_in(sqlite_url: str):
    with life(sqlite_url, OPEN) as living:
        living.at(OPEN)
        assert living.trader.next_due() == OPEN + MINUTE + 2 * SECOND
        living.at(OPEN + MINUTE + SECOND, bar(OPEN))
        assert living.told(EventKind.TIMER) == []
        living.at(OPEN + MINUTE + 2 * SECOND)
        assert living.told(EventKind.BAR, EventKind.TIMER) == [("BAR", 0), ("TIMER", 1)]


def test_a_burst_of_bars_and_what_it_leads_to_is_one_transaction(sqlite_url: str):
    with life(sqlite_url, OPEN) as living:
        for minute in range(3):
            living.at(OPEN + minute * MINUTE + 30 * SECOND)
            living.clock.move(OPEN + (minute + 1) * MINUTE + 2 * SECOND)
            start = OPEN + minute * MINUTE
            living.trader.feed.heard([bar(start, symbol) for symbol in SYMBOLS], living.clock.now())
            before = living.count.batches
            living.trader.conclude(living.clock.now())
        assert living.count.batches == before + 1
        last = living.told()[-5:]
    assert last == [("BAR", 2), ("BAR", 2), ("BAR", 2), ("TIMER", 3), ("SIGNAL", 2)]


def test_a_stall_leaves_no_minute_out(sqlite_url: str):
    with life(sqlite_url, OPEN) as living:
        living.at(OPEN)
        living.at(OPEN + 4 * MINUTE + 2 * SECOND, bar(OPEN + 3 * MINUTE))
        assert living.told(EventKind.TIMER) == [("TIMER", minute) for minute in (1, 2, 3, 4)]


@pytest.mark.parametrize("every", [True, False])
def test_hours_without_bars_have_timers_only_where_every_minute_counts(sqlite_url: str, every: bool):
    pre = int(MONDAY["pre"])
    with life(sqlite_url, pre, every_minute=every) as living:
        living.at(pre)
        assert living.trader.next_due() == (pre + MINUTE + 2 * SECOND if every else OPEN)
        living.at(pre + MINUTE + 2 * SECOND)
        assert len(living.told(EventKind.TIMER)) == every
        living.at(pre + 2 * MINUTE + 2 * SECOND, bar(pre + MINUTE))
        assert len(living.told(EventKind.TIMER)) == 1 + every, "a minute with a bar has an end in any case"


def test_after_the_last_day_nothing_is_due(sqlite_url: str):
    with life(sqlite_url, int(DAYS[-1]["post"]) + SECOND) as living:
        living.at(int(DAYS[-1]["post"]) + SECOND)
        assert living.trader.next_due() is None


def test_who_starts_again_tells_nothing_twice_and_knows_the_bars_of_before(sqlite_url: str):
    with life(sqlite_url, OPEN) as first:
        for minute in range(4):
            first.at(OPEN + minute * MINUTE + 2 * SECOND, *([bar(OPEN + (minute - 1) * MINUTE)] if minute else []))
        told = first.told(EventKind.SESSION, EventKind.ASSET, EventKind.TIMER)
    with life(sqlite_url, OPEN + 5 * MINUTE + SECOND) as second:
        assert second.told(EventKind.RESTART) == [("RESTART", 5)]
        second.at(OPEN + 5 * MINUTE + SECOND)
        assert second.told(EventKind.SESSION, EventKind.ASSET, EventKind.TIMER) == told
        second.at(OPEN + 6 * MINUTE + 2 * SECOND, bar(OPEN + 5 * MINUTE, close=103))
        seen = second.strategy.seen[-1]
    assert seen.close[:, 0].tolist()[:3] == [100.0] * 3
    assert np.isnan(seen.close[3:5, 0]).all(), "nobody heard the bars of the minutes between"
    assert seen.close[5, 0] == 103.0


def test_a_minute_that_ends_around_a_restart_ends_once(sqlite_url: str):
    with life(sqlite_url, OPEN) as first:
        first.at(OPEN)
        first.at(OPEN + MINUTE + 2 * SECOND, bar(OPEN))
    with life(sqlite_url, OPEN + 2 * MINUTE + SECOND) as second:
        second.at(OPEN + 2 * MINUTE + 2 * SECOND, bar(OPEN + MINUTE))
        assert second.told(EventKind.TIMER) == [("TIMER", 1), ("TIMER", 2)]
    with life(sqlite_url, OPEN + 2 * MINUTE + 2 * SECOND) as third:
        third.at(OPEN + 2 * MINUTE + 3 * SECOND)
        assert third.told(EventKind.TIMER) == [("TIMER", 1), ("TIMER", 2)]


def test_bars_of_before_count_until_one_is_heard(sqlite_url: str):
    def joined(session: np.void) -> Day:
        known = [bar(OPEN + minute * MINUTE, close=90 + minute) for minute in range(5)]
        return replace(brief(session), today=known)

    with life(sqlite_url, OPEN) as first:
        first.at(OPEN + MINUTE + 2 * SECOND, bar(OPEN))
    with life(sqlite_url, OPEN + 4 * MINUTE + SECOND, day=joined) as second:
        second.at(OPEN + 5 * MINUTE + 2 * SECOND, bar(OPEN + 4 * MINUTE, close=104))
        seen = second.strategy.seen[-1]
        assert second.told(EventKind.BAR, EventKind.BAR_REVISION) == [("BAR", 0), ("BAR", 4)]
    assert seen.close[:, 0].tolist() == [100.0, 91.0, 92.0, 93.0, 104.0]


def test_sessions_of_before_come_first_in_the_shares_of_today(sqlite_url: str):
    shape = (3, len(SYMBOLS))
    ones, start = np.ones(shape), int(MONDAY["close"]) - 3 * MINUTE
    time = np.arange(3, dtype=np.int64) * MINUTE + start
    before = Bars(SYMBOLS, time, *[ones * 80] * 4, ones, np.ones(3, bool), np.full(3, MONDAY["date"]), 60)

    def split(session: np.void) -> Day:
        return replace(brief(session), ratios=np.array([2.0, 1.0, 1.0]), before=[before])

    now = int(TUESDAY["open"])
    with life(sqlite_url, now, day=split) as living:
        living.at(now)
        living.at(now + MINUTE + 2 * SECOND, bar(now, close=41))
        seen = living.strategy.seen[-1]
    assert as_date(seen.session[-1]) == date(2026, 3, 3)
    assert seen.close[:, 0].tolist() == [40.0, 40.0, 41.0], "as many rows as it needs, and a half of what they cost"
    assert seen.close[0, 1] == 80.0


def test_who_starts_again_on_another_day_is_told_of_that_day_alone(sqlite_url: str):
    with life(sqlite_url, OPEN) as first:
        first.at(OPEN + MINUTE + 2 * SECOND, bar(OPEN))
    now = int(TUESDAY["open"]) + MINUTE
    with life(sqlite_url, now, sessions=DAYS[1:]) as second:
        second.at(now)
        told = second.told(EventKind.SESSION, EventKind.ASSET)
        day = (int(TUESDAY["open"]) - OPEN) // MINUTE
        assert told[4:] == [("SESSION", day), *[("ASSET", day - 330)] * 3]
        assert second.trader.host.books.run("session") == TUESDAY["date"]
