"""What a trade needs after one of its orders filled or ended: to be closed, protected, or exited further."""

from __future__ import annotations

from core.kernel import brackets, exits
from core.kernel.compiled import kernel
from core.kernel.kinds import Cause, ExitStage, Mode, OrderStatus, Role
from core.kernel.orders import cancel, cancel_again
from core.kernel.positions import reserve
from core.kernel.types import Order, State, Symbol


@kernel
def release_entry(st: State, sym: Symbol, o: Order) -> None:
    """Bring holds and the working quantity in line with an entry order that changed."""
    if o.role == Role.ENTRY:
        reserve(st, sym, o)
        if o.id == sym.entry:
            sym.working = o.side * max(o.qty - o.filled, 0) if o.terminal == 0 else 0


@kernel
def settle_trade(st: State, o: Order) -> None:
    """Decide what the symbol's trade needs now that `o` has filled or ended."""
    sym = st.symbols[o.symbol]
    if sym.stage != ExitStage.NONE:
        unasked = o.id == sym.exit_order and o.terminal != 0 and o.status != OrderStatus.FILLED and o.cancel_sent == 0
        if o.status != OrderStatus.REJECTED and not unasked:  # those are tried again by the next timer, not at once
            exits.advance_exit(st, o.symbol, False)
        return
    _watch_siblings(st, sym)
    if sym.qty == 0:
        brackets.watch_protection(st, sym)
        brackets.finish(st, sym)
        return
    if sym.entry == 0:
        # shares came after the trade had been closed: there is no plan for them, so they go
        sym.entry = o.id
        sym.intent = o.intent
        sym.exit_leg = brackets.next_leg(st, o)
        sym.strategy = o.strategy
        exits.begin_exit(st, o.symbol, Cause.PROTECTION)
        return
    if o.status == OrderStatus.REJECTED and o.cause == Cause.PROTECTION:
        exits.begin_exit(st, o.symbol, Cause.PROTECTION)  # the broker takes no stop for it
        return
    brackets.watch_protection(st, sym)
    dead = o.status == OrderStatus.CANCELED or o.status == OrderStatus.EXPIRED
    if dead and sym.unprotected_since != 0 and not brackets.any_leg_alive(st, sym):
        brackets.protect(st, o.symbol)


@kernel
def _watch_siblings(st: State, sym: Symbol) -> None:
    """Start, stop or keep the clock of legs that are larger than what is left of the position they belong to."""
    if not brackets.oversized(st, sym):
        sym.sibling_since = 0
    elif sym.sibling_since == 0:
        sym.sibling_since = st.run.now


@kernel
def watch_trade(st: State, symbol: int, closing: bool) -> None:
    """At each timer: the exit plan; or horizon and closing time, an entry withdrawn, protection, and stray siblings."""
    sym = st.symbols[symbol]
    if sym.stage != ExitStage.NONE:
        exits.watch_exit(st, symbol)
        return
    if st.run.mode == Mode.RISK_EXIT:
        exits.begin_exit(st, symbol, Cause.RISK_EXIT)
        return
    if closing or (sym.horizon != 0 and st.run.now >= sym.horizon):
        exits.begin_exit(st, symbol, Cause.SIGNAL)
        return
    cancel_again(st, sym.entry)
    brackets.watch_protection(st, sym)
    if sym.unprotected_since != 0:
        brackets.protect(st, symbol)
    _watch_siblings(st, sym)
    if sym.sibling_since != 0 and st.run.now - sym.sibling_since >= st.config.protect_within:
        _withdraw_legs(st, sym)


@kernel
def _withdraw_legs(st: State, sym: Symbol) -> None:
    """Withdraw legs that could execute too much; the broker takes one with the other, if it knows of the other."""
    if cancel(st, sym.target_order) and sym.qty != 0:
        return
    cancel(st, sym.stop_order)


@kernel
def fit_legs(st: State, sym: Symbol) -> None:
    """The position has changed by something else than its own orders: legs that are too large now go at once."""
    if sym.stage == ExitStage.NONE and brackets.oversized(st, sym):
        _watch_siblings(st, sym)
        _withdraw_legs(st, sym)
