"""Do the probabilities mean what they say? Section 9: the week's signals, and all outcomes of these runs so far.

A week has too few outcomes for a verdict. The diagrams are those of the week; scores, their intervals and the tests
take every outcome of the line of runs up to the week's end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from core.statistics.missing import NotMeasured
from core.statistics.reliability import Recalibration, recalibration
from core.statistics.scores import ScoreIntervals, Scores, score, score_intervals
from reports import formats
from reports.charts import Canvas, End, Step, draw_bridge
from reports.columns import Bools, Codes, Floats
from reports.facts import Facts
from reports.page import HALF, Figure, Table, columns, figure
from reports.sections.calibration import calibration_section, outcomes
from reports.statistics import local_days, mean
from reports.weekly.choice import Chosen
from reports.weekly.parts import Note, Pair, Part, Section, Triple, missing
from reports.weekly.summary import BREACHED, NEAR, WITHIN, Word

LEAST_OUTCOMES = 100
PLACES = 4


@dataclass(frozen=True, slots=True)
class _Judged:
    """All outcomes so far: scores, their intervals by day, and the recalibration."""

    scores: Scores
    intervals: ScoreIntervals | NotMeasured
    line: Recalibration | NotMeasured


def calibration(chosen: Chosen) -> tuple[Section, Word]:
    """The section, and the word for calibration in the verdict."""
    facts = chosen.facts
    found, judged = calibration_section(facts), _judge(chosen)
    parts: list[Part] = []
    if found.overall is not None:
        parts.append(Pair(found.overall, found.scores))
    else:
        parts += [Note(found.sample), found.scores]
    parts += [Triple(found.by_strategy)] if found.by_strategy else []
    if judged.scores.n:
        parts.append(Pair(_decomposition(judged.scores), _scores(judged)))
    else:
        parts.append(missing("no outcome is known.", "Scores of all outcomes so far"))
    parts.append(Pair(_recalibrated(judged.line), _mean_forecasts(facts)))
    parts.append(missing(_untraded(facts), "Outcomes of untraded signals"))
    section = Section(9, "calibration", "Calibration", found.sample, parts, dict(_figures(judged)))
    return section, _word(judged)


def _judge(chosen: Chosen) -> _Judged:
    p, hit, days = _outcomes(chosen)
    return _Judged(score(p, hit), score_intervals(p, hit, days), recalibration(p, hit, days))


def _outcomes(chosen: Chosen) -> tuple[Floats, Bools, Codes]:
    """Probability, whether the target came first, and day of every signal whose barrier is known by the week's end."""
    end = chosen.week.span[1]
    p: list[Floats] = []
    hits: list[Bools] = []
    days: list[Codes] = []
    for facts in chosen.line:
        known, hit = outcomes(facts)
        rows = known & (facts.decisions.time < end)
        p.append(facts.decisions.p[rows])
        hits.append(hit[rows])
        days.append(local_days(facts.decisions.time[rows]))
    return np.concatenate(p), np.concatenate(hits), np.concatenate(days)


def _word(judged: _Judged) -> Word:
    """within: the slope's interval holds 1 and there is skill; breached: it does not; near: right, but no skill."""
    scores, line = judged.scores, judged.line
    if scores.n < LEAST_OUTCOMES:
        told = f"have {formats.plural(scores.n, 'outcome')}, need {LEAST_OUTCOMES}"
        return Word("Calibration", formats.NOT_MEASURED, told)
    told = f"skill {formats.factor(scores.skill, 3)} over {scores.n:,} outcomes"
    if isinstance(line, NotMeasured):
        return Word("Calibration", formats.NOT_MEASURED, f"{told}; slope {line}")
    told += f", slope {formats.factor(line.slope)} ({_span(line.slope_low, line.slope_high, 2)})"
    if not line.slope_low <= 1 <= line.slope_high:
        return Word("Calibration", BREACHED, told)
    return Word("Calibration", WITHIN if scores.skill > 0 else NEAR, told)


def _span(low: float, high: float, places: int) -> str:
    return f"{formats.factor(low, places)} to {formats.factor(high, places)}"


def _decomposition(scores: Scores) -> Figure:
    """Murphy's parts of the Brier score, from the base rate's score to that of the forecasts."""
    named = [
        ("resolution", -scores.resolution),
        ("reliability", scores.reliability),
        ("within bins", scores.within),
    ]
    steps = [
        Step(name, value, value, value, formats.factor(value, PLACES, plus=True), "pos" if value <= 0 else "neg")
        for name, value in named
    ]
    ends = [
        End(name, value, formats.factor(value, PLACES))
        for name, value in (("uncertainty", scores.uncertainty), ("Brier score", scores.brier))
    ]
    rows = [
        ("Uncertainty", scores.uncertainty, "what always forecasting the base rate scores"),
        ("Resolution, taken off", scores.resolution, "how far the bins differ in what happens; more is better"),
        ("Reliability, added", scores.reliability, "how far forecasts are from what happens; 0 is right"),
        ("Within bins, added", scores.within, "what is left because forecasts of one bin differ"),
        ("Brier score", scores.brier, "mean squared error"),
    ]
    bins = formats.plural(len(scores.bins), "equally filled bin")
    caption = f"Parts of the Brier score of {scores.n:,} outcomes, {bins}"
    canvas = Canvas("murphy", HALF, "Where the Brier score comes from", f"Parts of the Brier score from {bins}.")
    note = f"Murphy (1973), {bins}. Small samples make both reliability and resolution look larger than they are."
    table = Table(columns("Part", "Value|exact", "Meaning"), rows, caption)
    return figure(canvas, lambda c: draw_bridge(c, ends[0], steps, ends[1], "plain"), table, note)


def _scores(judged: _Judged) -> Table:
    scores, intervals = judged.scores, judged.intervals
    brier, skill = formats.NOT_MEASURED, formats.NOT_MEASURED
    if isinstance(intervals, ScoreIntervals):
        brier, skill = (_span(i.low, i.high, PLACES) for i in (intervals.brier, intervals.skill))
    rate, right = scores.base_rate, formats.factor(scores.ece_if_right, PLACES)
    rows = [
        ("Outcomes", formats.count(scores.n), "", ""),
        ("Mean forecast", formats.percent(scores.mean_p), "", f"reached {formats.percent(rate)}"),
        ("Brier score", formats.factor(scores.brier, PLACES), brier, ""),
        ("Skill", formats.factor(scores.skill, PLACES), skill, "0: the base rate alone"),
        ("Log loss", formats.factor(scores.log_loss, PLACES), "", f"base rate alone {_entropy(rate)}"),
        (f"ECE, {len(scores.bins)} bins", formats.factor(scores.ece, PLACES), "", f"right forecasts {right}"),
    ]
    note = (
        "Intervals from the bootstrap of whole days. ECE: mean distance of forecast and outcome over the bins, beside "
        "what chance alone gives forecasts that are right."
    )
    if isinstance(intervals, NotMeasured):
        note += f" Intervals: {intervals}."
    titles = columns("Score", "Value|range", "95 %|range", "Beside it")
    return Table(titles, rows, "Scores of all outcomes so far", note=note)


def _entropy(rate: float) -> str:
    """Log loss of always forecasting the base rate."""
    parts = [-share * math.log(share) for share in (rate, 1 - rate) if share > 0]
    return formats.factor(sum(parts), PLACES)


def _recalibrated(line: Recalibration | NotMeasured) -> Table:
    rows = []
    if isinstance(line, Recalibration):
        interval = _span(line.slope_low, line.slope_high, 2)
        rows = [
            ("Slope", formats.factor(line.slope), interval, "1; below, it dares too much"),
            ("Intercept", formats.factor(line.intercept), "", "0"),
            ("Spiegelhalter’s z", formats.factor(line.z), f"p = {formats.factor(line.p, 3)}", "within ±1.96"),
        ]
    empty = f"Not measured: {line.lack}." if isinstance(line, NotMeasured) else ""
    note = "Logit of the outcome on the logit of p (Cox, 1958); interval by days, whose signals are not independent."
    titles = columns("Recalibration", "Value|range", "95 %|range", "Right is")
    return Table(titles, rows, "Slope and test of calibration", empty, note)


def _figures(judged: _Judged) -> Iterator[tuple[str, float | None]]:
    """The section's named numbers; None where not measured."""
    scores, intervals, line = judged.scores, judged.intervals, judged.line
    yield "outcomes", scores.n
    for name in ("base_rate", "mean_p", "brier", "skill", "log_loss", "reliability", "resolution", "uncertainty"):
        yield name, getattr(scores, name)
    yield "within_bins", scores.within
    yield "bins", len(scores.bins)
    yield "ece", scores.ece
    yield "ece_if_right", scores.ece_if_right
    for name in ("brier", "skill"):
        found = getattr(intervals, name) if isinstance(intervals, ScoreIntervals) else None
        yield f"{name}_low", None if found is None else found.low
        yield f"{name}_high", None if found is None else found.high
    for name in ("slope", "slope_low", "slope_high", "intercept", "z"):
        yield name, getattr(line, name) if isinstance(line, Recalibration) else None


def _untraded(facts: Facts) -> str:
    """What is known of signals that were not traded."""
    known, _ = outcomes(facts)
    opening = facts.decisions.opening
    refused = int((opening & ~facts.decisions.approved).sum())
    return (
        f"{formats.plural(int(known.sum()), 'traded signal')} with outcome, {refused:,} refused. A run does not follow "
        "a refused signal to its barrier, so untraded signals have no outcome, and the sample is selected."
    )


def _mean_forecasts(facts: Facts) -> Table:
    """Forecasts of traded against untraded signals: the one thing that is known of both."""
    decisions = facts.decisions
    rows = []
    for name, mine in (("Traded", decisions.approved), ("Refused", ~decisions.approved)):
        chosen = decisions.p[decisions.opening & mine & np.isfinite(decisions.p)]
        quartiles = [float(np.quantile(chosen, q)) if len(chosen) else np.nan for q in (0.25, 0.5, 0.75)]
        rows.append((name, len(chosen), mean(chosen), *quartiles))
    titles = columns("Signals", "Number|count", "Mean p|percent", "25%|percent", "Median|percent", "75%|percent")
    return Table(titles, rows, "Forecasts, traded against untraded")
