"""A heat map: a grid of numbers around zero, coloured by sign and size, each also written in its cell."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reports.charts.svg import Canvas, clean, shorten, tag, text, text_width

HEAD, CELL, GAP = 44.0, 30.0, 2.0
FAINTEST, STRONGEST = 0.06, 0.6  # opacity: ink stays legible on the strongest in the light and the dark look


@dataclass(frozen=True, slots=True)
class HeatMap:
    """A grid of `values`, float64 (rows, columns), NaN = not measured, and the `words` of each.

    `across` and `down` ("" = none) name the axes, `columns` and `rows` the places on them.
    """

    across: str
    down: str
    columns: list[str]
    rows: list[str]
    values: npt.NDArray[np.float64]
    words: list[list[str]]


def draw_heat(canvas: Canvas, heat: HeatMap) -> str:
    """The grid with its labels; the largest value has a frame. Words too wide for a cell stand in its tip."""
    left = min(max(text_width(label) for label in [heat.down, *heat.rows]) + 10, canvas.width / 3)
    width = (canvas.width - left) / len(heat.columns)
    pieces = [
        text(left, 12, heat.across, "panel-title"),
        text(0, 34, shorten(heat.down, left - 8), "panel-title"),
    ]
    for j, name in enumerate(heat.columns):
        pieces.append(text(left + (j + 0.5) * width, 34, shorten(name, width), "tick", "middle"))
    for i, name in enumerate(heat.rows):
        pieces.append(text(0, HEAD + i * CELL + 18, shorten(name, left - 8), "tick"))
        pieces.extend(_cell(heat, i, j, left + j * width, width - GAP) for j in range(len(heat.columns)))
    if not np.isnan(heat.values).all():
        row, column = divmod(int(np.nanargmax(heat.values)), len(heat.columns))
        pieces.append(_box(left + column * width, row, width - GAP, class_="limit", fill="none"))
    return canvas.picture(HEAD + len(heat.rows) * CELL, *pieces)


def _cell(heat: HeatMap, i: int, j: int, x: float, width: float) -> str:
    value, words = float(heat.values[i, j]), heat.words[i][j]
    kind, depth = "faint", 0.3
    if not math.isnan(value):
        most = float(np.nanmax(np.abs(heat.values))) or 1.0
        kind, depth = "neg" if value < 0 else "pos", max(STRONGEST * abs(value) / most, FAINTEST)
    beside = f", {heat.down} {heat.rows[i]}" if heat.down else ""
    tip = tag("title", clean(f"{heat.across} {heat.columns[j]}{beside}: {words}"))
    box = _box(x, i, width, tip, class_=f"bar {kind}", fill_opacity=f"{depth:.2f}")
    fits = text_width(words) <= width
    return box + (text(x + width / 2, HEAD + i * CELL + 18, words, "name", "middle") if fits else "")


def _box(x: float, row: float, width: float, *children: str, **look: str) -> str:
    return tag("rect", *children, x=x, y=HEAD + row * CELL, width=width, height=CELL - GAP, **look)
