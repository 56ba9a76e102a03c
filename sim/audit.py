"""The venue's promises, looked at from outside: no fill that the market could not have given.

The compiled venue decides where and at what price an order fills. Here the journal's fills are held against the bars
that it had, once more and by other means, whenever the journal is emptied:

    fill_in_market   within its minute, on a bar with volume, at a price before costs that lies in the bar's range, or
                     in the middle of its quote; auctions apart, which have prints of their own, and what a fault
                     filled against the market
    limit_kept       never worse than the order's limit
    participation    all fills of a symbol in a minute take at most the venue's share of its volume
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.kernel.records import MAX_ORDERS
from core.kernel.units import MINUTE, NANO
from sim.records import Rule

Int64s = npt.NDArray[np.int64]
PROMISES = ("fill_in_market", "limit_kept", "participation")


def audit(fills: np.ndarray, bars: np.ndarray, starts: Int64s, venue: np.void) -> dict[str, int]:
    """The promises that were broken, each with the time (ns UTC) of its first fill.

    `fills` FILL rows; `bars` BAR (minutes, symbols); `starts` int64 ns, where minutes begin; `venue` a VENUE record.
    """
    fills = fills[fills["rule"] != Rule.AUCTION]
    if not len(fills):
        return {}
    minute = np.searchsorted(starts, fills["bar_time"])
    bar = bars[np.minimum(minute, len(starts) - 1), fills["symbol"]]
    raw, side = fills["mid_fill"], fills["side"]
    late = fills["time"] - fills["bar_time"]
    quoted = (bar["bid"] > 0) & (raw == (bar["bid"] + bar["ask"]) // 2)
    in_range = ((raw >= bar["low"]) & (raw <= bar["high"])) | quoted
    known = starts[np.minimum(minute, len(starts) - 1)] == fills["bar_time"]
    slot, orders = fills["order"] % MAX_ORDERS, venue["orders"]
    limit = np.where(orders["id"][slot] == fills["order"], orders["limit"][slot], 0)
    place = minute * bars.shape[1] + fills["symbol"]
    broken = {
        "fill_in_market": (fills["rule"] != Rule.FAULT)
        & ~(known & in_range & (bar["volume"] > 0) & (late >= 0) & (late <= MINUTE)),
        "limit_kept": (limit > 0) & (side * (fills["price"] - limit) > 0),
        "participation": _beyond(place, fills["qty"], bar["volume"], int(venue["profile"]["participation"])),
    }
    return {name: int(fills["time"][rows][0]) for name, rows in broken.items() if rows.any()}


def _beyond(places: Int64s, qty: Int64s, volume: Int64s, share: int) -> npt.NDArray[np.bool_]:
    """Which fills belong to a symbol and minute that gave more than `share` nanos of its volume; 0 is no cap."""
    if share == 0:
        return np.zeros(len(places), np.bool_)
    _, group = np.unique(places, return_inverse=True)
    taken = np.zeros(len(places), np.int64)
    np.add.at(taken, group, qty)
    return taken[group] > volume // NANO * share + volume % NANO * share // NANO
