"""Delays of both runs, stage by stage: whether they come from one mould."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from reports import formats
from reports.charts import Canvas, Curve, draw_ecdf
from reports.columns import Floats
from reports.comparison.costs import STAGES, latencies
from reports.comparison.findings import Findings
from reports.page import THIRD, Figure, Table, columns, figure

MARKS = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)


def delay_figures(findings: Findings) -> list[Figure]:
    """A figure for each stage that both runs have and that takes time in one of them."""
    run, simulation = (latencies(intents) for intents in findings.intents)
    found = []
    for i, stage in enumerate(STAGES):
        pair = {"simulation": simulation[stage][0], "run": run[stage][0]}
        if all(len(seconds) for seconds in pair.values()) and any(seconds.any() for seconds in pair.values()):
            found.append(_figure(f"delay-{i}", stage, pair))
    return found


def _figure(name: str, stage: str, pair: Mapping[str, Floats]) -> Figure:
    curves = [Curve(who, seconds, look) for (who, seconds), look in zip(pair.items(), ("s2", "s1"), strict=True)]
    told = f"Share of entries up to each delay from {stage}, in both runs."
    table = percentiles(pair, f"Percentiles of the delay from {stage}")
    return figure(Canvas(name, THIRD, formats.title(stage), told), lambda c: draw_ecdf(c, curves), table)


def percentiles(samples: Mapping[str, Floats], caption: str) -> Table:
    """Percentiles of durations, a row a sample; none of the samples is empty."""
    rows = [
        (formats.title(name), len(seconds), *(float(value) for value in np.quantile(seconds, MARKS)))
        for name, seconds in samples.items()
    ]
    titles = columns("Delays", "Orders|count", *(f"{_words(mark)}|duration" for mark in MARKS))
    return Table(titles, rows, caption)


def _words(mark: float) -> str:
    return {0.5: "Median", 1.0: "Largest"}.get(mark, f"{mark:.0%}")
