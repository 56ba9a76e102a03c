"""The last executions of each symbol, so that a position can be rebuilt when one of them is taken back.

A position is the sum of its executions, and its average cost depends on their order. So each symbol remembers its last
sixteen, and the quantity, cost and result from before them. A void leaves its execution out, a correction puts another
in its place, and the books are made again from there: quantity, cost, realised result and cash are what they would be
if the false execution had never been told. What lies further back, before a split or before an adopted position, is
out of reach: there a void is booked as the inverse execution, right in quantity and cash, and its note says so.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.positions import booked, restate
from core.kernel.records import LEDGER
from core.kernel.types import State, Symbol


@kernel
def enter(sym: Symbol, execution: int, qty: int, price: int) -> None:
    """Remember an execution of signed `qty` that has been booked; the oldest becomes part of the base."""
    sym.executed += qty
    if sym.remembered == LEDGER:
        old = sym.ledger[0]
        sym.base_qty, sym.base_cost, realized = booked(sym.base_qty, sym.base_cost, old.qty, old.price)
        sym.base_realized += realized
        _close_up(sym, 0)
    row = sym.ledger[sym.remembered]
    row.execution = execution
    row.qty = qty
    row.price = price
    sym.remembered += 1


@kernel
def _close_up(sym: Symbol, gone: int) -> None:
    """Move the rows after one that goes down by one place."""
    sym.remembered -= 1
    for k in range(gone, sym.remembered):
        row, after = sym.ledger[k], sym.ledger[k + 1]
        row.execution = after.execution
        row.qty = after.qty
        row.price = after.price
    last = sym.ledger[sym.remembered]
    last.execution = last.qty = last.price = 0


@kernel
def rebase(sym: Symbol) -> None:
    """Forget the executions: the position as it stands is what a later void starts from."""
    while sym.remembered > 0:
        _close_up(sym, sym.remembered - 1)
    sym.base_qty = sym.qty
    sym.base_cost = sym.cost
    sym.base_realized = sym.realized


@kernel
def correct(st: State, sym: Symbol, execution: int, qty: int, price: int, fee: int) -> bool:
    """Make the books again with signed `qty` at `price` in an execution's place, 0 for nothing; `fee` is a cost.

    Returns False, and changes nothing, when the execution is not remembered.
    """
    place = -1
    for k in range(sym.remembered):
        if execution != 0 and sym.ledger[k].execution == execution:
            place = k
    if place < 0:
        return False
    row = sym.ledger[place]
    sym.executed += qty - row.qty
    row.qty = qty
    row.price = price
    if qty == 0:
        _close_up(sym, place)
    held, cost, result = sym.base_qty, sym.base_cost, sym.base_realized
    for k in range(sym.remembered):
        row = sym.ledger[k]
        held, cost, realized = booked(held, cost, row.qty, row.price)
        result += realized
    restate(st, sym, held, cost, result, fee)
    return True


@kernel
def remembered_qty(sym: Symbol) -> int:
    """What the base and the remembered executions add up to."""
    total = sym.base_qty
    for k in range(sym.remembered):
        total += sym.ledger[k].qty
    return total
