"""Messages under way between engine and venue: a binary heap over a fixed pool, in the published total order.

The order is (time, priority class, serial number). A message carries an event for the engine or a command for the
venue. Nothing is allocated while a run goes on.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.kinds import PRIORITY
from core.kernel.types import Command, Event
from sim.records import MESSAGES, Mark, To
from sim.types import Queue


@kernel
def reset(q: Queue) -> None:
    """An empty queue; every slot of the pool is chained into the free list."""
    q.count = 0
    q.serial = 0
    q.free = 0
    for i in range(MESSAGES):
        q.next[i] = i + 1


@kernel
def _before(q: Queue, a: int, b: int) -> bool:
    if q.time[a] != q.time[b]:
        return q.time[a] < q.time[b]
    if q.priority[a] != q.priority[b]:
        return q.priority[a] < q.priority[b]
    return q.order[a] < q.order[b]


@kernel
def _push(q: Queue, slot: int) -> None:
    i = q.count
    q.count = i + 1
    while i > 0:
        parent = (i - 1) // 2
        other = q.heap[parent]
        if not _before(q, slot, other):
            break
        q.heap[i] = other
        i = parent
    q.heap[i] = slot


@kernel
def _take(q: Queue, time: int, priority: int, to: int) -> int:
    slot = q.free
    assert slot < MESSAGES, "message pool exhausted"
    q.free = q.next[slot]
    q.time[slot] = time
    q.priority[slot] = priority
    q.order[slot] = q.serial
    q.serial += 1
    q.to[slot] = to
    q.mark[slot] = Mark.FRESH.value
    return slot


@kernel
def post_event(q: Queue, time: int, to: int) -> int:
    """Slot of a cleared event that will be delivered at `time`; the caller fills it and then calls `send`."""
    slot = _take(q, time, 0, to)
    e = q.events[slot]
    e.seq = e.t_market = e.t_received = e.t_visible = e.kind = e.code = e.code2 = e.strategy = e.order = 0
    e.intent = e.execution = e.price = e.qty = e.cum_qty = e.stop = e.target = e.amount = e.ratio = 0
    e.symbol = -1
    e.t_received = time
    e.t_visible = time
    return slot


@kernel
def send(q: Queue, slot: int) -> None:
    """Put a filled event on its way; its kind decides the priority class."""
    q.priority[slot] = PRIORITY[q.events[slot].kind]
    _push(q, slot)


@kernel
def post_command(q: Queue, time: int, command: Command, mid: int) -> None:
    """Send a copy of a command to the venue; `mid` is the price at the decision."""
    slot = _take(q, time, 3, To.VENUE.value)
    q.commands[slot] = command
    q.mid[slot] = mid
    _push(q, slot)


@kernel
def post_request(q: Queue, time: int, kind: int, leg: int) -> None:
    """Send the venue a request that no order and no decision is behind."""
    slot = _take(q, time, 3, To.VENUE.value)
    c = q.commands[slot]
    c.kind = kind
    c.leg = leg
    c.order = c.target_order = c.stop_order = c.intent = 0
    c.symbol = -1
    c.created = time
    q.mid[slot] = 0
    _push(q, slot)


@kernel
def post_again(q: Queue, slot: int, time: int, mark: int) -> None:
    """Send a copy of a command under way, to arrive at `time`."""
    copy = _take(q, time, 3, To.VENUE.value)
    q.commands[copy] = q.commands[slot]
    q.mid[copy] = q.mid[slot]
    q.mark[copy] = mark
    _push(q, copy)


@kernel
def post_copy(q: Queue, event: Event, time: int) -> None:
    """Send the engine a copy of an event, to arrive at `time` whatever else goes wrong."""
    slot = _take(q, time, PRIORITY[event.kind], To.ENGINE.value)
    q.events[slot] = event
    q.events[slot].t_received = time
    q.events[slot].t_visible = time
    q.mark[slot] = Mark.JUDGED.value
    _push(q, slot)


@kernel
def post_turn(q: Queue, time: int, fault: int, begins: int, until: int) -> None:
    """Let a fault begin, to last `until`, or end at `time`, before anything else of that instant."""
    slot = _take(q, time, -1, To.FAULT.value)
    q.events[slot].code = fault
    q.events[slot].code2 = begins
    q.events[slot].amount = until
    q.events[slot].kind = 0
    _push(q, slot)


@kernel
def head(q: Queue) -> int:
    """Slot of the first message, or -1."""
    return q.heap[0] if q.count > 0 else -1


@kernel
def pop(q: Queue) -> int:
    """Remove the first message from the order; its slot stays valid until `release`."""
    top = q.heap[0]
    q.count -= 1
    n = q.count
    if n > 0:
        last = q.heap[n]
        i = 0
        while True:
            child = 2 * i + 1
            if child >= n:
                break
            if child + 1 < n and _before(q, q.heap[child + 1], q.heap[child]):
                child += 1
            if not _before(q, q.heap[child], last):
                break
            q.heap[i] = q.heap[child]
            i = child
        q.heap[i] = last
    return top


@kernel
def release(q: Queue, slot: int) -> None:
    """Give a delivered message's slot back to the pool."""
    q.next[slot] = q.free
    q.free = slot
