"""The report of a parameter screen: where good settings lie, which came first, and how much of that is luck.

It reads the frame that a screen returns: a column for each parameter and the columns of MEASURES. A pair of
parameters is drawn as a map of the *median* Sharpe ratio over everything else that varied, because a good
region is worth more than a good point. The page says what the best setting is worth after N trials (deflated
Sharpe ratio).
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from core.errors import InputError
from reports import formats
from reports.charts import Canvas
from reports.charts.heat import HeatMap, draw_heat
from reports.page import HALF, Column, Figure, Table, Tile, figure, render

if TYPE_CHECKING:
    import pandas as pd

MEASURES = {
    "total_return": ("Return", "change"),
    "sharpe": ("Sharpe a year", "factor"),
    "max_drawdown": ("Largest drawdown", "percent"),
    "trades": ("Trades", "count"),
    "hit_rate": ("Hit rate", "share"),
    "deflated_sharpe": ("Better than luck", "share"),
}
CONVINCING = 0.95
MOST_ROWS = 100


def write_screen_report(frame: pd.DataFrame, path: Path, title: str = "Parameter screen") -> Path:
    """Write the report of a screen as one self-contained HTML file and return its path.

    `frame` has one row a setting: its parameters, and the columns of MEASURES as a screen makes them.
    Raises InputError when a measure or every parameter is missing. The file appears whole or not at all.
    """
    page = screen_html(frame, title)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    partial.write_text(page, encoding="utf-8", newline="\n")
    partial.replace(path)
    return path


def screen_html(frame: pd.DataFrame, title: str = "Parameter screen") -> str:
    """The report as HTML."""
    for name in MEASURES:
        if name not in frame:
            raise InputError("frame", f"has no column {name}", "Give what a screen returns")
    parameters = [str(name) for name in frame.columns if name not in MEASURES]
    if not parameters or frame.empty:
        raise InputError("frame", "has no settings", "Give what a screen returns")
    ranked = frame.sort_values("sharpe", ascending=False, kind="stable", na_position="last")
    return render(
        "screen.html.j2",
        title=title,
        kind="Parameter screen",
        tiles=_tiles(ranked),
        sentence=_sentence(ranked),
        maps=[_map(frame, *pair) for pair in _pairs(frame, parameters)],
        ranking=_ranking(ranked, parameters),
    )


def _tiles(ranked: pd.DataFrame) -> list[Tile]:
    best = ranked.iloc[0]
    earning = float((ranked["total_return"] > 0).mean())
    return [
        Tile("Settings tried", formats.count(len(ranked))),
        Tile("Best Sharpe", formats.factor(best["sharpe"]), "a year, from daily results"),
        Tile("Better than luck", formats.share(best["deflated_sharpe"]), "deflated Sharpe of the best"),
        Tile("Median Sharpe", formats.factor(ranked["sharpe"].median()), "over all settings"),
        Tile("Earning settings", formats.share(earning), "with a positive return"),
    ]


def _sentence(ranked: pd.DataFrame) -> str:
    """What the best setting is worth, in words."""
    chance = float(ranked["deflated_sharpe"].iloc[0])
    if formats.unknown(chance):
        return "No setting has a Sharpe ratio: nothing was traded, or results never varied."
    settings = "setting was" if len(ranked) == 1 else "settings were"
    tried = f"{formats.count(len(ranked))} {settings} tried, and the best of many looks good by chance."
    odds = f"The probability that the first one beats the best of as many worthless settings is {chance:.0%}"
    if chance >= CONVINCING:
        return f"{tried} {odds}: more than luck, on these bars."
    return f"{tried} {odds}, below {CONVINCING:.0%}: it may be luck."


def _pairs(frame: pd.DataFrame, parameters: Sequence[str]) -> list[tuple[str, str]]:
    """Every two parameters that vary; "" stands for nothing beside the only one."""
    varied = [name for name in parameters if frame[name].map(str).nunique() > 1] or list(parameters[:1])
    return list(combinations(varied, 2)) if len(varied) > 1 else [(varied[0], "")]


def _map(frame: pd.DataFrame, across: str, down: str) -> Figure:
    """The median Sharpe ratio at each pair of values, over all settings that share it."""
    column_of = frame[across].map(str).tolist()
    row_of = frame[down].map(str).tolist() if down else ["all"] * len(frame)
    columns, rows = list(dict.fromkeys(column_of)), list(dict.fromkeys(row_of))
    cells: dict[tuple[str, str], list[float]] = {}
    for row, column, sharpe in zip(row_of, column_of, frame["sharpe"].tolist(), strict=True):
        if not formats.unknown(sharpe):
            cells.setdefault((row, column), []).append(sharpe)
    medians = [[median(cells.get((row, column), [math.nan])) for column in columns] for row in rows]
    words = [["–" if formats.unknown(value) else formats.factor(value) for value in line] for line in medians]
    heat = HeatMap(across, down, columns, rows, np.array(medians), words)
    name = f"{across} and {down}" if down else across
    canvas = Canvas(f"heat-{across}-{down}", HALF, name, f"Median Sharpe ratio by {name}.")
    return figure(canvas, lambda surface: draw_heat(surface, heat))


def _ranking(ranked: pd.DataFrame, parameters: Sequence[str]) -> Table:
    shown = ranked.head(MOST_ROWS)
    columns = [Column("Rank"), *(Column(name) for name in parameters)]
    columns += [Column(*look) for look in MEASURES.values()]
    settings = shown[[*parameters, *MEASURES]].itertuples(index=False, name=None)
    left_out = len(ranked) - len(shown)
    return Table(
        tuple(columns),
        [(rank, *row) for rank, row in enumerate(settings, start=1)],
        "Settings by Sharpe ratio",
        note=f"The other {left_out:,} settings came after these." if left_out else "",
    )
