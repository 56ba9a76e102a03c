"""Do probabilities mean what they say? Tests beyond the Brier score.

recalibration   the line logit P(y = 1) = a + b logit(p), by maximum likelihood: b = 1 and a = 0 for forecasts that are
                right, b < 1 for those that dare too much (Cox, "Two further applications of a model for binary
                regression", Biometrika 45, 1958)
z               Spiegelhalter's: the Brier score against its own expectation if every p is right, standard normal then
                ("Probabilistic prediction in patient management", Statistics in Medicine 5, 1986)

Both take outcomes as independent. Signals of one day are not quite, so that intervals are rather too short.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.statistics.missing import NotMeasured

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LEAST = 50
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


def recalibration(p: Floats, hit: Bools) -> Recalibration | NotMeasured:
    """From float64 (n,) probabilities and bool (n,) outcomes; not measured where they do not determine a line."""
    if len(p) < LEAST:
        return NotMeasured(len(p), LEAST, "outcomes")
    y, kept = hit.astype(np.float64), np.clip(p, EDGE, 1.0 - EDGE)
    x = np.log(kept / (1.0 - kept))
    if np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return NotMeasured(1, 2, "different forecasts and outcomes")
    beta, covariance = _logistic(np.column_stack([np.ones_like(x), x]), y)
    half = Z_95 * math.sqrt(float(covariance[1, 1]))
    slope = float(beta[1])
    z = spiegelhalter(p, hit)
    return Recalibration(
        slope, slope - half, slope + half, float(beta[0]), z, math.erfc(abs(z) / math.sqrt(2.0)), len(p)
    )


def spiegelhalter(p: Floats, hit: Bools) -> float:
    """Spiegelhalter's z; NaN where every p is one half, which no outcome can contradict."""
    weight = 1.0 - 2.0 * p
    spread = float((weight**2 * p * (1.0 - p)).sum())
    return float(((hit - p) * weight).sum()) / math.sqrt(spread) if spread > 0.0 else math.nan


def _logistic(design: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Maximum likelihood by Newton's method: coefficients (k,) and their covariance (k, k)."""
    beta = np.zeros(design.shape[1])
    for _ in range(STEPS):
        mean = 1.0 / (1.0 + np.exp(-np.clip(design @ beta, -30.0, 30.0)))
        information = design.T @ (design * (mean * (1.0 - mean))[:, None])
        step = np.linalg.solve(information, design.T @ (y - mean))
        beta = beta + step
        if float(np.abs(step).max()) < 1e-10:
            break
    return beta, np.asarray(np.linalg.inv(information), np.float64)
