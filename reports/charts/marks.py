"""Small pictures that stand in a table's cell: a bullet bar for the use of a limit, and a line of results."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reports.charts.scales import Scale, extent, thin
from reports.charts.svg import line, path, rect, tag

BULLET_END = 1.25


def bullet(use: float, kind: str, soft: float) -> str:
    """Use of a limit against its full length: zones up to the soft limit and to 100 %, a bar, a tick.

    `use` is measured / limit, NaN when not measured; beyond 125 % the bar is cut with an arrow.
    """
    x = Scale(0.0, BULLET_END, 0.0, 200.0)
    pieces = [
        rect(0.0, 3.0, x.at(1.0), 12.0, "zone"),
        rect(x.at(soft), 3.0, x.at(1.0) - x.at(soft), 12.0, "zone near"),
    ]
    if not np.isnan(use):
        pieces.append(rect(0.0, 6.0, max(x.at(min(use, BULLET_END)), 1.0), 6.0, f"bar {kind}"))
        if use > BULLET_END:
            pieces.append(tag("path", d="M192 3L200 9L192 15Z", class_=f"bar {kind}"))
    pieces.append(line(x.at(1.0), 0.0, x.at(1.0), 18.0, "limit"))
    return tag(
        "svg",
        *pieces,
        viewBox="0 0 200 18",
        preserveAspectRatio="none",
        class_="chart bullet",
        aria_hidden="true",
    )


def sparkline(values: npt.NDArray[np.float64]) -> str:
    """A line of cumulative results around zero; empty without at least two values."""
    if len(values) < 2:
        return ""
    rows = thin(values, 160)
    low, high = extent([values], (0.0,))
    x, y = Scale(0.0, float(len(values) - 1), 1.0, 119.0), Scale(low, high, 25.0, 3.0)
    drawn = path(x.map(rows.astype(np.float64)), y.map(values[rows]))
    kind = "pos" if values[-1] >= 0 else "neg"
    return tag(
        "svg",
        line(0.0, y.at(0.0), 120.0, y.at(0.0), "zero"),
        tag("path", d=drawn, class_=f"line {kind}"),
        viewBox="0 0 120 28",
        class_="chart spark",
        aria_hidden="true",
    )
