"""Whether a strategy keeps the contract, found out by running it: what `seatrial check-strategy` does.

Four promises are put to the test, each by a comparison with the signals for all of the bars:

look-ahead    the bars are cut off at many places, and the bars after those places are altered: no signal
              before may change by a single bit. A signal that changes has read the future.
warm-up       windows begin exactly `warmup` rows before a row: its signals and those after it must be as
              with more history. Filters that forget geometrically never forget wholly, so the probability
              may differ by TOLERANCE and the distances by that share of themselves; whether there is a
              signal, on which side, for how long, and the exits may not differ.
contract      probabilities lie in [0, 1], distances are finite and above zero, sides +1 or −1 (run_window).
repeatable    two calls give the same bits, and the bars are left as they were.

Cuts and windows are taken at rows with signals as well as evenly, because a fault that touches signals
shows there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from core.bars import FIELDS, Bars, Bools, Ints
from core.errors import InputError
from core.strategies.contract import Signals, Strategy
from core.strategies.loading import DTYPES, run_window, stamp

TOLERANCE = 1e-4
SPAN = 64  # rows compared after the first row of a window
REMEDIES = {
    "look-ahead": "Use only a bar and those before it, in operations that run from left to right.",
    "warm-up": "Declare a longer warmup or shorten the memory; compare with a margin where values tie.",
    "contract": "Return signals as core.strategies.contract describes them.",
    "repeatable": "Keep no state between calls, draw nothing at random and write to no input array.",
    "silence": "Check on more bars, or with parameters that signal more often: nothing was proved.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise at its earliest place; `promise` is a key of REMEDIES.

    symbol and time (bar start, ns UTC) are None where the finding has no place; `problem` states both
    values.
    """

    promise: str
    problem: str
    symbol: str | None = None
    time: int | None = None

    def __str__(self) -> str:
        where = f"{self.symbol} at {stamp(self.time)}: " if self.time is not None else ""
        return f"{self.promise}: {where}{self.problem}. {REMEDIES[self.promise]}"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was checked and what was found; `passed` when there is no finding."""

    strategy: str
    model_version: str
    warmup: int
    bars: int
    symbols: int
    signals: int
    cuts: int
    windows: int
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether every promise was kept."""
        return not self.findings

    def __str__(self) -> str:
        head = (
            f"{self.strategy} ({self.model_version}): {self.signals} signals on {self.bars} bars of "
            f"{self.symbols} symbols after a warm-up of {self.warmup}"
        )
        if self.passed:
            tested = (
                f"{self.cuts} cuts and as many altered futures changed nothing before them, "
                f"{self.windows} windows of exactly the warm-up gave the same signals, "
                f"and two calls gave the same bits"
            )
            return f"{head}\npassed: {tested}"
        return "\n".join([head, *(f"FAILED {finding}" for finding in self.findings)])


def check(strategy: Strategy, bars: Bars, *, truncations: int = 16) -> CheckReport:
    """Put the strategy to the test on these bars, with up to that many cuts and that many windows.

    Raises InputError when the bars do not reach beyond the warm-up.
    """
    rows, warmup = len(bars.time), strategy.warmup
    if rows < warmup + 2:
        remedy = f"Give at least {warmup + 2}, better a few sessions more"
        raise InputError(f"strategy {strategy.name}", f"{rows} bars do not reach beyond its warm-up", remedy)
    found: list[Finding | None] = []
    signals = cuts = windows = 0
    try:
        given = _copy(bars)
        whole = run_window(strategy, given)
        signals = int(np.isfinite(whole.probability[warmup:]).sum())
        found += _repeatable(strategy, bars, given, whole)
        for cut in _places(whole, warmup, rows - 1, truncations) + 1:
            found += _look_ahead(strategy, bars, whole, int(cut))
            cuts += 1
        for start in _places(whole, min(warmup + 1, rows - 1), rows, truncations):
            found.append(_warm_up(strategy, bars, whole, int(start)))
            windows += 1
    except InputError as error:
        found.append(Finding("contract", f"{error.place}: {error.problem}"))
    if signals == 0:
        found.append(Finding("silence", "there was no signal"))
    return CheckReport(
        strategy=strategy.name,
        model_version=strategy.model_version,
        warmup=warmup,
        bars=rows,
        symbols=len(bars.symbols),
        signals=signals,
        cuts=cuts,
        windows=windows,
        findings=_earliest(found),
    )


def _earliest(found: list[Finding | None]) -> tuple[Finding, ...]:
    """One finding a promise, the earliest in time; later ones mostly repeat it."""
    first: dict[str, Finding] = {}
    for finding in sorted((f for f in found if f is not None), key=lambda f: f.time or 0):
        first.setdefault(finding.promise, finding)
    return tuple(first.values())


def _look_ahead(strategy: Strategy, bars: Bars, whole: Signals, cut: int) -> list[Finding | None]:
    first = strategy.warmup
    truth = _rows(whole, first, cut)
    ended = _rows(run_window(strategy, _copy(bars.window(0, cut))), first, cut)
    altered = _rows(run_window(strategy, _altered(bars, cut)), first, cut)
    return [
        _difference("look-ahead", bars, first, (truth, "with the bars after it"), (ended, "without them"), 0.0),
        _difference("look-ahead", bars, first, (truth, "as it is"), (altered, "with other bars after it"), 0.0),
    ]


def _warm_up(strategy: Strategy, bars: Bars, whole: Signals, start: int) -> Finding | None:
    end = min(start + SPAN, len(bars.time))
    window = run_window(strategy, _copy(bars.window(start - strategy.warmup, end)))
    short = _rows(window, strategy.warmup, strategy.warmup + end - start)
    sources = ("with more history", f"with {strategy.warmup} bars before {stamp(bars.time[start])}")
    return _difference("warm-up", bars, start, (_rows(whole, start, end), sources[0]), (short, sources[1]), TOLERANCE)


def _repeatable(strategy: Strategy, bars: Bars, given: Bars, whole: Signals) -> list[Finding | None]:
    first, last = strategy.warmup, len(bars.time)
    again = _rows(run_window(strategy, _copy(bars)), first, last)
    truth = (_rows(whole, first, last), "on the first call")
    found = [_difference("repeatable", bars, first, truth, (again, "on the second"), 0.0)]
    written = [
        name
        for name in (*FIELDS, "time", "regular", "session")
        if not np.array_equal(getattr(bars, name), getattr(given, name), equal_nan=name in FIELDS)
    ]
    if written:
        found.append(Finding("repeatable", f"it wrote to the input: {', '.join(written)}"))
    return found


def _difference(
    promise: str,
    bars: Bars,
    first: int,
    expected: tuple[Signals, str],
    got: tuple[Signals, str],
    tolerance: float,
) -> Finding | None:
    """The earliest difference between two stretches of signals that both begin at row `first` of the bars."""
    (a, a_source), (b, b_source) = expected, got
    unequal = {name: _unequal(a, b, name, tolerance) for name in DTYPES}
    anywhere = np.logical_or.reduce(list(unequal.values()))
    if not anywhere.any():
        return None
    row, column = np.argwhere(anywhere)[0]
    name = next(key for key, mask in unequal.items() if mask[row, column])
    values = [getattr(signals, name)[row, column] for signals in (a, b)]
    problem = f"{name} is {values[0]} {a_source} but {values[1]} {b_source}"
    return Finding(promise, problem, bars.symbols[column], int(bars.time[first + row]))


def _unequal(a: Signals, b: Signals, name: str, tolerance: float) -> Bools:
    x, y = getattr(a, name), getattr(b, name)
    there, also = np.isfinite(a.probability), np.isfinite(b.probability)
    unequal: Bools = x != y
    if name == "exit":
        return unequal
    if name == "probability":
        unequal = (there != also) | (np.abs(x - y) > tolerance)
    elif name in ("target", "stop"):
        unequal = there & also & (np.abs(x - y) > tolerance * np.abs(x))
    else:
        unequal = there & also & unequal & ~(np.isnan(x) & np.isnan(y))
    return unequal


def _places(whole: Signals, first: int, last: int, count: int) -> Ints:
    """Up to `count` rows from `first` to before `last`: half evenly, half where something is signalled."""
    active = np.flatnonzero((np.isfinite(whole.probability) | whole.exit)[first:last].any(axis=1)) + first
    even = np.linspace(first, last - 1, max(count // 2, 1)).astype(np.int64)
    if len(active) == 0:
        return np.unique(even)
    chosen = active[np.linspace(0, len(active) - 1, max(count - len(even), 1)).astype(np.int64)]
    return np.unique(np.concatenate([even, chosen]))


def _rows(signals: Signals, first: int, last: int) -> Signals:
    return Signals(**{name: getattr(signals, name)[first:last] for name in DTYPES})


def _copy(bars: Bars) -> Bars:
    """The same bars in memory of their own, so that a strategy that writes to them spoils only its own."""
    arrays = {name: getattr(bars, name).copy() for name in (*FIELDS, "time", "regular", "session")}
    return replace(bars, **arrays)


def _altered(bars: Bars, cut: int) -> Bars:
    """The same bars up to `cut`, then others: prices a tenth up and down by turns, volumes tripled."""
    other = _copy(bars)
    factor = np.where(np.arange(len(bars.time) - cut) % 2 == 0, 1.1, 0.9)[:, None]
    for name in FIELDS:
        getattr(other, name)[cut:] *= 3.0 if name == "volume" else factor
    return other
