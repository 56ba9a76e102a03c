"""The market data feed: what comes on the data stream, as events of the engine.

    bar               BAR the first time, BAR_REVISION after that; each with its version, as received
    quote             the newest of each symbol, told once a `tick`: market data may be thinned, executions never
    status            HALT and RESUME by the codes of the tape; a market-wide breaker halts every symbol; a code that
                      nobody knows is a halt, because what it says may be one
    price bands       a sign of life
    cannot be read    the data lane has failed once; nothing of it becomes a price

The feed is up when everything asked for is subscribed to, and down when the stream is lost, or says nothing at all for
`silence` of a regular session. While it is down the engine opens nothing, and strategies live on what history.py has
from parquet. Bars from the future, or older than `late`, are none: a mark must not come from a broken clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.kernel.kinds import EventKind, HaltKind, Lane, LaneFailure, Phase
from core.kernel.units import MINUTE, SECOND
from live.alpaca.messages import Update
from live.alpaca.wire import Bar, Datum, Malformed, Quote, RevisedBar, Status
from live.clock import Clock
from live.events import Incoming
from live.history import History

SOURCE = "feed"
_HALTS = frozenset("25HPQ")
_RESUMES = frozenset("3T")
_NEUTRAL = frozenset("6789ACDEF")  # imbalances and indications
_VOLATILITY = frozenset({"M", "LUDP", "LUDS", "T5"})
_MARKET_WIDE = frozenset({"1", "2", "3"})  # of tapes A and B; C and O say MWC


@dataclass(frozen=True, slots=True)
class Bounds:
    """Times in nanoseconds."""

    silence: int = 180 * SECOND
    late: int = 30 * MINUTE
    early: int = 5 * SECOND  # how far the exchange's clock may be ahead of ours


class Feed:
    """The listener of the data stream. `deliver` takes events; `up` is told when the feed comes and goes."""

    def __init__(
        self, history: History, clock: Clock, deliver: Callable[..., None], up: Callable[[bool], None]
    ) -> None:
        self.bounds = Bounds()
        self._history = history
        self._clock = clock
        self._deliver = deliver
        self._up = up
        self._place = {symbol: i for i, symbol in enumerate(history.symbols)}
        self._quotes: dict[int, tuple[Quote, int]] = {}
        self._subscribed = self._told_up = False
        self._last = clock.monotonic()

    def ready(self) -> None:
        """Everything asked for is subscribed to."""
        self._subscribed = True
        self._last = self._clock.monotonic()
        self._deliver(*self._switch(True), self._event(EventKind.LANE_OK, {"code": int(Lane.DATA)}))

    def lost(self, failure: LaneFailure, detail: str) -> None:
        """The data stream is gone."""
        self._subscribed = False
        self._deliver(*self._switch(False), self._failed(failure, detail))

    def unreadable(self, problem: str, received: int) -> None:
        """A frame of the data stream that cannot be read."""
        self._deliver(self._failed(LaneFailure.UNPARSEABLE, problem))

    def heard(self, news: Sequence[Update | Datum], received: int) -> None:
        """Market data, in the order in which it came."""
        self._last = self._clock.monotonic()
        events = self._switch(True) if self._subscribed else []
        for item in news:
            events += self._item(item, received)
        if events:
            self._deliver(*events)

    def tick(self, phase: Phase) -> None:
        """To be called every second or so: quotes, and whether the feed has fallen silent."""
        events = [self._quote(symbol, quote, received) for symbol, (quote, received) in sorted(self._quotes.items())]
        self._quotes.clear()
        silent = self._clock.monotonic() - self._last > self.bounds.silence
        if silent and phase == Phase.REGULAR and self._told_up:
            events += [*self._switch(False), self._failed(LaneFailure.TIMEOUT, "the data stream is silent")]
        if events:
            self._deliver(*events)

    def _item(self, item: Update | Datum, received: int) -> list[Incoming]:
        if isinstance(item, Bar | RevisedBar):
            return self._bar(item, received)
        if isinstance(item, Quote):
            symbol = self._place.get(item.symbol, -1)
            if symbol >= 0:
                self._quotes[symbol] = (item, received)
            return []
        if isinstance(item, Status):
            return self._status(item, received)
        if isinstance(item, Malformed):
            return [self._failed(LaneFailure.UNPARSEABLE, item.problem)]
        return []

    def _bar(self, bar: Bar | RevisedBar, received: int) -> list[Incoming]:
        symbol = self._place.get(bar.symbol, -1)
        if symbol < 0:
            return []
        ends = int(bar.start) + self._history.bar_seconds * SECOND
        if not received - self.bounds.late <= ends <= received + self.bounds.early:
            return [self._failed(LaneFailure.UNPARSEABLE, f"a bar of {bar.symbol} that is not of this time")]
        version = self._history.put(symbol, bar)
        if version == 0:
            return [self._failed(LaneFailure.UNPARSEABLE, f"a bar of {bar.symbol} outside the session")]
        kind = EventKind.BAR if version == 1 else EventKind.BAR_REVISION
        fields = {
            "symbol": symbol,
            "price": int(bar.close),
            "qty": int(bar.volume),
            "amount": int(bar.open),
            "target": int(bar.high),
            "stop": int(bar.low),
        }
        detail = {"version": str(version)} if version > 1 else {}
        return [Incoming(kind, bar.start, received, fields, source=SOURCE, detail=detail)]

    def _quote(self, symbol: int, quote: Quote, received: int) -> Incoming:
        fields = {"symbol": symbol, "price": int(quote.bid), "target": int(quote.ask)}
        return Incoming(EventKind.QUOTE, quote.time, received, fields, source=SOURCE)

    def _status(self, status: Status, received: int) -> list[Incoming]:
        if status.code in _NEUTRAL:
            return []
        wide = status.reason.startswith("MWC") or status.reason in _MARKET_WIDE
        symbols = range(len(self._history.symbols)) if wide else [self._place.get(status.symbol, -1)]
        kind = EventKind.RESUME if status.code in _RESUMES else EventKind.HALT
        cause = HaltKind.LULD if status.reason in _VOLATILITY or status.code == "P" else HaltKind.REGULATORY
        code = HaltKind.MARKET_WIDE if wide else cause
        detail = {"status": status.code, "reason": status.reason}
        if status.code not in _HALTS | _RESUMES:
            detail["problem"] = "unknown code"
        return [
            Incoming(kind, status.time, received, {"symbol": s, "code": int(code)}, source=SOURCE, detail=detail)
            for s in symbols
            if s >= 0
        ]

    def _switch(self, up: bool) -> list[Incoming]:
        """FEED, when it changes."""
        if up == self._told_up:
            return []
        self._told_up = up
        self._up(up)
        return [self._event(EventKind.FEED, {"code": int(up)}, {"as_of": str(self._history.as_of)})]

    def _failed(self, failure: LaneFailure, problem: str) -> Incoming:
        fields = {"code": int(Lane.DATA), "code2": int(failure)}
        return self._event(EventKind.LANE_FAILED, fields, {"problem": problem})

    def _event(self, kind: EventKind, fields: dict[str, int], detail: dict[str, str] | None = None) -> Incoming:
        now = self._clock.now()
        return Incoming(kind, now, now, fields, source=SOURCE, detail=detail or {})
