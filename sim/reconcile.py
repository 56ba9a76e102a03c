"""Reconciliation: our books against the broker's, and the host that asks for it.

    fetch   executions that we have not applied, then orders that stand elsewhere than we think
    wait    until that has been told
    compare positions and cash; what differs is asked again a few times, for an execution may be under way
    judge   what still differs stops its symbol, or for cash everything, until the operator has chosen

Nothing is ever invented to make the books agree. Orders younger than a few seconds are left alone. The host compares
in silence every `breaker.poll`: the engine hears of it only if there is something to hear.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.kinds import CommandKind, EventKind, Lane, OrderStatus, ReconcileStep, Role
from core.kernel.orders import seen
from core.kernel.records import MAX_ORDERS
from core.kernel.types import State
from core.kernel.units import MICRO, SECOND
from sim import messages
from sim.book import tell, tell_execution
from sim.faults.strikes import tell_engine_of, tell_engine_of_order
from sim.records import TAPE, Mark, Stand
from sim.types import Queue, Venue
from sim.venue import standing

QUIET = -1  # `leg` of a reconciliation that the host asks for itself
YOUNG = 5 * SECOND
AGAIN = 5 * SECOND
ROUNDS = 3
TOLERANCE = MICRO  # of cash, dollars: fractions of shares after splits are rounded


@kernel
def minute(v: Venue, q: Queue) -> None:
    """The host's part of a minute: the stream's heartbeat, and a look at the books when it is time."""
    f = v.faults
    if f.down == 0 and f.mute == 0:
        tell_engine_of(q, v.now, EventKind.LANE_OK.value, Lane.TRADE_STREAM.value, 0)
    if f.poll > 0 and v.now >= f.next_poll:
        f.next_poll = v.now + f.poll
        messages.post_request(q, v.now + v.profile.submit_latency, CommandKind.RECONCILE.value, QUIET)


@kernel
def answer(st: State, v: Venue, q: Queue, quiet: int) -> None:
    """The broker's books as news, as far as we do not have them; `quiet` is 1 for the host's own look."""
    if st.run.reconciling != 0:
        quiet = 0
    v.faults.quiet = quiet
    if quiet == 0 and v.faults.asked == 0:
        _step(v, q, ReconcileStep.STARTED.value, v.now + v.profile.ack_latency)
    v.faults.asked = 1
    told = v.now + v.profile.ack_latency
    for number in range(max(v.executions - TAPE, 0), v.executions):
        x = v.tape[number % TAPE]
        if _missing(st, v, x.order) and not seen(st, x.id):
            slot = tell_execution(v, q, v.orders[x.order % MAX_ORDERS], number)
            q.mark[slot] = Mark.REPLY.value
            told = max(told, q.time[slot])
    for slot in range(MAX_ORDERS):
        if st.orders[slot].status >= OrderStatus.SUBMITTED and st.orders[slot].terminal == 0:
            told = max(told, _order(st, v, q, slot))
    slot = _step(v, q, ReconcileStep.FINISHED.value, told + 1)
    q.mark[slot] = Mark.COMPARE.value


@kernel
def _missing(st: State, v: Venue, order: int) -> bool:
    """Whether we know of less, or of more, executed in one of our orders than the broker."""
    ours = st.orders[order % MAX_ORDERS]
    theirs = v.orders[order % MAX_ORDERS]
    return ours.id == order and theirs.id == order and ours.filled != theirs.filled


@kernel
def _step(v: Venue, q: Queue, code: int, time: int) -> int:
    return tell_engine_of(q, time, EventKind.RECONCILE.value, code, 0)


@kernel
def _order(st: State, v: Venue, q: Queue, slot: int) -> int:
    """News of one open order of ours, if the broker sees it differently; returns when it is told."""
    ours = st.orders[slot]
    theirs = v.orders[slot]
    unsure = ours.status == OrderStatus.SUBMITTED or ours.status == OrderStatus.UNKNOWN
    if st.run.now - ours.submitted < YOUNG:
        return 0
    if theirs.id != ours.id:
        if ours.status == OrderStatus.SUBMITTED and (ours.parent == 0 and ours.role != Role.STOP):
            tell_engine_of_order(v, q, v.now, EventKind.SUBMIT_AMBIGUOUS.value, ours.id, ours.symbol, 0)
        return 0
    kind = 0
    if theirs.stand == Stand.DONE:
        kind = standing(theirs) if theirs.filled_at == 0 else 0
    elif unsure:
        kind = standing(theirs)
    elif theirs.qty != ours.qty:
        kind = EventKind.ORDER_RESTATED.value
    if kind == 0:
        return 0
    message = tell(v, q, theirs, kind, v.profile.ack_latency, theirs.reason)
    q.mark[message] = Mark.REPLY.value
    return q.time[message]


@kernel
def conclude(st: State, v: Venue, q: Queue) -> bool:
    """Compare the books when all has been told; returns whether the engine hears that it is finished."""
    f = v.faults
    cash = abs(v.cash - st.account.cash) > TOLERANCE
    differs = cash
    for s in range(v.symbols):
        differs = differs or v.symbol[s].position != st.symbols[s].qty
    if differs and f.rounds < ROUNDS:
        f.rounds += 1
        messages.post_request(q, v.now + AGAIN, CommandKind.RECONCILE.value, -f.quiet)
        return False
    f.rounds = 0
    f.asked = 0
    positions = 0
    for s in range(v.symbols):
        positions += _judge(st, v, q, s)
    if positions == 0 and (cash or st.account.difference != 0):
        slot = _step(v, q, ReconcileStep.CASH_DIFFERS.value if cash else ReconcileStep.CASH_OK.value, v.now)
        q.events[slot].amount = v.cash - st.account.cash
    if f.quiet == 0 or st.run.reconciling != 0:
        _step(v, q, ReconcileStep.FINISHED.value, v.now)
    return False


@kernel
def _judge(st: State, v: Venue, q: Queue, s: int) -> int:
    """The verdict on one symbol, told where it is news; returns 1 where the books differ."""
    sym = st.symbols[s]
    theirs = v.symbol[s].position
    differs = theirs != sym.qty
    if differs or sym.unreconciled != 0 or (theirs != 0 and v.faults.quiet == 0):
        code = ReconcileStep.SYMBOL_DIFFERS.value if differs else ReconcileStep.SYMBOL_OK.value
        slot = _step(v, q, code, v.now)
        q.events[slot].symbol = s
        q.events[slot].qty = theirs
    return 1 if differs else 0
