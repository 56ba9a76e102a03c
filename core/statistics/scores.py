"""How good probabilities were: the Brier score and its parts, log loss, calibration error, and intervals by day.

With forecasts p, outcomes y (1 or 0) and the base rate r, the mean of y:

    Brier       BS = mean (p - y)²  (Brier, "Verification of forecasts expressed in terms of probability", Monthly
                Weather Review 78, 1950); skill 1 - BS / (r (1 - r)), against always forecasting the base rate
    log loss    mean -ln(p) where y = 1 and -ln(1 - p) where y = 0 (Good, "Rational decisions", Journal of the Royal
                Statistical Society B 14, 1952)

and with the forecasts in bins k of n_k, mean forecast f_k and share of outcomes o_k:

    BS = reliability - resolution + uncertainty + within bins
         reliability   sum n_k (f_k - o_k)² / n    how far forecasts are from what happens; 0 is right
         resolution    sum n_k (o_k - r)² / n      how far the bins differ in what happens; more is better
         uncertainty   r (1 - r)                   what always forecasting the base rate would score

(Murphy, "A new vector partition of the probability score", Journal of Applied Meteorology 12, 1973). The identity is
exact for bins of one forecast each; otherwise `within` is what remains: the variance of forecasts within bins less
twice their covariance with the outcomes (Stephenson, Coelho and Jolliffe, "Two extra components in the Brier score
decomposition", Weather and Forecasting 23, 2008).

    ECE         sum n_k |f_k - o_k| / n, which depends on the bins, so that it comes with their number (Naeini, Cooper
                and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015). Forecasts
                that are right have one above 0, too: with independent outcomes o_k - f_k is then about normal with
                the variance sum p (1 - p) / n_k², and its mean size is sqrt(2 / pi) times the deviation.
                `ece_if_right` is the sum of these, to hold the ECE against.

Bins hold equally many forecasts; equal forecasts are never parted. Intervals of shares are Wilson's ("Probable
inference, the law of succession, and statistical inference", Journal of the American Statistical Association 22,
1927). Intervals of BS and skill draw whole days (core.statistics.blocks).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.statistics.blocks import Interval, mean_interval, smooth_interval
from core.statistics.logistic import inside
from core.statistics.missing import NotMeasured

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]

Z_95 = 1.959964
MOST_BINS = 10
LEAST_A_BIN = 20
LEAST_DAYS = 10  # fewer blocks give the bootstrap nothing to draw from


@dataclass(frozen=True, slots=True)
class Bins:
    """Forecasts in bins, each float64 (k,): mean forecast, share of outcomes with its 95 % interval, and count."""

    forecast: Floats
    frequency: Floats
    low: Floats
    high: Floats
    count: Floats

    def __len__(self) -> int:
        return len(self.count)


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of n forecasts; NaN where there are none, skill also where all outcomes are alike."""

    n: int
    bins: Bins
    base_rate: float
    mean_p: float
    brier: float
    skill: float
    log_loss: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float
    ece: float
    ece_if_right: float


@dataclass(frozen=True, slots=True)
class ScoreIntervals:
    """Brier score and skill with their intervals by day."""

    brier: Interval
    skill: Interval


def score(p: Floats, hit: Bools, most_bins: int = MOST_BINS, least: int = LEAST_A_BIN) -> Scores:
    """Judge float64 (n,) probabilities by bool (n,) outcomes, in at most `most_bins` bins of about `least` or more."""
    n = len(p)
    if n == 0:
        nothing = np.zeros(0)
        return Scores(0, Bins(nothing, nothing, nothing, nothing, nothing), *[np.nan] * 11)
    order = np.argsort(p, kind="stable")
    p, y = p[order], hit[order].astype(np.float64)
    edges = _edges(p, most_bins, least)
    bins = _bins(p, y, edges)
    rate, brier = float(y.mean()), float(np.mean((p - y) ** 2))
    kept, spread = inside(p), rate * (1.0 - rate)
    apart, share = np.abs(bins.forecast - bins.frequency), bins.count / n
    reliability = float((share * apart**2).sum())
    resolution = float((share * (bins.frequency - rate) ** 2).sum())
    chance = np.sqrt(2.0 / np.pi * np.add.reduceat(p * (1.0 - p), edges)) / n
    return Scores(
        n=n,
        bins=bins,
        base_rate=rate,
        mean_p=float(p.mean()),
        brier=brier,
        skill=1.0 - brier / spread if spread else np.nan,
        log_loss=float(-np.mean(np.where(y > 0.0, np.log(kept), np.log(1.0 - kept)))),
        reliability=reliability,
        resolution=resolution,
        uncertainty=spread,
        within=brier - (reliability - resolution + spread),
        ece=float((share * apart).sum()),
        ece_if_right=float(chance.sum()),
    )


def _edges(p: Floats, most: int, least: int) -> Int64s:
    """First row of each bin of the sorted forecasts; an edge among equal ones moves to the first of them."""
    wanted = int(np.clip(len(p) // least, 1, most))
    cuts = np.linspace(0, len(p), wanted + 1).astype(np.int64)[:-1]
    return np.unique(np.searchsorted(p, p[cuts]))


def _bins(p: Floats, y: Floats, edges: Int64s) -> Bins:
    count = np.diff(np.append(edges, len(p))).astype(np.float64)
    hits = np.add.reduceat(y, edges)
    low, high = wilson(hits, count)
    return Bins(np.add.reduceat(p, edges) / count, hits / count, low, high, count)


def wilson(hits: Floats, n: Floats, z: float = Z_95) -> tuple[Floats, Floats]:
    """Score interval of proportions (95 % by default), float64 (k,) each; stays inside [0, 1]."""
    p = hits / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0)


def score_intervals(p: Floats, hit: Bools, days: Int64s, level: float = 0.95) -> ScoreIntervals | NotMeasured:
    """Intervals of the Brier score and of skill; int64 (n,) `days` says which forecasts share a market."""
    blocks = len(np.unique(days))
    if blocks < LEAST_DAYS:
        return NotMeasured(blocks, LEAST_DAYS, "days with outcomes")
    y = hit.astype(np.float64)
    if np.ptp(y) == 0.0:
        return NotMeasured(1, 2, "different outcomes")
    error = (p - y) ** 2
    brier = mean_interval(error, days, level)
    return ScoreIntervals(brier, smooth_interval(np.column_stack([error, y]), days, _skill, level))


def _skill(means: Floats) -> tuple[Floats, Floats]:
    """Skill, (draws,), and its gradient, (draws, 2), at mean errors and base rates, (draws, 2); NaN at 0 and 1."""
    error, rate = means.T
    spread = rate * (1.0 - rate)
    spread = np.where(spread > 0.0, spread, np.nan)
    return 1.0 - error / spread, np.column_stack([-1.0 / spread, error * (1.0 - 2.0 * rate) / spread**2])
