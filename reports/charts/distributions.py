"""How values are spread (histogram) and whether probabilities mean what they say (reliability diagram)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.statistics.scores import Bins
from reports.charts.scales import Scale, ticks
from reports.charts.svg import Canvas, line, rect, tag, text
from reports.formats import axis_labels, plural

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical line at a value, with its words."""

    value: float
    words: str
    kind: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts per bin: `edges` float64[n + 1], `counts` float64[n]; `unit` names the axis labels."""

    edges: Floats
    counts: Floats
    unit: str
    marks: tuple[Mark, ...] = ()


def draw_histogram(canvas: Canvas, histogram: Histogram, height: float = 96.0) -> str:
    """Bars on a base line with a few ticks; marks are named above, on lines of their own."""
    edges, counts = histogram.edges, histogram.counts
    head = 14.0 * len(histogram.marks) + 4
    x = Scale(float(edges[0]), float(edges[-1]), 6.0, canvas.width - 6.0)
    y = Scale(0.0, max(float(counts.max()), 1.0), head + height, head)
    pieces = []
    for low, high, n in zip(edges, edges[1:], counts, strict=False):
        left, right, top = x.at(low), x.at(high), y.at(n)
        if n:
            top = min(top, y.start - 1)
            a, b = axis_labels(histogram.unit, [float(low), float(high)])
            tip = f"{a} to {b}: {int(n):,}"
            pieces.append(rect(left + 0.5, top, right - left - 1, y.start - top, "bar s1", tip))
    pieces.append(line(x.start, y.start, x.end, y.start, "axis"))
    steps = ticks(x.low, x.high, max(int(canvas.width / 60), 2))
    for value, words in zip(steps, axis_labels(histogram.unit, steps.tolist()), strict=True):
        pieces.append(line(x.at(value), y.start, x.at(value), y.start + 4, "axis"))
        anchor = "start" if x.at(value) < 16 else "end" if x.at(value) > canvas.width - 16 else "middle"
        pieces.append(text(x.at(value), y.start + 16, words, "tick", anchor))
    for i, mark in enumerate(histogram.marks):
        at, top = x.at(min(max(mark.value, x.low), x.high)), 14.0 * i + 10
        left = at < canvas.width * 0.5
        pieces.append(line(at, top - 8, at, y.start, f"rule {mark.kind}"))
        pieces.append(
            text(
                at + (5 if left else -5),
                top,
                mark.words,
                f"rule-label {mark.kind}",
                "start" if left else "end",
            )
        )
    return canvas.picture(head + height + 22, *pieces)


@dataclass(frozen=True, slots=True)
class Reliability:
    """A reliability diagram: its bins; all forecasts, for a histogram under it; and the range of both axes."""

    bins: Bins
    sample: Floats
    span: tuple[float, float]


def draw_reliability(canvas: Canvas, diagram: Reliability) -> str:
    """Frequency against forecast with intervals and the diagonal of perfect calibration; forecasts below."""
    size = canvas.width - 60.0
    bins, (low, high) = diagram.bins, diagram.span
    x, y = Scale(low, high, 44.0, 44.0 + size), Scale(low, high, 8.0 + size, 8.0)
    pieces = []
    steps = ticks(low, high, 6)
    for value, words in zip(steps, axis_labels("percent", steps.tolist()), strict=True):
        pieces.append(line(x.start, y.at(value), x.end, y.at(value), "grid"))
        pieces.append(line(x.at(value), y.start, x.at(value), y.end, "grid"))
        pieces.append(text(x.start - 6, y.at(value) + 4, words, "tick", "end"))
        pieces.append(text(x.at(value), y.start + 56, words, "tick", "middle"))
    pieces.append(line(x.start, y.start, x.end, y.end, "diagonal"))
    pieces.append(text(x.end - 24, y.end + 14, "calibrated", "step", "end"))
    px, py = x.map(bins.forecast), y.map(bins.frequency)
    for a, b, lower, upper, n in zip(px, py, y.map(bins.low), y.map(bins.high), bins.count, strict=True):
        pieces.append(line(float(a), float(lower), float(a), float(upper), "interval"))
        pieces.append(tag("circle", _tip(n), cx=float(a), cy=float(b), r=4.0, class_="dot s1"))
    pieces.append(_forecasts(diagram.sample, x, y.start + 40))
    pieces.append(text((x.start + x.end) / 2, y.start + 74, "forecast probability", "step", "middle"))
    return canvas.picture(y.start + 80, *pieces)


def _tip(n: float) -> str:
    return tag("title", plural(int(n), "signal"))


def _forecasts(sample: Floats, x: Scale, base: float) -> str:
    """A small histogram of the forecasts, in line with the diagram's axis."""
    edges = np.linspace(x.low, x.high, 31)
    counts = np.histogram(sample, edges)[0]
    tall = 26.0 / max(int(counts.max()), 1)
    bars = [
        rect(x.at(a) + 0.5, base - n * tall, x.at(b) - x.at(a) - 1, n * tall, "bar faint")
        for a, b, n in zip(edges, edges[1:], counts, strict=False)
        if n
    ]
    return "".join(bars) + line(x.start, base, x.end, base, "axis")
