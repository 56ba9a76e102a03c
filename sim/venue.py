"""The simulated broker: commands in, news and executions out.

It keeps its own book (book.py) and account, refuses what Alpaca refuses (orders.py), and fills by the rules of
fills.py along the path of each minute (matching.py, paths.py). Everything it says travels as a message with a delay
of its own. It is compiled into the replay loop here, and stands behind the Alpaca-compatible server too: there is
one venue.
"""

from __future__ import annotations

from core.kernel.compiled import kernel, shared
from core.kernel.kinds import CommandKind, EventKind, ReconcileStep, RejectReason, Role, TimeInForce
from core.kernel.records import COMMAND, MAX_ORDERS
from core.kernel.types import Command, Order
from sim import messages
from sim.book import (
    activate,
    alive,
    can_work,
    current_price,
    end,
    enlist,
    enter_leg,
    enter_order,
    heard_at,
    refuse,
    tell,
    tell_execution,
)
from sim.latency import delay, identity
from sim.matching import heat_for, refresh, settle_immediate
from sim.orders import FINE, refusal
from sim.records import BAR, QUEUE, TAPE, VENUE, Mark, Stand, To
from sim.types import Bar, Queue, Venue, VenueOrder, VenueSymbol


@shared(VENUE, QUEUE, COMMAND, BAR, int)
def on_command(v: Venue, q: Queue, c: Command, bar: Bar, mid: int) -> None:
    """A command has reached the venue."""
    kind = c.kind
    if kind == CommandKind.CANCEL:
        _cancel(v, q, c)
    elif kind <= CommandKind.SUBMIT_OCO:
        _submit(v, q, c, bar, mid)
    elif kind == CommandKind.QUERY:
        _answer_query(v, q, c)
    elif kind == CommandKind.PROBE:
        _answer(v, q, EventKind.PROBE_OK.value, c.leg, -1, 0)
    else:
        _reconcile(v, q)


@kernel
def _submit(v: Venue, q: Queue, c: Command, bar: Bar, mid: int) -> None:
    """Take an order or a group, or refuse it. A number that is already known is not answered: its order stands."""
    vs = v.symbol[c.symbol]
    heat_for(v, vs, bar, c)
    reason = refusal(v, c, current_price(v, vs))
    if reason == RejectReason.DUPLICATE_ID:
        return
    o = enter_order(v, c, mid)
    if c.kind == CommandKind.SUBMIT_BRACKET and c.target_order > 0:
        _take_leg(v, enter_leg(v, c, Role.TARGET.value, mid), reason)
    if c.kind != CommandKind.SUBMIT and c.stop_order > 0:
        _take_leg(v, enter_leg(v, c, Role.STOP.value, mid), reason)
    if reason != FINE:
        refuse(v, o, reason)
        tell(v, q, o, EventKind.ORDER_REJECTED.value, v.profile.ack_latency, reason)
        return
    o.accepted = v.now
    o.mid_arrival = current_price(v, vs)
    enlist(v, o)
    tell(v, q, o, EventKind.ORDER_ACCEPTED.value, v.profile.ack_latency, 0)
    start(v, q, vs, o)


@kernel
def _take_leg(v: Venue, o: VenueOrder, reason: int) -> None:
    """A leg shares the fate of its group."""
    if reason == FINE:
        enlist(v, o)
    else:
        refuse(v, o, reason)


@kernel
def start(v: Venue, q: Queue, vs: VenueSymbol, o: VenueOrder) -> None:
    """Put an accepted order to work now, or let it wait for its session or auction, if it may wait at all."""
    if can_work(v, vs, o):
        activate(v, q, vs, o)
    elif o.tif >= TimeInForce.IOC:
        end(v, q, o, EventKind.ORDER_CANCELED.value)
    refresh(v, vs)
    settle_immediate(v, q, vs)


@kernel
def _cancel(v: Venue, q: Queue, c: Command) -> None:
    """Cancel an order and, as Alpaca does, the rest of its group."""
    slot = alive(v, c.order)
    if slot < 0:
        _refuse_cancel(v, q, c)
        return
    o = v.orders[slot]
    parent = o.parent
    sibling = o.sibling
    number = o.id
    symbol = o.symbol
    end(v, q, o, EventKind.ORDER_CANCELED.value)
    _cancel_group(v, q, symbol, number, parent, sibling)
    refresh(v, v.symbol[symbol])


@kernel
def _refuse_cancel(v: Venue, q: Queue, c: Command) -> None:
    """There is nothing left to cancel, or there never was."""
    o = v.orders[c.order % MAX_ORDERS]
    wait = delay(v.profile, v.profile.ack_latency, identity(c.intent, c.leg), 0)
    slot = messages.post_event(q, heard_at(v, c.symbol, wait), To.ENGINE.value)
    e = q.events[slot]
    e.kind = EventKind.CANCEL_REJECTED
    e.order = c.order
    e.symbol = c.symbol
    e.intent = c.intent
    e.t_market = v.now
    if o.id != c.order:
        e.code = RejectReason.NOT_FOUND
    else:
        e.code = RejectReason.ALREADY_FILLED if o.filled_at != 0 else RejectReason.NOT_CANCELABLE
    messages.send(q, slot)


@kernel
def _cancel_group(v: Venue, q: Queue, symbol: int, number: int, parent: Order, sibling: int) -> None:
    """End every live order that belongs with `number`."""
    vs = v.symbol[symbol]
    i = 0
    while i < vs.live_count:
        o = v.orders[vs.live[i] % MAX_ORDERS]
        related = o.parent == number or o.id == sibling or (parent != 0 and (o.id == parent or o.parent == parent))
        if related:
            end(v, q, o, EventKind.ORDER_CANCELED.value)
        else:
            i += 1


@kernel
def _answer(v: Venue, q: Queue, kind: int, code: int, symbol: int, qty: int) -> None:
    """Send an answer that is about no order."""
    wait = delay(v.profile, v.profile.ack_latency, kind, v.now)
    slot = messages.post_event(q, v.now + wait, To.ENGINE.value)
    e = q.events[slot]
    e.kind = kind
    e.code = code
    e.symbol = symbol
    e.qty = qty
    e.t_market = v.now
    messages.send(q, slot)


@kernel
def _reconcile(v: Venue, q: Queue) -> None:
    """Tell the books: every position, then that all has been told."""
    _answer(v, q, EventKind.RECONCILE.value, ReconcileStep.STARTED.value, -1, 0)
    for s in range(v.symbols):
        _answer(v, q, EventKind.RECONCILE.value, ReconcileStep.SYMBOL_OK.value, s, v.symbol[s].position)
    _answer(v, q, EventKind.RECONCILE.value, ReconcileStep.FINISHED.value, -1, 0)


@kernel
def _answer_query(v: Venue, q: Queue, c: Command) -> None:
    """Every execution of an order, and what it is now if it is not filled; or that nobody knows it."""
    o = v.orders[c.order % MAX_ORDERS]
    if o.id != c.order:
        wait = delay(v.profile, v.profile.ack_latency, identity(c.intent, c.leg), 1)
        slot = messages.post_event(q, heard_at(v, c.symbol, wait), To.ENGINE.value)
        e = q.events[slot]
        e.kind = EventKind.ORDER_NOT_FOUND
        e.order = c.order
        e.symbol = c.symbol
        e.t_market = v.now
        messages.send(q, slot)
        return
    for number in range(max(v.executions - TAPE, 0), v.executions):
        if v.tape[number % TAPE].order == o.id:
            q.mark[tell_execution(v, q, o, number)] = Mark.REPLY.value
    if o.filled_at == 0:
        q.mark[tell(v, q, o, standing(o), v.profile.ack_latency, o.reason)] = Mark.REPLY.value


@kernel
def standing(o: VenueOrder) -> int:
    """The item of news that says how an order that is not filled stands."""
    kind = EventKind.ORDER_ACCEPTED.value
    if o.stand == Stand.HELD:
        kind = EventKind.ORDER_HELD.value
    elif o.stand == Stand.WORKING:
        kind = EventKind.ORDER_WORKING.value
    elif o.stand == Stand.TRIGGERED:
        kind = EventKind.ORDER_TRIGGERED.value
    elif o.canceled != 0:
        kind = EventKind.ORDER_CANCELED.value
    elif o.expired != 0:
        kind = EventKind.ORDER_EXPIRED.value
    elif o.rejected != 0:
        kind = EventKind.ORDER_REJECTED.value
    return kind
