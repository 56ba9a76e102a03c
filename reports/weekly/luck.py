"""Is any of it more than luck? Section 18.

It needs more than a week has, and takes everything of the line of runs up to the week's end.
"""

from __future__ import annotations

import math

import numpy as np

from core.statistics.series import SESSIONS_A_YEAR
from core.statistics.standing import expected_best, moments, probabilistic_sharpe, sharpe, track_record_needed
from reports import formats
from reports.charts import Bar, Canvas, draw_bars
from reports.page import HALF, Figure, Table, columns, figure
from reports.weekly.choice import Chosen
from reports.weekly.parts import Pair, Section, missing

LEAST_SESSIONS = 20


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
