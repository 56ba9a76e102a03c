"""What the built-in strategies share: from a signed measure to calibrated signals within one trading day.

A strategy of this family reduces its features to one number a bar, the *measure*: how far the market has
gone in one direction, positive up, negative down. An *event* is the bar on which the measure passes beyond
plus or minus `threshold`; the bars on which it stays there are none, so a strategy that is right once is
not counted twenty times. The strategy follows the direction of the event or fades it. The exit flag is set
when the measure changes its sign, because then whatever an open position was based on, long or short, is
over; and near the close.

The probability of reaching the target before the stop, and within the horizon, is logistic in three terms:

    log(p / (1 − p)) = c₀ + c₁ strength + c₂ trend + c₃ haste

    strength  |measure| − threshold, at most STRENGTH_CAP: beyond it the fit has seen too little
    trend     core.features.trend_confidence of the last `regime_bars` changes, 0 = range to 1 = trend
    haste     target · stop / horizon, distances in average true ranges: the time that a random walk takes to
              reach one of them grows with their product, so this says how much of the horizon that is

Break-even is stop / (stop + target) before costs. The fit and its data are described in
core.strategies.calibration.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import Field, dataclass, field, fields, replace
from hashlib import sha256
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from core import features
from core.bars import FIELDS, Bars, Bools, Floats, Ints
from core.calendar import sessions_at
from core.errors import InputError
from core.kernel.compiled import entry
from core.strategies.contract import Signals

TERMS = ("constant", "strength", "trend", "haste")
STRENGTH_CAP = 2.0
MINUTE = 60
REGULAR_ROWS = 390  # minutes in regular hours of a full session
EXTENDED_ROWS = 570  # minutes from 16:00 to 20:00 and from 04:00 to 09:30, between two of them


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What a strategy saw in a window of T bars and S symbols: n events in order of time, and the exits.

    row, column  int64 (n,), the place of the event in the window
    side         int8 (n,), +1 long, −1 short
    terms        float64 (n, 4), what the coefficients multiply, in the order of TERMS
    reach        float64 (n,), average true range, dollars
    horizon      float64 (n,), bars until the position is closed at the market
    exit         bool (T, S)
    """

    row: Ints
    column: Ints
    side: npt.NDArray[np.int8]
    terms: Floats
    reach: Floats
    horizon: Floats
    exit: Bools


class Rule(NamedTuple):
    """When measures count: the size of an event, the rows to look back on, and seconds before the close."""

    limit: float
    warmup: int
    history: int
    needed: int
    quiet: int
    flat: int


def number(default: float, least: float, most: float) -> Any:
    """A dataclass field that holds an int or float, as its default is, from `least` to `most`."""
    return field(default=default, metadata={"least": least, "most": most})


@dataclass(frozen=True, kw_only=True)
class Intraday(ABC):
    """Parameters of every built-in strategy, given by keyword; a value out of range raises InputError.

    target, stop  distances from the close in average true ranges
    horizon       bars until the position is closed at the market; less when the session ends sooner
    range_bars    length of the average true range
    regime_bars   changes of price by which trend and range are told apart
    least_trend   no signal when the trend term is below …
    most_trend    … or above
    short         signal short sales too
    quiet_close   minutes before the close of the session without new signals
    flat_close    minutes before the close from which everything is closed; 0 = positions may stay overnight
    density       share of minutes in regular hours with a bar of the symbol, below which it is left alone
    coefficients  of the logistic map, in the order of TERMS
    """

    name: str
    target: float = number(4.0, 0.01, 1000.0)
    stop: float = number(4.0, 0.01, 1000.0)
    horizon: int = number(180, 1, 100_000)
    range_bars: int = number(30, 1, 10_000)
    regime_bars: int = number(60, 2, 10_000)
    least_trend: float = number(0.0, 0.0, 1.0)
    most_trend: float = number(1.0, 0.0, 1.0)
    short: bool = False
    quiet_close: int = number(60, 0, 390)
    flat_close: int = number(5, 0, 390)
    density: float = number(0.8, 0.05, 1.0)
    coefficients: tuple[float, ...]

    DIRECTION: ClassVar[int] = 1
    """+1 follows the measure, −1 fades it."""

    @property
    @abstractmethod
    def limit(self) -> float:
        """The size of the measure that makes an event."""

    @property
    @abstractmethod
    def bars_needed(self) -> int:
        """The symbol's own bars after which no earlier bar matters."""

    @abstractmethod
    def measure(self, bars: Bars) -> Floats:
        """The signed measure, float64 (T, S), NaN = unknown, of bars in regular hours only."""

    def __post_init__(self) -> None:
        for item in fields(self):
            if item.metadata:
                object.__setattr__(self, item.name, self._checked(item))
        if not isinstance(self.short, bool):
            raise self._error("short", f"{self.short!r} is not allowed", "Use true or false")
        given = tuple(self.coefficients)
        if len(given) != len(TERMS) or not np.isfinite(given).all():
            remedy = f"Give {len(TERMS)} finite numbers: {', '.join(TERMS)}"
            raise self._error("coefficients", f"{given!r} is not allowed", remedy)
        object.__setattr__(self, "coefficients", tuple(float(c) for c in given))
        if self.quiet_close < self.flat_close:
            remedy = "Raise it: a position would be closed as soon as it is opened"
            raise self._error("quiet_close", "it is shorter than flat_close", remedy)

    def _checked(self, item: Field[Any]) -> float:
        value, least, most = getattr(self, item.name), item.metadata["least"], item.metadata["most"]
        whole = isinstance(item.default, int)
        kinds = (int,) if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
            kind = "an integer" if whole else "a number"
            remedy = f"Use {kind} from {least:g} to {most:g}"
            raise self._error(item.name, f"{value!r} is not allowed", remedy)
        return int(value) if whole else float(value)

    def _error(self, key: str, problem: str, remedy: str) -> InputError:
        return InputError(f"{self.name}.{key}", problem, remedy)

    @property
    def history(self) -> int:
        """Rows in regular hours among which the needed pairs of bars must be found; nights part pairs."""
        nights = math.ceil(self.bars_needed / REGULAR_ROWS)
        return math.ceil(self.bars_needed / self.density) + 1 + nights

    @property
    def warmup(self) -> int:
        """Rows needed before the first row that may signal."""
        return warmup_rows(self.history)

    @property
    def model_version(self) -> str:
        """Class and a hash of every parameter and coefficient."""
        given = repr([(item.name, getattr(self, item.name)) for item in fields(self) if item.name != "name"])
        return f"{type(self).__name__.lower()}-{sha256(given.encode()).hexdigest()[:8]}"

    def signals(self, bars: Bars) -> Signals:
        """The contract: signals for every row of `bars`."""
        evidence = self.evidence(bars)
        probability, target, stop, horizon = (np.full(bars.close.shape, np.nan) for _ in range(4))
        side = np.zeros(bars.close.shape, np.int8)
        place = (evidence.row, evidence.column)
        probability[place] = logistic(evidence.terms, np.array(self.coefficients))
        target[place] = self.target * evidence.reach
        stop[place] = self.stop * evidence.reach
        horizon[place] = evidence.horizon
        side[place] = evidence.side
        return Signals(probability, target, stop, side, horizon, evidence.exit)

    def evidence(self, bars: Bars) -> Evidence:
        """The events and exits of a window, before any probability; features see regular hours only."""
        rows = np.flatnonzero(bars.regular)
        if len(bars.time) > self.warmup:  # no row that may signal needs more than the history
            rows = rows[max(0, int(np.searchsorted(rows, self.warmup)) - self.history) :]
        inside = _take(bars, rows)
        measure = self.measure(inside)
        left = _seconds_to_close(inside)
        rule = Rule(
            self.limit,
            self.warmup,
            self.history,
            self.bars_needed,
            self.quiet_close * MINUTE,
            self.flat_close * MINUTE,
        )
        beyond, leave = _decide(inside.close, inside.session, rows, measure, left, rule)
        place: tuple[Ints, ...] = beyond.nonzero()
        side = beyond[place] * np.int8(self.DIRECTION)
        terms, reach, horizon = self._judged(inside, measure, left, place)
        kept = (horizon >= 1.0) & (reach > 0.0) & (self.short | (side > 0))
        kept &= (self.least_trend <= terms[:, 2]) & (terms[:, 2] <= self.most_trend)
        row, column = rows[place[0]][kept], place[1][kept]
        exits = np.zeros(bars.close.shape, np.bool_)
        exits[rows] = leave
        return Evidence(row, column, side[kept], terms[kept], reach[kept], horizon[kept], exits)

    def _judged(
        self, inside: Bars, measure: Floats, left: Floats, place: tuple[Ints, ...]
    ) -> tuple[Floats, Floats, Floats]:
        """The logistic terms (n, 4), the average true range and the horizon at n places (rows, columns)."""
        ranges = features.average_true_range(inside.high, inside.low, inside.close, inside.session, self.range_bars)
        straight = features.efficiency_ratio(inside.close, inside.session, self.regime_bars)[place]
        horizon = np.full(len(straight), float(self.horizon))
        if self.flat_close > 0:
            until_flat = (left[place[0]] - self.flat_close * MINUTE) // inside.bar_seconds
            horizon = np.minimum(horizon, until_flat)
        terms = np.ones((len(straight), len(TERMS)))
        terms[:, 1] = np.minimum(np.abs(measure[place]) - self.limit, STRENGTH_CAP)
        terms[:, 2] = features.trend_confidence(straight, self.regime_bars)
        terms[:, 3] = self.target * self.stop / np.maximum(horizon, 1.0)
        return terms, ranges[place], horizon


def warmup_rows(regular_rows: int) -> int:
    """Rows of a window that hold so many rows in regular hours wherever it ends, extended hours included.

    After a day that closes early they may hold fewer.
    """
    return regular_rows + EXTENDED_ROWS * math.ceil(regular_rows / REGULAR_ROWS)


def trend_bars(memory: float) -> int:
    """Bars after which the trend filter has forgotten how it began to within a millionth."""
    return math.ceil(14.0 * math.sqrt(2.0) * memory)


def _take(bars: Bars, rows: Ints) -> Bars:
    """Some rows of the bars, as views where they are neighbours."""
    if len(rows) == 0 or rows[-1] - rows[0] + 1 == len(rows):
        first = int(rows[0]) if len(rows) else 0
        return bars.window(first, first + len(rows))
    taken = {name: getattr(bars, name)[rows] for name in (*FIELDS, "time", "regular", "session")}
    return replace(bars, **taken)


def _seconds_to_close(bars: Bars) -> Floats:
    """Seconds from the end of each bar to the close of its session, float64 (T,), by the calendar."""
    if len(bars.time) == 0:
        return np.zeros(0)
    first = np.append(0, np.flatnonzero(bars.session[1:] != bars.session[:-1]) + 1)
    table, place = sessions_at(bars.time[first])
    close = np.where(place >= 0, table["close"][place], bars.time[first])
    lengths = np.append(first[1:], len(bars.time)) - first
    return (np.repeat(close, lengths) - bars.time) / 1e9 - bars.bar_seconds


@entry
def logistic(terms: Floats, coefficients: Floats) -> Floats:
    """1 / (1 + exp(−terms · coefficients)), float64 (n,), summed from left to right."""
    out = np.empty(terms.shape[0])
    for i in range(terms.shape[0]):
        z = 0.0
        for j in range(terms.shape[1]):
            z += terms[i, j] * coefficients[j]
        out[i] = 1.0 / (1.0 + math.exp(-min(max(z, -30.0), 30.0)))
    return out


@entry
def _decide(
    close: Floats, session: Ints, rows: Ints, measure: Floats, left: Floats, rule: Rule
) -> tuple[npt.NDArray[np.int8], Bools]:
    """Where events are, +1 or −1, and where positions are to be closed; int8 and bool (T, S).

    The arrays hold regular hours only; `rows` are their places in the window. A symbol takes part while the
    last `history` of them, none older than the warm-up, hold `needed` pairs of neighbouring bars of one
    session: counting no older rows makes the answer independent of how much more the window holds.
    """
    symbols = close.shape[1]
    beyond, leave = np.zeros(close.shape, np.int8), np.zeros(close.shape, np.bool_)
    linked = np.zeros(close.shape, np.bool_)  # the bar has a next one in its session
    last, pairs = np.full(symbols, -1, np.int64), np.zeros(symbols, np.int64)
    before = np.full(symbols, np.nan)
    oldest = 0
    for t in range(len(rows)):
        while oldest <= t - rule.history or rows[oldest] <= rows[t] - rule.warmup:
            for s in range(symbols):
                pairs[s] -= linked[oldest, s]
            oldest += 1
        flat = rule.flat > 0 and left[t] <= rule.flat
        quiet = left[t] < rule.quiet
        for s in range(symbols):
            leave[t, s] = flat
            now = measure[t, s]
            if math.isnan(close[t, s]):
                continue
            if last[s] >= oldest and session[last[s]] == session[t]:
                linked[last[s], s] = True
                pairs[s] += 1
            last[s] = t
            if pairs[s] >= rule.needed:
                leave[t, s] = flat or (now <= 0.0 < before[s]) or (before[s] < 0.0 <= now)
                above = now > rule.limit and before[s] <= rule.limit
                below = now < -rule.limit and before[s] >= -rule.limit
                beyond[t, s] = 0 if quiet else np.int8(above) - np.int8(below)
            if not math.isnan(now):
                before[s] = now
    return beyond, leave
