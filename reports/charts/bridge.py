"""From one amount to another: a bridge of steps that add up, and ranges side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports.charts.scales import Scale, extent, ticks
from reports.charts.svg import Canvas, line, rect, shorten, text, text_width
from reports.formats import axis_labels

ROW = 30.0


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a bridge: its size, its smallest and largest size under other conditions, and its words.

    `kind` is its look; "" looks good where it adds, and bad where it takes away.
    """

    name: str
    value: float
    low: float
    high: float
    words: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class End:
    """Where a bridge begins or ends."""

    name: str
    value: float
    words: str


def draw_bridge(canvas: Canvas, start: End, steps: Sequence[Step], end: End, unit: str = "money") -> str:
    """Rows from the start through each step to the end; a whisker shows from its smallest to its largest size.

    `unit` names the labels of the axis.
    """
    names = [start.name, *(step.name for step in steps), end.name]
    left = min(max(text_width(name, 11.5) for name in names) + 10, canvas.width * 0.36)
    room = max(text_width(words) for words in (start.words, end.words, *(step.words for step in steps))) + 10
    at, reached = start.value, [start.value, end.value]
    for step in steps:
        reached += [at + step.low, at + step.high, at + step.value]
        at += step.value
    low, high = extent([np.array(reached)])
    x = Scale(low, high, left + 4, canvas.width - room)
    height = ROW * len(names)
    pieces = [_grid(x, height, unit)]
    pieces.append(_end(start, 0, x, canvas, left))
    at = start.value
    for i, step in enumerate(steps, start=1):
        pieces.append(_step(step, at, i, x, canvas, left))
        at += step.value
    pieces.append(_end(end, len(steps) + 1, x, canvas, left))
    return canvas.picture(height + 22, *pieces)


def _step(step: Step, at: float, row: int, x: Scale, canvas: Canvas, left: float) -> str:
    middle, after = row * ROW + ROW / 2, at + step.value
    kind = step.kind or ("pos" if step.value >= 0 else "neg")
    begin, finish = sorted((x.at(at), x.at(after)))
    return "".join(
        (
            line(x.at(at), middle - ROW, x.at(at), middle, "link"),
            text(left - 8, middle + 4, shorten(step.name, left - 8), "name", "end"),
            rect(begin, middle - 7, max(finish - begin, 1.5), 14.0, f"bar {kind}", f"{step.name}: {step.words}"),
            line(x.at(at + step.low), middle + 11, x.at(at + step.high), middle + 11, "whisker"),
            text(canvas.width - 4, middle + 4, step.words, "value", "end"),
        )
    )


def _end(end: End, row: int, x: Scale, canvas: Canvas, left: float) -> str:
    middle = row * ROW + ROW / 2
    return "".join(
        (
            text(left - 8, middle + 4, shorten(end.name, left - 8), "name", "end"),
            rect(x.at(end.value) - 2, middle - 9, 4.0, 18.0, "bar ink", f"{end.name}: {end.words}"),
            text(canvas.width - 4, middle + 4, end.words, "value", "end"),
        )
    )


@dataclass(frozen=True, slots=True)
class Span:
    """A row of ranges: from `low` to `high` with `middle` between them."""

    name: str
    low: float
    middle: float
    high: float
    words: str


def draw_ranges(canvas: Canvas, spans: Sequence[Span]) -> str:
    """One bar a row from low to high with a tick at the middle, on a common scale that holds zero."""
    left = min(max(text_width(span.name, 11.5) for span in spans) + 10, canvas.width * 0.36)
    room = max(text_width(span.words) for span in spans) + 10
    low, high = extent([np.array([(span.low, span.high) for span in spans]).ravel()], (0.0,))
    x = Scale(low, high, left + 4, canvas.width - room)
    height = ROW * len(spans)
    pieces = [_grid(x, height, "money")]
    for i, span in enumerate(spans):
        middle = i * ROW + ROW / 2
        wide = max(x.at(span.high) - x.at(span.low), 2.0)
        pieces += [
            text(left - 8, middle + 4, shorten(span.name, left - 8), "name", "end"),
            rect(x.at(span.low), middle - 6, wide, 12.0, f"bar s{i % 3 + 1}", f"{span.name}: {span.words}"),
            rect(x.at(span.middle) - 1, middle - 9, 2.0, 18.0, "bar ink"),
            text(canvas.width - 4, middle + 4, span.words, "value", "end"),
        ]
    return canvas.picture(height + 22, *pieces)


def _grid(x: Scale, height: float, unit: str) -> str:
    steps = ticks(x.low, x.high, max(int((x.end - x.start) / 90), 2))
    pieces = []
    for value, words in zip(steps, axis_labels(unit, steps.tolist()), strict=True):
        pieces.append(line(x.at(value), 0.0, x.at(value), height, "zero" if value == 0 else "grid"))
        pieces.append(text(x.at(value), height + 14, words, "tick", "middle"))
    return "".join(pieces)
