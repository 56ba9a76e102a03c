"""From an execution to position, cost, cash, realised result and the account's running totals.

Average cost: opening quantity adds what was paid; closing quantity takes its share of the cost with it, rounded
towards a smaller result. A fill that crosses zero is two fills, the closing part first. The account's value, gross
exposure and maintenance requirement are kept as running totals of the symbols, so equity is two additions away after
every event; invariants.py recomputes them from nothing.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.types import Order, State, Symbol
from core.kernel.units import MICRO, muldiv, notional, share


@kernel
def maintenance(st: State, qty: int, mark: int) -> int:
    """Overnight maintenance requirement in micros (Alpaca's table: semantics C11)."""
    if qty == 0:
        return 0
    if qty > 0:
        value = notional(qty, mark)
        return value if 2 * mark < 5 * MICRO else share(value, st.config.maintenance)
    value = -notional(qty, mark)
    if mark >= 5 * MICRO:
        return max(notional(-qty, 5 * MICRO), share(value, st.config.maintenance))
    return max(notional(-qty, 5 * MICRO // 2), value)


@kernel
def revalue(st: State, sym: Symbol) -> None:
    """Bring the account's totals in line with one symbol's quantity and mark."""
    account = st.account
    value = notional(sym.qty, sym.mark)
    account.value += value - sym.value
    account.gross += abs(value) - abs(sym.value)
    sym.value = value
    need = maintenance(st, sym.qty, sym.mark)
    account.maintenance += need - sym.maintenance
    sym.maintenance = need
    account.equity = account.cash + account.value


@kernel
def execute(st: State, sym: Symbol, qty: int, price: int, fee: int) -> int:
    """Book an execution of signed `qty` at `price`; `fee` is a cost. Returns the realised result in micros."""
    account = st.account
    realized = 0
    rest = qty
    received = 0
    if sym.qty != 0 and (qty > 0) != (sym.qty > 0):
        closed = min(abs(qty), abs(sym.qty))
        part = closed if qty > 0 else -closed
        if sym.qty > 0:
            cost = sym.cost - muldiv(sym.cost, sym.qty - closed, sym.qty)
        else:
            cost = -muldiv(-sym.cost, closed, -sym.qty)
        received = notional(-part, price)
        realized = received - cost
        sym.cost -= cost
        sym.qty += part
        rest = qty - part
    if rest != 0:
        opened = notional(-rest, price)
        sym.cost -= opened
        sym.qty += rest
        received += opened
    account.cash += received - fee
    sym.realized += realized
    account.realized += realized
    sym.fees += fee
    account.fees += fee
    if sym.mark == 0:
        sym.mark = price
    revalue(st, sym)
    return realized


@kernel
def average_cost(sym: Symbol) -> int:
    """Average cost a share in micros, rounded down; 0 when flat."""
    if sym.qty == 0:
        return 0
    return muldiv(abs(sym.cost), MICRO, abs(sym.qty))


@kernel
def reserve(st: State, sym: Symbol, o: Order) -> None:
    """Hold exposure and buying power for what an entry may still add; called after any change of the order."""
    held = notional(o.qty - min(o.filled, o.qty), o.hold_price) if o.terminal == 0 else 0
    change = held - o.hold
    signed = change if o.side > 0 else -change
    o.hold = held
    sym.reserved += change
    st.account.reserved += change
    st.account.reserved_net += signed
