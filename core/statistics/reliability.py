"""Do probabilities mean what they say? Tests beyond the Brier score.

recalibration   the line logit P(y = 1) = a + b logit(p), by maximum likelihood: b = 1 and a = 0 for forecasts that are
                right, b < 1 for those that dare too much (Cox, "Two further applications of a model for binary
                regression", Biometrika 45, 1958)
z               Spiegelhalter's: the Brier score against its own expectation if every p is right, standard normal then
                ("Probabilistic prediction in patient management", Statistics in Medicine 5, 1986)

Signals of one day share its market and their horizons overlap: n of them are not n experiments. So the errors of the
line are clustered by day (core.statistics.logistic). Only z takes outcomes as independent, and rejects rather too
often.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.statistics.logistic import logistic_fit, logit
from core.statistics.missing import NotMeasured
from core.statistics.scores import Z_95

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]

LEAST = 50
LEAST_DAYS = 10  # fewer clusters do not tell how far days differ


@dataclass(frozen=True, slots=True)
class Recalibration:
    """Slope and intercept with 95 % intervals, and Spiegelhalter's z with its two-sided p."""

    slope: float
    slope_low: float
    slope_high: float
    intercept: float
    z: float
    p: float
    n: int
    days: int


def recalibration(p: Floats, hit: Bools, days: Int64s) -> Recalibration | NotMeasured:
    """From float64 (n,) probabilities, bool (n,) outcomes and int64 (n,) days, which say what belongs together.

    Not measured where they do not determine a line. Horizons that reach over days need coarser groups: pass weeks.
    """
    if len(p) < LEAST:
        return NotMeasured(len(p), LEAST, "outcomes")
    count = len(np.unique(days))
    if count < LEAST_DAYS:
        return NotMeasured(count, LEAST_DAYS, "days with outcomes")
    x = logit(p)
    if np.ptp(x) == 0.0 or hit.all() == hit.any():
        return NotMeasured(1, 2, "different forecasts and outcomes")
    fit = logistic_fit(np.column_stack([np.ones_like(x), x]), hit.astype(np.float64), days)
    if fit is None:
        return NotMeasured(0, 1, "outcomes that contradict the order of forecasts")
    intercept, slope = fit.coefficients.tolist()
    half = Z_95 * float(fit.errors[1])
    z = spiegelhalter(p, hit)
    found = (slope, slope - half, slope + half, intercept, z, math.erfc(abs(z) / math.sqrt(2.0)))
    return Recalibration(*found, len(p), count)


def spiegelhalter(p: Floats, hit: Bools) -> float:
    """Spiegelhalter's z; NaN where every p is one half, which no outcome can contradict."""
    weight = 1.0 - 2.0 * p
    spread = float((weight**2 * p * (1.0 - p)).sum())
    return float(((hit - p) * weight).sum()) / math.sqrt(spread) if spread > 0.0 else math.nan
