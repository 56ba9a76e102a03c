"""Whether a fault takes effect on one thing: its scope, its probability, and the count of its effects.

A draw is a hash of the fault's own seed, what it is drawn for (an order's identity, a symbol) and a count that
belongs to that thing. No draw depends on another, so adding a fault, or removing one, changes nothing else.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.digest import mix, unit
from core.kernel.kinds import EventKind
from core.kernel.records import MAX_ORDERS
from core.kernel.units import NANO
from sim import messages
from sim.records import To
from sim.types import Fault, Queue, Venue


@kernel
def on_lane(f: Fault, lane: int) -> bool:
    """Whether a fault is in force and meets a lane to the broker."""
    return f.active != 0 and (f.lanes >> lane) & 1 != 0


@kernel
def strikes(f: Fault, symbol: int, what: int, count: int, now: int) -> bool:
    """Whether a fault in force takes effect on one thing; if so it is counted. `symbol` is -1 for what has none."""
    if symbol >= 0 and f.symbols[symbol] == 0:
        return False
    if f.probability < NANO and unit(mix(mix(f.seed, what), count)) * NANO >= f.probability:
        return False
    count_effect(f, now)
    return True


@kernel
def count_effect(f: Fault, now: int) -> None:
    """Count one effect of a fault."""
    f.fired += 1
    f.last = now
    if f.first == 0:
        f.first = now


@kernel
def tell_engine_of(q: Queue, time: int, kind: int, code: int, code2: int) -> int:
    """Send the engine an event that is about no order; returns the message's slot."""
    slot = messages.post_event(q, time, To.ENGINE.value)
    e = q.events[slot]
    e.kind = kind
    e.code = code
    e.code2 = code2
    e.t_market = time
    messages.send(q, slot)
    return slot


@kernel
def tell_engine_of_order(v: Venue, q: Queue, time: int, kind: int, order: int, symbol: int, code: int) -> int:
    """Send the engine news of an order that is not the venue's own way of telling it; returns the message's slot."""
    slot = messages.post_event(q, time, To.ENGINE.value)
    e = q.events[slot]
    e.kind = kind
    e.code = code
    e.order = order
    e.symbol = symbol
    e.intent = v.orders[order % MAX_ORDERS].intent if v.orders[order % MAX_ORDERS].id == order else 0
    e.t_market = time
    messages.send(q, slot)
    return slot


@kernel
def lose_stream(v: Venue, q: Queue) -> None:
    """The stream is lost, and we are told; there may be several reasons at once."""
    v.faults.down += 1
    if v.faults.down == 1:
        tell_engine_of(q, v.now, EventKind.STREAM.value, 0, 0)


@kernel
def regain_stream(v: Venue, q: Queue) -> None:
    """One reason for a lost stream is gone; without any it is authorised again."""
    v.faults.down -= 1
    if v.faults.down == 0:
        v.faults.gap = 0
        tell_engine_of(q, v.now, EventKind.STREAM.value, 1, 0)
