"""Is the best of many settings the best because of the sample? Combinatorially symmetric cross-validation.

The sessions are cut into S blocks in their order. For each of the S! / (S/2)!² ways to call half of the blocks "in
sample": which setting has the best Sharpe ratio there, and how does it rank on the other half? The probability of
backtest overfitting is the share of ways in which it ranks at or below the median (Bailey, Borwein, López de Prado and
Zhu, "The probability of backtest overfitting", Journal of Computational Finance 20 (4), 2017). Settings that are all
worthless give about one half; a setting that is better than the others gives nearly 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from core.statistics.missing import NotMeasured

Floats = npt.NDArray[np.float64]

BLOCKS = 16  # 12,870 ways
LEAST_A_BLOCK = 2


@dataclass(frozen=True, slots=True)
class Overfitting:
    """The probability of backtest overfitting, from `ways` of halving the sessions, between `trials` settings.

    `loss` is the share of ways in which the setting chosen lost money on the other half.
    """

    probability: float
    loss: float
    ways: int
    trials: int


def overfitting(results: Floats, blocks: int = BLOCKS) -> Overfitting | NotMeasured:
    """From float64 (D, N) results of each session and setting, fractions of capital; `blocks` is even.

    A setting that does not vary on a half, as one that never trades, counts as a Sharpe ratio of 0 there.
    """
    days, trials = results.shape
    if trials < 2:
        return NotMeasured(trials, 2, "settings tried")
    if days < blocks * LEAST_A_BLOCK:
        return NotMeasured(days, blocks * LEAST_A_BLOCK, "sessions")
    edges = np.linspace(0, days, blocks + 1).astype(np.int64)[:-1]
    size = np.diff(np.append(edges, days)).astype(np.float64)
    sums, squares = np.add.reduceat(results, edges), np.add.reduceat(results**2, edges)
    chosen = list(combinations(range(blocks), blocks // 2))
    inside = np.zeros((len(chosen), blocks))
    inside[np.arange(len(chosen))[:, None], chosen] = 1.0
    within = _ratios(inside, size, sums, squares)
    beyond = _ratios(1.0 - inside, size, sums, squares)
    best = within.argmax(axis=1)[:, None]
    won = np.take_along_axis(beyond, best, axis=1)
    below, equal = (beyond < won).sum(axis=1), (beyond == won).sum(axis=1)
    rank = below + (equal + 1) / 2.0  # 1 is the worst; equal ones share their ranks
    return Overfitting(float((rank <= (trials + 1) / 2.0).mean()), float((won < 0.0).mean()), len(chosen), trials)


def _ratios(chosen: Floats, size: Floats, sums: Floats, squares: Floats) -> Floats:
    """Sharpe ratio of each setting over the chosen blocks, (ways, N)."""
    n = (chosen @ size)[:, None]
    mean = chosen @ sums / n
    mean_square = chosen @ squares / n
    variance = mean_square - mean**2
    moves = variance > 1e-12 * np.maximum(mean_square, 1e-300)
    return np.where(moves, mean / np.sqrt(np.where(moves, variance, 1.0)), 0.0)
