"""The second venue's paths: where a minute's prices are, exactly, and the draws that its own integers make."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

from sim.records import PathModel

SECOND = 10**9
MINUTE = 60 * SECOND
SHARE = DOLLAR = 10**6
NANO = 10**9
MASK = 2**64 - 1


class Bar(NamedTuple):
    """One minute in micros; bid and ask 0 = no quote."""

    open: int
    high: int
    low: int
    close: int
    volume: int
    bid: int
    ask: int

    @property
    def quoted(self) -> bool:
        return 0 < self.bid <= self.ask


@dataclass
class Path:
    """A polyline of (time, price), and what one minute offers beside it."""

    points: list[tuple[int, int]]
    half: int
    middle: int
    room: int
    resumed: int

    @property
    def begin(self) -> int:
        return self.points[0][0]

    @property
    def last(self) -> int:
        return self.points[-1][0]

    def at(self, time: int) -> int:
        """The price at a time, a fraction of a micro left out of the way from the point before."""
        for (t0, p0), (t1, p1) in pairwise(self.points):
            if time < t1:
                return p0 + math.trunc(Fraction((p1 - p0) * max(time - t0, 0), t1 - t0))
        return self.points[-1][1]

    def base(self, time: int) -> int:
        """The middle of the quote at the first moment, where there is one; else the price."""
        return self.middle if self.middle and time == self.begin else self.at(time)

    def reaches(self, start: int, level: int, side: int, beyond: bool = False) -> int | None:
        """First nanosecond from `start` at which the price is at or above `level` (side -1: at or below).

        `beyond`: it must also go on past it; the time is still that of the level itself.
        """

        def there(price: int) -> bool:
            return side * price > side * level if beyond else side * price >= side * level

        if there(self.at(start)):
            return start
        for (t0, p0), (t1, p1) in pairwise(self.points):
            if t1 > start and there(p1):
                way = Fraction((level - p0) * (t1 - t0), p1 - p0) if p1 != p0 else Fraction(0)
                return max(t0 + math.ceil(way), start)
        return None


def path_points(rules: Any, bar: Bar, minute: int, begin: int, worse: int) -> list[tuple[int, int]]:
    """The corners of a minute's path by the rules' model, from `begin` on."""
    end = minute + MINUTE
    if rules.path == PathModel.BRIDGE:
        return _bridge(rules.seed, bar, minute, begin)
    high_first = {
        PathModel.ADVERSE: worse > 0,
        PathModel.FAVOURABLE: worse < 0,
        PathModel.NEAREST: bar.high - bar.open <= bar.open - bar.low,
        PathModel.OHLC: True,
        PathModel.OLHC: False,
    }[PathModel(rules.path)]
    a, b = (bar.high, bar.low) if high_first else (bar.low, bar.high)
    third = Fraction(end - begin, 3)
    return [(begin, bar.open), (begin + int(third), a), (begin + int(2 * third), b), (end - 1, bar.close)]


def _bridge(seed: int, bar: Bar, minute: int, begin: int) -> list[tuple[int, int]]:
    """Anchors at drawn times, and two drawn points between each pair."""
    last = minute + MINUTE - 1
    h = mixed(seed, minute, bar.open, bar.close)
    first = unit(mixed(h, 1)) * 0.6 + 0.1
    second = first + (0.95 - first) * (0.1 + 0.8 * unit(mixed(h, 2)))
    a, b = (bar.high, bar.low) if unit(mixed(h, 3)) < 0.5 else (bar.low, bar.high)
    span = float(last - begin)
    anchors = [(begin, bar.open), (begin + int(first * span), a), (begin + int(second * span), b), (last, bar.close)]
    points = [anchors[0]]
    for salt, ((t0, p0), (t1, p1)) in enumerate(pairwise(anchors), start=1):
        for k in (1, 2):
            drawn = float(p0) + (float(p1) - float(p0)) * (k / 3.0)
            drawn += (unit(mixed(h, 10 * salt + k)) - 0.5) * 0.5 * float(bar.high - bar.low)
            points.append((t0 + (t1 - t0) * k // 3, int(min(max(drawn, float(bar.low)), float(bar.high)))))
        points.append((t1, p1))
    return points


def mixed(h: int, *words: int) -> int:
    """The splitmix64 chain of the engine, as unsigned 64 bits."""
    for word in words:
        z = (h + 0x9E3779B97F4A7C15) & MASK
        z = ((z ^ (word & MASK)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        h = z ^ (z >> 31)
    return h


def unit(h: int) -> float:
    return (h >> 11) * 2.0**-53


def portion(amount: int, nanos: int) -> int:
    return math.floor(Fraction(amount * nanos, NANO))
