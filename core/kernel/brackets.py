"""A trade: the entry, its stop and target, and the protection of whatever has been filled.

Alpaca's rules shape this. A bracket must be an entry, so a symbol carries one trade at a time. Its legs sleep until
the entry is filled *completely*, so a partly filled entry has no live stop; and cancelling the rest of the entry
cancels the legs with it. Hence the protection rule: a position that should have a stop and has none for longer than
`protect_within` makes us cancel the rest of the entry, wait until the group is dead, and send an OCO for what is
held. The same rule re-protects a position whose day legs expired overnight. If one leg fills, the broker cancels the
other; a sibling that lives on is cancelled by us, and if both fill, the position has crossed zero: DOUBLE_EXIT.

No leg may be able to execute more than is held. When a leg fills in part the broker makes its sibling smaller; when
a position shrinks otherwise (a void, a sale elsewhere, an adopted difference) the group is withdrawn, and an OCO for
what is left follows. There is no replacing of a leg: once something has filled, the broker does not take it.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.conditions import cleared
from core.kernel.kinds import (
    Cause,
    CommandKind,
    NoteKind,
    OrderStatus,
    OrderType,
    Role,
    Severity,
    TimeInForce,
)
from core.kernel.orders import allocate, cancel, find, live, move
from core.kernel.outputs import command, note
from core.kernel.positions import reserve
from core.kernel.records import MAX_ORDERS
from core.kernel.types import Decision, Order, State, Symbol
from core.kernel.units import MICRO, PENNY, SECOND, tick_down, tick_up


@kernel
def on_grid(side: int, price: int) -> int:
    """The order price at or next above `price` for a long trade, next below for a short one."""
    return tick_up(price) if side > 0 else tick_down(price)


@kernel
def target_price(side: int, reference: int, distance: int) -> int:
    """Order price of the target: on the penny grid, never nearer than stated."""
    return on_grid(side, max(reference + side * distance, 0))


@kernel
def stop_price(side: int, reference: int, distance: int) -> int:
    """Order price of the stop: on the penny grid, never further than stated, at least a cent away."""
    if side > 0:
        return min(tick_up(max(reference - distance, 0)), tick_down(max(reference - PENNY, 0)))
    return max(tick_down(reference + distance), tick_up(reference + PENNY))


@kernel
def _order(st: State, symbol: int, role: int, type_: int, side: int, qty: int, cause: int) -> int:
    """A new order of the symbol's trade with the next leg number, already SUBMITTED; returns its slot."""
    sym = st.symbols[symbol]
    slot = allocate(st)
    assert slot >= 0, "order table full"
    o = st.orders[slot]
    o.intent = sym.intent
    o.leg = sym.exit_leg
    sym.exit_leg += 1
    o.symbol = symbol
    o.strategy = sym.strategy
    o.side = side
    o.role = role
    o.type = type_
    o.tif = st.config.tif
    o.cause = cause
    o.original = o.qty = qty
    o.limit = 0
    o.stop = 0
    move(st, o, OrderStatus.SUBMITTED)
    return slot


@kernel
def next_leg(st: State, last: Order) -> int:
    """A leg number that no order of `last`'s intent has, now that the trade it belonged to is taken up again.

    Orders of that trade that the table has let go are older than `last`, and so are their numbers.
    """
    leg = last.leg
    for slot in range(MAX_ORDERS):
        o = st.orders[slot]
        if o.intent == last.intent and o.status != OrderStatus.NONE:
            leg = max(leg, o.leg)
    return leg + 1


@kernel
def open_trade(st: State, d: Decision, target: int, stop: int, limit: int, hold_price: int) -> int:
    """Send the bracket of an approved decision; `limit` is 0 for a market entry. Returns the entry's id."""
    sym = st.symbols[d.symbol]
    assert sym.entry == 0 and sym.qty == 0
    sym.strategy = d.strategy
    sym.intent = d.intent
    sym.side = d.side
    sym.exit_leg = 0
    sym.risk = abs(d.price_ref - stop)
    entry = st.orders[_order(st, d.symbol, Role.ENTRY, OrderType.MARKET, d.side, d.qty, Cause.SIGNAL)]
    if limit > 0:
        entry.type = OrderType.LIMIT
        entry.limit = limit
    entry.hold_price = hold_price
    sym.entry = entry.id
    sym.working = d.side * d.qty
    reserve(st, sym, entry)
    _legs(st, d.symbol, d.qty, target, stop, Cause.BRACKET)
    st.orders[find(st, sym.target_order)].parent = entry.id
    st.orders[find(st, sym.stop_order)].parent = entry.id
    c = command(st, CommandKind.SUBMIT_BRACKET, entry)
    c.target_order = sym.target_order
    c.stop_order = sym.stop_order
    c.target = target
    c.stop = stop
    return entry.id


@kernel
def _legs(st: State, symbol: int, qty: int, target: int, stop: int, cause: int) -> None:
    """Target and stop of the symbol's trade, each other's siblings."""
    sym = st.symbols[symbol]
    a = st.orders[_order(st, symbol, Role.TARGET, OrderType.LIMIT, -sym.side, qty, cause)]
    b = st.orders[_order(st, symbol, Role.STOP, OrderType.STOP, -sym.side, qty, cause)]
    a.limit = target
    b.stop = stop
    a.sibling = b.id
    b.sibling = a.id
    sym.target_order = a.id
    sym.stop_order = b.id
    sym.target_price = target
    sym.stop_price = stop


@kernel
def hold_legs(st: State, o: Order) -> None:
    """The broker has a group's parent: its sleeping legs are known there too."""
    sym = st.symbols[o.symbol]
    if o.id == sym.entry:
        _hold(st, sym.target_order)
        _hold(st, sym.stop_order)
    elif o.id == sym.target_order:
        _hold(st, sym.stop_order)


@kernel
def _hold(st: State, order: int) -> None:
    slot = find(st, order)
    if slot >= 0:
        status = st.orders[slot].status
        if status == OrderStatus.SUBMITTED or status == OrderStatus.UNKNOWN:
            move(st, st.orders[slot], OrderStatus.HELD)
            st.orders[slot].accepted = st.run.now


@kernel
def protected(st: State, sym: Symbol) -> bool:
    """Whether the whole position has a stop that can trigger, or is already being closed by an order."""
    if live(st, sym.exit_order):
        return True
    slot = find(st, sym.stop_order)
    if slot < 0 or st.orders[slot].terminal != 0:
        return False
    o = st.orders[slot]
    if o.status == OrderStatus.SUBMITTED or o.status == OrderStatus.UNKNOWN:
        return False
    entry = find(st, sym.entry)  # none: long over, and its slot used again
    active = o.parent == 0 or entry < 0 or st.orders[entry].status == OrderStatus.FILLED
    return active and o.qty - o.filled >= abs(sym.qty)


@kernel
def watch_protection(st: State, sym: Symbol) -> None:
    """Start, stop or keep the clock of a trade without a stop; adds up its unprotected share-seconds.

    Shares that belong to no trade have no stop to lack: what becomes of them is for the operator to say.
    """
    exposed = sym.qty != 0 and sym.entry != 0 and not protected(st, sym)
    if sym.unprotected_since != 0:
        seconds = (st.run.now - sym.counted_at) // SECOND
        sym.unprotected_time += seconds * sym.counted_shares
        sym.counted_at += seconds * SECOND
        if not exposed:
            sym.unprotected_since = 0
            if sym.alerted != 0:
                sym.alerted = 0
                cleared(st, NoteKind.UNPROTECTED, sym.number, sym.unprotected_time)
    elif exposed:
        sym.unprotected_since = sym.counted_at = st.run.now
        sym.unprotected_time = 0
    sym.counted_shares = abs(sym.qty) // MICRO


@kernel
def open_qty(st: State, order: int) -> int:
    """What an order may still execute; 0 when it is over."""
    slot = find(st, order)
    if slot < 0 or st.orders[slot].terminal != 0:
        return 0
    return max(st.orders[slot].qty - st.orders[slot].filled, 0)


@kernel
def oversized(st: State, sym: Symbol) -> bool:
    """Whether a leg could execute more than is held, now that the entry can add nothing: a position may have shrunk."""
    if live(st, sym.entry):
        return False
    return max(open_qty(st, sym.target_order), open_qty(st, sym.stop_order)) > abs(sym.qty)


@kernel
def any_leg_alive(st: State, sym: Symbol) -> bool:
    """Whether the entry or one of the exits can still fill."""
    return live(st, sym.entry) or live(st, sym.target_order) or live(st, sym.stop_order) or live(st, sym.exit_order)


@kernel
def protect(st: State, symbol: int) -> None:
    """Bring a position without protection under it; called at each timer while the clock runs, and when legs die."""
    sym = st.symbols[symbol]
    late = st.run.now - sym.unprotected_since >= st.config.protect_within
    if late and sym.alerted == 0:
        sym.alerted = 1
        e = note(st, NoteKind.UNPROTECTED, Severity.CRITICAL, symbol, sym.qty, 0)
        e.intent = sym.intent
    if live(st, sym.entry):
        if late:
            cancel(st, sym.entry)
        return
    if live(st, sym.target_order) or live(st, sym.stop_order):
        if late and not cancel(st, sym.target_order):
            cancel(st, sym.stop_order)
        return
    submit_oco(st, symbol)


@kernel
def submit_oco(st: State, symbol: int) -> None:
    """An OCO for the whole position at the trade's target and stop prices."""
    sym = st.symbols[symbol]
    sym.side = 1 if sym.qty > 0 else -1
    _legs(st, symbol, abs(sym.qty), sym.target_price, sym.stop_price, Cause.PROTECTION)
    o = st.orders[find(st, sym.target_order)]
    o.tif = TimeInForce.GTC
    st.orders[find(st, sym.stop_order)].tif = TimeInForce.GTC
    c = command(st, CommandKind.SUBMIT_OCO, o)
    c.target_order = o.id
    c.stop_order = sym.stop_order
    c.target = sym.target_price
    c.stop = sym.stop_price


@kernel
def submit_exit(st: State, symbol: int, type_: int, limit: int, extended: int, cause: int) -> None:
    """An order that closes the whole position now."""
    sym = st.symbols[symbol]
    role = Role.EXIT if cause == Cause.SIGNAL else Role.FLATTEN
    slot = _order(st, symbol, role, type_, -1 if sym.qty > 0 else 1, abs(sym.qty), cause)
    o = st.orders[slot]
    o.limit = limit
    o.extended = extended
    o.tif = TimeInForce.DAY
    sym.exit_order = o.id
    command(st, CommandKind.SUBMIT, o)


@kernel
def finish(st: State, sym: Symbol) -> None:
    """Forget a trade that is flat and has no order alive."""
    if sym.entry != 0 and sym.qty == 0 and not any_leg_alive(st, sym):
        watch_protection(st, sym)
        if sym.paged != 0:
            cleared(st, NoteKind.EXIT_OVERDUE, sym.number, st.run.now - sym.exit_since)
        sym.entry = sym.target_order = sym.stop_order = sym.exit_order = 0
        sym.intent = sym.side = sym.horizon = sym.stage = sym.sibling_since = sym.paged = 0
        sym.working = 0
