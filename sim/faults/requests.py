"""Requests under faults: what becomes of a command on its way to the broker, and what we hear of it.

A live adapter turns the outcome of each request into events; here that happens for a simulated one:

    accepted, refused        LANE_OK with the time that it took, beside the broker's own answer
    timeout, 5xx, cut        LANE_FAILED, and for a submit SUBMIT_AMBIGUOUS: it may have arrived
    429                      LANE_FAILED, and the same request again when the broker says so
    401                      LANE_FAILED, and for a submit a refusal: that is definite

`arrives` is asked when a command reaches the broker, `answer` after the broker has acted on it.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.digest import mix
from core.kernel.kinds import CommandKind, EventKind, Lane, LaneFailure, RejectReason
from core.kernel.records import MAX_ORDERS
from core.kernel.types import Command, State
from core.kernel.units import SECOND
from sim import messages, reconcile
from sim.faults import broker
from sim.faults.strikes import on_lane, regain_stream, strikes, tell_engine_of, tell_engine_of_order
from sim.latency import identity
from sim.records import FaultKind, Mark, To
from sim.types import Fault, Log, Queue, Venue

INSIST = 10 * SECOND  # how soon a failed reconciliation is asked for again


@kernel
def lane_of(c: Command) -> int:
    """The lane that a command goes by."""
    if c.kind <= CommandKind.SUBMIT_OCO:
        return Lane.SUBMIT.value
    if c.kind == CommandKind.CANCEL:
        return Lane.CANCEL.value
    return c.leg if c.kind == CommandKind.PROBE else Lane.QUERY.value


@kernel
def arrives(st: State, v: Venue, q: Queue, log: Log, slot: int) -> bool:
    """Whether the broker gets to act on a command now."""
    c = q.commands[slot]
    if c.created <= v.faults.lost:
        return False
    if q.mark[slot] == Mark.AGAIN and _withdrawn(st, c):
        unconfirmed = RejectReason.UNCONFIRMED.value
        tell_engine_of_order(v, q, v.now, EventKind.ORDER_REJECTED.value, c.order, c.symbol, unconfirmed)
        return False
    lane = lane_of(c)
    for i in range(v.faults.count):
        f = v.faults.table[i]
        if f.kind <= FaultKind.DUPLICATE_SUBMIT and on_lane(f, lane) and _stops(v, q, c, f, lane, slot):
            return False
    if lane == Lane.TRADE_STREAM:
        return _reconnects(v, q)
    if c.kind == CommandKind.RECONCILE:
        tell_engine_of(q, v.now + v.profile.ack_latency, EventKind.LANE_OK.value, lane, 0)
        reconcile.answer(st, v, q, 1 if c.leg == reconcile.QUIET else 0)
        return False
    if c.kind == CommandKind.CANCEL:
        broker.race(v, q, log, c)
    return True


@kernel
def _withdrawn(st: State, c: Command) -> bool:
    """Whether a submit that waits to be sent again is not wanted any more: it never will be sent."""
    o = st.orders[c.order % MAX_ORDERS]
    return o.id == c.order and (o.cancel_sent != 0 or o.terminal != 0) and c.kind <= CommandKind.SUBMIT_OCO


@kernel
def _stops(v: Venue, q: Queue, c: Command, f: Fault, lane: int, slot: int) -> bool:
    """Whether this fault keeps a command from the broker for now, and what is heard of that."""
    kind = f.kind
    what = mix(identity(c.intent, c.leg), c.kind)
    if kind == FaultKind.OUTAGE:
        if strikes(f, c.symbol, what, c.created, v.now):
            fail(v, q, c, lane, f.a, f.b)
            return True
    elif kind == FaultKind.UNAUTHORISED:
        if strikes(f, c.symbol, what, c.created, v.now):
            _refuse(v, q, c, lane, LaneFailure.UNAUTHORISED.value, RejectReason.ACCOUNT.value)
            return True
    elif kind == FaultKind.RATE_LIMIT:
        if strikes(f, c.symbol, what, v.now, v.now):
            tell_engine_of(q, v.now, EventKind.LANE_FAILED.value, lane, LaneFailure.RATE_LIMIT.value)
            if c.kind != CommandKind.PROBE and _insists(c) and not _waits(q, c):
                messages.post_again(q, slot, v.now + f.a, Mark.AGAIN.value)
            return True
    elif kind == FaultKind.REJECT_STORM:
        if lane == Lane.SUBMIT and strikes(f, c.symbol, what, c.created, v.now):
            _refuse(v, q, c, lane, 0, RejectReason.OTHER.value)
            return True
    elif kind == FaultKind.SLOW:
        if q.mark[slot] == Mark.FRESH and strikes(f, c.symbol, what, c.created, v.now):
            messages.post_again(q, slot, v.now + f.a, f.a)
            return True
    elif kind == FaultKind.DUPLICATE_SUBMIT:
        if lane == Lane.SUBMIT and q.mark[slot] == Mark.FRESH and strikes(f, c.symbol, what, c.created, v.now):
            messages.post_again(q, slot, v.now + SECOND, SECOND)
    return False


@kernel
def _insists(c: Command) -> bool:
    """Whether the host asks again when it is told to wait: its own look at the books has a next time anyway."""
    return c.kind != CommandKind.RECONCILE or c.leg != reconcile.QUIET


@kernel
def _waits(q: Queue, c: Command) -> bool:
    """Whether the same request already waits to be sent again; one is enough."""
    for i in range(q.count):
        slot = q.heap[i]
        if q.to[slot] == To.VENUE and q.mark[slot] == Mark.AGAIN:
            other = q.commands[slot]
            if other.kind == c.kind and other.order == c.order and other.leg == c.leg:
                return True
    return False


@kernel
def fail(v: Venue, q: Queue, c: Command, lane: int, failure: int, timeout: int) -> None:
    """What we hear of a request whose outcome we do not know; the engine's reconciliation is asked for again."""
    wait = timeout if failure == LaneFailure.TIMEOUT else v.profile.ack_latency
    if lane == Lane.SUBMIT and c.kind != CommandKind.PROBE:
        tell_engine_of_order(v, q, v.now + wait, EventKind.SUBMIT_AMBIGUOUS.value, c.order, c.symbol, 0)
    tell_engine_of(q, v.now + wait, EventKind.LANE_FAILED.value, lane, failure)
    if c.kind == CommandKind.RECONCILE and _insists(c):
        messages.post_request(q, v.now + wait + INSIST, c.kind, c.leg)


@kernel
def _refuse(v: Venue, q: Queue, c: Command, lane: int, failure: int, reason: int) -> None:
    """A definite answer that is no acceptance."""
    heard = v.now + v.profile.ack_latency
    if c.kind <= CommandKind.SUBMIT_OCO:
        tell_engine_of_order(v, q, heard, EventKind.ORDER_REJECTED.value, c.order, c.symbol, reason)
    if failure != 0:
        tell_engine_of(q, heard, EventKind.LANE_FAILED.value, lane, failure)
        if c.kind == CommandKind.RECONCILE and _insists(c):
            messages.post_request(q, v.now + INSIST, c.kind, c.leg)
    else:
        tell_engine_of(q, heard, EventKind.LANE_OK.value, lane, 0)


@kernel
def _reconnects(v: Venue, q: Queue) -> bool:
    """A probe of the stream is an attempt to connect anew; one that was silent is known to have lost news."""
    if v.faults.down > 0 or v.faults.mute > 0:
        tell_engine_of(q, v.now, EventKind.LANE_FAILED.value, Lane.TRADE_STREAM.value, LaneFailure.CONNECTION.value)
        return False
    if v.faults.gap != 0:
        v.faults.down += 1
        regain_stream(v, q)
    return True


@kernel
def answer(v: Venue, q: Queue, log: Log, slot: int) -> None:
    """After the broker has acted on a command: what else is wrong with it, and how its request went."""
    c = q.commands[slot]
    lane = lane_of(c)
    if c.kind == CommandKind.PROBE:
        return
    if lane == Lane.SUBMIT and _unanswered(v, q, c):
        return
    waited = v.now - c.created
    ok = tell_engine_of(q, v.now + v.profile.ack_latency, EventKind.LANE_OK.value, lane, 0)
    q.events[ok].amount = waited + v.profile.ack_latency
    misdeal(v, q, log, c)


@kernel
def misdeal(v: Venue, q: Queue, log: Log, c: Command) -> None:
    """What the broker does wrong with a command that it has just carried out."""
    for i in range(v.faults.count):
        f = v.faults.table[i]
        if f.active == 0:
            continue
        if f.kind == FaultKind.LATE_FILL and c.kind == CommandKind.CANCEL:
            broker.fill_late(v, q, log, c, f)
        elif f.kind == FaultKind.LEG_LOST and c.kind == CommandKind.SUBMIT_BRACKET:
            broker.lose_leg(v, q, c, f)
        elif f.kind == FaultKind.STUCK_ORDER and lane_of(c) == Lane.SUBMIT:
            broker.count_stuck(v, c, f)


@kernel
def _unanswered(v: Venue, q: Queue, c: Command) -> bool:
    """Whether the answer to a submit is lost, so that we know nothing of an order that stands."""
    o = v.orders[c.order % MAX_ORDERS]
    if o.id != c.order:
        return False
    for i in range(v.faults.count):
        f = v.faults.table[i]
        silent = f.kind == FaultKind.ACCEPTED_NO_ANSWER or f.kind == FaultKind.ANSWER_LOST
        what = mix(identity(c.intent, c.leg), c.kind)
        if silent and f.active != 0 and strikes(f, c.symbol, what, c.created, v.now):
            o.unanswered = 1
            fail(v, q, c, Lane.SUBMIT.value, f.a, f.b)
            return True
    return False
