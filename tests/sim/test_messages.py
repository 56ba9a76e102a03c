"""The message queue against a sorted list: order, reuse of the pool, exhaustion."""

from __future__ import annotations

import heapq
from random import Random

import numpy as np
import pytest

from core.kernel.compiled import entry
from core.kernel.kinds import PRIORITY, EventKind
from core.kernel.records import COMMAND
from sim import messages
from sim.records import MESSAGES, QUEUE, To

KINDS = [
    EventKind.SESSION,
    EventKind.OPERATOR,
    EventKind.FILL,
    EventKind.ORDER_ACCEPTED,
    EventKind.SPLIT,
    EventKind.HALT,
]
COMMAND_CLASS = 3


@entry
def work(queues, steps, taken):  # type: ignore[no-untyped-def]
    """Carry out steps (N, 3) of (kind or -1 for a command or -2 to take one, time, mark); returns how many were taken.

    `taken` (N, 2) gets the time and the mark of each message in the order in which they came out.
    """
    q = queues[0]
    n = 0
    for i in range(len(steps)):
        kind, time, mark = steps[i, 0], steps[i, 1], steps[i, 2]
        if kind == -2:
            slot = messages.pop(q)
            taken[n, 0] = q.time[slot]
            taken[n, 1] = q.mid[slot] if q.to[slot] == To.VENUE else q.events[slot].amount
            n += 1
            messages.release(q, slot)
        elif kind == -1:
            messages.post_command(q, time, q.commands[0], mark)
        else:
            slot = messages.post_event(q, time, To.ENGINE.value)
            q.events[slot].kind = kind
            q.events[slot].amount = mark
            messages.send(q, slot)
    return n


@entry
def post_one(queues, commands, time):  # type: ignore[no-untyped-def]
    """Post a command, and after it a cleared event that is not sent; returns the event's slot."""
    messages.post_command(queues[0], time, commands[0], 0)
    return messages.post_event(queues[0], time, To.ENGINE.value)


@entry
def empty(queues):  # type: ignore[no-untyped-def]
    messages.reset(queues[0])


@pytest.fixture
def queue() -> np.ndarray:
    queue = np.zeros(1, QUEUE)
    queue.view(np.int64)[:] = -77  # what an earlier run may have left
    empty(queue)
    return queue


def through(queue: np.ndarray, steps: list[tuple[int, int, int]]) -> list[tuple[int, int]]:
    taken = np.zeros((len(steps), 2), np.int64)
    count = work(queue, np.array(steps, np.int64).reshape(-1, 3), taken)
    return [(int(time), int(mark)) for time, mark in taken[:count]]


@pytest.mark.parametrize("seed", range(8))
def test_messages_come_out_by_time_then_class_then_in_the_order_sent(queue: np.ndarray, seed: int) -> None:
    """Against a heap of Python's, over more messages than the pool holds, with many equal times."""
    random = Random(seed)
    steps: list[tuple[int, int, int]] = []
    waiting: list[tuple[int, int, int]] = []
    wanted: list[tuple[int, int]] = []
    for mark in range(MESSAGES + 2_000):
        if waiting and random.random() < 0.49:
            time, _, first = heapq.heappop(waiting)
            wanted.append((time, first))
            steps.append((-2, 0, 0))
        kind = random.choice([*KINDS, -1])
        time = random.randrange(1_000)
        heapq.heappush(waiting, (time, int(PRIORITY[kind]) if kind >= 0 else COMMAND_CLASS, mark))
        steps.append((int(kind), time, mark))
    while waiting:
        time, _, first = heapq.heappop(waiting)
        wanted.append((time, first))
        steps.append((-2, 0, 0))
    assert through(queue, steps) == wanted
    assert int(queue["count"][0]) == 0


def test_a_full_pool_says_so(queue: np.ndarray) -> None:
    through(queue, [(-1, 5, 0)] * MESSAGES)
    with pytest.raises(AssertionError, match="message pool exhausted"):
        through(queue, [(-1, 5, 0)])


def test_a_released_slot_is_used_again(queue: np.ndarray) -> None:
    steps = [(-1, 5, 0)] * MESSAGES + [(-2, 0, 0), (-1, 4, 99), (-2, 0, 0)]
    assert through(queue, steps) == [(5, 0), (4, 99)]


def test_a_new_event_knows_nothing_of_the_last_one_in_its_slot(queue: np.ndarray) -> None:
    slot = post_one(queue, np.zeros(1, COMMAND), 60)
    event = queue["events"][0, slot]
    set_fields = {"symbol": -1, "t_received": 60, "t_visible": 60}
    assert {name: int(event[name]) for name in event.dtype.names} == dict.fromkeys(event.dtype.names, 0) | set_fields


def test_a_command_is_copied(queue: np.ndarray) -> None:
    commands = np.zeros(1, COMMAND)
    commands["qty"] = 5
    post_one(queue, commands, 60)
    commands["qty"] = 6
    assert int(queue["commands"][0, queue["heap"][0, 0]]["qty"]) == 5
