"""Do probabilities mean what they say? Tests beyond the Brier score.

recalibration   the line logit P(y = 1) = a + b logit(p), by maximum likelihood: b = 1 and a = 0 for forecasts that are
                right, b < 1 for those that dare too much (Cox, "Two further applications of a model for binary
                regression", Biometrika 45, 1958)
z               Spiegelhalter's: the Brier score against its own expectation if every p is right, standard normal then
                ("Probabilistic prediction in patient management", Statistics in Medicine 5, 1986)

Signals of one day share its market and their horizons overlap: n of them are not n experiments. So the errors of the
line are clustered by day (the sandwich of Liang and Zeger, "Longitudinal data analysis using generalized linear
models", Biometrika 73, 1986), with the correction d / (d - 1) for d days. Only z takes outcomes as independent, and
rejects rather too often.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.statistics.missing import NotMeasured

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]

LEAST = 50
LEAST_DAYS = 10  # fewer clusters do not tell how far days differ
EDGE = 1e-6
Z_95 = 1.959964
STEPS = 50


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
    _, group = np.unique(days, return_inverse=True)
    count = int(group.max()) + 1
    if count < LEAST_DAYS:
        return NotMeasured(count, LEAST_DAYS, "days with outcomes")
    y, kept = hit.astype(np.float64), np.clip(p, EDGE, 1.0 - EDGE)
    x = np.log(kept / (1.0 - kept))
    if np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return NotMeasured(1, 2, "different forecasts and outcomes")
    beta, covariance = _logistic(np.column_stack([np.ones_like(x), x]), y, group)
    half = Z_95 * math.sqrt(float(covariance[1, 1]))
    slope = float(beta[1])
    z = spiegelhalter(p, hit)
    found = (slope, slope - half, slope + half, float(beta[0]), z, math.erfc(abs(z) / math.sqrt(2.0)))
    return Recalibration(*found, len(p), count)


def spiegelhalter(p: Floats, hit: Bools) -> float:
    """Spiegelhalter's z; NaN where every p is one half, which no outcome can contradict."""
    weight = 1.0 - 2.0 * p
    spread = float((weight**2 * p * (1.0 - p)).sum())
    return float(((hit - p) * weight).sum()) / math.sqrt(spread) if spread > 0.0 else math.nan


def _logistic(design: Floats, y: Floats, group: Int64s) -> tuple[Floats, Floats]:
    """Maximum likelihood by Newton's method: coefficients (k,) and their covariance (k, k), clustered by group."""
    beta = np.zeros(design.shape[1])
    for _ in range(STEPS):
        mean = 1.0 / (1.0 + np.exp(-np.clip(design @ beta, -30.0, 30.0)))
        information = design.T @ (design * (mean * (1.0 - mean))[:, None])
        step = np.linalg.solve(information, design.T @ (y - mean))
        beta = beta + step
        if float(np.abs(step).max()) < 1e-10:
            break
    scores = np.zeros((int(group.max()) + 1, design.shape[1]))
    np.add.at(scores, group, design * (y - mean)[:, None])
    bread, clusters = np.linalg.inv(information), len(scores)
    return beta, bread @ (scores.T @ scores) @ bread * clusters / (clusters - 1)
