"""Is any of it more than luck? Section 18, and the tests of section 9.

Both need more than a week has, and take everything of the line of runs up to the week's end.
"""

from __future__ import annotations

import math

import numpy as np

from core.statistics.missing import NotMeasured
from core.statistics.reliability import Recalibration, recalibration
from core.statistics.scores import Scores, score
from core.statistics.series import SESSIONS_A_YEAR
from core.statistics.standing import expected_best, moments, probabilistic_sharpe, sharpe, track_record_needed
from reports import formats
from reports.charts import Bar, Canvas, draw_bars
from reports.columns import Bools, Codes, Floats
from reports.page import HALF, Figure, Table, columns, figure
from reports.sections.calibration import outcomes
from reports.statistics import local_days
from reports.weekly.choice import Chosen
from reports.weekly.parts import Pair, Part, Section, missing
from reports.weekly.summary import BREACHED, NEAR, WITHIN, Word

LEAST_OUTCOMES = 100
LEAST_SESSIONS = 20


def calibration_tests(chosen: Chosen) -> tuple[list[Part], Word]:
    """The scores of every outcome of the line up to the week's end, and the word for them."""
    p, hit, days = _outcomes(chosen)
    scores, line = score(p, hit), recalibration(p, hit, days)
    rows = [("All runs up to this week", scores.n, scores.mean_p, scores.base_rate, scores.brier, scores.skill)]
    titles = columns("Outcomes of", "n|count", "Forecast|percent", "Reached|percent", "Brier|fine", "Skill|fine")
    table = Table(
        titles, rows if scores.n else [], "Scores over all outcomes so far", "Not measured: no outcome is known."
    )
    if scores.n < LEAST_OUTCOMES:
        told = f"have {formats.plural(scores.n, 'outcome')}, need {LEAST_OUTCOMES}"
        return [table, _recalibrated(line)], Word("Calibration", formats.NOT_MEASURED, told)
    return [table, _recalibrated(line)], _word(scores, line)


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


def _word(scores: Scores, line: Recalibration | NotMeasured) -> Word:
    """within: the slope's interval holds 1 and there is skill; breached: it does not; near: right, but no skill."""
    told = f"skill {formats.factor(scores.skill, 3)} over {scores.n:,} outcomes"
    if isinstance(line, NotMeasured):
        return Word("Calibration", formats.NOT_MEASURED, f"{told}; slope {line}")
    told += (
        f", slope {formats.factor(line.slope)} ({formats.factor(line.slope_low)} to {formats.factor(line.slope_high)})"
    )
    if not line.slope_low <= 1 <= line.slope_high:
        return Word("Calibration", BREACHED, told)
    return Word("Calibration", WITHIN if scores.skill > 0 else NEAR, told)


def _recalibrated(line: Recalibration | NotMeasured) -> Table:
    rows = []
    if isinstance(line, Recalibration):
        interval = f"{formats.factor(line.slope_low)} to {formats.factor(line.slope_high)}"
        rows = [
            ("Slope; 1 is right, below 1 dares too much", formats.factor(line.slope), interval),
            ("Intercept; 0 is right", formats.factor(line.intercept), ""),
            ("Spiegelhalter’s z", formats.factor(line.z), f"p = {formats.factor(line.p, 3)}"),
        ]
    empty = f"Not measured: {line}." if isinstance(line, NotMeasured) else ""
    note = "Logit of the outcome on the logit of p (Cox, 1958); interval by days, whose signals are not independent."
    return Table(
        columns("Recalibration", "Value|range", "95 %|range"), rows, "Slope and test of calibration", empty, note
    )


def standing(chosen: Chosen, trials: int) -> Section:
    """Section 18: is the Sharpe ratio more than luck, and how many sessions would it take to know?"""
    _, returns = chosen.returns
    title, lead = (
        "Statistical standing",
        "Whether the result could be luck: of the sample, and of having tried many settings.",
    )
    n = len(returns)
    if n < LEAST_SESSIONS or not returns.std() > 0:
        told = f"have {formats.plural(n, 'session')}, need {LEAST_SESSIONS}, and results that vary."
        return Section(18, "standing", title, lead, [missing(told)])
    ratio, (skew, kurtosis) = float(sharpe(returns[:, None])[0]), moments(returns)
    luck = expected_best((1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2) / (n - 1), trials)
    shape = np.array([ratio]), np.array([skew]), np.array([kurtosis])
    psr, dsr = (float(probabilistic_sharpe(shape[0], bar, n, shape[1], shape[2])[0]) for bar in (0.0, luck))
    needed = track_record_needed(ratio, luck, skew, kurtosis)
    figures = {"sharpe_a_year": ratio * math.sqrt(SESSIONS_A_YEAR), "psr": psr, "dsr": dsr, "sessions_needed": needed}
    rows = [
        ("Sessions, weeks", f"{n:,}, {len(chosen.history)} with this one"),
        ("Sharpe ratio, a year", formats.factor(figures["sharpe_a_year"])),
        ("Skew, kurtosis", f"{formats.factor(skew)}, {formats.factor(kurtosis)}"),
        ("Trials that the deflated ratio allows for", formats.count(trials)),
        ("Sessions needed at this ratio", formats.count(needed) if math.isfinite(needed) else "no number of them"),
        ("Probability of overfitting", formats.NOT_MEASURED),
    ]
    note = (
        "Sessions needed: for 95 % confidence that it beats these trials’ luck (Bailey and López de Prado, 2012, "
        "2014). State the trials with --trials. Overfitting takes the results of all settings: see seatrial screen."
    )
    table = Table(columns("Standing", "Value|range"), rows, "What the sample allows to say", note=note)
    return Section(18, "standing", title, lead, [Pair(_gauge(psr, dsr, trials), table)], figures)


def _gauge(psr: float, dsr: float, trials: int) -> Figure:
    rows = [("Sharpe ratio above 0 (PSR)", psr), (f"above the luck of {formats.plural(trials, 'trial')} (DSR)", dsr)]
    bars = [Bar(name, value, formats.percent(value, 1), "s1" if value >= 0.95 else "s3") for name, value in rows]
    table = Table(columns("Probability that the true", "Probability|percent"), rows, "Probabilities")
    canvas = Canvas(
        "standing", HALF, "Probability that it is more than luck", "Probabilistic and deflated Sharpe ratio."
    )
    return figure(canvas, lambda c: draw_bars(c, bars), table, "95 % is the usual bar.")
