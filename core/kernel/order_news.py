"""News of orders other than executions: the transition table first, then what a status entered asks for."""

from __future__ import annotations

from core.kernel import brackets, reconciliation
from core.kernel.compiled import kernel
from core.kernel.conditions import set_condition
from core.kernel.kinds import (
    CommandKind,
    Condition,
    EventKind,
    NoteKind,
    OrderStatus,
    RejectReason,
    Severity,
)
from core.kernel.orders import KEEP, allocate, apply_news, find, move
from core.kernel.outputs import cancel_command, command, note, order_note, room
from core.kernel.records import MAX_ORDERS
from core.kernel.trades import release_entry, settle_trade
from core.kernel.types import Event, Order, State


@kernel
def on_order_news(st: State, ev: Event) -> None:
    """One item of news about an order."""
    slot = find(st, ev.order)
    if slot < 0:
        e = note(st, NoteKind.UNKNOWN_ORDER, Severity.WARNING, ev.symbol, ev.kind, 0)
        e.detail = ev.order
        return
    o = st.orders[slot]
    if ev.kind == EventKind.ORDER_RESTATED:
        _restated(st, o, ev)
    elif ev.kind == EventKind.ORDER_NOT_FOUND:
        _not_found(st, o)
    elif ev.kind == EventKind.ORDER_UNRECOGNISED:
        _unreadable(st, o, ev.code)
    else:
        _by_table(st, o, ev)


@kernel
def _unreadable(st: State, o: Order, code: int) -> None:
    """News that nobody can read may mean anything: nothing opens in the symbol until the broker has been asked."""
    order_note(st, NoteKind.UNRECOGNISED_NEWS, Severity.CRITICAL, o, code, 0)
    st.symbols[o.symbol].unreconciled = 1
    command(st, CommandKind.QUERY, o)


@kernel
def _by_table(st: State, o: Order, ev: Event) -> None:
    """News whose meaning is in the transition table."""
    was_terminal = o.terminal != 0
    entered = apply_news(st, o, ev.kind)
    if was_terminal:
        if (
            EventKind.ORDER_ACCEPTED <= ev.kind <= EventKind.ORDER_HELD
            and o.reason == RejectReason.UNCONFIRMED
            and o.cancel_sent == 0
        ):
            cancel_command(st, o)  # given up as never arrived, and yet it lives: withdraw it
        return
    if ev.kind == EventKind.ORDER_ACCEPTED or ev.kind == EventKind.ORDER_WORKING:
        brackets.hold_legs(st, o)
    elif ev.kind == EventKind.CANCEL_REJECTED:
        _cancel_rejected(st, o, ev.code)
    if entered == KEEP:
        return
    if ev.kind == EventKind.ORDER_REJECTED:
        _rejected(st, o, ev.code)
    elif ev.kind == EventKind.ORDER_REPLACED:
        _replaced(st, o, ev)
    if o.terminal != 0:
        release_entry(st, st.symbols[o.symbol], o)
        settle_trade(st, o)
    else:
        brackets.watch_protection(st, st.symbols[o.symbol])


@kernel
def _cancel_rejected(st: State, o: Order, reason: int) -> None:
    """A cancel was refused: a reason that our books do not know is looked into."""
    if reason == RejectReason.ALREADY_FILLED or reason == RejectReason.NOT_CANCELABLE:
        command(st, CommandKind.QUERY, o)  # for the broker it has ended, and we have not heard how
    elif reason == RejectReason.NOT_FOUND:
        reconciliation.ask(st)


@kernel
def _rejected(st: State, o: Order, reason: int) -> None:
    """The broker refused an order, or never had it: note it, and let a group die with its parent."""
    o.reason = reason
    e = order_note(st, NoteKind.ORDER_REJECTED, Severity.WARNING, o, reason, 0)
    e.detail = reason
    st.run.rejects += 1
    if reason != RejectReason.UNCONFIRMED:
        _storm(st)
    sym = st.symbols[o.symbol]
    if o.id == sym.entry or o.id == sym.target_order:
        _reject_with_parent(st, sym.target_order, o)
        _reject_with_parent(st, sym.stop_order, o)


@kernel
def _storm(st: State) -> None:
    """Count a business refusal; many in a minute mean that something of ours is wrong."""
    st.run.rejects_window += 1
    if st.run.rejects_window >= st.config.reject_storm and st.conditions[Condition.REJECT_STORM].active == 0:
        limit = st.config.reject_storm
        note(st, NoteKind.REJECT_STORM, Severity.CRITICAL, -1, st.run.rejects_window, limit)
        set_condition(st, Condition.REJECT_STORM, 1)


@kernel
def _reject_with_parent(st: State, order: int, parent: Order) -> None:
    """A leg that was never acknowledged goes the way of its refused parent."""
    slot = find(st, order)
    if slot >= 0 and order != parent.id:
        leg = st.orders[slot]
        if leg.status == OrderStatus.SUBMITTED or leg.status == OrderStatus.UNKNOWN:
            leg.reason = parent.reason
            move(st, leg, OrderStatus.REJECTED)


@kernel
def _replaced(st: State, o: Order, ev: Event) -> None:
    """The broker put a new order in the place of ours: the chain goes on under a new id."""
    slot = allocate(st)
    assert slot >= 0 and st.orders[slot].id != o.id
    new = st.orders[slot]
    number = new.id
    _copy(o, new)
    new.id = number
    new.replaces = o.id
    new.status = OrderStatus.INITIALIZED
    new.qty = max((ev.qty if ev.qty > 0 else o.qty) - o.filled, 0)
    if ev.price > 0:
        new.limit = ev.price
        new.hold_price = max(new.hold_price, ev.price)
    if ev.stop > 0:
        new.stop = ev.stop
    move(st, new, OrderStatus.SUBMITTED)
    sym = st.symbols[o.symbol]
    new.original = new.qty
    new.leg = sym.exit_leg  # the successor is another order: it may not answer to the same client id
    sym.exit_leg += 1
    if sym.entry == o.id:
        sym.entry = number
    if sym.target_order == o.id:
        sym.target_order = number
    if sym.stop_order == o.id:
        sym.stop_order = number
    if sym.exit_order == o.id:
        sym.exit_order = number
    _relate(st, sym.target_order, o.id, number)
    _relate(st, sym.stop_order, o.id, number)
    release_entry(st, sym, new)


@kernel
def _relate(st: State, order: int, old: int, new: int) -> None:
    """A leg names the replacement of its parent or sibling."""
    slot = find(st, order)
    if slot >= 0:
        leg = st.orders[slot]
        leg.parent = new if leg.parent == old else leg.parent
        leg.sibling = new if leg.sibling == old else leg.sibling


@kernel
def _copy(a: Order, b: Order) -> None:
    """The terms of an order, into its successor."""
    b.intent = a.intent
    b.leg = a.leg
    b.symbol = a.symbol
    b.strategy = a.strategy
    b.side = a.side
    b.role = a.role
    b.type = a.type
    b.tif = a.tif
    b.extended = a.extended
    b.cause = a.cause
    b.parent = a.parent
    b.sibling = a.sibling
    b.limit = a.limit
    b.stop = a.stop
    b.trail = a.trail
    b.hold_price = a.hold_price


@kernel
def _restated(st: State, o: Order, ev: Event) -> None:
    """The broker changed the quantity, as it does to a stop when its sibling fills in part."""
    if o.terminal == 0 and ev.qty >= o.filled:
        o.qty = ev.qty
        release_entry(st, st.symbols[o.symbol], o)
        brackets.watch_protection(st, st.symbols[o.symbol])


@kernel
def _not_found(st: State, o: Order) -> None:
    """A query found nothing. Soon after a submit that says little; after enough tries the order never arrived.

    Of an order that the broker once had it says that the books differ.
    """
    if o.status != OrderStatus.UNKNOWN:
        if o.status > OrderStatus.UNKNOWN and o.terminal == 0:
            reconciliation.ask(st)
        return
    o.queries += 1
    if o.queries >= st.config.query_tries and st.run.streaming != 0:
        move(st, o, OrderStatus.REJECTED)
        _rejected(st, o, RejectReason.UNCONFIRMED)
        release_entry(st, st.symbols[o.symbol], o)
        settle_trade(st, o)


@kernel
def query_unknown(st: State) -> None:
    """At each timer: ask again for every order whose fate is not known, waiting twice as long each time.

    One that is still not known at its deadline is a case for the operator, once.
    """
    for slot in range(MAX_ORDERS):
        o = st.orders[slot]
        if o.status != OrderStatus.UNKNOWN:
            continue
        if not room(st):
            st.run.left += 1
            continue
        if st.run.now >= o.query_at:
            o.query_at = st.run.now + (st.config.query_step << min(o.queries, 10))
            command(st, CommandKind.QUERY, o)
        if st.run.now >= o.deadline and o.paged == 0:
            o.paged = 1
            order_note(st, NoteKind.UNRESOLVED_ORDER, Severity.CRITICAL, o, st.run.now - o.unknown_since, o.queries)
