"""What an event may change: rules about the state before it and after it.

A loss limit is worth as much as the base that it is measured from, and a safe mode as much as its way out. Neither
shows in a state by itself: one whose halt was forgotten looks like one that was never halted. So what stood before an
event is held against what stands after it:

    conditions       each ends only by an event of a kind that may end it; the drawdown limit also has its cool-off.
                     What two of three timers have seen has begun
    the peak         the high-water mark never falls, its reference only when the drawdown limit is re-armed
    the day's base   moves only when a session's close is booked
    the halt         is in force as soon as the operator has given it
    the books        are asked about after a restart and with each return of the stream
    buying power     is never more than the broker has just said
    an exit plan     ends with its position
    a breaker        closes after as many acknowledged orders as are configured
"""

from __future__ import annotations

import numpy as np

from core.kernel.compiled import kernel
from core.kernel.kinds import Breaker, Condition, EventKind, ExitStage, Invariant, OperatorAct
from core.kernel.margin import buying_power
from core.kernel.types import Event, State

Standing = tuple[int, int, int, int, int, int, int]
_ENDS = {
    EventKind.SESSION: (Condition.DAILY_LOSS, Condition.WEEKLY_LOSS, Condition.DRAWDOWN, Condition.REENTRY),
    EventKind.TIMER: (Condition.FEED_STALE, Condition.SOFT_LIMIT, Condition.REENTRY),
    EventKind.OPERATOR: (
        Condition.OPERATOR,
        Condition.REJECT_STORM,
        Condition.TRIPS,
        Condition.CLOCK,
        Condition.CLOCK_BACKWARD,
        Condition.UNRECONCILED,
        Condition.SUSPENSE,
        Condition.DRAWDOWN,
    ),
    EventKind.LANE_OK: (Condition.BREAKER,),
    EventKind.STREAM: (Condition.STREAM_DOWN,),
    EventKind.RECONCILE: (Condition.RECONCILING,),
    EventKind.FEED: (Condition.FEED_DOWN,),
}


def _table() -> np.ndarray:
    """The conditions that each kind of event may end, as bits by the kind's number."""
    table = np.zeros(1 + max(EventKind), np.int64)
    for kind, conditions in _ENDS.items():
        table[kind] = sum(1 << condition for condition in conditions)
    return table


MAY_END = _table()
CONFIRMED = (Condition.FEED_STALE, Condition.DRAWDOWN, Condition.DAILY_LOSS, Condition.WEEKLY_LOSS)


@kernel
def standing(st: State, ev: Event) -> Standing:
    """What is held against the state after the event.

    Conditions, the peak, its reference, the day's base, the session and whether its close is still to be booked; and
    what the event is about: the stage of its symbol's exit plan, or where a lane is half open the orders acknowledged,
    this one included.
    """
    a, run = st.account, st.run
    about = 0
    if ev.kind == EventKind.LANE_OK:
        lane = st.lanes[ev.code]
        about = lane.half_open + 1 if lane.state == Breaker.HALF_OPEN else 0
    elif ev.symbol >= 0:
        about = st.symbols[ev.symbol].stage
    return run.conditions, a.high_water_mark, a.reference, a.day_start_unit, run.session, run.closing, about


@kernel
def broken_by(st: State, ev: Event, before: Standing) -> int:
    """The Invariant that the way from `before` to here breaks, or 0."""
    conditions, peak, reference, base, session, closing, about = before
    a, run = st.account, st.run
    ended = conditions & ~run.conditions
    if ended & ~MAY_END[ev.kind] != 0:
        return Invariant.MODE_RULES.value
    rearmed = (ended >> Condition.DRAWDOWN) & 1 != 0
    if rearmed and run.sessions - st.conditions[Condition.DRAWDOWN].session < st.config.cool_off:
        return Invariant.MODE_RULES.value
    if a.high_water_mark < peak or (a.reference < reference and not rearmed):
        return Invariant.LOSS_BASE.value
    booked = run.session != session or (ev.kind == EventKind.TIMER and closing != 0)
    if a.day_start_unit != base and not booked:
        return Invariant.LOSS_BASE.value
    if ev.kind == EventKind.TIMER:
        for i in CONFIRMED:
            hits = st.conditions[i].hits
            if hits & (hits - 1) != 0 and st.conditions[i].active == 0:
                return Invariant.MODE_RULES.value
    if about != 0 and ev.kind == EventKind.LANE_OK:
        if st.lanes[ev.code].state == Breaker.CLOSED and about < st.config.half_open_orders:
            return Invariant.BREAKER_CLOSED_ITSELF.value
    elif about != 0 and st.symbols[ev.symbol].stage == ExitStage.NONE and st.symbols[ev.symbol].qty != 0:
        return Invariant.EXIT_STALLED.value
    return _answers(st, ev)


@kernel
def _answers(st: State, ev: Event) -> int:
    """What must follow at once from a halt, a restart, the stream's return and the broker's word."""
    run = st.run
    if ev.kind == EventKind.ACCOUNT and buying_power(st) > ev.stop:
        return Invariant.LIMIT_EXCEEDED.value
    if ev.kind == EventKind.OPERATOR and ev.code == OperatorAct.HALT and not _in_force(st, Condition.OPERATOR):
        return Invariant.MODE_RULES.value
    back = ev.kind == EventKind.STREAM and ev.code != 0
    if (back or ev.kind == EventKind.RESTART) and run.reconciling == 0:
        return Invariant.MODE_RULES.value
    if (run.reconciling != 0) != _in_force(st, Condition.RECONCILING):
        return Invariant.MODE_RULES.value
    if (run.streaming == 0) != _in_force(st, Condition.STREAM_DOWN):
        return Invariant.MODE_RULES.value
    return 0


@kernel
def _in_force(st: State, condition: int) -> bool:
    return (st.run.conditions >> condition) & 1 != 0
