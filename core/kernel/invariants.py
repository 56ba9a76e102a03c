"""What must hold after every event (semantics C14). `guard` is cheap and always on; `check` recomputes everything.

`guard` looks at the symbol and order that the event touched and at the account's running totals; `check` rebuilds
every total from nothing and runs at each session's close, at the end, and in tests after every event. Both return an
Invariant; the first broken one of a run is remembered with the event that broke it.
"""

from __future__ import annotations

import numpy as np

from core.kernel.compiled import entry, kernel
from core.kernel.kinds import Breaker, CommandKind, EventKind, Invariant, Mode, OrderStatus, Role
from core.kernel.orders import find
from core.kernel.records import LANES, MAX_ORDERS
from core.kernel.types import Event, Order, State, Symbol
from core.kernel.units import notional


@kernel
def guard(st: State, ev: Event) -> int:
    """Check what this event can have broken, and remember the first failure."""
    broken = _account(st)
    if broken == 0 and st.run.commands > 0:
        broken = _commands(st)
    if broken == 0 and EventKind.FILL <= ev.kind <= EventKind.ORDER_UNRECOGNISED:
        slot = find(st, ev.order)
        if slot >= 0:
            broken = order(st.orders[slot])
            if broken == 0:
                broken = symbol(st, st.symbols[st.orders[slot].symbol])
    if broken != 0 and st.run.broken == 0:
        st.run.broken = broken
        st.run.broken_at = ev.seq
    return broken


@kernel
def _account(st: State) -> int:
    a = st.account
    if a.equity != a.cash + a.value:
        return Invariant.EQUITY_IDENTITY.value
    if a.gross < abs(a.value) or a.reserved < 0 or st.run.unknown < 0 or st.run.working < 0:
        return Invariant.EXPOSURE_LEDGER.value
    return 0


@kernel
def _commands(st: State) -> int:
    """No opening leaves in a safe mode or twice for one intent; a breaker that closed by itself is seen here too."""
    for i in range(st.run.commands):
        c = st.commands[i]
        if c.kind == CommandKind.SUBMIT_BRACKET:
            if st.decision.mode > Mode.REDUCED or st.decision.approved == 0:
                return Invariant.OPENING_IN_SAFE_MODE.value
            if st.decision.intent != c.intent or st.decision.order != c.order:
                return Invariant.ONE_ORDER_PER_INTENT.value
    return 0


@kernel
def order(o: Order) -> int:
    """Invariants of one order."""
    if o.filled < 0 or o.qty < 0 or (o.filled > o.qty and o.overfill == 0 and o.terminal == 0):
        return Invariant.ORDER_QUANTITY.value
    if (o.status >= OrderStatus.FILLED) != (o.terminal != 0):
        return Invariant.ORDER_TERMINAL.value
    if o.role == Role.ENTRY and (o.hold < 0 or (o.terminal != 0 and o.hold != 0)):
        return Invariant.HOLDS_LEDGER.value
    return 0


@kernel
def symbol(st: State, sym: Symbol) -> int:
    """Invariants of one symbol's position and trade."""
    if sym.value != notional(sym.qty, sym.mark):
        return Invariant.POSITION_LEDGER.value
    if sym.qty == 0 and sym.cost != 0:
        return Invariant.POSITION_LEDGER.value
    if (sym.cost > 0 and sym.qty < 0) or (sym.cost < 0 and sym.qty > 0):
        return Invariant.POSITION_LEDGER.value
    target, stop = find(st, sym.target_order), find(st, sym.stop_order)
    if target >= 0 and stop >= 0:
        both = st.orders[target].status == OrderStatus.FILLED and st.orders[stop].status == OrderStatus.FILLED
        if both and sym.stage == 0 and sym.qty * sym.side < 0:
            return Invariant.OCO_BOTH_FILLED.value
    return 0


@kernel
def check(st: State) -> int:
    """Rebuild every running total from nothing; the first invariant that does not hold, or 0."""
    value = gross = reserved = net = cost = realized = maintenance = 0
    for i in range(st.config.symbols):
        sym = st.symbols[i]
        broken = symbol(st, sym)
        if broken != 0:
            return broken
        value += sym.value
        gross += abs(sym.value)
        reserved += sym.reserved
        cost += sym.cost
        realized += sym.realized
        maintenance += sym.maintenance
    a = st.account
    if value != a.value or gross != a.gross or maintenance != a.maintenance:
        return Invariant.EXPOSURE_LEDGER.value
    if realized != a.realized or reserved != a.reserved:
        return Invariant.HOLDS_LEDGER.value
    if a.cash != a.start_cash + a.flows + a.dividends + a.realized - a.fees - cost:
        return Invariant.CASH_LEDGER.value
    held = unknown = working = 0
    for slot in range(MAX_ORDERS):
        o = st.orders[slot]
        broken = order(o)
        if broken != 0:
            return broken
        held += o.hold
        net += o.hold if o.side > 0 else -o.hold
        unknown += 1 if o.status == OrderStatus.UNKNOWN else 0
        working += 1 if o.status > OrderStatus.INITIALIZED and o.terminal == 0 else 0
    if held != reserved or net != a.reserved_net or unknown != st.run.unknown or working != st.run.working:
        return Invariant.HOLDS_LEDGER.value
    return _breakers(st)


@kernel
def _breakers(st: State) -> int:
    """A breaker that has been open is closed only by way of an operator's reset."""
    for lane in range(LANES):
        b = st.lanes[lane]
        if b.state == Breaker.HALF_OPEN and b.resets == 0:
            return Invariant.BREAKER_CLOSED_ITSELF.value
    return 0


@entry
def broken(state: np.ndarray) -> int:
    """`check` for callers outside compiled code: state of shape (1,)."""
    return check(state[0])
