"""How alike two series of returns are: correlation, tracking error, and time-warped distance.

Time warping forgives shifts, so it is a diagnostic: a small distance with a low correlation says that the same moves
came at other times.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SESSIONS_A_YEAR = 252


def correlation(a: Floats, b: Floats) -> float:
    """Pearson's correlation at lag 0 of float64 (n,) returns; NaN for less than three, or where one never moves."""
    if len(a) < 3 or np.ptp(a) == 0.0 or np.ptp(b) == 0.0:
        return np.nan
    return float(np.corrcoef(a, b)[0, 1])


def tracking_error(a: Floats, b: Floats) -> float:
    """Standard deviation of the difference of session returns, a year; NaN for less than two."""
    return float((a - b).std(ddof=1) * np.sqrt(SESSIONS_A_YEAR)) if len(a) > 1 else np.nan


def warped_distance(a: Floats, b: Floats) -> float:
    """Dynamic time warping of session returns, a year: the cheapest sum of |a_i - b_j| along a path, x 252 / n.

    A path goes from both beginnings to both ends and leaves out no value (Sakoe and Chiba, 1978). NaN when empty.
    """
    if not len(a) or not len(b):
        return np.nan
    cost = np.abs(a[:, None] - b[None, :])
    total = np.full((len(a) + 1, len(b) + 1), np.inf)
    total[0, 0] = 0.0
    for i in range(len(a)):
        for j in range(len(b)):
            total[i + 1, j + 1] = cost[i, j] + min(total[i, j], total[i, j + 1], total[i + 1, j])
    return float(total[-1, -1]) * SESSIONS_A_YEAR / max(len(a), len(b))
