"""Empirical distribution functions: the share of values up to each value, one line a sample.

Durations span from a millisecond to minutes, so their axis is logarithmic; what is shorter than its left end, 0 too,
is drawn there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reports.charts.scales import Scale, log_ticks, ticks
from reports.charts.svg import Canvas, Key, legend, line, path, tag, text
from reports.formats import axis_labels

Floats = npt.NDArray[np.float64]

LEFT, PLOT = 40.0, 150.0
MOST_STEPS = 240
SHORTEST = 1e-3  # seconds: nothing is told apart below a millisecond
DECADES = 6


@dataclass(frozen=True, slots=True)
class Curve:
    """One sample, float64 (n,) seconds, with its name and look."""

    name: str
    values: Floats
    kind: str


def draw_ecdf(canvas: Canvas, curves: Sequence[Curve]) -> str:
    """The distribution functions of durations on one logarithmic axis; none of the samples is empty."""
    keys = [Key(f"line {curve.kind}", curve.name) for curve in curves]
    swatches, head = legend(keys, 0.0, 12.0, canvas.width)
    top = head + 14
    low, high = _span(np.concatenate([curve.values for curve in curves]))
    x, y = Scale(low, high, LEFT, canvas.width - 8.0, log=True), Scale(0.0, 1.0, top + PLOT, top)
    pieces = [swatches]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        pieces.append(line(x.start, y.at(share), x.end, y.at(share), "axis" if share == 0 else "grid"))
        pieces.append(text(x.start - 6, y.at(share) + 4, f"{share:.0%}", "tick", "end"))
    for value, words in zip(*_labels(low, high), strict=True):
        pieces.append(line(x.at(value), y.start, x.at(value), y.start + 4, "axis"))
        anchor = "end" if x.at(value) > canvas.width - 24 else "middle"
        pieces.append(text(x.at(value), y.start + 16, words, "tick", anchor))
    pieces += [_steps(curve, x, y) for curve in curves]
    return canvas.picture(top + PLOT + 22, *pieces)


def _span(values: Floats) -> tuple[float, float]:
    """From the shortest to the longest, at most six decades."""
    high = max(float(values.max()), SHORTEST * 2)
    positive = values[values >= SHORTEST]
    low = max(float(positive.min()) if len(positive) else SHORTEST, high / 10.0**DECADES)
    return min(low / 1.15, high / 2), high * 1.15


def _labels(low: float, high: float) -> tuple[list[float], list[str]]:
    found = log_ticks(low, high)
    if len(found) < 2:
        found = ticks(low, high, 4)
    return found.tolist(), axis_labels("duration", found.tolist())


def _steps(curve: Curve, x: Scale, y: Scale) -> str:
    """A step at every value, or at as many quantiles as a screen can show; the ends lead to both edges."""
    values = np.sort(curve.values)
    rows = np.unique(np.linspace(0, len(values) - 1, min(len(values), MOST_STEPS)).round().astype(np.int64))
    at = x.map(np.clip(values[rows], x.low, x.high))
    share = y.map((rows + 1.0) / len(values))
    across = np.concatenate([[x.start], np.repeat(at, 2), [x.end]])
    up = np.concatenate([[y.start, y.start], np.repeat(share, 2)])
    return tag("path", d=path(across, up), class_=f"line {curve.kind}")
