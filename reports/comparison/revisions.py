"""Bars that were not the same in the data of the two runs, and the decisions that were made on one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports.comparison.matching import Intent
from reports.comparison.prices import Prices


@dataclass(frozen=True, slots=True)
class Revisions:
    """Bars that both versions have, how many closes differ, by how much in bp, and decisions on such a bar.

    `decisions` holds the intent with the close that the run saw and the one that the simulation saw.
    """

    bars: int
    only_run: int
    only_simulation: int
    revised: int
    median_bp: float
    largest_bp: float
    decisions: list[tuple[Intent, float, float]]


def revisions_of(run: Prices, simulation: Prices, intents: Sequence[Intent]) -> Revisions:
    """Compare two versions of the bars of the symbols and times that both have."""
    symbols, times = run.common_with(simulation)
    a, b = run.closes(symbols, times), simulation.closes(symbols, times)
    known = np.isfinite(a), np.isfinite(b)
    both = known[0] & known[1]
    apart = np.abs(a[both] / b[both] - 1) * 1e4
    apart = apart[apart > 0]
    seen = []
    for intent in intents:
        ours, theirs = (side.close_of_bar(intent.place.symbol, intent.place.bar_time) for side in (run, simulation))
        if ours != theirs and not (np.isnan(ours) and np.isnan(theirs)):
            seen.append((intent, ours, theirs))
    return Revisions(
        int(both.sum()),
        int((known[0] & ~known[1]).sum()),
        int((known[1] & ~known[0]).sum()),
        len(apart),
        float(np.median(apart)) if len(apart) else np.nan,
        float(apart.max()) if len(apart) else np.nan,
        seen,
    )
