"""Did the probabilities mean what they said? Forecasts of traded signals against the barrier reached first.

The outcome of a signal is its own barrier: the target's leg filled (1) or the stop's (0). Signals that
ended by time, by an exit or by a risk exit have no such outcome and are left out, as are signals that were
never traded; so the sample is selected, and the page says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from core.statistics.scores import Scores, score, wilson
from reports import formats
from reports.charts import Canvas, Reliability, draw_reliability
from reports.columns import Bools, Floats
from reports.facts import Facts
from reports.page import HALF, THIRD, Figure, Table, columns, figure

_LEAST = 20
_MOST_STRATEGIES = 6


@dataclass(frozen=True, slots=True)
class CalibrationSection:
    """The diagrams (overall, then by strategy), the scores and what the sample is."""

    overall: Figure | None
    by_strategy: list[Figure]
    scores: Table
    sample: str


def outcomes(facts: Facts) -> tuple[Bools, Bools]:
    """By decision: is its barrier known, and was it the target. Where both legs filled, it is not known."""
    orders, n = facts.orders, len(facts.decisions)
    reached = []
    for role in ("target", "stop"):
        rows = orders.decision[orders.role.among(role) & (orders.filled > 0) & (orders.decision >= 0)]
        reached.append(np.bincount(rows, minlength=n)[:n] > 0)
    decisions = facts.decisions
    known = (reached[0] ^ reached[1]) & decisions.opening & decisions.approved & np.isfinite(decisions.p)
    return known, reached[0]


def calibration_section(facts: Facts) -> CalibrationSection:
    """Reliability diagrams and scores of the traded signals, together and by strategy."""
    decisions = facts.decisions
    known, hit = outcomes(facts)
    traded = int((decisions.opening & decisions.approved).sum())
    signals, n = int(decisions.opening.sum()), int(known.sum())
    rows: list[tuple[object, ...]] = []
    charts: list[tuple[str, Scores, Floats]] = []
    overall = score(decisions.p[known], hit[known])
    for name, _ in sorted(decisions.strategy.counts(decisions.opening)):
        mine = known & decisions.strategy.among(name)
        scores = score(decisions.p[mine], hit[mine], most_bins=6)
        rows.append(_row(name, scores))
        if scores.n >= _LEAST and len(charts) < _MOST_STRATEGIES:
            charts.append((name, scores, decisions.p[mine]))
    if len(rows) != 1:
        rows.insert(0, _row("All strategies", overall))
    whole, parts = None, []
    if n >= _LEAST:
        span = _span([overall, *(scores for _, scores, _ in charts)])
        whole = _diagram(Canvas("reliability", HALF, "Forecast and outcome", ""), overall, decisions.p[known], span)
        parts = [
            _diagram(Canvas(f"reliability-{i}", THIRD, name, ""), scores, sample, span)
            for i, (name, scores, sample) in enumerate(charts)
        ]
    return CalibrationSection(
        whole, parts if len(parts) > 1 else [], _table(rows if n else []), _sample(n, traded, signals)
    )


def _span(scores: list[Scores]) -> tuple[float, float]:
    """One range for all diagrams, in whole tenths, so that they can be compared."""
    values = np.concatenate([part for s in scores for part in (s.bins.forecast, s.bins.low, s.bins.high)])
    return max(float(np.floor(values.min() * 10)) / 10, 0.0), min(float(np.ceil(values.max() * 10)) / 10, 1.0)


def _sample(n: int, traded: int, signals: int) -> str:
    if not n:
        return "Not measured: no traded signal with a probability reached its target or its stop."
    words = (
        f"n = {n:,}: traded signals only, and of these the ones that ended at their target or stop "
        f"({traded:,} of {signals:,} signals were traded). Signals that were refused have no outcome here, "
        "so the sample is selected."
    )
    if n < _LEAST:
        words += f" Below {_LEAST} outcomes no diagram is drawn."
    return words


def _row(name: str, scores: Scores) -> tuple[object, ...]:
    interval = formats.NOT_MEASURED
    if scores.n:
        low, high = wilson(np.array([scores.base_rate * scores.n]), np.array([float(scores.n)]))
        interval = f"{low[0] * 100:.0f}–{high[0] * 100:.0f}%"
    return (name, scores.n, scores.mean_p, scores.base_rate, interval, scores.brier, scores.skill)


def _table(rows: list[tuple[object, ...]]) -> Table:
    titles = columns(
        "Strategy",
        "n|count",
        "Forecast|percent",
        "Reached|percent",
        "95%|range",
        "Brier|fine",
        "Skill|fine",
    )
    note = (
        "Forecast: mean probability. Reached: share whose target came first, with a Wilson interval. "
        "Brier: mean squared error, 0 is perfect. Skill: improvement on always forecasting the base rate; "
        "at or below 0 the probabilities add nothing."
    )
    return Table(titles, rows, "Scores of the probabilities", "Not measured: no outcome is known.", note)


def _diagram(canvas: Canvas, scores: Scores, sample: Floats, span: tuple[float, float]) -> Figure:
    bins = scores.bins
    titles = columns(
        "Mean forecast|percent", "Targets reached|percent", "95% from|percent", "to|percent", "Signals|count"
    )
    parts = (values.tolist() for values in (bins.forecast, bins.frequency, bins.low, bins.high, bins.count))
    table = Table(titles, list(zip(*parts, strict=True)), f"Reliability of {scores.n} outcomes in equally filled bins")
    brier, skill = formats.factor(scores.brier, 3), formats.factor(scores.skill, 3)
    described = f"{scores.n} outcomes; Brier score {brier}, skill {skill}."
    filled = "one bin" if len(bins) == 1 else f"{len(bins)} equally filled bins"
    note = f"{scores.n:,} outcomes in {filled}; bars are 95% Wilson intervals."
    shape = Reliability(bins, sample, span)
    return figure(replace(canvas, description=described), lambda c: draw_reliability(c, shape), table, note)
