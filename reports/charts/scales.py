"""From values to pixels: scales, round ticks, and thinning of long lines.

`thin` keeps the lowest and the highest row of each bucket, so a line of a hundred thousand rows drawn with
fifteen hundred points still shows its one-minute spike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps [low, high] onto [start, end] pixels, linearly or by logarithm."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Pixel of one value."""
        return float(self.map(np.array([value]))[0])

    def map(self, values: Floats) -> Floats:
        """float64[n] pixels of float64[n] values; NaN stays NaN."""
        low, high, v = self.low, self.high, np.asarray(values, np.float64)
        if self.log:
            low, high, v = math.log10(low), math.log10(high), np.log10(v)
        return np.asarray(self.start + (v - low) / (high - low) * (self.end - self.start))

    def holds(self, value: float) -> bool:
        """Whether the value lies on the scale."""
        return self.low <= value <= self.high


def extent(arrays: list[Floats], include: tuple[float, ...] = (), pad: float = 0.06) -> tuple[float, float]:
    """Lowest and highest finite value, those of `include` too, widened by `pad`; an end at zero stays.

    Never empty: one value alone gets room on both sides.
    """
    finite = [a[np.isfinite(a)] for a in arrays]
    values = np.concatenate([*finite, np.array(include, np.float64)])
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    if low == high:
        room = abs(high) * 0.01 or 0.01
        return low - room, high + room
    room = (high - low) * pad
    return (low if low == 0 else low - room), (high if high == 0 else high + room)


def ticks(low: float, high: float, most: int) -> Floats:
    """At most `most` round values inside [low, high], in steps of 1, 2, 2.5 or 5 times a power of ten."""
    if not high > low:
        return np.array([low])
    rough = (high - low) / max(most, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    for step in (power * m for m in (1.0, 2.0, 2.5, 5.0, 10.0, 20.0)):
        first = math.ceil(low / step - 1e-9)
        last = math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            break
    found = np.arange(first, last + 1) * step
    return np.where(np.abs(found) < step * 1e-6, 0.0, found)


def log_ticks(low: float, high: float) -> Floats:
    """1, 2 and 5 times powers of ten inside [low, high]; the powers alone where these are more than seven."""
    powers = np.arange(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    decades: Floats = np.power(10.0, powers, dtype=np.float64)
    for found in (np.sort(np.concatenate([decades, 2 * decades, 5 * decades])), decades):
        inside = found[(found >= low * (1 - 1e-9)) & (found <= high * (1 + 1e-9))]
        if len(inside) <= 7:
            break
    return inside


def thin(values: Floats, most: int) -> Rows:
    """int64 rows to draw, about `most`, in order: the first, the last, and the extremes of each bucket."""
    n = len(values)
    if n <= most:
        return np.arange(n)
    size = -(-n // max((most - 2) // 2, 1))
    padded = np.full(-(-n // size) * size, np.nan)
    padded[:n] = values
    buckets = padded.reshape(-1, size)
    base = np.arange(len(buckets)) * size
    lowest = base + np.argmin(np.where(np.isnan(buckets), np.inf, buckets), axis=1)
    highest = base + np.argmax(np.where(np.isnan(buckets), -np.inf, buckets), axis=1)
    return np.unique(np.concatenate([lowest, highest, [0, n - 1]]))
