"""Faults begin and end here, and our own process with them.

A restart keeps the engine's state, which is one record and was durable before anything left (docs/decisions). What it
loses is everything that came meanwhile, and with `lose_commands` the requests that were under way. When the process
is back it is told what the calendar brought, connects to the stream, and asks for a reconciliation.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.kinds import CommandKind, EventKind, OperatorAct
from core.kernel.types import Event
from sim import messages
from sim.faults import broker
from sim.faults.strikes import count_effect, lose_stream, regain_stream, tell_engine_of
from sim.records import FaultKind
from sim.types import Fault, Queue, Venue


@kernel
def turn(v: Venue, q: Queue, e: Event) -> None:
    """A fault of the schedule begins or ends."""
    f = switched(v, e)
    begins = e.code2
    kind = f.kind
    if kind == FaultKind.OUTAGE or kind == FaultKind.UNAUTHORISED:
        if f.lanes & 8 != 0:
            if begins != 0:
                count_effect(f, v.now)
                lose_stream(v, q)
            else:
                regain_stream(v, q)
    elif kind == FaultKind.STREAM_MUTE:
        v.faults.mute += 1 if begins != 0 else -1
    elif kind == FaultKind.ACCOUNT_RESET:
        if begins != 0:
            broker.reset_account(v, q, f)
    elif kind >= FaultKind.RESTART:
        _operator(v, q, f, begins)
    elif (
        kind == FaultKind.PARTIALS
        or kind == FaultKind.STUCK_ORDER
        or kind == FaultKind.BUYING_POWER_DRIFT
        or kind == FaultKind.UNTRADABLE
    ):
        broker.change(v, q, f, begins)


@kernel
def switched(v: Venue, e: Event) -> Fault:
    """The fault that an event of the schedule switches on or off."""
    f = v.faults.table[e.code]
    f.active = e.code2
    if e.code2 != 0:
        f.begin = v.now
        f.end = e.amount
    return f


@kernel
def _operator(v: Venue, q: Queue, f: Fault, begins: int) -> None:
    """Acts of a person, and what happens to our process."""
    if f.kind == FaultKind.RESTART:
        _restart(v, q, f, begins)
        return
    if f.kind == FaultKind.KILL_SWITCH:
        act(q, v.now, OperatorAct.HALT.value if begins != 0 else OperatorAct.RESUME.value, 0, -1)
        if begins != 0 and f.a != 0:
            act(q, v.now, OperatorAct.FLATTEN.value, 0, -1)
    elif begins != 0 and f.kind == FaultKind.CLOCK_JUMP:
        slot = tell_engine_of(q, v.now, EventKind.CLOCK_JUMP.value, 0, 0)
        q.events[slot].amount = f.a
    elif begins != 0:
        _for_symbols(v, q, f)
    if begins != 0:
        count_effect(f, v.now)


@kernel
def _for_symbols(v: Venue, q: Queue, f: Fault) -> None:
    """An act for every symbol in scope where it is about symbols, else once. Who adopts takes the cash over too."""
    if f.a != OperatorAct.ADOPT_POSITION and f.a != OperatorAct.FLATTEN:
        act(q, v.now, f.a, f.b, -1)
        return
    for s in range(v.symbols):
        if f.symbols[s] != 0:
            act(q, v.now, f.a, f.b, s)
    if f.a == OperatorAct.ADOPT_POSITION:
        act(q, v.now, OperatorAct.ADOPT_CASH.value, f.b, -1)


@kernel
def act(q: Queue, time: int, what: int, lane: int, symbol: int) -> None:
    """Send the engine an operator's act."""
    slot = tell_engine_of(q, time, EventKind.OPERATOR.value, what, lane)
    q.events[slot].symbol = symbol


@kernel
def _restart(v: Venue, q: Queue, f: Fault, begins: int) -> None:
    """Our process dies; at the end of the fault it starts again."""
    if begins != 0:
        count_effect(f, v.now)
        v.faults.dead += 1
        v.faults.back = max(v.faults.back, f.end)
        if f.a != 0:
            v.faults.lost = v.now
        return
    v.faults.dead -= 1
    if v.faults.dead == 0:
        tell_engine_of(q, v.now, EventKind.RESTART.value, 0, 0)
        if v.faults.down == 0:
            tell_engine_of(q, v.now, EventKind.STREAM.value, 1, 0)
            v.faults.gap = 0
        v.faults.asked = 0
        messages.post_request(q, v.now + v.profile.submit_latency, CommandKind.RECONCILE.value, 0)


@kernel
def hold(v: Venue, q: Queue, e: Event) -> None:
    """What the calendar brings while our process is dead is told to it when it is back."""
    messages.post_copy(q, e, max(v.faults.back, v.now))
