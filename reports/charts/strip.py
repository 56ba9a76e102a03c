"""A symbol's price over a few minutes or hours, with the signal and the fills of two runs on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reports.charts.scales import Scale, extent, ticks
from reports.charts.svg import Canvas, Key, clean, legend, line, tag, text, text_width
from reports.formats import axis_labels, local

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]
HEIGHT = 150.0


@dataclass(frozen=True, slots=True)
class Deal:
    """A fill on the strip: when, at what price, +1 for a buy, its class, and its words."""

    time: int
    price: float
    side: int
    kind: str
    tip: str


@dataclass(frozen=True, slots=True)
class PriceStrip:
    """Bars by start time (ns UTC) with their high, low and close, the time of the signal, and the fills."""

    time: Times
    high: Floats
    low: Floats
    close: Floats
    signal: int
    deals: Sequence[Deal]


def draw_strip(canvas: Canvas, strip: PriceStrip, keys: Sequence[tuple[str, str]]) -> str:
    """The bars' ranges and closes, a rule at the signal, and an arrow for each fill; `keys` as in a scatter."""
    prices = np.array([deal.price for deal in strip.deals])
    low, high = extent([strip.low, strip.high, prices], pad=0.08)
    swatches, head = legend([Key(f"deal {kind}", name, "box") for kind, name in keys], 0.0, 12.0, canvas.width)
    top, first, last = head + 10, int(strip.time[0]), int(strip.time[-1]) + 60_000_000_000
    left = max(text_width(words, 11.0) for words in axis_labels("money", [low, high])) + 18
    x, y = Scale(0.0, float(last - first), left, canvas.width - 8), Scale(low, high, top + HEIGHT, top)
    steps = ticks(low, high, 4)
    pieces = [swatches]
    for value, words in zip(steps, axis_labels("money", steps.tolist()), strict=True):
        pieces.append(line(x.start, y.at(value), x.end, y.at(value), "grid"))
        pieces.append(text(x.start - 6, y.at(value) + 4, words, "tick", "end"))
    centre = x.map((strip.time - first + 30_000_000_000).astype(np.float64))
    ranges = zip(centre.tolist(), y.map(strip.high).tolist(), y.map(strip.low).tolist(), strict=True)
    pieces.append(tag("path", d="".join(f"M{at:.1f} {a:.1f}V{b:.1f}" for at, a, b in ranges), class_="span"))
    closes = zip(centre.tolist(), y.map(strip.close).tolist(), strict=True)
    pieces.append(tag("path", d="M" + "L".join(f"{at:.1f} {a:.1f}" for at, a in closes), class_="line mark"))
    at = min(max(x.at(float(strip.signal - first)), x.start), x.end)
    pieces.append(line(at, top, at, top + HEIGHT, "rule soft"))
    pieces.append(text(at + 4, top + 10, "signal", "rule-label soft"))
    pieces += [_deal(deal, x.at(float(deal.time - first)), y.at(deal.price)) for deal in strip.deals]
    pieces.append(_times(strip, x, top + HEIGHT))
    return canvas.picture(top + HEIGHT + 20, *pieces)


def _deal(deal: Deal, x: float, y: float) -> str:
    """An arrow whose point is at the price: from below for a buy, from above for a sale."""
    back = 9.0 * deal.side
    shape = f"M{x:.1f} {y:.1f}L{x - 5:.1f} {y + back:.1f}L{x + 5:.1f} {y + back:.1f}Z"
    return tag("path", tag("title", clean(deal.tip)), d=shape, class_=f"deal {deal.kind}")


def _times(strip: PriceStrip, x: Scale, bottom: float) -> str:
    first, most = int(strip.time[0]), max(int((x.end - x.start) / 70), 2)
    pieces = [line(x.start, bottom, x.end, bottom, "axis")]
    minutes = int((strip.time[-1] - first) // 60_000_000_000) + 1
    step = next(s for s in (1, 2, 5, 10, 15, 30, 60, 120, 240, 480) if minutes / s <= most or s == 480)
    for time in strip.time.tolist():
        when = local(time)
        if (when.hour * 60 + when.minute) % step == 0:
            at = x.at(float(time - first))
            pieces.append(line(at, bottom, at, bottom + 4, "axis"))
            pieces.append(text(at, bottom + 15, f"{when:%H:%M}", "tick", "middle" if at < x.end - 16 else "end"))
    return "".join(pieces)
