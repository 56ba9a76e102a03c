"""What is known of a session before it begins, from the broker: assets, splits, volumes, and the bars of the past.

    assets       what the broker lets us do with each symbol; mean volume of the last twenty sessions
    splits       as events for positions, as ratios for what strategies look back on
    before       as many sessions as the strategies' warm-up needs, through the cache: what it lacks is asked for, and
                 where nobody answers, it counts as it is
    today        the bars that this session has had so far, when it is joined late

Requests block, so a session is prepared in a thread and ahead of its time; asking for its brief costs nothing then. A
session that nobody could prepare opens nothing: its symbols are told as not tradable. Only the first one of a process
must succeed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from core.bars import Bars, CorporateAction
from core.calendar import as_date
from core.datasets.reference import ADV_SESSIONS, Reference, VolumeAverage
from core.errors import InputError
from core.kernel.kinds import AssetFlag, EventKind, RejectReason
from core.kernel.units import MICRO, MINUTE, NANO, SECOND
from live.alpaca.market_data import Candles, MarketData
from live.alpaca.messages import Asset
from live.alpaca.outcomes import Accepted, Outcome, Refused, demanded, explained
from live.alpaca.rest import Rest
from live.alpaca.wire import Bar
from live.cache import BarCache
from live.clock import Clock
from live.events import Incoming
from live.service import Day

SOURCE = "brief"
MIDNIGHT = 300 * MINUTE  # before the pre-market: daily bars are named by midnight in New York


@dataclass(frozen=True, slots=True)
class Sources:
    """Who is asked."""

    rest: Rest
    data: MarketData
    cache: BarCache
    clock: Clock


@dataclass(frozen=True, slots=True)
class Needs:
    """What for: SESSION rows from before the first session on, the bars' length, and the rows that warm strategies up.

    `since` is the day (since 1970-01-01) after which the run has not lived yet: splits from then on are told to it.
    """

    sessions: npt.NDArray[np.void]
    bar_seconds: int
    warmup: int
    since: int


@dataclass(slots=True)
class _Prepared:
    assets: list[Asset | None]
    volume: npt.NDArray[np.float64]
    splits: list[CorporateAction]
    before: list[Bars] = field(default_factory=list)
    today: list[Bar] = field(default_factory=list)


class Briefs:
    """The briefs of a process, session by session. `prepare` is called by one thread at a time."""

    def __init__(self, sources: Sources, needs: Needs) -> None:
        self._sources = sources
        self._needs = needs
        self._symbols = sources.cache.symbols
        self._ready: dict[int, _Prepared] = {}
        self._since = needs.since
        self._begun = False
        self._blind = 0  # the day of a session that began unprepared

    def prepare(self, session: np.void) -> list[str]:
        """Ask for all that a session's brief needs; returns what could not be had, as sentences.

        Raises InputError when a symbol cannot be asked about or is none, and when there are no bars to look back on.
        """
        problems: list[str] = []
        assets = [self._asset(symbol, problems) for symbol in self._symbols]
        wanted = sessions_before(self._needs.sessions, session, self._needs.warmup, self._needs.bar_seconds)
        problems += [*self._refresh(wanted), *self._reference(session, wanted)]
        splits, cache = self._splits(session), self._sources.cache
        prepared = _Prepared(assets, _volume(cache, session), splits)
        if not self._begun:
            prepared.before = self._before(wanted, problems)
            prepared.today = self._today(session, problems)
        self._ready = {int(session["date"]): prepared}
        return problems

    def __call__(self, session: np.void) -> Day:
        """The brief of a session: as prepared, or one that opens nothing."""
        day = int(session["date"])
        first, self._begun = not self._begun, True
        prepared = self._ready.get(day)
        ratios = np.ones(len(self._symbols))
        if prepared is None:
            self._blind = day
            return Day([_asset_event(place, session, 0, 0) for place in range(len(self._symbols))], ratios)
        since, self._since = self._since, day
        base = int(prepared.before[-1].session[-1]) if prepared.before else since
        events = []
        for split in prepared.splits:
            place = self._symbols.index(split.symbol)
            if split.ex_date > base:
                ratios[place] *= split.numerator / split.denominator
            if split.ex_date > since:
                events.append(_split_event(place, session, split))
        events += self.assets(session)
        return Day(events, ratios, prepared.before if first else (), prepared.today if first else ())

    def assets(self, session: np.void) -> list[Incoming]:
        """What may be done in a session that is prepared by now: for a run taken up within it, or when its preparation
        came late. A symbol that was split meanwhile stays shut: nobody has told its positions."""
        day = int(session["date"])
        prepared = self._ready[day]
        shut = (
            {split.symbol for split in prepared.splits if split.ex_date > self._since} if day == self._blind else set()
        )
        events = []
        for place, (asset, volume) in enumerate(zip(prepared.assets, prepared.volume, strict=True)):
            flags = 0 if self._symbols[place] in shut else _flags(asset)
            shares = 0 if np.isnan(volume) else int(volume)
            events.append(_asset_event(place, session, flags, shares * MICRO))
        return events

    def _asset(self, symbol: str, problems: list[str]) -> Asset | None:
        """What may be done with a symbol; None for one that has left the broker's list since the process began."""
        found = self._sources.rest.asset(symbol)
        if self._begun and isinstance(found, Refused) and found.reason == RejectReason.NOT_FOUND:
            problems.append(f"{symbol} is no asset any more")
            return None
        return demanded(found, f"symbol {symbol}")

    def _refresh(self, wanted: Sequence[np.void]) -> list[str]:
        """Bring the cache's bars up to date."""
        cache, data = self._sources.cache, self._sources.data
        for earlier in cache.lacking(wanted):
            times = int(earlier["pre"]), int(earlier["post"]) - 1
            found = data.bars(self._symbols, *times, self._needs.bar_seconds)
            if not isinstance(found, Accepted):
                return [f"bars of {as_date(earlier['date'])}: {explained(found)}"]
            cache.keep(earlier, found.value)
        return []

    def _reference(self, session: np.void, wanted: Sequence[np.void]) -> list[str]:
        """Bring daily volumes and splits up to date."""
        cache, data, problems = self._sources.cache, self._sources.data, []
        past = self._needs.sessions[self._needs.sessions["date"] < session["date"]][-ADV_SESSIONS:]
        daily = data.daily(self._symbols, int(past["pre"][0]) - MIDNIGHT, int(session["pre"]) - MIDNIGHT)
        if isinstance(daily, Accepted):
            cache.keep_daily(daily.value)
        else:
            problems.append(f"daily volumes: {explained(daily)}")
        first = min(self._since + 1, int(wanted[0]["date"]), int(past["date"][0]))
        splits = data.splits(self._symbols, as_date(first), as_date(session["date"]))
        if isinstance(splits, Accepted):
            cache.keep_splits(splits.value)
        else:
            problems.append(f"splits: {explained(splits)}")
        return problems

    def _splits(self, session: np.void) -> list[CorporateAction]:
        """All splits that are known up to a session."""
        last = int(session["date"])
        actions = self._sources.cache.actions()
        found = [a for day in sorted(actions) if day <= last for a in actions[day] if a.kind == "split"]
        return [split for split in found if split.symbol in self._symbols]

    def _before(self, wanted: Sequence[np.void], problems: list[str]) -> list[Bars]:
        """The cache's bars of the sessions wanted, in the shares of the last of them."""
        cache = self._sources.cache
        try:
            dataset = cache.open(as_date(wanted[0]["date"]), as_date(wanted[-1]["date"]))
        except InputError as error:
            reason = problems[0] if problems else f"{error.place}: {error.problem}"
            remedy = "Strategies need bars to look back on: try again, or name a folder that has them with --bars."
            raise InputError(f"bars in {cache.folder}", reason, remedy) from None
        before: list[Bars] = []
        for block in dataset.blocks():
            before = [*(bars.restated(block.split_ratios) for bars in before), block.bars]
        if int(dataset.sessions["date"][-1]) != int(wanted[-1]["date"]):
            problems.append(f"bars end on {as_date(dataset.sessions['date'][-1])}")
        return before

    def so_far(self, session: np.void) -> Outcome[Candles]:
        """The bars of a session until now; blocks."""
        length = self._needs.bar_seconds * SECOND
        start, last = int(session["pre"]), min(self._sources.clock.now(), int(session["post"])) - length
        if last < start:
            return Accepted({})
        return self._sources.data.bars(self._symbols, start, last, self._needs.bar_seconds)

    def _today(self, session: np.void, problems: list[str]) -> list[Bar]:
        """The same for strategies that join late."""
        found = self.so_far(session)
        if isinstance(found, Accepted):
            return bars_of(found.value)
        problems.append(f"bars of today: {explained(found)}")
        return []


def bars_of(candles: Candles) -> list[Bar]:
    """Candles by symbol as bars that say whose they are."""
    fields = ("start", "open", "high", "low", "close", "volume")
    return [
        Bar(symbol=symbol, **{name: getattr(candle, name) for name in fields})
        for symbol, found in candles.items()
        for candle in found
    ]


def sessions_before(sessions: npt.NDArray[np.void], session: np.void, warmup: int, bar_seconds: int) -> list[np.void]:
    """The sessions before one that hold `warmup` bars, in order; the last one in any case."""
    rows = 0
    found: list[np.void] = []
    for earlier in sessions[sessions["date"] < session["date"]][::-1]:
        if found and rows >= warmup:
            break
        found.append(earlier)
        rows += int(earlier["close"] - earlier["open"]) // (bar_seconds * SECOND)
    return found[::-1]


def _volume(cache: BarCache, session: np.void) -> npt.NDArray[np.float64]:
    """Mean daily volume before a session, float64 (S,) shares; NaN where none is known."""
    daily, reference = cache.daily(), Reference(actions=cache.actions())
    average, before = VolumeAverage(Reference(), cache.symbols, 0), 0
    for day in sorted(day for day in daily if day < int(session["date"]))[-ADV_SESSIONS:]:
        average.restate(reference.actions_of(range(before + 1, day + 1), cache.symbols) if before else ())
        average.add(np.array([daily[day].get(symbol, np.nan) for symbol in cache.symbols]))
        before = day
    if before:
        average.restate(reference.actions_of(range(before + 1, int(session["date"]) + 1), cache.symbols))
    return average.mean()


def _flags(asset: Asset | None) -> int:
    """AssetFlag bits: what is not easy to borrow is not sold short."""
    if asset is None:
        return 0
    tradable = asset.tradable and asset.status == "active"
    flags = AssetFlag.TRADABLE if tradable else 0
    flags |= AssetFlag.SHORTABLE if tradable and asset.shortable and asset.easy_to_borrow else 0
    return int(flags | (AssetFlag.FRACTIONABLE if asset.fractionable else 0))


def _asset_event(place: int, session: np.void, flags: int, volume: int) -> Incoming:
    at = int(session["pre"])
    return Incoming(EventKind.ASSET, at, at, {"symbol": place, "code": flags, "qty": volume}, source=SOURCE)


def _split_event(place: int, session: np.void, split: CorporateAction) -> Incoming:
    at, ratio = int(session["pre"]), split.numerator * NANO // split.denominator
    identity = f"split:{split.symbol}:{split.ex_date}"
    return Incoming(EventKind.SPLIT, at, at, {"symbol": place, "ratio": ratio}, identity, source=SOURCE)
