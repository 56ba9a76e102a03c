"""Replacing an order at the venue: new terms under a new number, in one move, or not at all.

The engine of seatrial never replaces, it cancels and sends anew; clients of the Alpaca-compatible server do. What the
old order has filled counts: the quantity asked for is the total, and the new order carries the rest. A member of a
group keeps its place in the group, so that replacing a stop does not cancel its target. The new order loses its turn
among those of its price, as it would anywhere.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.kinds import CommandKind, EventKind, RejectReason
from core.kernel.records import MAX_ORDERS
from core.kernel.types import Command
from sim import messages
from sim.book import alive, current_price, delist, enlist, enter_order, heard_at, tell
from sim.latency import delay, identity
from sim.matching import refresh
from sim.orders import FINE, refusal
from sim.records import Stand, To
from sim.types import Queue, Venue, VenueOrder, VenueSymbol
from sim.venue import start


@kernel
def on_replace(v: Venue, q: Queue, c: Command, mid: int) -> None:
    """A REPLACE command has reached the venue: `target_order` is to become `order`, with the command's terms."""
    slot = alive(v, c.target_order)
    if slot < 0:
        _refuse(v, q, c, RejectReason.NOT_CANCELABLE.value)
        return
    old = v.orders[slot]
    vs = v.symbol[c.symbol]
    if c.qty <= old.filled:
        _refuse(v, q, c, RejectReason.QUANTITY.value)
        return
    c.qty -= old.filled
    c.kind = CommandKind.SUBMIT
    delist(v, old)
    reason = FINE if _grouped(v, vs, old) else refusal(v, c, current_price(v, vs))
    if reason != FINE:
        enlist(v, old)
        _refuse(v, q, c, reason)
        return
    _swap(v, q, vs, old, c, mid)


@kernel
def _swap(v: Venue, q: Queue, vs: VenueSymbol, old: VenueOrder, c: Command, mid: int) -> None:
    """End the old order and let the new one take its place."""
    o = enter_order(v, c, mid)
    o.parent = old.parent
    o.sibling = old.sibling
    for i in range(vs.live_count):
        other = v.orders[vs.live[i] % MAX_ORDERS]
        if other.parent == old.id:
            other.parent = o.id
        if other.sibling == old.id:
            other.sibling = o.id
    held = old.stand == Stand.HELD
    old.stand = Stand.DONE
    old.terminal = v.now
    tell(v, q, old, EventKind.ORDER_REPLACED.value, v.profile.ack_latency, 0)
    o.accepted = v.now
    o.mid_arrival = current_price(v, vs)
    enlist(v, o)
    tell(v, q, o, EventKind.ORDER_ACCEPTED.value, v.profile.ack_latency, 0)
    if held:
        o.stand = Stand.HELD
        refresh(v, vs)
    else:
        start(v, q, vs, o)


@kernel
def _grouped(v: Venue, vs: VenueSymbol, o: VenueOrder) -> bool:
    """Whether an order belongs to a group: it has a parent, a sibling or legs."""
    if o.parent != 0 or o.sibling != 0:
        return True
    for i in range(vs.live_count):
        if v.orders[vs.live[i] % MAX_ORDERS].parent == o.id:
            return True
    return False


@kernel
def _refuse(v: Venue, q: Queue, c: Command, reason: int) -> None:
    """Say that the old order stays as it is, or as it has ended."""
    wait = delay(v.profile, v.profile.ack_latency, identity(c.intent, c.leg), EventKind.REPLACE_REJECTED.value)
    slot = messages.post_event(q, heard_at(v, c.symbol, wait), To.ENGINE.value)
    e = q.events[slot]
    e.kind = EventKind.REPLACE_REJECTED
    e.order = c.target_order
    e.symbol = c.symbol
    e.intent = c.intent
    e.code = reason
    e.t_market = v.now
    messages.send(q, slot)
