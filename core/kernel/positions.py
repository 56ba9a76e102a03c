"""From an execution to position, cost, cash, realised result and the account's running totals.

Average cost: opening quantity adds what was paid; closing quantity takes its share of the cost with it, rounded
towards a smaller result. A fill that crosses zero is two fills, the closing part first. The account's value, gross
exposure and maintenance requirement are kept as running totals of the symbols, so equity is two additions away after
every event; invariants.py recomputes them from nothing.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.types import Order, State, Symbol
from core.kernel.units import MICRO, NANO, muldiv, notional, ratio, share

LEAST_VALUE = NANO // 1000  # of a unit of capital: what is added to a ruined account is not divided by its ruin


@kernel
def maintenance(st: State, qty: int, mark: int) -> int:
    """Overnight maintenance requirement in micros (Alpaca's table)."""
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
def booked(qty: int, cost: int, trade: int, price: int) -> tuple[int, int, int]:
    """Quantity and cost of a position after an execution of signed `trade`, and the result that it realises."""
    realized = 0
    rest = trade
    if qty != 0 and (trade > 0) != (qty > 0):
        closed = min(abs(trade), abs(qty))
        part = closed if trade > 0 else -closed
        if qty > 0:
            given = cost - muldiv(cost, qty - closed, qty)
        else:
            given = -muldiv(-cost, closed, -qty)
        realized = notional(-part, price) - given
        cost -= given
        qty += part
        rest = trade - part
    if rest != 0:
        cost -= notional(-rest, price)
        qty += rest
    return qty, cost, realized


@kernel
def restate(st: State, sym: Symbol, qty: int, cost: int, realized: int, fee: int) -> None:
    """Put a position in its books; cash moves by what the result and the cost say was paid, less a fee."""
    account = st.account
    gained = realized - sym.realized
    spent = cost - sym.cost
    account.cash += gained - spent - fee
    account.realized += gained
    account.cost += spent
    account.fees += fee
    sym.qty = qty
    sym.cost = cost
    sym.realized = realized
    sym.fees += fee
    revalue(st, sym)


@kernel
def execute(st: State, sym: Symbol, qty: int, price: int, fee: int) -> None:
    """Book an execution of signed `qty` at `price`; `fee` is a cost."""
    if sym.mark == 0:
        sym.mark = price
    held, cost, realized = booked(sym.qty, sym.cost, qty, price)
    restate(st, sym, held, cost, sym.realized + realized, fee)


@kernel
def contribute(st: State, amount: int) -> None:
    """Value that comes or goes without a trade: the units of capital change with it, the performance does not."""
    a = st.account
    value = ratio(a.equity, a.units)  # without the shock for stale marks, which will pass
    units = muldiv(abs(amount), NANO, max(value, LEAST_VALUE))
    a.units = max(a.units + (units if amount > 0 else -units), 1)
    a.flows += amount
    a.day_start_equity += amount


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
