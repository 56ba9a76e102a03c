"""How directed tests begin: an acknowledged bracket, a held position, and the words to go on with."""

from __future__ import annotations

from core.kernel.kinds import EventKind
from core.kernel.units import MICRO, MINUTE
from tests.twin.kernel import Kernel, ready, signal

QTY = 100 * MICRO
PRICE = 100 * MICRO


def opened(**overrides: int) -> Kernel:
    """A kernel with one acknowledged bracket for 100 shares of symbol 0: orders 1 (entry), 2 (target), 3 (stop)."""
    kernel = ready(**overrides)
    signal(kernel)
    kernel.send(EventKind.ORDER_ACCEPTED, order=1)
    kernel.send(EventKind.ORDER_WORKING, order=1)
    return kernel


def fill(kernel: Kernel, order: int, qty: int, cum: int = -1, execution: int = 0, **fields: int) -> None:
    terms = {"price": PRICE} | fields
    execution = execution or int(kernel.st.run.seq) + 5000
    kernel.send(EventKind.FILL, order=order, execution=execution, qty=qty, cum_qty=cum, **terms)


def held(**overrides: int) -> Kernel:
    """`opened`, and the entry is filled and its stop at work."""
    kernel = opened(**overrides)
    fill(kernel, 1, QTY, QTY)
    kernel.send(EventKind.ORDER_WORKING, order=2)
    kernel.send(EventKind.ORDER_HELD, order=3)
    return kernel


def timer(kernel: Kernel, after: int = MINUTE) -> None:
    """A timer with fresh bars at the marks that stand."""
    now = int(kernel.st.run.now) + after
    for i in range(int(kernel.st.config.symbols)):
        kernel.send(EventKind.BAR, t_visible=now, symbol=i, price=int(kernel.st.symbols[i].mark), qty=MICRO)
    kernel.send(EventKind.TIMER, t_visible=now)


def kinds(kernel: Kernel) -> list[int]:
    return [c.kind for c in kernel.commands]


def noted(kernel: Kernel) -> list[int]:
    return [n.kind for n in kernel.notes]
