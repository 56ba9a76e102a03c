"""News under faults: what becomes of an event on its way from the broker to the engine.

Executions and changes of orders come by the stream; the answers to our own requests do not, and what was asked for
(a query, a reconciliation) is marked as a reply. A lost or silent stream swallows what comes by it.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.digest import mix, unit
from core.kernel.kinds import EventKind
from core.kernel.records import MAX_ORDERS
from core.kernel.types import Event, State
from sim import messages, reconcile
from sim.faults import broker
from sim.faults.strikes import count_effect, strikes
from sim.records import FaultKind, Mark
from sim.types import Log, Queue, Venue


@kernel
def heard(st: State, v: Venue, q: Queue, log: Log, slot: int) -> bool:
    """Whether an event reaches the engine now."""
    e = q.events[slot]
    mark = q.mark[slot]
    if v.faults.dead != 0 or mark == Mark.UNTOLD:
        return False
    if mark == Mark.COMPARE:
        return reconcile.conclude(st, v, q)
    if mark != Mark.FRESH or not (EventKind.FILL <= e.kind <= EventKind.ORDER_UNRECOGNISED):
        return True
    if e.kind == EventKind.ORDER_ACCEPTED or e.kind == EventKind.ORDER_REJECTED:
        return not _answer_is_lost(v, e)
    answers = e.kind == EventKind.CANCEL_REJECTED or e.kind >= EventKind.SUBMIT_AMBIGUOUS
    if not answers and (v.faults.down > 0 or v.faults.mute > 0):
        _blame(v)
        return False
    if e.kind != EventKind.FILL:
        return True
    overdo(v, q, log, e)
    return _execution(v, q, e)


@kernel
def _answer_is_lost(v: Venue, e: Event) -> bool:
    o = v.orders[e.order % MAX_ORDERS]
    lost = o.id == e.order and o.unanswered != 0
    if lost:
        o.unanswered = 0
    return lost


@kernel
def _blame(v: Venue) -> None:
    """Count a lost item of news with the fault that silenced the stream."""
    v.faults.gap = 1
    for i in range(v.faults.count):
        f = v.faults.table[i]
        silent = f.kind == FaultKind.STREAM_MUTE or f.kind == FaultKind.UNAUTHORISED
        if f.active != 0 and (silent or (f.kind == FaultKind.OUTAGE and f.lanes & 8 != 0)):
            count_effect(f, v.now)
            return


@kernel
def overdo(v: Venue, q: Queue, log: Log, e: Event) -> None:
    """The broker executes more than was ordered, after the execution of `e`."""
    for i in range(v.faults.count):
        f = v.faults.table[i]
        if f.active != 0 and f.kind == FaultKind.OVERFILL:
            broker.overfill(v, q, log, e, f)


@kernel
def _execution(v: Venue, q: Queue, e: Event) -> bool:
    """Executions that are told twice, late, or not at all."""
    for i in range(v.faults.count):
        f = v.faults.table[i]
        if f.active == 0:
            continue
        kind = f.kind
        if kind == FaultKind.PARTIALS:
            broker.count_partial(v, e, f)
        elif kind == FaultKind.DROPPED_EXECUTIONS:
            if strikes(f, e.symbol, e.order, e.execution, v.now):
                v.faults.gap = 1
                return False
        elif kind == FaultKind.REORDERED_EXECUTIONS:
            if strikes(f, e.symbol, e.order, e.execution, v.now):
                wait = int(unit(mix(f.seed, e.execution)) * float(f.a))
                messages.post_copy(q, e, v.now + 1 + wait)
                return False
        elif kind == FaultKind.DUPLICATE_EXECUTIONS and strikes(f, e.symbol, e.order, e.execution, v.now):
            messages.post_copy(q, e, v.now + f.a)
    return True
