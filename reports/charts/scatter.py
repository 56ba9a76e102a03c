"""One measure against another, with the line on which they are equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports.charts.scales import Scale, extent, ticks
from reports.charts.svg import Canvas, Key, clean, legend, line, tag, text
from reports.formats import axis_labels


@dataclass(frozen=True, slots=True)
class Point:
    """One dot; `kind` is its class, `tip` answers the pointer, `link` leads to its story."""

    x: float
    y: float
    kind: str
    tip: str
    link: str = ""


def draw_scatter(
    canvas: Canvas, points: Sequence[Point], axes: tuple[str, str], keys: Sequence[tuple[str, str]]
) -> str:
    """Dots on a square of one scale, in the unit bp; `axes` name x and y, `keys` are (class, name) of the legend."""
    both = np.array([(point.x, point.y) for point in points]).ravel()
    low, high = extent([both])
    swatches, head = legend([Key(f"dot {kind}", name, "box") for kind, name in keys], 0.0, 12.0, canvas.width)
    size, top = min(canvas.width - 60.0, 420.0), head + 12
    x, y = Scale(low, high, 48.0, 48.0 + size), Scale(low, high, top + size, top)
    pieces = [swatches]
    steps = ticks(low, high, 6)
    for value, words in zip(steps, axis_labels("bp", steps.tolist()), strict=True):
        pieces.append(line(x.start, y.at(value), x.end, y.at(value), "grid"))
        pieces.append(line(x.at(value), y.start, x.at(value), y.end, "grid"))
        pieces.append(text(x.start - 6, y.at(value) + 4, words, "tick", "end"))
        pieces.append(text(x.at(value), y.start + 16, words, "tick", "middle"))
    pieces.append(line(x.start, y.start, x.end, y.end, "diagonal"))
    for point in points:
        dot = tag(
            "circle",
            tag("title", clean(point.tip)),
            cx=x.at(point.x),
            cy=y.at(point.y),
            r=4,
            class_=f"dot {point.kind}",
        )
        pieces.append(tag("a", dot, href=point.link) if point.link else dot)
    pieces.append(text(x.end, y.start + 32, axes[0], "step", "end"))
    pieces.append(text(x.start + 6, y.end + 10, axes[1], "step"))
    return canvas.picture(top + size + 38, *pieces)
