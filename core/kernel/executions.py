"""Executions: fills, and what the broker takes back or changes afterwards.

A real execution is never dropped and never counted twice. One of an order that nobody here knows goes to a suspense
account and halts openings. A void takes an execution out of the books, and a correction puts another in its place: the
position is made again from what remains (ledger.py), and neither is a trade of the day.
"""

from __future__ import annotations

from core.kernel import exits, ledger, margin
from core.kernel.brackets import hold_legs
from core.kernel.compiled import kernel
from core.kernel.conditions import set_condition
from core.kernel.kinds import Cause, Condition, EventKind, NoteKind, Role, Severity
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
from core.kernel.trades import fit_legs, release_entry, settle_trade
from core.kernel.types import Event, Order, State, Symbol
from core.kernel.units import NANO, muldiv, notional


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
    qty, price = _in_new_shares(sym, ev)
    _book(st, sym, ev.execution, o.side * qty, price, ev.amount)
    _count_paid(st, o, ev.qty, ev.price)
    margin.on_execution(st, sym, before, o.side * qty, first)
    margin.await_settlement(st, o.side * qty, price)
    _follow(st, sym, o, before)


@kernel
def _in_new_shares(sym: Symbol, ev: Event) -> tuple[int, int]:
    """Quantity and price of an execution; what is from before a split and told after it, in shares after it."""
    if ev.t_market >= sym.split_at:
        return ev.qty, ev.price
    return muldiv(ev.qty, sym.split_ratio, NANO), muldiv(ev.price, NANO, sym.split_ratio)


@kernel
def on_foreign(st: State, ev: Event) -> None:
    """An execution in this account that was not ordered here; `qty` is signed."""
    _unexplained(st, ev, ev.qty)


@kernel
def on_correction(st: State, ev: Event) -> None:
    """FILL_VOIDED takes an execution back; FILL_CORRECTED also puts another in its place."""
    slot = find(st, ev.order)
    if slot < 0:
        e = note(st, NoteKind.FOREIGN_VOID, Severity.CRITICAL, ev.symbol, ev.qty, ev.price)
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
    e = order_note(st, NoteKind.FILL_VOIDED, Severity.WARNING, o, old_qty, old_price)
    e.detail = 1 if corrected else 0
    new_qty = ev.qty if corrected else 0
    sym = st.symbols[o.symbol]
    before = sym.qty
    fee = 0 if corrected else -ev.amount
    if ledger.correct(st, sym, ev.execution, o.side * new_qty, ev.price, fee):
        e.action = 1
    else:
        _book(st, sym, 0, -o.side * old_qty, old_price, fee)
        if corrected:
            _book(st, sym, 0, o.side * new_qty, ev.price, 0)
    o.filled += new_qty - old_qty
    o.cum += new_qty - old_qty
    _count_paid(st, o, -old_qty, old_price)
    _count_paid(st, o, new_qty, ev.price)
    recount(st, o)
    _follow(st, sym, o, before)


@kernel
def _book(st: State, sym: Symbol, execution: int, qty: int, price: int, fee: int) -> None:
    """An execution of signed `qty` into the position and into the symbol's memory."""
    execute(st, sym, qty, price, fee)
    ledger.enter(sym, execution, qty, price)


@kernel
def _count_paid(st: State, o: Order, qty: int, price: int) -> None:
    """What an order has paid, and the day's use of buying power; a negative `qty` takes back."""
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
    e = note(st, NoteKind.FOREIGN_FILL, Severity.CRITICAL, ev.symbol, qty, ev.price)
    e.detail = ev.order
    if ev.symbol >= 0:
        sym = st.symbols[ev.symbol]
        before = sym.qty
        _book(st, sym, ev.execution, qty, ev.price, ev.amount)
        margin.on_execution(st, sym, before, qty, True)
        margin.await_settlement(st, qty, ev.price)
        sym.unreconciled = 1
        exits.leave_if_turned(st, ev.symbol)
        fit_legs(st, sym)
    st.account.suspense += 1
    set_condition(st, Condition.SUSPENSE, 1)
