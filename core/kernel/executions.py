"""Executions: fills, and what the broker takes back or changes afterwards.

A real execution is never dropped and never counted twice. One of an order that nobody here knows goes to a suspense
account and halts openings. A void is booked as the inverse execution at the same price, so that quantity and cash are
as if the fill had not been, but it is no trade of the day; a correction is a void and a fill, judged by where the two
of them lead.
"""

from __future__ import annotations

from core.kernel import exits, margin
from core.kernel.brackets import hold_legs
from core.kernel.compiled import kernel
from core.kernel.kinds import Cause, Condition, EventKind, NoteKind, Role, Severity
from core.kernel.modes import set_condition
from core.kernel.orders import (
    TAKEN_BACK,
    accept_correction,
    accept_execution,
    content,
    count_execution,
    find,
    recount,
    remember,
    seen,
)
from core.kernel.outputs import note, order_note
from core.kernel.positions import execute
from core.kernel.trades import release_entry, settle_trade
from core.kernel.types import Event, Order, State, Symbol
from core.kernel.units import NANO, notional


@kernel
def on_fill(st: State, ev: Event) -> None:
    """An execution: into the order's ledger, then the position, then whatever the trade needs next."""
    slot = find(st, ev.order)
    if slot < 0:
        _unexplained(st, ev, ev.qty * (ev.code if ev.code != 0 else 1))
        return
    o = st.orders[slot]
    if not accept_execution(st, o, ev):
        return
    sym = st.symbols[o.symbol]
    before = sym.qty
    first = o.filled == 0
    count_execution(st, o, ev)
    if first:
        hold_legs(st, o)
    _book(st, sym, o, ev.qty, ev.price, ev.amount)
    margin.on_execution(st, sym, before, o.side * ev.qty, first)
    _follow(st, sym, o, before)


@kernel
def on_foreign(st: State, ev: Event) -> None:
    """An execution in this account that was not ordered here; `qty` is signed."""
    _unexplained(st, ev, ev.qty)


@kernel
def on_correction(st: State, ev: Event) -> None:
    """FILL_VOIDED takes an execution back; FILL_CORRECTED also puts another in its place."""
    slot = find(st, ev.order)
    if slot < 0:
        e = note(st, NoteKind.UNKNOWN_ORDER, Severity.CRITICAL, ev.symbol, ev.kind, 0)
        e.detail = ev.order
        set_condition(st, Condition.SUSPENSE, 1)
        return
    o = st.orders[slot]
    corrected = ev.kind == EventKind.FILL_CORRECTED
    old_qty = ev.target if corrected else ev.qty
    old_price = ev.stop if corrected else ev.price
    then = content(o.id, ev.qty, ev.price) if corrected else TAKEN_BACK
    if not accept_correction(st, o, ev, old_qty, old_price, then):
        return
    order_note(st, NoteKind.QUARANTINE, Severity.WARNING, o, old_qty, old_price)
    sym = st.symbols[o.symbol]
    before = sym.qty
    _recount_and_book(st, sym, o, -old_qty, old_price, 0 if corrected else -ev.amount)
    if corrected:
        _recount_and_book(st, sym, o, ev.qty, ev.price, 0)
    recount(st, o)
    _follow(st, sym, o, before)


@kernel
def _recount_and_book(st: State, sym: Symbol, o: Order, qty: int, price: int, fee: int) -> None:
    """One half of a correction, in the order's ledger and in the position."""
    o.filled += qty
    o.cum += qty
    _book(st, sym, o, qty, price, fee)


@kernel
def _book(st: State, sym: Symbol, o: Order, qty: int, price: int, fee: int) -> None:
    """Position, cash and day-trading power of an execution of ours; a negative `qty` takes one back."""
    execute(st, sym, o.side * qty, price, fee)
    value = notional(abs(qty), price)
    paid = value if qty > 0 else -value
    o.paid += paid
    st.account.bought_today += paid if o.role == Role.ENTRY else -paid


@kernel
def _follow(st: State, sym: Symbol, o: Order, before: int) -> None:
    """Holds and the trade after the position has moved from `before`.

    A position that has crossed zero, that an exit has opened, or that stands against its trade, is a double exit.
    """
    release_entry(st, sym, o)
    crossed = sym.qty != 0 and before != 0 and (sym.qty > 0) != (before > 0)
    opened = sym.qty != 0 and before == 0 and o.role != Role.ENTRY and (sym.qty > 0) == (o.side > 0)
    if crossed or opened or sym.qty * sym.side < 0:
        e = order_note(st, NoteKind.DOUBLE_EXIT, Severity.CRITICAL, o, sym.qty, before)
        e.use = NANO
        sym.side = 1 if sym.qty > 0 else -1
        exits.begin_exit(st, o.symbol, Cause.PROTECTION)
    settle_trade(st, o)


@kernel
def _unexplained(st: State, ev: Event, qty: int) -> None:
    """Book an execution without an order of ours, once: the shares are real, whose they are is for the operator to say.

    One in a symbol that is not traded here cannot be booked; it halts all the same.
    """
    if seen(st, ev.execution):
        note(st, NoteKind.DUPLICATE_FILL, Severity.INFO, ev.symbol, qty, 0)
        return
    remember(st, ev.execution, content(ev.order, ev.qty, ev.price))
    e = note(st, NoteKind.UNKNOWN_ORDER, Severity.CRITICAL, ev.symbol, qty, ev.price)
    e.detail = ev.order
    if ev.symbol >= 0:
        sym = st.symbols[ev.symbol]
        before = sym.qty
        execute(st, sym, qty, ev.price, ev.amount)
        margin.on_execution(st, sym, before, qty, True)
        sym.unreconciled = 1
        exits.leave_if_turned(st, ev.symbol)
    st.account.suspense += 1
    set_condition(st, Condition.SUSPENSE, 1)
