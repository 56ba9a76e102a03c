"""Path models: the prices that a bar's open, high, low and close are assumed to have been visited in.

A path is a polyline over the minute: four points at 0, 1/3, 2/3 and the end (bridge: more, at drawn times). An order
that reaches the venue between two points meets the line's price there. In the minute in which a halt ends the path
begins at the reopening, for that is when the bar's first trade was. Models:

    adverse   the extreme first that hurts: of a position, the one against it; of an entry that fills at once, the one
              towards its stop; of an entry that waits for a price, the other one, so that its stop comes after it
    nearest   the extreme nearer to the open first
    ohlc, olhc   fixed
    bridge    extremes in drawn order at drawn times, with drawn points between them, inside the bar's range

Prices and times along a line are whole micros and nanoseconds, computed exactly.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.digest import mix, unit
from core.kernel.units import MINUTE, muldiv
from sim.records import PathModel
from sim.types import Bar, Profile, VenueSymbol


@kernel
def lay(profile: Profile, vs: VenueSymbol, bar: Bar, begin: int, hurt: int) -> None:
    """Lay a bar's path into the symbol from `begin` on; `hurt` is +1 if the high is the worse extreme, else -1."""
    vs.cursor = begin
    end = vs.bar_time + MINUTE
    if profile.path == PathModel.BRIDGE:
        _bridge(profile, vs, bar, begin, end - 1)
        return
    high_first = profile.path == PathModel.OHLC
    if profile.path == PathModel.ADVERSE:
        high_first = hurt > 0
    elif profile.path == PathModel.FAVOURABLE:
        high_first = hurt < 0
    elif profile.path == PathModel.NEAREST:
        high_first = bar.high - bar.open <= bar.open - bar.low
    vs.points = 0
    _point(vs, begin, bar.open)
    _point(vs, begin + (end - begin) // 3, bar.high if high_first else bar.low)
    _point(vs, begin + 2 * (end - begin) // 3, bar.low if high_first else bar.high)
    _point(vs, end - 1, bar.close)


@kernel
def _bridge(profile: Profile, vs: VenueSymbol, bar: Bar, begin: int, last: int) -> None:
    """A drawn path: anchors at drawn times, and between each pair two points of a bridge held inside the range."""
    h = mix(mix(mix(profile.seed, vs.bar_time), bar.open), bar.close)
    first = unit(mix(h, 1)) * 0.6 + 0.1
    second = first + (0.95 - first) * (0.1 + 0.8 * unit(mix(h, 2)))
    high_first = unit(mix(h, 3)) < 0.5
    a = bar.high if high_first else bar.low
    b = bar.low if high_first else bar.high
    at_a = begin + int(first * float(last - begin))
    at_b = begin + int(second * float(last - begin))
    vs.points = 0
    _point(vs, begin, bar.open)
    _between(vs, bar, h, 10, begin, bar.open, at_a, a)
    _point(vs, at_a, a)
    _between(vs, bar, h, 20, at_a, a, at_b, b)
    _point(vs, at_b, b)
    _between(vs, bar, h, 30, at_b, b, last, bar.close)
    _point(vs, last, bar.close)


@kernel
def _point(vs: VenueSymbol, time: int, price: int) -> None:
    vs.price[vs.points] = price
    vs.time[vs.points] = time
    vs.points += 1


@kernel
def _between(vs: VenueSymbol, bar: Bar, h: int, salt: int, t0: int, p0: int, t1: int, p1: int) -> None:
    """Two points on the way from one anchor to the next, off the straight line by a drawn share of the range."""
    span = float(bar.high - bar.low)
    for k in range(1, 3):
        straight = float(p0) + (float(p1) - float(p0)) * (k / 3.0)
        noise = (unit(mix(h, salt + k)) - 0.5) * 0.5 * span
        price = min(max(straight + noise, float(bar.low)), float(bar.high))
        _point(vs, t0 + (t1 - t0) * k // 3, int(price))


@kernel
def price_at(vs: VenueSymbol, time: int) -> int:
    """The path's price at a time; what is left of a micro is left out of the way from the point before."""
    for k in range(vs.points - 1):
        if time < vs.time[k + 1]:
            move = vs.price[k + 1] - vs.price[k]
            passed = max(time - vs.time[k], 0)
            way = muldiv(abs(move), passed, vs.time[k + 1] - vs.time[k])
            return vs.price[k] + (way if move > 0 else -way)
    return vs.price[vs.points - 1]


@kernel
def reach_time(vs: VenueSymbol, k: int, level: int) -> int:
    """The first nanosecond of segment k at which the path is at `level`, which lies between its ends."""
    way = abs(level - vs.price[k])
    if way == 0:
        return vs.time[k]
    move = abs(vs.price[k + 1] - vs.price[k])
    span = vs.time[k + 1] - vs.time[k]
    passed = muldiv(way, span, move)
    if muldiv(move, passed, span) < way:
        passed += 1
    return vs.time[k] + passed
