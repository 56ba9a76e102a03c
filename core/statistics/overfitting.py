"""Is the best of many settings the best because of the sample? Combinatorially symmetric cross-validation.

The sessions are cut into S blocks in their order. For each of the S! / (S/2)!² ways to call half of the blocks "in
sample": which setting has the best Sharpe ratio there, and how does it rank on the other half? The probability of
backtest overfitting is the share of ways in which it ranks at or below the median (Bailey, Borwein, López de Prado and
Zhu, "The probability of backtest overfitting", Journal of Computational Finance 20 (4), 2017). Settings that are all
worthless give about one half; a setting that is better than the others gives nearly 0.

S is 16 where there are 32 sessions, and less where there are fewer: a block has at least two sessions. Fewer than 8
blocks, 70 ways, are no measure.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from core.statistics.missing import NotMeasured

Floats = npt.NDArray[np.float64]

MOST_BLOCKS, LEAST_BLOCKS = 16, 8  # 12,870 and 70 ways
LEAST_A_BLOCK = 2
CELLS = 2_000_000  # ways x settings at once, to bound memory
TIE = 1e-9  # of Sharpe ratios a session: equal settings are equal whatever their sums were rounded to


@dataclass(frozen=True, slots=True)
class Overfitting:
    """The probability of backtest overfitting between `trials` settings over `sessions` sessions in `blocks` blocks.

    `rank` float64 (ways,) is where the setting that was best on one half ranks on the other: i / (trials + 1), i from
    1, the worst, to trials. `inside` and `outside`, (ways,), are its Sharpe ratios a session on the two halves.
    """

    trials: int
    sessions: int
    blocks: int
    rank: Floats
    inside: Floats
    outside: Floats

    @property
    def probability(self) -> float:
        """Share of ways in which the best of one half ranks at or below the median of the other."""
        return float((self.rank <= 0.5).mean())

    @property
    def loss(self) -> float:
        """Share of ways in which the best of one half lost money on the other."""
        return float((self.outside < 0.0).mean())

    @property
    def ways(self) -> int:
        """In how many ways the blocks were halved."""
        return len(self.rank)


def overfitting(results: Floats, blocks: int | None = None) -> Overfitting | NotMeasured:
    """From float64 (D, N) results of each session and setting, fractions of capital; `blocks` is even.

    A setting that does not vary on a half, as one that never trades, counts as a Sharpe ratio of 0 there.
    """
    days, trials = results.shape
    if trials < 2:
        return NotMeasured(trials, 2, "settings tried")
    wanted = blocks or LEAST_BLOCKS
    if days < wanted * LEAST_A_BLOCK:
        return NotMeasured(days, wanted * LEAST_A_BLOCK, "sessions")
    blocks = blocks or min(days // LEAST_A_BLOCK // 2 * 2, MOST_BLOCKS)
    edges = np.linspace(0, days, blocks + 1).astype(np.int64)[:-1]
    size = np.diff(np.append(edges, days)).astype(np.float64)
    sums, squares = np.add.reduceat(results, edges), np.add.reduceat(results**2, edges)
    chosen = np.array(list(combinations(range(blocks), blocks // 2)))
    inside = np.zeros((len(chosen), blocks))
    inside[np.arange(len(chosen))[:, None], chosen] = 1.0
    parts = np.array_split(inside, -(-inside.shape[0] * trials // CELLS))
    found = [_chosen(part, size, sums, squares) for part in parts]
    return Overfitting(trials, days, blocks, *(np.concatenate(values) for values in zip(*found, strict=True)))


def _chosen(inside: Floats, size: Floats, sums: Floats, squares: Floats) -> tuple[Floats, Floats, Floats]:
    """Rank and both Sharpe ratios of the setting chosen in each way, (ways,)."""
    within = _ratios(inside, size, sums, squares)
    beyond = _ratios(1.0 - inside, size, sums, squares)
    best = within.argmax(axis=1)[:, None]
    won = np.take_along_axis(beyond, best, axis=1)
    below, equal = (beyond < won - TIE).sum(axis=1), (np.abs(beyond - won) <= TIE).sum(axis=1)
    rank = (below + (equal + 1) / 2.0) / (beyond.shape[1] + 1)  # equal ones share their ranks
    return rank, np.take_along_axis(within, best, axis=1)[:, 0], won[:, 0]


def _ratios(chosen: Floats, size: Floats, sums: Floats, squares: Floats) -> Floats:
    """Sharpe ratio of each setting over the chosen blocks, (ways, N)."""
    n = (chosen @ size)[:, None]
    mean = chosen @ sums / n
    mean_square = chosen @ squares / n
    variance = mean_square - mean**2
    moves = variance > 1e-12 * np.maximum(mean_square, 1e-300)
    return np.where(moves, mean / np.sqrt(np.where(moves, variance, 1.0)), 0.0)
