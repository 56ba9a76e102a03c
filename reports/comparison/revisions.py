"""Bars that were not the same when they came and in the end: how far apart, and what was decided on them.

Two versions of a bar come from the data of two runs, or from one run's journal, which holds a bar as it first came and
its corrections. The figure sets the two moves from the close before against each other, so that a correction of a cent
looks as small as it is and one that turns a rise into a fall is seen to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports import formats
from reports.charts import Canvas, Point, draw_scatter
from reports.columns import Bools, Floats, Times
from reports.comparison.matching import Intent
from reports.comparison.prices import Prices
from reports.page import HALF, Figure, Table, columns, figure

MOST_POINTS = 600


@dataclass(frozen=True, slots=True)
class RevisedBars:
    """Bars with two closes, in the order of time: symbol, start in ns UTC, closes in dollars, float64 (n,) each.

    `before` is the final close of the bar before, NaN where there is none; `decided` says whether a trade was decided
    on the bar as it was received.
    """

    symbol: list[str]
    time: Times
    received: Floats
    final: Floats
    before: Floats
    decided: Bools

    def __len__(self) -> int:
        return len(self.time)

    @property
    def apart_bp(self) -> Floats:
        """By how much the final close differs from the received one, basis points of the received one."""
        return (self.final / self.received - 1) * 1e4

    @property
    def median_bp(self) -> float:
        """Median size of a revision; NaN for none."""
        return float(np.median(np.abs(self.apart_bp))) if len(self) else np.nan

    @property
    def largest_bp(self) -> float:
        """Size of the largest revision; NaN for none."""
        return float(np.abs(self.apart_bp).max()) if len(self) else np.nan

    @property
    def turned(self) -> Bools:
        """Whether the correction turned a rise into a fall, or the other way round."""
        return (self.received - self.before) * (self.final - self.before) < 0


@dataclass(frozen=True, slots=True)
class Revisions:
    """Bars that both versions have, how many only one has, those whose closes differ, and decisions on such a bar.

    `decisions` holds the intent with the close that the run saw and the one that the simulation saw.
    """

    bars: int
    only_run: int
    only_simulation: int
    changed: RevisedBars
    decisions: list[tuple[Intent, float, float]]


def revisions_of(run: Prices, simulation: Prices, intents: Sequence[Intent]) -> Revisions:
    """Compare two versions of the bars of the symbols and times that both have; the simulation's are the final ones."""
    symbols, times = run.common_with(simulation)
    a, b = run.closes(symbols, times), simulation.closes(symbols, times)
    known = np.isfinite(a), np.isfinite(b)
    both = known[0] & known[1]
    seen = []
    for intent in intents:
        ours, theirs = (side.close_of_bar(intent.place.symbol, intent.place.bar_time) for side in (run, simulation))
        if ours != theirs and not (np.isnan(ours) and np.isnan(theirs)):
            seen.append((intent, ours, theirs))
    row, column = np.nonzero(both & (a != b))
    before = np.full_like(b, np.nan)
    before[1:] = np.where((np.diff(times) == run.bar_ns)[:, None], b[:-1], np.nan)
    upon = {(intent.place.symbol, intent.place.bar_time) for intent, _, _ in seen}
    names = [symbols[k] for k in column.tolist()]
    decided = np.array([place in upon for place in zip(names, times[row].tolist(), strict=True)], np.bool_)
    changed = RevisedBars(names, times[row], a[row, column], b[row, column], before[row, column], decided)
    only_run, only_simulation = (int((mine & ~other).sum()) for mine, other in (known, known[::-1]))
    return Revisions(int(both.sum()), only_run, only_simulation, changed, seen)


def revision_figure(bars: RevisedBars, name: str, axes: tuple[str, str]) -> Figure | None:
    """Move from the close before, final against received; None where no revised bar has one before it."""
    rows = np.flatnonzero(np.isfinite(bars.before))
    if not len(rows):
        return None
    evenly = np.linspace(0, len(rows) - 1, min(len(rows), MOST_POINTS)).round().astype(np.int64)
    shown = np.union1d(rows[evenly], rows[bars.decided[rows]])
    moves = [(values[shown] / bars.before[shown] - 1) * 1e4 for values in (bars.final, bars.received)]
    points, listed = [], []
    for k, x, y in zip(shown.tolist(), *(move.tolist() for move in moves), strict=True):
        who, when, upon = bars.symbol[k], int(bars.time[k]), bool(bars.decided[k])
        points.append(Point(x, y, "bad" if upon else "s1 fine", f"{who}, {formats.second(when)}: {formats.bp(y - x)}"))
        listed.append((when, who, float(bars.received[k]), float(bars.final[k]), y, x, "yes" if upon else ""))
    titles = columns(
        "Bar|time", "Symbol", "Received|money", "Final|money", "Move received|bp", "Move final|bp", "Decided on"
    )
    told = f"{len(shown):,} of {len(rows):,} revised bars: evenly over time, and all that were decided on."
    note = "" if len(shown) == len(rows) else told
    table = Table(titles, listed, "Revised bars, as received and in the end", note=note)
    canvas = Canvas(name, HALF, "Revised bars: received against final", f"Moves of {len(rows):,} revised bars.")
    keys = [("s1 fine", "revised"), ("bad", "a trade was decided on it")]
    note = "Move from the close before. On the line nothing was revised; where the signs differ a rise became a fall."
    points.sort(key=lambda point: point.kind == "bad")
    return figure(canvas, lambda c: draw_scatter(c, points, axes, keys), table, note)
