"""Horizontal bars for named quantities: ranked, diverging around zero, and the ladder of a factor chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports.charts.scales import Scale, log_ticks
from reports.charts.svg import Canvas, line, rect, shorten, text, text_width

ROW = 24.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One named value; `words` stand at the bar's end, `tip` answers the pointer."""

    name: str
    value: float
    words: str
    kind: str = "s1"
    tip: str = ""


def draw_bars(canvas: Canvas, bars: Sequence[Bar]) -> str:
    """Bars from zero to the right, names on the left, words at the ends."""
    left = _name_width(canvas, [bar.name for bar in bars])
    right = canvas.width - 8 - max(text_width(bar.words) for bar in bars)
    x = Scale(0.0, max(max(bar.value for bar in bars), 1e-12), left, right)
    pieces = [line(left, 0.0, left, ROW * len(bars), "axis")]
    for i, bar in enumerate(bars):
        top = i * ROW
        pieces.append(text(left - 8, top + 16, shorten(bar.name, left - 8), "name", "end"))
        pieces.append(rect(left, top + 4, x.at(bar.value) - left, ROW - 8, f"bar {bar.kind}", bar.tip or bar.name))
        pieces.append(text(x.at(bar.value) + 6, top + 16, bar.words, "value"))
    return canvas.picture(ROW * len(bars) + 2, *pieces)


def draw_diverging(canvas: Canvas, bars: Sequence[Bar]) -> str:
    """Bars to both sides of zero; each bar's words stand beyond its end."""
    left = _name_width(canvas, [bar.name for bar in bars])
    room = max(text_width(bar.words) for bar in bars) + 8
    low, high = min(0.0, *(bar.value for bar in bars)), max(0.0, *(bar.value for bar in bars))
    span = (high - low) or 1.0
    start = left + (room if low < 0 else 0.0)
    x = Scale(low, low + span, start, canvas.width - (room if high > 0 else 8.0))
    zero = x.at(0.0)
    pieces = [line(zero, 0.0, zero, ROW * len(bars), "axis")]
    for i, bar in enumerate(bars):
        top, end = i * ROW, x.at(bar.value)
        kind = "pos" if bar.value >= 0 else "neg"
        pieces.append(text(left - 8, top + 16, shorten(bar.name, left - 8), "name", "end"))
        pieces.append(rect(min(zero, end), top + 4, abs(end - zero), ROW - 8, f"bar {kind}", bar.tip or bar.name))
        outside = (end - 6, "end") if bar.value < 0 else (end + 6, "start")
        pieces.append(text(outside[0], top + 16, bar.words, "value", outside[1]))
    return canvas.picture(ROW * len(bars) + 2, *pieces)


@dataclass(frozen=True, slots=True)
class Rung:
    """One stage of a chain: its typical value, the spread of the middle 80 %, and what brought it there."""

    name: str
    value: float
    low: float
    high: float
    words: str
    step: str = ""


def draw_ladder(canvas: Canvas, rungs: Sequence[Rung], labels: tuple[str, ...], values: tuple[float, ...]) -> str:
    """A waterfall on a logarithmic scale: each stage's bar runs from the stage before to its own value.

    `values` are round values for the axis with their `labels`; all values of the rungs must be positive.
    """
    left = _name_width(canvas, [rung.name for rung in rungs])
    room = max(text_width(rung.words) for rung in rungs) + 10
    spread = np.array([[rung.low, rung.high, rung.value] for rung in rungs])
    x = Scale(float(spread.min()) * 0.9, float(spread.max()) * 1.1, left + 4, canvas.width - room, log=True)
    height, row = 30.0 * len(rungs), 30.0
    pieces = []
    for value, words in zip(values, labels, strict=True):
        if x.holds(value):
            pieces.append(line(x.at(value), 0.0, x.at(value), height, "grid"))
            pieces.append(text(x.at(value), height + 14, words, "tick", "middle"))
    for i, rung in enumerate(rungs[:-1]):
        pieces.append(line(x.at(rung.value), i * row + row / 2, x.at(rung.value), (i + 1.5) * row, "link"))
    before = rungs[0].value
    for i, rung in enumerate(rungs):
        top, middle = i * row, i * row + row / 2
        start, end = x.at(before), x.at(rung.value)
        kind = "s1" if i in (0, len(rungs) - 1) else "neg" if rung.value < before else "s2"
        pieces.append(text(left - 8, top + 14, shorten(rung.name, left - 8), "name", "end"))
        pieces.append(text(left - 8, top + 26, rung.step, "step", "end"))
        pieces.append(line(x.at(rung.low), middle, x.at(rung.high), middle, "whisker"))
        tip = f"{rung.name}: {rung.words}"
        pieces.append(rect(min(start, end), middle - 6, abs(end - start), 12.0, f"bar {kind}", tip))
        pieces.append(rect(end - 1.5, middle - 8, 3.0, 16.0, "bar ink", tip))
        pieces.append(text(canvas.width - 4, middle + 4, rung.words, "value", "end"))
        before = rung.value
    return canvas.picture(height + 22, *pieces)


def ladder_ticks(rungs: Sequence[Rung]) -> list[float]:
    """Round values for the axis of a ladder."""
    spread = np.array([[rung.low, rung.high, rung.value] for rung in rungs])
    return [float(v) for v in log_ticks(float(spread.min()) * 0.9, float(spread.max()) * 1.1)]


def _name_width(canvas: Canvas, names: Sequence[str]) -> float:
    """Room for the names: as wide as the longest, but at most 36 % of the chart."""
    return min(max(text_width(name, 11.5) for name in names) + 10, canvas.width * 0.36)
