"""Are two runs the same, up to a margin? An equivalence test, because "no significant difference" is no evidence.

Two one-sided tests (Schuirmann, "A comparison of the two one-sided tests procedure …", 1987) at 5 % each are passed
when the 90 % interval of the mean gap lies within ±margin. The interval is that of blocks.py, by days.

How many orders that takes: with a true gap of 0 and a standard deviation sd, both tests are passed with probability
80 % from

    n = ((z(0.95) + z(0.90)) * sd / margin)**2

independent orders on. Orders of one day are not independent; the variance of their mean by days over the variance that
independence would give (the design effect, Kish, "Survey Sampling", 1965) multiplies n, where it is above 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from core.statistics.blocks import mean_interval

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

SHOWN, NOT_SHOWN, INSUFFICIENT = "parity shown", "not shown", "insufficient data"
LEAST_DAYS = 10  # fewer blocks give the bootstrap nothing to draw from
Z_SUM = NormalDist().inv_cdf(0.95) + NormalDist().inv_cdf(0.90)


@dataclass(frozen=True, slots=True)
class Equivalence:
    """The verdict with what it rests on; gaps and `margin` in one unit. `needed` is None where it is not known."""

    verdict: str
    n: int
    days: int
    needed: int | None
    mean: float
    low: float
    high: float
    deviation: float
    margin: float

    @property
    def sentence(self) -> str:
        """The verdict in words, with the numbers that it lacks."""
        if self.verdict != INSUFFICIENT:
            return self.verdict
        if self.days < LEAST_DAYS:
            return f"{INSUFFICIENT} (have {self.n} matched orders over {self.days} days, need {LEAST_DAYS} days)"
        return f"{INSUFFICIENT} (have {self.n}, need {self.needed})"


def equivalence(gaps: Floats, days: Int64s, margin: float) -> Equivalence:
    """Whether the mean of float64 (n,) gaps lies within ±margin; int64 (n,) `days` groups them.

    An interval inside the margin shows parity whatever n is, and one wholly outside it shows the contrary. What lies
    between is told apart by n: too few orders, or enough of them and still no parity.
    """
    found = mean_interval(gaps, days)
    deviation = float(gaps.std(ddof=1)) if len(gaps) > 1 else np.nan
    needed = None
    if found.days >= 2:
        effect = max(found.error**2 * found.n / deviation**2, 1.0) if deviation > 0.0 else 1.0
        needed = orders_needed(deviation, margin, effect)
    inside = -margin < found.low and found.high < margin
    outside = found.low >= margin or found.high <= -margin
    if found.days < LEAST_DAYS:
        verdict = INSUFFICIENT
    elif inside:
        verdict = SHOWN
    else:
        verdict = NOT_SHOWN if outside or found.n >= (needed or 0) else INSUFFICIENT
    return Equivalence(verdict, found.n, found.days, needed, found.value, found.low, found.high, deviation, margin)


def orders_needed(deviation: float, margin: float, effect: float = 1.0) -> int:
    """Orders from which on equal runs are found equal four times in five; `effect` is the design effect."""
    return ceil((Z_SUM * deviation / margin) ** 2 * effect)
