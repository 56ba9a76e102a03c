"""Means and tests for observations that come in days.

Orders of one day share its market, so n orders are not n independent observations. Everything here draws whole days:

interval      of a mean, or of a smooth function of means, by the studentised bootstrap (Hall, "The Bootstrap and
              Edgeworth Expansion", 1992). Days are drawn with replacement; each draw's value is measured in its own
              standard error, and the quantiles of those ratios stretch the interval. With a few dozen days the
              simpler percentile interval is too short. A draw may lack the few days that vary and have next to no
              error of its own; it is measured in a tenth of the sample's, so that a division by nothing makes no
              interval.
permutation   of two samples over the same days: under the null hypothesis a day's two samples could as well be
              swapped, whole, so the statistic's distribution is that over all such swaps.

The mean of all observations is a ratio, of the days' totals to their counts; its standard error, and that of a function
of such means, is that of the linearised ratio (Cochran, "Sampling Techniques", 1977, chapter 6). Draws come from a
generator with a fixed key: equal input, equal answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

DRAWS = 4000
PERMUTATIONS = 999
KEY = 0x5EA7
LEAST_ERROR = 0.1  # of the sample's own: a draw that lacks the days that vary knows nothing of its error
CELLS = 4_000_000  # of a matrix of permuted weights, to bound memory


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval; `error` is its standard error by days, NaN with less than two days."""

    value: float
    low: float
    high: float
    error: float
    n: int
    days: int


Smooth = Callable[[Floats], tuple[Floats, Floats]]
"""From float64 (draws, k) means to a function's values, (draws,), and its gradients, (draws, k); NaN where none."""


def mean_interval(values: Floats, days: Int64s, level: float = 0.90) -> Interval:
    """Mean of float64 (n,) values with the interval of `level`; int64 (n,) `days` says which belong together.

    The interval is NaN with less than two days.
    """
    return smooth_interval(values[:, None], days, _itself, level)


def _itself(means: Floats) -> tuple[Floats, Floats]:
    return means[:, 0], np.ones_like(means)


def smooth_interval(values: Floats, days: Int64s, function: Smooth, level: float = 0.90) -> Interval:
    """A smooth function of the means of float64 (n, k) values, with the interval of `level` by days."""
    if not len(values):
        return Interval(np.nan, np.nan, np.nan, np.nan, 0, 0)
    _, place = np.unique(days, return_inverse=True)
    totals = np.array([np.bincount(place, column) for column in values.T], np.float64).T
    counts = np.asarray(np.bincount(place), np.float64)
    n, d = len(values), len(totals)
    if d < 2:
        return Interval(float(function(values.mean(axis=0)[None])[0][0]), np.nan, np.nan, np.nan, n, d)
    value, error = (float(found[0]) for found in _estimates(totals, counts, np.ones((1, d)), function))
    if error == 0.0:
        return Interval(value, value, value, 0.0, n, d)
    drawn, errors = _estimates(totals, counts, _drawn(d), function)
    studentised = (drawn - value) / np.maximum(errors, LEAST_ERROR * error)
    tail = (1.0 - level) / 2.0
    above, below = np.nanquantile(studentised, [1.0 - tail, tail])
    return Interval(value, value - float(above) * error, value - float(below) * error, error, n, d)


@lru_cache(maxsize=4)
def _drawn(days: int) -> Floats:
    """How often each day comes in each draw, (DRAWS, days); equal for equal numbers of days."""
    return _generator().multinomial(days, np.full(days, 1.0 / days), DRAWS).astype(np.float64)


def _estimates(totals: Floats, counts: Floats, weights: Floats, function: Smooth) -> tuple[Floats, Floats]:
    """The function and its standard error by days, (draws,) each, for float64 (draws, days) weights of the days."""
    n = weights @ counts
    means = weights @ totals / n[:, None]
    values, gradient = function(means)
    influence = gradient @ totals.T - (gradient * means).sum(axis=1)[:, None] * counts[None, :]
    d = len(totals)
    return values, np.asarray(np.sqrt((weights * influence**2).sum(axis=1) * d / (d - 1)) / n)


def ks_by_day(a: Floats, a_days: Int64s, b: Floats, b_days: Int64s) -> tuple[float, float]:
    """Two-sample Kolmogorov-Smirnov distance of float64 samples, and its p-value by swapping whole days.

    Both NaN when a sample is empty.
    """
    if not len(a) or not len(b):
        return np.nan, np.nan
    values = np.concatenate([a, b])
    order = np.argsort(values, kind="stable")
    values = values[order]
    from_a = np.repeat([True, False], [len(a), len(b)])[order]
    names, place = np.unique(np.concatenate([a_days, b_days])[order], return_inverse=True)
    ends = np.flatnonzero(np.append(np.diff(values) > 0.0, True))
    observed = float(_distances(from_a[None, :], ends)[0])
    draw, larger, left = _generator(), 1, PERMUTATIONS
    while left:
        rows = min(left, max(CELLS // len(values), 1))
        swapped = draw.random((rows, len(names))) < 0.5
        larger += int((_distances(from_a[None, :] ^ swapped[:, place], ends) >= observed - 1e-12).sum())
        left -= rows
    return observed, larger / (PERMUTATIONS + 1)


def wasserstein(a: Floats, b: Floats) -> float:
    """By how much a value of one sample lies elsewhere in the other, on average: the integral of |F_a - F_b|.

    The Wasserstein distance of order 1 (Vallender, 1974), in the samples' unit; NaN when one is empty. scipy has it,
    in a package whose import takes longer than the whole comparison.
    """
    if not len(a) or not len(b):
        return np.nan
    steps = np.sort(np.concatenate([a, b]))
    apart = [np.searchsorted(np.sort(sample), steps[:-1], "right") / len(sample) for sample in (a, b)]
    return float((np.abs(apart[0] - apart[1]) * np.diff(steps)).sum())


def _distances(from_a: npt.NDArray[np.bool_], ends: Int64s) -> Floats:
    """Largest distance of the two empirical distributions for each row of labels of the sorted values."""
    a = np.cumsum(from_a, axis=1, dtype=np.float64)
    total = a[:, -1:]
    n = from_a.shape[1]
    b = np.arange(1.0, n + 1.0) - a
    apart = np.abs(a / np.maximum(total, 1.0) - b / np.maximum(n - total, 1.0))
    return np.asarray(apart[:, ends].max(axis=1))


def _generator() -> np.random.Generator:
    return np.random.Generator(np.random.Philox(KEY))
