"""Sharpe ratios of many trials, and how much of the best one is luck.

The best of many settings looks good by chance. If all N trials were worthless, their estimated Sharpe ratios
would still scatter around zero, and the largest of N draws from a normal distribution of variance V is
expected at

    sqrt(V) ((1 - γ) Φ⁻¹(1 - 1/N) + γ Φ⁻¹(1 - 1/(N e))),    γ = Euler's constant

(Bailey & López de Prado, "The Deflated Sharpe Ratio", Journal of Portfolio Management 40 (5), 2014). The
deflated Sharpe ratio is the probability that a trial's true ratio lies above that, given that an estimate
from T periods has the standard error sqrt((1 - skew SR + (kurtosis - 1)/4 SR²) / (T - 1)) (the same, "The
Sharpe Ratio Efficient Frontier", Journal of Risk 15 (2), 2012). N counts every setting tried. Neighbouring
settings are not independent trials, so the figure errs on the strict side. All ratios here are per period,
not annual.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

EULER = 0.5772156649015329


def sharpe(results: Floats) -> Floats:
    """Mean over standard deviation of each column of `results` (D, N); (N,), NaN where nothing varies."""
    deviation = results.std(axis=0, ddof=1) if len(results) > 1 else np.zeros(results.shape[1])
    return np.where(deviation > 0.0, results.mean(axis=0) / np.where(deviation > 0.0, deviation, 1.0), np.nan)


def deflated_sharpe(results: Floats) -> Floats:
    """Probability, (N,), that a trial is better than the best of N worthless ones would look.

    results  float64 (D, N), result of each period and trial, as a fraction of capital

    NaN where the trial has no Sharpe ratio.
    """
    ratio = sharpe(results)
    known = ratio[~np.isnan(ratio)]
    luck = expected_best(float(known.var(ddof=1)), results.shape[1]) if len(known) > 1 else 0.0
    centred = results - results.mean(axis=0)
    spread = np.where(np.isnan(ratio), 1.0, results.std(axis=0))
    skew, kurtosis = ((centred / spread) ** 3).mean(axis=0), ((centred / spread) ** 4).mean(axis=0)
    return probabilistic_sharpe(ratio, luck, len(results), skew, kurtosis)


def expected_best(variance: float, trials: int) -> float:
    """Expected largest of `trials` Sharpe ratios that are zero but for an error of this variance."""
    if trials < 2:
        return 0.0
    quantile = NormalDist().inv_cdf
    ordinary, extreme = quantile(1.0 - 1.0 / trials), quantile(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(variance) * ((1.0 - EULER) * ordinary + EULER * extreme)


def probabilistic_sharpe(ratio: Floats, against: float, periods: int, skew: Floats, kurtosis: Floats) -> Floats:
    """Probability that a true ratio exceeds `against`, given its estimate; a normal kurtosis is 3."""
    error = np.sqrt(1.0 - skew * ratio + (kurtosis - 1.0) / 4.0 * ratio**2)
    score = (ratio - against) * math.sqrt(max(periods - 1, 0)) / error
    cumulative = NormalDist().cdf
    return np.array([cumulative(z) if math.isfinite(z) else math.nan for z in score])


def moments(results: Floats) -> tuple[float, float]:
    """Skew and kurtosis (3 for a normal distribution) of float64 (n,) results; NaN where nothing varies."""
    spread = float(results.std())
    if not spread > 0.0:
        return math.nan, math.nan
    scaled = (results - results.mean()) / spread
    return float((scaled**3).mean()), float((scaled**4).mean())


def track_record_needed(ratio: float, against: float, skew: float, kurtosis: float, confidence: float = 0.95) -> float:
    """Periods from which on this ratio would be above `against` with this confidence; infinite where it is not above.

    1 + (1 - skew SR + (kurtosis - 1)/4 SR²) (z / (SR - SR*))², the second source at the head.
    """
    if not ratio > against:
        return math.inf
    z = NormalDist().inv_cdf(confidence)
    return 1.0 + (1.0 - skew * ratio + (kurtosis - 1.0) / 4.0 * ratio**2) * (z / (ratio - against)) ** 2
