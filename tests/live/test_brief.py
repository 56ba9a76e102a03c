"""What is known of a session beforehand, when everybody answers and when nobody does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.calendar import MINUTE, day_number, sessions
from core.errors import InputError
from core.kernel.kinds import AssetFlag, EventKind, LaneFailure, RejectReason
from core.kernel.units import MICRO, NANO
from live.alpaca.market_data import Candles, Split
from live.alpaca.messages import Asset
from live.alpaca.outcomes import Accepted, Outcome, Refused, Unsent
from live.alpaca.values import Price
from live.brief import Briefs, Needs, Sources, sessions_before
from live.cache import BarCache
from live.clock import VirtualClock
from live.service import Day
from tests.live.test_cache import candle

SYMBOLS = ("AAA", "BBB")
TABLE = sessions(date(2026, 1, 20), date(2026, 3, 13))
TODAY = TABLE[np.searchsorted(TABLE["date"], day_number(date(2026, 3, 4)))]  # a Wednesday
TOMORROW = TABLE[np.searchsorted(TABLE["date"], day_number(date(2026, 3, 5)))]
GONE = Unsent(LaneFailure.CONNECTION, "nobody there")
ALL = int(AssetFlag.TRADABLE | AssetFlag.SHORTABLE | AssetFlag.FRACTIONABLE)


@dataclass
class Broker:
    """Assets and market data that do as they are told; `asked` counts what was asked for."""

    assets: dict[str, dict[str, Any]] = field(default_factory=dict)
    down: bool = False
    silent: bool = False  # market data only
    known_splits: list[Split] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def asset(self, symbol: str) -> Outcome[Asset]:
        self.asked.append(f"asset {symbol}")
        if self.down:
            return GONE
        terms = {"status": "active", "tradable": True, "shortable": True, "easy_to_borrow": True, "fractionable": True}
        given = self.assets.get(symbol, {})
        if given.get("status") == "none":
            return Refused(RejectReason.NOT_FOUND, 404, 40410000, "asset not found")
        return Accepted(Asset(symbol=symbol, **{**terms, **given}))

    def bars(self, symbols: Sequence[str], start: int, end: int, seconds: int = 60) -> Outcome[Candles]:
        """A bar every half hour of the regular session; its close says which day it is."""
        self.asked.append("bars")
        session = TABLE[np.searchsorted(TABLE["pre"], start, side="right") - 1]
        times = range(int(session["open"]), min(int(session["close"]), end + 1), 30 * MINUTE)
        close = float(session["date"] - day_number(date(2026, 1, 1)))
        found = {symbol: [candle(time, close) for time in times if time >= start] for symbol in symbols}
        return GONE if self.down or self.silent else Accepted(found)

    def daily(self, symbols: Sequence[str], start: int, end: int) -> Outcome[Candles]:
        chosen = [s for s in TABLE if start <= int(s["pre"]) - 240 * MINUTE <= end]
        rows = [candle(int(session["pre"]) - 240 * MINUTE, 10.0, 1_000) for session in chosen]
        return GONE if self.down or self.silent else Accepted(dict.fromkeys(symbols, rows))

    def splits(self, symbols: Sequence[str], first: date, last: date) -> Outcome[Sequence[Split]]:
        found = [split for split in self.known_splits if first <= split.ex_date <= last]
        return GONE if self.down or self.silent else Accepted(found)


def briefs(broker: Broker, folder: Path, now: int = int(TODAY["pre"]), **needs: Any) -> Briefs:
    sources = Sources(broker, broker, BarCache(folder / "bars", SYMBOLS), VirtualClock(now))  # type: ignore[arg-type]
    whole = {"sessions": TABLE, "bar_seconds": 60, "warmup": 400, "since": int(TODAY["date"]) - 1, **needs}
    return Briefs(sources, Needs(**whole))


def flags(day: Day) -> list[tuple[int, int]]:
    """(flags, volume in shares) of each symbol."""
    events = [event for event in day.events if event.kind is EventKind.ASSET]
    return [(event.fields["code"], event.fields["qty"] // MICRO) for event in events]


def split(symbol: str, day: int, new: int, old: int) -> Split:
    rates = {"new_rate": Price(new * MICRO), "old_rate": Price(old * MICRO)}
    return Split(symbol=symbol, ex_date=date(2026, 3, day), **rates)


@pytest.mark.parametrize(("warmup", "days"), [(0, [3]), (390, [3]), (391, [2, 3]), (1_000, [27, 2, 3])])
def test_as_many_sessions_are_looked_back_on_as_the_warm_up_needs(warmup: int, days: list[int]):
    found = sessions_before(TABLE, TODAY, warmup, 60)
    assert [np.datetime64(int(s["date"]), "D").item().day for s in found] == days


def test_the_first_brief_has_everything(tmp_path: Path):
    broker = Broker({"BBB": {"easy_to_borrow": False, "fractionable": False}})
    found = briefs(broker, tmp_path)
    assert found.prepare(TODAY) == []
    day = found(TODAY)
    assert flags(day) == [(ALL, 1_000), (int(AssetFlag.TRADABLE), 1_000)]
    assert [float(np.nanmax(bars.close)) for bars in day.before] == [60.0, 61.0], "Monday and Tuesday"
    assert (day.ratios.tolist(), list(day.today)) == ([1.0, 1.0], [])
    assert broker.asked.count("bars") == 2, "a session each"


def test_who_joins_late_gets_the_bars_so_far(tmp_path: Path):
    now = int(TODAY["open"]) + 61 * MINUTE
    found = briefs(Broker(), tmp_path, now)
    found.prepare(TODAY)
    times = [(bar.symbol, (bar.start - int(TODAY["open"])) // MINUTE) for bar in found(TODAY).today]
    assert times == [(symbol, minute) for symbol in SYMBOLS for minute in (0, 30, 60)]


def test_a_later_brief_is_about_the_day_alone(tmp_path: Path):
    found = briefs(Broker(), tmp_path)
    found.prepare(TODAY)
    found(TODAY)
    found.prepare(TOMORROW)
    day = found(TOMORROW)
    assert flags(day) == [(ALL, 1_000)] * 2
    assert (list(day.before), list(day.today)) == ([], [])
    assert BarCache(tmp_path / "bars", SYMBOLS).lacking([TODAY]) == [], "the day that is over is kept"


def test_a_split_is_told_once_and_what_lies_before_it_is_restated(tmp_path: Path):
    broker = Broker(known_splits=[split("AAA", 3, 2, 1), split("BBB", 4, 1, 4), split("AAA", 6, 5, 1)])
    found = briefs(broker, tmp_path)
    found.prepare(TODAY)
    day = found(TODAY)
    events = [event for event in day.events if event.kind is EventKind.SPLIT]
    told = [(event.fields, event.identity) for event in events]
    assert told == [({"symbol": 1, "ratio": NANO // 4}, f"split:BBB:{TODAY['date']}")]
    assert day.ratios.tolist() == [1.0, 0.25]
    monday, tuesday = (np.nanmax(bars.close, axis=0).tolist() for bars in day.before)
    assert (monday, tuesday) == ([30.0, 60.0], [61.0, 61.0]), "Monday's AAA in the shares of Tuesday"
    assert flags(day)[1] == (ALL, 250), "volumes too"
    found.prepare(TOMORROW)
    assert found(TOMORROW).ratios.tolist() == [1.0, 1.0]


def test_a_run_that_was_away_hears_of_the_splits_that_it_missed(tmp_path: Path):
    broker = Broker(known_splits=[split("AAA", 3, 2, 1)])
    found = briefs(broker, tmp_path, since=day_number(date(2026, 2, 27)))
    found.prepare(TODAY)
    day = found(TODAY)
    assert [event.fields["ratio"] for event in day.events if event.kind is EventKind.SPLIT] == [2 * NANO]
    assert day.ratios.tolist() == [1.0, 1.0], "the bars before it are restated already"


def test_without_market_data_the_cache_is_looked_back_on(tmp_path: Path):
    briefs(Broker(), tmp_path).prepare(TODAY)
    broker = Broker(silent=True)
    again = briefs(broker, tmp_path)
    assert all("nobody there" in problem for problem in again.prepare(TODAY))
    day = again(TODAY)
    assert flags(day) == [(ALL, 1_000)] * 2
    assert len(day.before) == 2
    later = briefs(broker, tmp_path, int(TOMORROW["pre"]))
    problems = later.prepare(TOMORROW)
    assert problems[-1] == "bars end on 2026-03-03"
    assert len(later(TOMORROW).before) == 1


def test_nothing_begins_without_bars_to_look_back_on(tmp_path: Path):
    with pytest.raises(InputError, match="bars of 2026-03-02: the broker cannot be reached"):
        briefs(Broker(silent=True), tmp_path).prepare(TODAY)


def test_nothing_begins_with_a_symbol_that_is_none(tmp_path: Path):
    with pytest.raises(InputError, match="symbol BBB: the broker refuses: asset not found"):
        briefs(Broker({"BBB": {"status": "none"}}), tmp_path).prepare(TODAY)


def test_a_symbol_that_leaves_the_list_later_is_closed_and_no_obstacle(tmp_path: Path):
    broker = Broker()
    found = briefs(broker, tmp_path)
    found.prepare(TODAY)
    found(TODAY)
    broker.assets["BBB"] = {"status": "none"}
    assert found.prepare(TOMORROW) == ["BBB is no asset any more"]
    assert [code for code, _ in flags(found(TOMORROW))] == [ALL, 0]


@pytest.mark.parametrize("terms", [{"tradable": False}, {"status": "inactive"}])
def test_what_is_not_tradable_is_not_shortable_either(terms: dict[str, Any], tmp_path: Path):
    found = briefs(Broker({"AAA": terms}), tmp_path)
    found.prepare(TODAY)
    assert flags(found(TODAY))[0][0] == int(AssetFlag.FRACTIONABLE)


def test_a_session_that_nobody_could_prepare_opens_nothing(tmp_path: Path):
    broker = Broker()
    found = briefs(broker, tmp_path)
    found.prepare(TODAY)
    found(TODAY)
    broker.down = True
    with pytest.raises(InputError, match="symbol AAA: the broker cannot be reached"):
        found.prepare(TOMORROW)
    assert flags(found(TOMORROW)) == [(0, 0)] * 2


def test_what_is_prepared_late_opens_all_but_what_was_split(tmp_path: Path):
    broker = Broker(known_splits=[split("BBB", 5, 2, 1)])
    found = briefs(broker, tmp_path)
    found.prepare(TODAY)
    found(TODAY)
    assert flags(found(TOMORROW)) == [(0, 0)] * 2
    found.prepare(TOMORROW)
    events = found.assets(TOMORROW)
    assert [event.fields["code"] for event in events] == [ALL, 0]
    assert {event.kind for event in events} == {EventKind.ASSET}


def test_a_run_that_is_taken_up_hears_of_the_assets_again(tmp_path: Path):
    broker = Broker({"AAA": {"tradable": False}})
    found = briefs(broker, tmp_path)
    found.prepare(TODAY)
    day = found(TODAY)
    assert [event.fields for event in found.assets(TODAY)] == [event.fields for event in day.events]
