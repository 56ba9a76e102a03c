"""From a session of data to what the compiled loop reads: integer bars, the minute grid, signals, the calendar.

Everything is made session by session, so memory stays flat however long the run is. A strategy sees a window: its
`warmup` rows of history and then the session. Prices become micros here, by rounding to nearest, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from core.bars import Bars, SessionBlock
from core.kernel.compiled import entry
from core.kernel.kinds import EventKind, HaltKind, Phase, ReconcileStep
from core.kernel.records import EVENT
from core.kernel.state import ALL_FLAGS
from core.kernel.units import MICRO, NANO
from core.settings.venue import Halt
from core.strategies.contract import Signals, Strategy
from core.strategies.loading import run_window
from sim import messages
from sim.records import BAR, MINUTE, SIGNAL, To

NO_QUOTES = np.empty((0, 0))
NOTHING_LATE = np.zeros(0, EVENT)
SIGMA_DAYS = 20
SIGMA_UNKNOWN = 0.02  # daily volatility that is assumed until five sessions have been seen


@dataclass(frozen=True, slots=True)
class Session:
    """One session ready for replay: bars (T, S) BAR, minutes (T,) MINUTE, signals (N,) SIGNAL by minute.

    `feed` is what was received of the bars at the end of each minute, and `late` (EVENT by t_visible) at other times.
    """

    bars: np.ndarray
    minutes: np.ndarray
    signals: np.ndarray
    feed: np.ndarray
    late: np.ndarray

    @classmethod
    def heard_in_full(cls, bars: np.ndarray, minutes: np.ndarray, signals: np.ndarray) -> Session:
        """A session whose feed brought everything in time."""
        return cls(bars, minutes, signals, bars, NOTHING_LATE)


class View(NamedTuple):
    """Bars as they were known from row `first` on; they end where the next view begins."""

    first: int
    bars: Bars


def integer_bars(block: SessionBlock) -> np.ndarray:
    """BAR rows of a session, shape (T, S); a missing bar has volume 0."""
    b = block.bars
    rows = np.zeros(b.close.shape, BAR)
    bid = NO_QUOTES if block.bid is None else block.bid
    ask = NO_QUOTES if block.ask is None else block.ask
    _fill_rows(b.open, b.high, b.low, b.close, b.volume, bid, ask, rows)
    return rows


@entry
def _fill_rows(
    open_: np.ndarray,
    high: np.ndarray,
    low: np.ndarray,
    close: np.ndarray,
    volume: np.ndarray,
    bid: np.ndarray,
    ask: np.ndarray,
    rows: np.ndarray,
) -> None:
    """Dollars to micros, cell by cell."""
    quoted = bid.shape[0] > 0
    for t in range(close.shape[0]):
        for s in range(close.shape[1]):
            r = rows[t, s]
            if volume[t, s] > 0.0:
                r.open = int(np.rint(open_[t, s] * MICRO))
                r.high = int(np.rint(high[t, s] * MICRO))
                r.low = int(np.rint(low[t, s] * MICRO))
                r.close = int(np.rint(close[t, s] * MICRO))
                r.volume = int(volume[t, s]) * MICRO
            if quoted and bid[t, s] > 0.0 and ask[t, s] >= bid[t, s]:
                r.bid = int(np.rint(bid[t, s] * MICRO))
                r.ask = int(np.rint(ask[t, s] * MICRO))


def minute_grid(block: SessionBlock) -> np.ndarray:
    """MINUTE rows of a session: start and phase of every row of the grid."""
    time = block.bars.time
    grid = np.zeros(len(time), MINUTE)
    grid["time"] = time
    phase = np.where(time < block.session["open"], Phase.PRE, Phase.POST)
    grid["phase"] = np.where(block.bars.regular, Phase.REGULAR, phase)
    return grid


class SignalReader:
    """Runs the strategies over window after window and keeps the history that the next window needs."""

    def __init__(self, strategies: Sequence[Strategy], masks: Sequence[np.ndarray]) -> None:
        """`masks[k]` bool (S,): the symbols that strategy k trades."""
        self.strategies = strategies
        self.masks = masks
        self.warmup = max(s.warmup for s in strategies)
        self._history: Bars | None = None

    def restate(self, ratios: np.ndarray) -> None:
        """Before a session with splits: the history in the shares after them; ratios float64 (S,)."""
        if self._history is not None:
            self._history = self._history.restated(ratios)

    def remember(self, bars: Bars) -> Bars:
        """Add a session's bars to the history; returns what was remembered with the session after it."""
        whole = bars if self._history is None else Bars.concat([self._history, bars])
        self._history = whole.window(max(len(whole.time) - self.warmup, 0), len(whole.time))
        return whole

    def read(self, bars: Bars, views: Sequence[View] = ()) -> np.ndarray:
        """SIGNAL rows of a session, by minute, then strategy, then symbol, and add it to the history.

        `views` is the session as the strategies knew it; each view's signals count from its row `first` on. What goes
        into the history is `bars`, which by the next session is on disk.
        """
        past = self._history
        whole = self.remember(bars)
        begin = len(whole.time) - len(bars.time)
        parts = []
        for k, strategy in enumerate(self.strategies):
            known = min(strategy.warmup, begin)
            for view in views or (View(0, bars),):
                first = max(strategy.warmup, known + view.first)
                if first >= known + len(view.bars.time):
                    continue
                window = whole.window(begin - known, len(whole.time)) if view.bars is bars else view.bars
                if past is not None and view.bars is not bars:
                    window = Bars.concat([past.window(begin - known, begin), view.bars])
                signals = run_window(strategy, window)
                parts.append(_extract(signals, k, self.masks[k], known, first, bars.bar_seconds))
        if not parts:
            return np.zeros(0, SIGNAL)
        rows = np.concatenate(parts)
        return rows[np.argsort(rows["minute"], kind="stable")] if len(parts) > 1 else rows


def _extract(signals: Signals, strategy: int, mask: np.ndarray, known: int, first: int, bar_seconds: int) -> np.ndarray:
    """Rows of one strategy from window row `first` on; minutes count from row `known`, the session's first."""
    s = signals
    total = _count(s.probability, s.exit, mask, first)
    rows = np.zeros(total, SIGNAL)
    _collect(
        s.probability,
        s.target,
        s.stop,
        s.side,
        s.horizon,
        s.exit,
        mask,
        first,
        known,
        bar_seconds * NANO,
        rows,
    )
    rows["strategy"] = strategy
    return rows


@entry
def _count(probability: np.ndarray, leave: np.ndarray, mask: np.ndarray, first: int) -> int:
    """How many signals there are."""
    n = 0
    for t in range(first, probability.shape[0]):
        for s in range(probability.shape[1]):
            if mask[s]:
                n += int(leave[t, s]) + int(probability[t, s] >= 0.0)
    return n


@entry
def _collect(
    probability: np.ndarray,
    target: np.ndarray,
    stop: np.ndarray,
    side: np.ndarray,
    horizon: np.ndarray,
    leave: np.ndarray,
    mask: np.ndarray,
    first: int,
    known: int,
    bar_ns: int,
    rows: np.ndarray,
) -> None:
    """Write the signals: exits before openings, probabilities to 1e-6, distances to micros."""
    n = 0
    for t in range(first, probability.shape[0]):
        for s in range(probability.shape[1]):
            if not mask[s]:
                continue
            if leave[t, s]:
                rows[n].minute = t - known
                rows[n].symbol = s
                rows[n].exit = 1
                n += 1
            if probability[t, s] >= 0.0:
                r = rows[n]
                r.minute = t - known
                r.symbol = s
                r.side = side[t, s]
                r.probability = int(np.rint(probability[t, s] * MICRO))
                r.target = int(np.rint(target[t, s] * MICRO))
                r.stop = int(np.rint(stop[t, s] * MICRO))
                if horizon[t, s] >= 1.0:
                    r.horizon = int(horizon[t, s]) * bar_ns
                n += 1


class DailySigma:
    """Daily volatility of each symbol from the closes of the sessions before, for the impact model."""

    def __init__(self, symbols: int) -> None:
        self._closes: list[np.ndarray] = []
        self._symbols = symbols

    def add(self, bars: Bars) -> None:
        """Remember a session's last closes."""
        last = np.full(self._symbols, np.nan)
        open_ = np.arange(self._symbols)
        for closes in bars.close[::-1]:
            last[open_] = closes[open_]
            open_ = open_[np.isnan(last[open_])]
            if not len(open_):
                break
        self._closes = [*self._closes[-SIGMA_DAYS:], last]

    def restate(self, ratios: np.ndarray) -> None:
        """Count the closes so far in the shares after a split; `ratios` float64 (S,), new shares for each old one."""
        self._closes = [closes / ratios for closes in self._closes]

    def nanos(self) -> np.ndarray:
        """int64 (S,): root mean square of the log returns, in nanos."""
        if len(self._closes) < 6:
            return np.full(self._symbols, int(SIGMA_UNKNOWN * NANO), np.int64)
        returns = np.diff(np.log(np.array(self._closes)), axis=0)
        square = np.where(np.isnan(returns), SIGMA_UNKNOWN**2, returns**2)
        return np.rint(np.sqrt(square.mean(axis=0)) * NANO).astype(np.int64)


def calendar_events(block: SessionBlock, halts: Sequence[Halt], first: bool) -> np.ndarray:
    """EVENT rows of what the calendar brings in a session: phases, corporate actions, liquidity, halts."""
    day = block.session
    rows: list[dict[str, int]] = []
    pre = int(day["pre"])
    if first:
        rows.append({"time": pre, "kind": EventKind.STREAM, "code": 1})
        rows.append({"time": pre, "kind": EventKind.RECONCILE, "code": ReconcileStep.FINISHED})
    for phase, begins in (
        (Phase.PRE, "pre"),
        (Phase.REGULAR, "open"),
        (Phase.POST, "close"),
        (Phase.CLOSED, "post"),
    ):
        row = {"time": int(day[begins]), "kind": EventKind.SESSION, "code": phase, "amount": int(day["date"])}
        rows.append(row | {"qty": int(day["close"] - day["open"])})
    rows += _corporate(block, pre)
    for s, volume in enumerate(block.adv):
        known = 0 if np.isnan(volume) else int(volume) * MICRO
        rows.append({"time": pre, "kind": EventKind.ASSET, "symbol": s, "code": ALL_FLAGS, "qty": known})
    rows += _halts(block, halts)
    return event_rows(rows)


def _corporate(block: SessionBlock, time: int) -> list[dict[str, int]]:
    """Splits and dividends of the ex-date, before anything trades; `target` is the pay date's session start."""
    rows = []
    for action in block.actions:
        row = {"time": time, "symbol": block.bars.symbols.index(action.symbol)}
        if action.kind == "split":
            ratio = action.numerator * NANO // action.denominator
            rows.append(row | {"kind": EventKind.SPLIT, "ratio": ratio})
        else:
            wait = (action.pay_date - int(block.session["date"])) * 86_400 * NANO
            rows.append(row | {"kind": EventKind.DIVIDEND, "amount": action.amount, "target": time + max(wait, 0)})
    return rows


def _halts(block: SessionBlock, halts: Sequence[Halt]) -> list[dict[str, int]]:
    """Halts that begin in this session, and their ends; a halt over the night is one of each day."""
    rows = []
    start, end = int(block.session["pre"]), int(block.session["post"])
    for halt in halts:
        begins, ends = max(halt.at, start), min(halt.at + halt.duration, end)
        if begins >= ends:
            continue
        kind = HaltKind.MARKET_WIDE if halt.symbol == "*" else HaltKind[halt.kind.upper()]
        symbols: Iterable[str] = block.bars.symbols if halt.symbol == "*" else (halt.symbol,)
        for symbol in symbols:
            s = block.bars.symbols.index(symbol)
            rows.append({"time": begins, "kind": EventKind.HALT, "symbol": s, "code": kind})
            rows.append({"time": ends, "kind": EventKind.RESUME, "symbol": s, "code": kind})
    return rows


def event_rows(rows: list[dict[str, int]]) -> np.ndarray:
    """EVENT records from rows of field values; `time` is both when it happens and when it is seen."""
    events = np.zeros(len(rows), EVENT)
    events["symbol"] = -1
    for name in {name for row in rows for name in row}:
        places = [i for i, row in enumerate(rows) if name in row]
        values = [rows[i][name] for i in places]
        for field in ("t_market", "t_received", "t_visible") if name == "time" else (name,):
            events[field][places] = values
    return events


@entry
def post_calendar(queues: np.ndarray, events: np.ndarray) -> None:
    """Put a session's calendar events on their way to the venue and the engine."""
    for i in range(len(events)):
        slot = messages.post_event(queues[0], events[i].t_visible, To.MARKET.value)
        queues[0].events[slot] = events[i]
        messages.send(queues[0], slot)
