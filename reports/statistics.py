"""Small pure functions from columns to the figures that a report prints; nothing here reads a file."""

from __future__ import annotations

import numpy as np

from reports.columns import Codes, Floats, Times
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


def histogram(values: Floats, bins: int, upper: float = 0.99) -> tuple[Floats, Floats]:
    """Edges and counts of the finite values; the tail beyond the `upper` quantile is in the last bin."""
    known = values[np.isfinite(values)]
    low, high = float(min(known.min(), 0.0)), float(np.quantile(known, upper))
    high = high if high > low else low + 1.0
    counts, edges = np.histogram(np.minimum(known, high), bins=bins, range=(low, high))
    return edges, counts.astype(np.float64)
