"""Small pure functions from columns to the figures that a report prints; nothing here reads a file.

Sources: Wilson (1927) for score intervals; Brier (1950) for the score of probabilities, its skill taken
against the base rate of the same sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.columns import Bools, Codes, Floats, Times
from reports.formats import NEVER, local

_HOUR = 3_600_000_000_000
_DAY = 24 * _HOUR


def local_days(time: Times) -> Codes:
    """New York date of each instant, int64 days since 1970-01-01; `time` int64[n] ns UTC in order.

    The zone's offset is asked once an hour of the data, because it changes on whole hours only.
    """
    hours = time // _HOUR
    first = np.flatnonzero(np.diff(hours, prepend=hours[:1] - 1))
    offsets = [round(local(int(hour) * _HOUR).utcoffset().total_seconds()) for hour in hours[first]]  # type: ignore[union-attr]
    seconds = np.repeat(np.array(offsets, np.int64), np.diff(np.append(first, len(time))))
    return (time + seconds * 1_000_000_000) // _DAY


def group_starts(values: Codes) -> Codes:
    """First row of each run of equal values, int64[m]; empty for no rows."""
    return np.flatnonzero(np.diff(values, prepend=values[:1] - 1))


def by_session(values: Floats, starts: Codes, kind: str) -> Floats:
    """float64[m]: `kind` last, max or min of each session's rows. A session of NaN alone gives NaN."""
    if kind == "last":
        return np.asarray(values[np.append(starts[1:], len(values)) - 1])
    reduce = np.fmax if kind == "max" else np.fmin
    return np.asarray(reduce.reduceat(values, starts))


def stretches(codes: Codes) -> list[tuple[int, int, int]]:
    """Runs of equal values as (first row, last row, value)."""
    starts = group_starts(codes)
    ends = np.append(starts[1:], len(codes))[: len(starts)] - 1
    return [(int(a), int(b), int(codes[a])) for a, b in zip(starts, ends, strict=True)]


def first_where(values: Floats, wanted: float, time: Times) -> int:
    """The time at which `wanted` first stands in `values`; `NEVER` if it does not."""
    rows = np.flatnonzero(values == wanted)
    return int(time[rows[0]]) if len(rows) else NEVER


def peak(values: Floats, time: Times) -> tuple[float, int]:
    """The highest finite value and when it was first reached; (NaN, NEVER) when there is none."""
    if not np.isfinite(values).any():
        return np.nan, NEVER
    top = float(np.nanmax(values))
    return top, first_where(values, top, time)


def ratio(above: Floats, below: Floats) -> Floats:
    """above / below with NaN where the divisor is not positive."""
    result = np.full(len(above), np.nan)
    np.divide(above, below, out=result, where=below > 0)
    return result


def mean(values: Floats, weights: Floats | None = None) -> float:
    """Mean of the finite values, weighted if asked; NaN when there are none."""
    known = np.isfinite(values) if weights is None else np.isfinite(values) & (weights > 0)
    if not known.any():
        return np.nan
    return float(np.average(values[known], weights=None if weights is None else weights[known]))


def quantile(values: Floats, at: float) -> float:
    """Quantile of the finite values; NaN when there are none."""
    known = values[np.isfinite(values)]
    return float(np.quantile(known, at)) if len(known) else np.nan


def fraction(part: float, whole: float) -> float:
    """part / whole; NaN when the whole is nothing, because then nothing was measured."""
    return part / whole if whole else np.nan


def profit_factor(results: Floats) -> float:
    """Sum of gains over sum of losses; infinite without losses, NaN without results."""
    if not len(results):
        return np.nan
    gains, losses = float(results[results > 0].sum()), float(-results[results < 0].sum())
    return gains / losses if losses else (np.inf if gains else np.nan)


def wilson(hits: Floats, n: Floats, z: float = 1.959964) -> tuple[Floats, Floats]:
    """Score interval of a proportion (95 % by default), both float64; stays inside [0, 1]."""
    p = hits / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Calibration:
    """How well probabilities `p` foretold outcomes: counts, scores and equal-count bins (each float64[k])."""

    n: int
    base_rate: float
    mean_p: float
    brier: float
    skill: float
    forecast: Floats
    frequency: Floats
    low: Floats
    high: Floats
    count: Floats


def calibrate(p: Floats, hit: Bools, most_bins: int = 10, least: int = 20) -> Calibration:
    """Scores and reliability bins of float64[n] probabilities and bool[n] outcomes.

    Bins hold equally many signals, at least `least` each where there are so many. Skill is
    1 - Brier / (r (1 - r)), against always forecasting the base rate r; NaN when all outcomes are alike.
    """
    n = len(p)
    if n == 0:
        none = np.zeros(0)
        return Calibration(0, np.nan, np.nan, np.nan, np.nan, none, none, none, none, none)
    y = hit.astype(np.float64)
    order = np.argsort(p, kind="stable")
    bins = int(np.clip(n // least, 1, most_bins))
    edges = np.linspace(0, n, bins + 1).astype(np.int64)[:-1]
    size = np.diff(np.append(edges, n)).astype(np.float64)
    hits = np.add.reduceat(y[order], edges)
    low, high = wilson(hits, size)
    rate, brier = float(y.mean()), float(np.mean((p - y) ** 2))
    spread = rate * (1 - rate)
    skill = 1 - brier / spread if spread else np.nan
    forecast = np.add.reduceat(p[order], edges) / size
    return Calibration(n, rate, float(p.mean()), brier, skill, forecast, hits / size, low, high, size)


def histogram(values: Floats, bins: int, upper: float = 0.99) -> tuple[Floats, Floats]:
    """Edges and counts of the finite values; the tail beyond the `upper` quantile is in the last bin."""
    known = values[np.isfinite(values)]
    low, high = float(min(known.min(), 0.0)), float(np.quantile(known, upper))
    high = high if high > low else low + 1.0
    counts, edges = np.histogram(np.minimum(known, high), bins=bins, range=(low, high))
    return edges, counts.astype(np.float64)
