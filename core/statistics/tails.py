"""How much a day may cost: value at risk and expected shortfall, from the days there were.

Both are of one session, positive when they are losses, as fractions of equity. With a = 1 - level and the n losses
sorted from the worst:

    VaR   the loss that is exceeded on at most a share a of the days: the (floor(n a) + 1)-th worst
    ES    the mean of the worst n a losses, the last of them by its fraction (Acerbi and Tasche, "On the coherence of
          expected shortfall", Journal of Banking & Finance 26, 2002); coherent, and never below VaR

historical   all days alike.
filtered     each day's return is divided by the volatility that was expected of it, and multiplied by the one that is
             expected of the next session (Hull and White, "Incorporating volatility updating into the historical
             simulation method", Journal of Risk 1, 1998). Volatility is exponentially weighted with 0.94 a day (J.P.
             Morgan, "RiskMetrics Technical Document", 1996): variance' = 0.94 variance + 0.06 return². It starts at
             the mean square of the first 20 returns, which serve for nothing else.

A tail of less than one day is not measured: 95 % takes 20 days, 99 % takes 100.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

import numpy as np
import numpy.typing as npt

from core.statistics.missing import NotMeasured

Floats = npt.NDArray[np.float64]

DECAY = 0.94
SEED_DAYS = 20
WINDOW = 500  # of days behind a forecast: about two years


@dataclass(frozen=True, slots=True)
class TailRisk:
    """Value at risk and expected shortfall of one session, fractions of equity, from `n` days."""

    level: float
    var: float
    es: float
    n: int


def days_needed(level: float) -> int:
    """Days from which on one of them is expected beyond the level."""
    return ceil(round(1.0 / (1.0 - level), 9))


def historical_risk(returns: Floats, level: float) -> TailRisk | NotMeasured:
    """VaR and ES of float64 (n,) session returns; 0 < level < 1."""
    need = days_needed(level)
    if len(returns) < need:
        return NotMeasured(len(returns), need, "sessions")
    return _tail(returns, level)


def filtered_risk(returns: Floats, level: float) -> TailRisk | NotMeasured:
    """VaR and ES of the session after float64 (n,) session returns, at the volatility expected of it."""
    need = SEED_DAYS + days_needed(level)
    if len(returns) < need:
        return NotMeasured(len(returns), need, "sessions")
    expected = expected_volatility(returns)
    past = expected[SEED_DAYS:-1]
    known = past > 0.0
    if int(known.sum()) < days_needed(level):
        return NotMeasured(int(known.sum()) + SEED_DAYS, need, "sessions after the first that moved")
    return _tail(returns[SEED_DAYS:][known] / past[known] * expected[-1], level)


def expected_volatility(returns: Floats) -> Floats:
    """Standard deviation expected of each session and of the one to come, (n + 1,); NaN for the first 20.

    Each is made from the returns before it alone.
    """
    expected = np.full(len(returns) + 1, np.nan)
    if len(returns) < SEED_DAYS:
        return expected
    variance = float(np.mean(returns[:SEED_DAYS] ** 2))
    expected[SEED_DAYS] = variance
    for i in range(SEED_DAYS, len(returns)):
        variance = DECAY * variance + (1.0 - DECAY) * float(returns[i]) ** 2
        expected[i + 1] = variance
    return np.asarray(np.sqrt(expected))


def forecasts(returns: Floats, level: float, filtered: bool = False) -> Floats:
    """VaR as it was forecast for each session from at most 500 before it, float64 (n,); NaN where not measured.

    These are what a coverage test needs: a figure made with the day that it is to be tested on tests nothing.
    """
    found = np.full(len(returns), np.nan)
    measure = filtered_risk if filtered else historical_risk
    for i in range(len(returns)):
        risk = measure(returns[max(i - WINDOW, 0) : i], level)
        if isinstance(risk, TailRisk):
            found[i] = risk.var
    return found


def _tail(returns: Floats, level: float) -> TailRisk:
    worst = np.sort(-returns)[::-1]
    n = len(worst)
    size = round(n * (1.0 - level), 9)
    whole = floor(size)
    var = float(worst[min(whole, n - 1)])
    es = (float(worst[:whole].sum()) + (size - whole) * var) / size
    return TailRisk(level, var, es, n)
