"""Recorded outcomes in place of modelled ones: what the record of a run says of an order's delays and fills.

A script is loaded session by session. Each row is one execution of an order, in the order's own sequence; an order
without any has one row of quantity 0. With `scripted_latency` an order takes as long to the venue, and its news as
long back, as the record says; with `scripted_fills` it fills in the parts and at the price that the record says. When:
a market order as long after its arrival as the record says, because that is the venue's part, and its arrival is not;
any other at the recorded time, or on arrival if that is later, because it was the market that it waited for. At another
time than the recorded one the price is the path's of then and the recorded distance from the mid.

An order that the record does not know, because that run never sent it, is left to the rules, and so is a delay of -1,
which was not recorded.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.kinds import OrderType
from sim.types import Venue, VenueOrder

UNKNOWN = -1  # the record has no such order
NOTHING_LEFT = -2  # it has, and no execution of it that is still to come


@kernel
def find(v: Venue, intent: int, leg: VenueOrder) -> int:
    """First row of an order, or UNKNOWN; rows are sorted by intent, then leg."""
    low = 0
    high = v.script_count
    while low < high:
        middle = (low + high) // 2
        row = v.script[middle]
        if row.intent < intent or (row.intent == intent and row.leg < leg):
            low = middle + 1
        else:
            high = middle
    if low < v.script_count and v.script[low].intent == intent and v.script[low].leg == leg:
        return low
    return UNKNOWN


@kernel
def row_of_fill(v: Venue, o: VenueOrder, number: int) -> int:
    """Row of an order's execution `number`, counted from 0, or why there is none."""
    first = find(v, o.intent, o.leg)
    if first < 0:
        return UNKNOWN
    at = first + number
    if at >= v.script_count or v.script[at].qty == 0:
        return NOTHING_LEFT
    return at if v.script[at].intent == o.intent and v.script[at].leg == o.leg else NOTHING_LEFT


@kernel
def next_fill(v: Venue, o: VenueOrder) -> int:
    """Row of the order's next execution; UNKNOWN, too, where fills go by the rules."""
    return row_of_fill(v, o, o.fills) if v.profile.scripted_fills != 0 else UNKNOWN


@kernel
def submit_wait(v: Venue, intent: int, leg: VenueOrder, modelled: int) -> int:
    """How long an order takes to the venue, in nanoseconds."""
    row = find(v, intent, leg) if v.profile.scripted_latency != 0 else UNKNOWN
    return v.script[row].submit if row >= 0 and v.script[row].submit >= 0 else modelled


@kernel
def accept_wait(v: Venue, o: VenueOrder, modelled: int) -> int:
    """How long the news of an order's acceptance takes."""
    row = find(v, o.intent, o.leg) if v.profile.scripted_latency != 0 else UNKNOWN
    return v.script[row].accept if row >= 0 and v.script[row].accept >= 0 else modelled


@kernel
def fill_wait(v: Venue, o: VenueOrder, modelled: int) -> int:
    """How long the news of an order's newest execution takes."""
    row = row_of_fill(v, o, o.fills - 1) if v.profile.scripted_latency != 0 else UNKNOWN
    return v.script[row].heard if row >= 0 else modelled


@kernel
def due(v: Venue, o: VenueOrder, row: int, start: int, last: int) -> int:
    """When the execution of a row takes place between `start` and `last`; -1 if it does not."""
    if row < 0:
        return -1
    recorded = v.script[row]
    when = o.arrived + recorded.wait if o.type == OrderType.MARKET else recorded.time
    when = max(when, start)
    return when if when <= last else -1
