"""Did losses exceed the value at risk as often as they should, and one day apart from another?

An exception is a session whose loss is above its forecast. If VaR at `level` is right, exceptions come with probability
p = 1 - level, each day anew. Three likelihood ratios, each with its asymptotic p-value:

    Kupiec          is their share p? "Techniques for verifying the accuracy of risk measurement models", Journal of
                    Derivatives 3 (2), 1995; chi-squared with 1 degree of freedom
    independence    are they as frequent after an exception as after none? Christoffersen, "Evaluating interval
                    forecasts", International Economic Review 39 (4), 1998; 1 degree
    conditional     both at once (the same); 2 degrees. The last two look at the days that have a day before them

A year of days says little about an event of one in a hundred. So each result has its power: the probability, exact
from the binomial distribution, that Kupiec's test at 5 % finds a VaR that is exceeded twice as often as it should be.
Below 80 % "not rejected" is no evidence, and `low_power` says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.statistics.missing import NotMeasured
from core.statistics.tails import days_needed

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

CRITICAL = 3.841458820694124  # chi-squared, 1 degree of freedom, 5 %
ENOUGH_POWER = 0.80
LEAST_EXCEPTIONS = 2  # one alone has no neighbour to depend on


@dataclass(frozen=True, slots=True)
class Ratio:
    """A likelihood ratio and the probability of a larger one if VaR is right."""

    statistic: float
    p: float

    @property
    def rejected(self) -> bool:
        """Whether VaR is wrong at 5 %."""
        return self.p < 0.05


@dataclass(frozen=True, slots=True)
class Coverage:
    """Exceptions counted and expected, the three tests, and what the first of them could have found."""

    level: float
    days: int
    exceptions: int
    expected: float
    kupiec: Ratio
    independence: Ratio | NotMeasured
    conditional: Ratio | NotMeasured
    power: float

    @property
    def low_power(self) -> bool:
        """Whether a VaR exceeded twice too often would be missed more than one time in five."""
        return self.power < ENOUGH_POWER


def coverage(returns: Floats, var: Floats, level: float) -> Coverage | NotMeasured:
    """Test float64 (n,) forecasts of VaR (positive, fractions) by the float64 (n,) returns of their sessions.

    Sessions without a forecast (NaN) are left out; those that remain are taken as neighbours in their order.
    """
    known = np.isfinite(var) & np.isfinite(returns)
    exceeded = -returns[known] > var[known]
    n, x, need = len(exceeded), int(exceeded.sum()), days_needed(level)
    if n < need:
        return NotMeasured(n, need, "sessions with a forecast")
    rate = 1.0 - level
    kupiec = _ratio(_likelihood_ratio(np.array([x], np.float64), n, rate)[0], 1)
    independence: Ratio | NotMeasured = NotMeasured(x, LEAST_EXCEPTIONS, "exceptions")
    conditional = independence
    if x >= LEAST_EXCEPTIONS:
        independence, conditional = _by_the_day_before(exceeded, rate)
    return Coverage(level, n, x, n * rate, kupiec, independence, conditional, kupiec_power(n, rate, 2.0 * rate))


def kupiec_power(days: int, rate: float, true_rate: float) -> float:
    """Probability that the test at 5 % rejects `rate` when exceptions come with `true_rate`."""
    x = np.arange(days + 1, dtype=np.float64)
    rejected = _likelihood_ratio(x, days, rate) > CRITICAL
    ways = np.array([math.lgamma(days + 1) - math.lgamma(k + 1) - math.lgamma(days - k + 1) for k in range(days + 1)])
    return float(np.exp(ways + _log_likelihood(x, days, true_rate))[rejected].sum())


def _likelihood_ratio(x: Floats, n: int, rate: float) -> Floats:
    """Twice the log-likelihood that the observed share of exceptions has over `rate`, (len(x),)."""
    return np.maximum(2.0 * (_log_likelihood(x, n, x / n) - _log_likelihood(x, n, rate)), 0.0)


def _by_the_day_before(exceeded: Bools, rate: float) -> tuple[Ratio, Ratio]:
    """The tests of independence and of conditional coverage."""
    before, after = exceeded[:-1], exceeded[1:]
    best = 0.0
    for state in (False, True):
        days = int((before == state).sum())
        hits = int(after[before == state].sum())
        best += _of_share(hits, days, hits / days if days else rate)
    x, n = int(after.sum()), len(after)
    apart = max(2.0 * (best - _of_share(x, n, x / n)), 0.0)
    both = max(2.0 * (best - _of_share(x, n, rate)), 0.0)
    return _ratio(apart, 1), _ratio(both, 2)


def _of_share(hits: int, days: int, rate: float) -> float:
    return float(_log_likelihood(np.array([hits], np.float64), days, rate)[0])


def _log_likelihood(x: Floats, n: int, rate: Floats | float) -> Floats:
    """x ln(rate) + (n - x) ln(1 - rate), with 0 ln(0) = 0."""
    return _times_log(x, rate) + _times_log(n - x, 1.0 - np.asarray(rate))


def _times_log(count: Floats, share: Floats | float) -> Floats:
    share = np.broadcast_to(np.asarray(share, np.float64), count.shape)
    return np.where(count > 0.0, count * np.log(np.where(count > 0.0, share, 1.0)), 0.0)


def _ratio(statistic: float, degrees: int) -> Ratio:
    """With the upper tail of chi-squared, which for 1 and 2 degrees has a closed form."""
    p = math.erfc(math.sqrt(statistic / 2.0)) if degrees == 1 else math.exp(-statistic / 2.0)
    return Ratio(float(statistic), p)
