"""Conditions: independent reasons for a safe mode, switched here, weighed in modes.py, announced once each.

What flickers is confirmed before it counts: at two of the last three timers. A condition that calls for a person is
announced when it begins, by the note of what caused it or by an ALERT of its own, and CLEARED when it ends; in
between nothing is said again.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.kinds import Condition, NoteKind, Severity
from core.kernel.outputs import note
from core.kernel.records import CONDITIONS
from core.kernel.types import State

KEPT = 7  # bits of the last three timers


def _bits(*conditions: Condition) -> int:
    return sum(1 << condition for condition in conditions)


SILENT = _bits(Condition.FEED_DOWN, Condition.STREAM_DOWN, Condition.TRIPS)  # that no other note speaks of
ANNOUNCED = SILENT | _bits(
    Condition.FEED_STALE,
    Condition.CLOCK,
    Condition.CLOCK_BACKWARD,
    Condition.DRAWDOWN,
    Condition.DAILY_LOSS,
    Condition.WEEKLY_LOSS,
    Condition.UNRECONCILED,
    Condition.SUSPENSE,
    Condition.REJECT_STORM,
)


@kernel
def set_condition(st: State, condition: int, active: int) -> None:
    """Switch a condition on or off; the mode is computed once a step by `modes.settle`."""
    c = st.conditions[condition]
    if c.active != active:
        c.held = st.run.now - c.since
        c.active = active
        c.since = st.run.now
        c.clear_since = 0
        st.run.conditions ^= 1 << condition


@kernel
def remember(hits: int, bad: bool) -> int:
    """The answers of the last three timers, this one included."""
    return ((hits << 1) | (1 if bad else 0)) & KEPT


@kernel
def two_of_three(hits: int) -> bool:
    """Whether at least two of them were bad."""
    return (hits & 1) + ((hits >> 1) & 1) + ((hits >> 2) & 1) >= 2


@kernel
def announce(st: State) -> None:
    """Raise an alert for each condition that has begun, and clear those that have ended.

    What has been so since the account's birth is no news.
    """
    changed = (st.run.conditions ^ st.run.alerted) & ANNOUNCED
    if changed == 0:
        return
    for i in range(CONDITIONS):
        c = st.conditions[i]
        if (changed >> i) & 1 == 0 or (c.active != 0 and c.since == 0):
            continue
        st.run.alerted ^= 1 << i
        if c.active == 0:
            cleared(st, 0, -1, c.held).metric = i
        elif (SILENT >> i) & 1:
            note(st, NoteKind.ALERT, Severity.CRITICAL, -1, 0, 0).metric = i


@kernel
def cleared(st: State, kind: int, symbol: int, lasted: int):  # type: ignore[no-untyped-def]
    """Say that what a note of `kind` was about is over (0: a condition); `lasted` in its own unit. Returns the note."""
    return note(st, NoteKind.CLEARED, Severity.INFO, symbol, lasted, kind)
