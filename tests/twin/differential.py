"""Seeded runs of both engines side by side, with marks of what each run has reached.

python -m tests.twin.differential SEED [EVENTS]     one seed again, with the events that led to a difference
"""

from __future__ import annotations

import sys
from collections import deque

from core.kernel.kinds import Breaker, EventKind, Mode, NoteKind, OrderStatus, Refusal
from tests.twin.compare import DisagreementError, Pair
from tests.twin.world import World

EVENTS = 2_000  # a seed: enough for a few exchange days, few enough that no order's place is used twice
INVARIANTS_AFTER = 100

Marks = set[tuple[str, int]]
NEVER_AN_ORDER = {OrderStatus.NONE, OrderStatus.INITIALIZED}
EVERYTHING: Marks = (
    {("event", kind) for kind in EventKind}
    | {("refusal", code) for code in Refusal}
    | {("mode", mode) for mode in Mode}
    | {("breaker", state) for state in Breaker}
    | {("status", status) for status in OrderStatus if status not in NEVER_AN_ORDER}
    | {("note", kind) for kind in NoteKind}
)


def run(seed: int, events: int = EVENTS) -> Marks:
    """Run one seed; what it reached. Raises DisagreementError with seed, event, field and both values."""
    world = World(seed)
    pair, marks = Pair(world.config), set()
    last = deque(maxlen=12)
    try:
        for _ in range(events):
            event = world.next(pair.twin)
            last.append(event)
            pair.apply(event)
            _mark(marks, pair, event)
            if event.seq % INVARIANTS_AFTER == 0:
                _check_invariants(pair)
        pair.all_orders()
        _check_invariants(pair)
    except AssertionError as error:
        again = f"python -m tests.twin.differential {seed} {events}"
        raise DisagreementError(f"seed {seed}, {error or 'assertion'}\n{_story(last)}\nagain: {again}") from error
    return marks


def _story(events) -> str:
    lines = []
    for event in events:
        fields = {k: v for k, v in event._asdict().items() if v and k not in ("seq", "kind", "t_market")}
        lines.append(f"  {event.seq} {EventKind(event.kind).name} {fields}")
    return "\n".join(lines)


def _check_invariants(pair: Pair) -> None:
    broken = pair.kernel.broken()
    if broken:
        raise DisagreementError(
            f"event {pair.twin.seq}: invariant {broken}, first broken at {pair.kernel.st.run.broken_at}"
        )


def _mark(marks: Marks, pair: Pair, event) -> None:
    """Note what this event has reached."""
    twin = pair.twin
    marks.add(("event", event.kind))
    marks.add(("mode", twin.mode))
    marks.update(("note", note[0]) for note in twin.notes)
    if event.kind >= EventKind.LANE_OK:
        marks.update(("breaker", circuit.state) for circuit in twin.circuits)
    if twin.decision:
        refused = twin.decision["refused"] | twin.decision["reduced"]
        marks.update(("refusal", code) for code in Refusal if refused >> code & 1)
    order = twin.orders.get(event.order)
    if order:
        marks.add(("status", order.status))
    for command in twin.commands:
        if command[1] in twin.orders:
            marks.add(("status", twin.orders[command[1]].status))


def many(first: int, count: int, events: int = EVENTS) -> Marks:
    """Several seeds after each other, as one worker does them."""
    return set().union(*(run(seed, events) for seed in range(first, first + count)))


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else EVENTS)
