"""How alike two runs are: their curves, their distributions of slippage and delay, and the verdict of equivalence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.statistics.blocks import ks_by_day, wasserstein
from core.statistics.equivalence import Equivalence, equivalence
from core.statistics.series import correlation, tracking_error, warped_distance
from reports.columns import Codes, Floats
from reports.comparison.costs import OrderGaps, latencies
from reports.comparison.matching import Intent
from reports.facts import Facts, Fills
from reports.statistics import by_session, local_days

MARGIN_BP = 3.0
LEAST = 8  # fills on each side below which a distribution is not compared
PRICES = ((0.0, 25.0, "under $25"), (25.0, 100.0, "$25 to $100"), (100.0, np.inf, "$100 and more"))


@dataclass(frozen=True, slots=True)
class Curves:
    """Returns of the sessions that both runs have: days since 1970 and close to close, and how alike they are."""

    days: Codes
    run: Floats
    simulation: Floats
    left_out: int
    correlation: float
    tracking_error: float
    warped: float


@dataclass(frozen=True, slots=True)
class Distribution:
    """One measure in both runs: medians, Kolmogorov-Smirnov distance with p by day, Wasserstein distance; in `unit`."""

    name: str
    unit: str
    n: tuple[int, int]
    median: tuple[float, float]
    ks: float
    p: float
    wasserstein: float


def compare_curves(run: Facts, simulation: Facts) -> Curves:
    """Session returns on the days that both have."""
    (a_days, a), (b_days, b) = _returns(run), _returns(simulation)
    days, rows, others = np.intersect1d(a_days, b_days, return_indices=True)
    a, b = a[rows], b[others]
    left_out = len(a_days) + len(b_days) - 2 * len(days)
    return Curves(days, a, b, left_out, correlation(a, b), tracking_error(a, b), warped_distance(a, b))


def _returns(facts: Facts) -> tuple[Codes, Floats]:
    equity = facts.equity
    if not len(equity):
        return np.zeros(0, np.int64), np.zeros(0)
    return equity.days, by_session(equity.day_return, equity.starts, "last")


def compare_distributions(
    run: Facts, simulation: Facts, ours: Sequence[Intent], theirs: Sequence[Intent]
) -> list[Distribution]:
    """Slippage by order type and by price of the share, and delay by stage."""
    found = []
    kinds = dict.fromkeys((*run.orders.kind.names, *simulation.orders.kind.names))
    for kind in kinds:
        pair = [_slippage(facts, facts.orders.kind.take(facts.fills.order).among(kind)) for facts in (run, simulation)]
        found.append(_distribution(f"slippage, {kind.replace('_', '-')} orders", "bp", *pair))
    for low, high, words in PRICES:
        pair = [_slippage(f, (f.fills.price >= low) & (f.fills.price < high)) for f in (run, simulation)]
        found.append(_distribution(f"slippage, shares {words}", "bp", *pair))
    a, b = latencies(ours), latencies(theirs)
    found += [_distribution(f"delay, {stage}", "ms", _milli(a[stage]), _milli(b[stage])) for stage in a]
    return [item for item in found if sum(item.n)]


def _slippage(facts: Facts, rows: np.ndarray) -> tuple[Floats, Codes]:
    """Slippage of the chosen fills, to the hundredth of a bp because prices end at the micro, and the day of each."""
    fills: Fills = facts.fills
    if not len(fills):
        return np.zeros(0), np.zeros(0, np.int64)
    known = rows & np.isfinite(fills.slippage_bp)
    return np.round(fills.slippage_bp[known], 2), local_days(fills.time[known])


def _milli(sample: tuple[Floats, Codes]) -> tuple[Floats, Codes]:
    return sample[0] * 1e3, sample[1]


def _distribution(name: str, unit: str, a: tuple[Floats, Codes], b: tuple[Floats, Codes]) -> Distribution:
    n = len(a[0]), len(b[0])
    median = tuple(float(np.median(sample[0])) if len(sample[0]) else np.nan for sample in (a, b))
    if min(n) < LEAST:
        return Distribution(name, unit, n, (median[0], median[1]), np.nan, np.nan, np.nan)
    ks, p = ks_by_day(*a, *b)
    return Distribution(name, unit, n, (median[0], median[1]), ks, p, wasserstein(a[0], b[0]))


def verdict_of(gaps: OrderGaps, margin: float) -> Equivalence:
    """Whether the mean gap per order lies within ±`margin` basis points."""
    return equivalence(gaps.gap.total, gaps.day, margin)
