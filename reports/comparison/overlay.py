"""The two equity curves over each other, with the trades that parted, and how alike the curves and samples are."""

from __future__ import annotations

import numpy as np

from reports import formats
from reports.charts import Axis, Canvas, Line, Panel, Pin, Timeline, draw_timeline
from reports.comparison.findings import Findings
from reports.page import WIDE, Figure, Table, columns, figure
from reports.statistics import group_starts

MOST_PINS = 60


def overlay(findings: Findings, anchors: dict[tuple[str, int], str]) -> Figure | None:
    """Equity of both runs on the minutes that both have, and the difference; None without common minutes.

    `anchors` leads from (symbol, bar time) of a trade to its story.
    """
    run, simulation = findings.run.equity, findings.simulation.equity
    _, rows, others = np.intersect1d(run.time, simulation.time, return_indices=True)
    if len(rows) < 2:
        return None
    rows, others = rows[_last_of(run.time[rows])], others[_last_of(run.time[rows])]
    time = run.time[rows]
    days = np.repeat(run.days, np.diff(np.append(run.starts, len(run.time))))[rows]
    starts = group_starts(days)
    a, b = (equity - equity[0] for equity in (run.equity[rows], simulation.equity[others]))
    panels = [
        Panel("Profit", [Line("run", a, "s1"), Line("simulation", b, "s2")], 190.0, "money"),
        Panel("Run less simulation", [Line("", a - b, "neg", "area")], 90.0, "money", include=(0.0,)),
    ]
    pins = _pins(findings, anchors, time)
    tips = _tips(findings)
    chart = Timeline(Axis(time, starts, days[starts]), panels, (), tips if len(tips) == len(starts) else (), pins=pins)
    canvas = Canvas("overlay", WIDE, "Profit of both runs", "Profit by the minute, and the difference between them.")
    note = "Dots mark trades that one run alone made, or that ended otherwise; each leads to its story below."
    return figure(canvas, lambda c: draw_timeline(c, chart), _table(findings), note if pins else "")


def _last_of(times: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.append(np.diff(times) > 0, True))


def _pins(findings: Findings, anchors: dict[tuple[str, int], str], time: np.ndarray) -> list[Pin]:
    matching = findings.matching
    parted = [(match.run, "other outcome") for match in matching.matched if not match.same_outcome]
    parted += [(intent, "run only") for intent, _ in matching.run_only]
    parted += [(intent, "simulation only") for intent, _ in matching.simulation_only]
    pins = []
    for intent, why in parted:
        anchor = anchors.get((intent.place.symbol, intent.place.bar_time))
        if anchor is not None and time[0] <= intent.decided <= time[-1]:
            row = int(np.searchsorted(time, intent.decided))
            tip = f"{intent.place.symbol}, {formats.moment(intent.decided)}: {why}"
            pins.append(Pin(row, "warn" if why == "other outcome" else "bad", tip, f"#{anchor}"))
    return pins[:MOST_PINS]


def _tips(findings: Findings) -> list[str]:
    curves = findings.curves
    return [
        f"{formats.day(int(day))}: run {formats.percent(float(a), plus=True)}, "
        f"simulation {formats.percent(float(b), plus=True)}"
        for day, a, b in zip(curves.days, curves.run, curves.simulation, strict=True)
    ]


def _table(findings: Findings) -> Table:
    curves = findings.curves
    rows = [
        (int(day), float(a), float(b), float(a - b))
        for day, a, b in zip(curves.days, curves.run, curves.simulation, strict=True)
    ]
    titles = columns("Session|day", "Run|change", "Simulation|change", "Difference|change")
    return Table(titles, rows, "Session returns, close to close")


def likeness_table(findings: Findings) -> Table:
    """Correlation, tracking error and warped distance."""
    curves = findings.curves
    rows = [
        ("Correlation of session returns", formats.factor(curves.correlation, 4)),
        ("Tracking error, a year", formats.percent(curves.tracking_error)),
        ("Time-warped distance, a year", formats.percent(curves.warped)),
    ]
    note = "The warped distance forgives moves that came at another time; beside a low correlation it says just that."
    return Table(columns("Measure", "Value"), rows, "How alike the curves are", note=note)


def distribution_table(findings: Findings) -> Table:
    """Slippage and delays of both runs as samples."""
    rows = []
    for item in findings.distributions:
        values = (item.median[1], item.median[0], item.ks, item.p, item.wasserstein)
        rows.append((item.name[:1].upper() + item.name[1:], item.unit, item.n[1], item.n[0], *values))
    titles = columns(
        "Sample",
        "Unit",
        "n, simulation|count",
        "n, run|count",
        "Median, simulation|measure",
        "Median, run|measure",
        "KS|fine",
        "p|fine",
        "Wasserstein|measure",
    )
    note = (
        "KS is the largest distance between the two distributions, its p from swapping whole days; the Wasserstein "
        "distance is by how much a value lies elsewhere on average. A sample of fewer than 8 is not compared."
    )
    return Table(titles, rows, "Distributions", "Not measured: there are no fills.", note)
