"""T1: one order through everything it can be told.

Every status meets every item of news, with its outcome declared here; then all sequences of twelve items to a depth
of four are walked for an entry, a stop and an exit, and after each step all totals are rebuilt and every invariant
checked. `SEATRIAL_DEPTH` deepens the walk.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from core.kernel.invariants import broken
from core.kernel.kinds import CommandKind, EventKind, NoteKind, OperatorAct, OrderStatus
from core.kernel.units import MICRO
from tests.doses import NIGHTLY
from tests.twin.kernel import Kernel, ready, signal
from tests.twin.orders import ALIVE, AT_WORK, LEADS_TO, ORDINARY, PENDING, REFUSES

DEPTH = int(os.environ.get("SEATRIAL_DEPTH", 6 if NIGHTLY else 4))
PRICE = 100 * MICRO
HALF = 50 * MICRO
S = OrderStatus
K = EventKind

ROUTES: dict[OrderStatus, tuple[EventKind, ...]] = {
    S.SUBMITTED: (),
    S.UNKNOWN: (K.SUBMIT_AMBIGUOUS,),
    S.ACCEPTED: (K.ORDER_ACCEPTED,),
    S.HELD: (K.ORDER_HELD,),
    S.WORKING: (K.ORDER_WORKING,),
    S.TRIGGERED: (K.ORDER_WORKING, K.ORDER_TRIGGERED),
    S.PARTIALLY_FILLED: (K.ORDER_WORKING, K.FILL),
    S.PENDING_REPLACE: (K.ORDER_WORKING, K.ORDER_PENDING_REPLACE),
    S.PENDING_CANCEL: (K.ORDER_WORKING, K.ORDER_PENDING_CANCEL),
    S.SUSPENDED: (K.ORDER_SUSPENDED,),
    S.DONE_FOR_DAY: (K.ORDER_DONE_FOR_DAY,),
    S.FILLED: (K.FILL, K.FILL),
    S.CANCELED: (K.ORDER_WORKING, K.ORDER_CANCELED),
    S.EXPIRED: (K.ORDER_WORKING, K.ORDER_EXPIRED),
    S.REJECTED: (K.ORDER_REJECTED,),
    S.REPLACED: (K.ORDER_WORKING, K.ORDER_REPLACED),
}
NEWS = [kind for kind in K if K.ORDER_ACCEPTED <= kind <= K.ORDER_UNRECOGNISED]


def tell(kernel: Kernel, kind: EventKind, order: int, execution: int = 0) -> None:
    """One item about an order; a fill is of half the order."""
    execution = execution or int(kernel.st.run.seq) + 100
    terms = {"qty": HALF, "price": PRICE, "cum_qty": -1, "execution": execution} if kind == K.FILL else {}
    kernel.send(kind, order=order, **terms)


def in_status(status: OrderStatus) -> Kernel:
    """A kernel whose order 1, an entry for 100 shares, has come to a status by the news that leads there."""
    kernel = ready()
    signal(kernel)
    for kind in ROUTES[status]:
        tell(kernel, kind, 1)
    assert kernel.order(1).status == status
    return kernel


def declared(status: OrderStatus, kind: EventKind) -> OrderStatus:
    """What an item of news makes of a status."""
    if kind in REFUSES:
        return S.WORKING if status == REFUSES[kind] else status
    target, sources = LEADS_TO.get(kind, (status, set()))
    if status in PENDING and kind in ORDINARY:
        return status
    return target if status in sources else status


@pytest.mark.parametrize("status", ROUTES)
def test_every_status_answers_every_item_of_news_as_declared(status: OrderStatus) -> None:
    for kind in NEWS:
        kernel = in_status(status)
        tell(kernel, kind, 1)
        assert kernel.order(1).status == declared(status, kind), kind.name
        assert kernel.broken() == 0, kind.name
        assert (kernel.order(1).terminal != 0) == (declared(status, kind) not in ALIVE)


@pytest.mark.parametrize("status", ROUTES)
def test_every_status_takes_an_execution(status: OrderStatus) -> None:
    kernel = in_status(status)
    before = int(kernel.order(1).filled)
    tell(kernel, K.FILL, 1)
    order = kernel.order(1)
    assert order.filled == before + HALF, "a real execution is never dropped"
    assert kernel.st.symbols[0].qty == order.filled
    if status not in ALIVE:
        assert (order.status, order.late) == (status, 1)
    elif order.filled == order.qty:
        assert order.status == S.FILLED
    elif status in PENDING:
        assert (order.status, order.previous) == (status, S.PARTIALLY_FILLED)
    else:
        assert order.status == S.PARTIALLY_FILLED
    assert kernel.broken() == 0


@pytest.mark.parametrize("kind", sorted(ORDINARY))
@pytest.mark.parametrize("pending", sorted(PENDING))
def test_news_during_a_request_is_what_a_refusal_returns_to(pending: OrderStatus, kind: EventKind) -> None:
    kernel = in_status(pending)
    tell(kernel, kind, 1)
    tell(kernel, next(news for news, status in REFUSES.items() if status == pending), 1)
    assert kernel.order(1).status == declared(S.WORKING, kind)


@pytest.mark.parametrize("kind", NEWS)
def test_news_of_an_order_that_is_not_ours_changes_nothing(kind: EventKind) -> None:
    kernel = ready()
    before = kernel.state["orders"].tobytes()
    tell(kernel, kind, 99)
    assert [note.kind for note in kernel.notes] == [NoteKind.UNKNOWN_ORDER]
    assert kernel.state["orders"].tobytes() == before


def test_what_is_at_work_has_no_way_back() -> None:
    for status in AT_WORK:
        assert declared(status, K.ORDER_ACCEPTED) == status
        assert declared(status, K.ORDER_HELD) == status


# all sequences

ITEMS: tuple[tuple[EventKind, dict[str, int]], ...] = (
    (K.ORDER_ACCEPTED, {}),
    (K.ORDER_WORKING, {}),
    (K.ORDER_PENDING_CANCEL, {}),
    (K.CANCEL_REJECTED, {}),
    (K.ORDER_CANCELED, {}),
    (K.ORDER_REJECTED, {}),
    (K.SUBMIT_AMBIGUOUS, {}),
    (K.ORDER_NOT_FOUND, {}),
    (K.ORDER_REPLACED, {"price": PRICE}),
    (K.FILL, {"qty": HALF, "price": PRICE, "cum_qty": -1}),
    (K.FILL, {"qty": 2 * HALF, "price": PRICE, "cum_qty": -1}),
    (K.FILL_VOIDED, {"qty": HALF, "price": PRICE}),
)
assert len(ITEMS) == 12


def an_entry() -> tuple[Kernel, int]:
    kernel = ready(query_tries=2)
    signal(kernel)
    return kernel, 1


def a_stop() -> tuple[Kernel, int]:
    kernel, _ = an_entry()
    tell(kernel, K.FILL, 1)
    tell(kernel, K.FILL, 1)
    return kernel, 3


def an_exit() -> tuple[Kernel, int]:
    kernel, _ = a_stop()
    kernel.send(K.OPERATOR, code=OperatorAct.FLATTEN, symbol=0)
    for leg in (3, 2):
        kernel.send(K.ORDER_CANCELED, order=leg)
    assert [command.kind for command in kernel.commands] == [CommandKind.SUBMIT]
    return kernel, 4


@pytest.mark.parametrize("subject", [an_entry, a_stop, an_exit])
def test_all_sequences_keep_every_invariant(subject) -> None:
    """A void takes back the execution of the step before it, if that was one of the same size."""
    kernel, order = subject()
    states = [kernel.words.copy() for _ in range(DEPTH)]
    path: list[int] = []

    def walk(depth: int) -> None:
        np.copyto(states[depth], kernel.words)
        for i, (kind, terms) in enumerate(ITEMS):
            np.copyto(kernel.words, states[depth])
            path.append(i)
            kernel.send(kind, order=order, execution=50 + depth - (kind == K.FILL_VOIDED), **terms)
            problem = int(kernel.st.run.broken) or int(broken(kernel.state))
            assert not problem, (problem, [ITEMS[step][0].name for step in path])
            if depth + 1 < DEPTH:
                walk(depth + 1)
            path.pop()

    walk(0)
