"""The report of a parameter screen: where good settings lie, which came first, and how much of that is luck.

It reads the frame that a screen returns: a column for each parameter and the columns of MEASURES. A pair of
parameters is drawn as a map of the *median* Sharpe ratio over everything else that varied, because a good
region is worth more than a good point. The page says what the best setting is worth after N trials (deflated
Sharpe ratio), and how often the best of one half of the sessions is no better than any on the other half (probability
of backtest overfitting).
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
from core.statistics.missing import NotMeasured
from core.statistics.overfitting import Overfitting
from core.statistics.series import SESSIONS_A_YEAR
from reports import formats
from reports.charts import Canvas, Histogram, Mark, draw_histogram
from reports.charts.heat import HeatMap, draw_heat
from reports.page import HALF, Column, Figure, Table, Tile, columns, figure, render

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
RANKS = 10


Choice = Overfitting | NotMeasured
"""How far the choice of the best setting is made by the sample."""


def write_screen_report(frame: pd.DataFrame, overfitting: Choice, path: Path, title: str = "Parameter screen") -> Path:
    """Write the report of a screen as one self-contained HTML file and return its path.

    `frame` has one row a setting: its parameters, and the columns of MEASURES as a screen makes them.
    Raises InputError when a measure or every parameter is missing. The file appears whole or not at all.
    """
    page = screen_html(frame, overfitting, title)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    partial.write_text(page, encoding="utf-8", newline="\n")
    partial.replace(path)
    return path


def screen_html(frame: pd.DataFrame, overfitting: Choice, title: str = "Parameter screen") -> str:
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
        tiles=_tiles(ranked, overfitting),
        sentence=_sentence(ranked),
        maps=[_map(frame, *pair) for pair in _pairs(frame, parameters)],
        choice=_choice(overfitting) if isinstance(overfitting, Overfitting) else None,
        missing=str(overfitting) if isinstance(overfitting, NotMeasured) else "",
        choices=_choices(overfitting) if isinstance(overfitting, Overfitting) else None,
        ranking=_ranking(ranked, parameters),
    )


def _tiles(ranked: pd.DataFrame, overfitting: Choice) -> list[Tile]:
    best = ranked.iloc[0]
    earning = formats.share(float((ranked["total_return"] > 0).mean()))
    chosen = formats.share(overfitting.probability) if isinstance(overfitting, Overfitting) else formats.NOT_MEASURED
    return [
        Tile("Settings tried", formats.count(len(ranked))),
        Tile("Best Sharpe", formats.factor(best["sharpe"]), "a year, from daily results"),
        Tile("Better than luck", formats.share(best["deflated_sharpe"]), "deflated Sharpe of the best"),
        Tile("Overfitting", chosen, "probability that the choice is no better than any"),
        Tile("Median Sharpe", formats.factor(ranked["sharpe"].median()), f"over all settings; {earning} earn"),
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
    across_values, rows = list(dict.fromkeys(column_of)), list(dict.fromkeys(row_of))
    cells: dict[tuple[str, str], list[float]] = {}
    for row, column, sharpe in zip(row_of, column_of, frame["sharpe"].tolist(), strict=True):
        if not formats.unknown(sharpe):
            cells.setdefault((row, column), []).append(sharpe)
    medians = [[median(cells.get((row, column), [math.nan])) for column in across_values] for row in rows]
    words = [["–" if formats.unknown(value) else formats.factor(value) for value in line] for line in medians]
    heat = HeatMap(across, down, across_values, rows, np.array(medians), words)
    name = f"{across} and {down}" if down else across
    canvas = Canvas(f"heat-{across}-{down}", HALF, name, f"Median Sharpe ratio by {name}.")
    return figure(canvas, lambda surface: draw_heat(surface, heat))


def _choice(found: Overfitting) -> Figure:
    """Where the best setting of one half ranks on the other half, over all ways of halving the sessions."""
    edges = np.linspace(0.0, 1.0, RANKS + 1)
    counts = np.histogram(1.0 - found.rank, edges)[0][::-1]  # the median itself counts as below
    rows = [
        (f"{low:.0%} to {high:.0%}", int(n), n / found.ways)
        for low, high, n in zip(edges, edges[1:], counts, strict=False)
    ]
    table = Table(columns("Rank on the other half", "Ways|count", "Share|share"), rows, "Rank of the chosen setting")
    marks = (Mark(0.5, "median: no better than any", "soft"),)
    shape = Histogram(edges, counts.astype(np.float64), "percent", marks)
    described = f"Ranks of the chosen setting on the other half, {found.ways:,} ways."
    canvas = Canvas("overfitting", HALF, "Where the best of one half ranks on the other", described)
    note = "From 0%, the worst of all settings there, to 100%, the best. What is left of the middle is overfitting."
    return figure(canvas, lambda surface: draw_histogram(surface, shape), table, note)


def _choices(found: Overfitting) -> Table:
    year = math.sqrt(SESSIONS_A_YEAR)
    rows = [
        ("Probability of overfitting", formats.percent(found.probability, 1)),
        ("Chosen setting loses on the other half", formats.percent(found.loss, 1)),
        ("Median Sharpe a year where it was chosen", formats.factor(float(np.median(found.inside)) * year)),
        ("Median Sharpe a year on the other half", formats.factor(float(np.median(found.outside)) * year)),
        ("Sessions, in blocks", f"{found.sessions:,} in {found.blocks}"),
        ("Ways of halving the blocks", formats.count(found.ways)),
        ("Settings", formats.count(found.trials)),
    ]
    note = (
        "Combinatorially symmetric cross-validation (Bailey, Borwein, López de Prado and Zhu, 2017). Settings without "
        "worth give about 50%; one that is truly better gives nearly 0%."
    )
    return Table(columns("Choosing by the sample", "Value|range"), rows, "What choosing the best is worth", note=note)


def _ranking(ranked: pd.DataFrame, parameters: Sequence[str]) -> Table:
    shown = ranked.head(MOST_ROWS)
    titles = [Column("Rank"), *(Column(name) for name in parameters)]
    titles += [Column(*look) for look in MEASURES.values()]
    settings = shown[[*parameters, *MEASURES]].itertuples(index=False, name=None)
    left_out = len(ranked) - len(shown)
    return Table(
        tuple(titles),
        [(rank, *row) for rank, row in enumerate(settings, start=1)],
        "Settings by Sharpe ratio",
        note=f"The other {left_out:,} settings came after these." if left_out else "",
    )
