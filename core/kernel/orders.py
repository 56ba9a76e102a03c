"""Order slots and the transition table.

An order's life is two ledgers that never decide for each other. The *quantity* ledger grows through executions and
through nothing else; an execution is booked whatever the status says, because the broker's shares are real even if
the news about them is late. The *status* follows the table below, one row an item of news, one column a status:

    a letter   the status that the order goes to
    .          stays as it is: old news, or news that says nothing new
    <          returns to the status it had before the pending request
    !          cannot be: no order that is found by its number has this status

Terminal statuses (D filled, C canceled, X expired, R rejected, P replaced) have no way out of them.
While a cancel or replace request is pending, news about the order's ordinary life updates the remembered status.
"""

from __future__ import annotations

import numpy as np

from core.kernel.compiled import kernel
from core.kernel.conditions import cleared
from core.kernel.digest import mix
from core.kernel.kinds import CommandKind, EventKind, NoteKind, OrderStatus, Severity
from core.kernel.outputs import cancel_command, command, order_note, room
from core.kernel.records import MAX_ENDED, MAX_ORDERS, SEEN
from core.kernel.types import Event, Order, State

KEEP, BACK, ILLEGAL = -1, -2, -3
STATUSES = 1 + max(OrderStatus)

# status:     NONE INITIALIZED (none) SUBMITTED UNKNOWN ACCEPTED HELD WORKING TRIGGERED PARTIALLY_FILLED
#             PENDING_REPLACE PENDING_CANCEL SUSPENDED DONE_FOR_DAY FILLED CANCELED EXPIRED REJECTED REPLACED
_LETTERS = "-I-SUAHWTpryZdDCXRP"
_ROWS = {
    EventKind.ORDER_ACCEPTED: "!A!AA..............",
    EventKind.ORDER_WORKING: "!W!WWWW.....WW.....",
    EventKind.ORDER_HELD: "!H!HHH.............",
    EventKind.ORDER_TRIGGERED: "!T!TTTTT....TT.....",
    EventKind.ORDER_CANCELED: "!C!CCCCCCCCCCC.....",
    EventKind.ORDER_EXPIRED: "!X!XXXXXXXXXXX.....",
    EventKind.ORDER_REJECTED: "!R!RRRRRRRRRRR.....",
    EventKind.ORDER_REPLACED: "!P!PPPPPPPPPPP.....",
    EventKind.ORDER_PENDING_CANCEL: "!y!yyyyyyyy.yy.....",
    EventKind.ORDER_PENDING_REPLACE: "!r!rrrrrrr..rr.....",
    EventKind.CANCEL_REJECTED: "!.!........<.......",
    EventKind.REPLACE_REJECTED: "!.!.......<........",
    EventKind.ORDER_SUSPENDED: "!Z!ZZZZZZZ..ZZ.....",
    EventKind.ORDER_DONE_FOR_DAY: "!d!ddddddd..dd.....",
    EventKind.SUBMIT_AMBIGUOUS: "!U!U...............",
}
FIRST, LAST = int(EventKind.ORDER_ACCEPTED), int(EventKind.SUBMIT_AMBIGUOUS)


def _table() -> np.ndarray:
    """The rows above as numbers: shape (event kinds, statuses)."""
    table = np.full((LAST - FIRST + 1, STATUSES), ILLEGAL, np.int64)
    for kind, row in _ROWS.items():
        assert len(row) == STATUSES
        for status, letter in enumerate(row):
            special = {".": KEEP, "<": BACK, "!": ILLEGAL}
            table[kind - FIRST, status] = special[letter] if letter in special else _LETTERS.index(letter)
    return table


TABLE = _table()
# News of an order's ordinary life: while a request is pending it applies to the remembered status.
_ORDINARY = (
    EventKind.ORDER_WORKING,
    EventKind.ORDER_HELD,
    EventKind.ORDER_TRIGGERED,
    EventKind.ORDER_SUSPENDED,
    EventKind.ORDER_DONE_FOR_DAY,
)
ORDINARY = np.zeros(LAST - FIRST + 1, np.int64)
ORDINARY[[kind - FIRST for kind in _ORDINARY]] = 1

TAKEN_BACK = 0  # content of an execution that was voided


@kernel
def find(st: State, order: int) -> int:
    """Slot of an order id, or -1 when it was never ours or its slot has been used again."""
    if order <= 0:
        return -1
    slot = order % MAX_ORDERS
    return slot if st.orders[slot].id == order else -1


@kernel
def allocate(st: State) -> int:
    """Slot of a new order with its id set and everything else cleared; -1 when every slot is alive.

    A slot whose order ended in this instant is passed over: the step may still be at work on it.
    """
    for _ in range(MAX_ORDERS):
        number = st.run.next_order
        st.run.next_order = number + 1
        o = st.orders[number % MAX_ORDERS]
        if o.status == OrderStatus.NONE or (o.terminal != 0 and o.terminal != st.run.now):
            _clear(o)
            o.id = number
            o.status = OrderStatus.INITIALIZED
            o.created = st.run.now
            return number % MAX_ORDERS
    return -1


@kernel
def _clear(o: Order) -> None:
    """Zero every field of a slot that is used again."""
    o.intent = o.leg = o.symbol = o.strategy = o.side = o.role = o.type = o.tif = o.extended = o.cause = 0
    o.parent = o.sibling = o.replaces = o.original = o.qty = o.filled = o.cum = o.paid = o.limit = o.stop = o.trail = 0
    o.hold_price = o.hold = o.previous = o.late = o.overfill = o.reason = 0
    o.submitted = o.accepted = o.activated = o.triggered = o.first_fill = o.filled_at = 0
    o.canceled = o.expired = o.rejected = o.replaced = o.terminal = o.queries = o.query_at = o.cancel_sent = 0
    o.unknown_since = o.deadline = o.paged = 0


@kernel
def live(st: State, order: int) -> bool:
    """Whether an order id names an order that can still fill."""
    slot = find(st, order)
    return slot >= 0 and st.orders[slot].terminal == 0


@kernel
def move(st: State, o: Order, status: int) -> None:
    """Put an order into a status and stamp the time that belongs to it."""
    now = st.run.now
    if o.status == OrderStatus.UNKNOWN:
        st.run.unknown -= 1
        if o.paged != 0:
            o.paged = 0
            cleared(st, NoteKind.UNRESOLVED_ORDER, o.symbol, now - o.unknown_since).order = o.id
    if status == OrderStatus.UNKNOWN:
        st.run.unknown += 1
        o.query_at = now + st.config.query_step
        o.unknown_since = now
        o.deadline = now + st.config.unknown_deadline
    pending = status == OrderStatus.PENDING_CANCEL or status == OrderStatus.PENDING_REPLACE
    if pending and o.status != OrderStatus.PENDING_CANCEL and o.status != OrderStatus.PENDING_REPLACE:
        o.previous = max(o.status, OrderStatus.ACCEPTED.value)  # this news shows that the broker has it
    o.status = status
    if status == OrderStatus.SUBMITTED:
        o.submitted = now
        st.run.working += 1
    elif status == OrderStatus.ACCEPTED:
        o.accepted = now
    elif status == OrderStatus.WORKING:
        if o.accepted == 0:
            o.accepted = now
        o.activated = now
    elif status == OrderStatus.TRIGGERED:
        o.triggered = now
    elif status >= OrderStatus.FILLED:
        _end(st, o, now)


@kernel
def _end(st: State, o: Order, now: int) -> None:
    """Stamp a terminal status; it happens once."""
    assert o.terminal == 0, "an order became terminal twice"
    o.terminal = now
    st.run.working -= 1
    assert st.run.ended < MAX_ENDED, "list of ended orders full"
    st.ended[st.run.ended] = o.id
    st.run.ended += 1
    if o.status == OrderStatus.FILLED:
        o.filled_at = now
    elif o.status == OrderStatus.CANCELED:
        o.canceled = now
    elif o.status == OrderStatus.EXPIRED:
        o.expired = now
    elif o.status == OrderStatus.REJECTED:
        o.rejected = now
    else:
        o.replaced = now


@kernel
def apply_news(st: State, o: Order, kind: int) -> int:
    """Apply one item of news by the table; returns the status entered, or KEEP."""
    target = TABLE[kind - FIRST, o.status]
    assert target != ILLEGAL, "news of an order that does not exist"
    if target == BACK:
        move_back(o)
        return o.status
    pending = o.status == OrderStatus.PENDING_CANCEL or o.status == OrderStatus.PENDING_REPLACE
    if pending and ORDINARY[kind - FIRST] != 0:
        remembered = TABLE[kind - FIRST, o.previous]
        if remembered != KEEP:
            o.previous = _at_work(o, remembered)
        return KEEP
    if target == KEEP:
        return KEEP
    move(st, o, _at_work(o, target))
    return target


@kernel
def _at_work(o: Order, status: int) -> int:
    """The status entered, where WORKING reads PARTIALLY_FILLED once something has filled."""
    return OrderStatus.PARTIALLY_FILLED.value if status == OrderStatus.WORKING and o.filled > 0 else status


@kernel
def move_back(o: Order) -> None:
    """A cancel or replace was refused: the order is again what it was."""
    o.status = o.previous
    o.previous = 0


@kernel
def cancel(st: State, order: int) -> bool:
    """Ask for the cancellation of a live order; returns whether it is still alive.

    Asking twice does no harm, so what still lives after an `exit_step` is asked again: the request or its answer
    may be lost, or refused for a while.
    """
    slot = find(st, order)
    if slot < 0 or st.orders[slot].terminal != 0:
        return False
    o = st.orders[slot]
    if o.cancel_sent == 0 or st.run.now - o.cancel_sent >= st.config.exit_step:
        cancel_command(st, o)
    return True


@kernel
def cancel_again(st: State, order: int) -> None:
    """Insist on a cancellation that was asked for, whatever for: one that is confirmed and never comes leaves an order
    that may fill, long after its reason has gone."""
    slot = find(st, order)
    if slot >= 0 and st.orders[slot].cancel_sent != 0:
        cancel(st, order)


@kernel
def withdraw_entries(st: State) -> None:
    """Ask for the cancellation of every entry that still works."""
    for i in range(st.config.symbols):
        if room(st):
            cancel(st, st.symbols[i].entry)


@kernel
def quarantine(st: State, o: Order, value: int, limit: int) -> None:
    """Keep a message out that cannot be true: nothing opens in the symbol until the broker has been asked."""
    order_note(st, NoteKind.QUARANTINE, Severity.CRITICAL, o, value, limit)
    st.symbols[o.symbol].unreconciled = 1
    command(st, CommandKind.QUERY, o)


@kernel
def seen(st: State, execution: int) -> bool:
    """Whether an execution id was met before."""
    return execution != 0 and st.executions[execution % SEEN] == execution


@kernel
def remember(st: State, execution: int, content: int) -> None:
    """Keep an execution id with a hash of what it said, or an execution's place in its order with its id."""
    if execution != 0:
        st.executions[execution % SEEN] = execution
        st.contents[execution % SEEN] = content


@kernel
def content(order: int, qty: int, price: int) -> int:
    """What an execution says, as one number; the cumulative quantity is left out, for not every source has it."""
    return mix(mix(order, qty), price)


@kernel
def accept_execution(st: State, o: Order, ev: Event) -> bool:
    """Whether an execution is new. Duplicates are dropped with a count, contradictions quarantined.

    Keys: the execution id, then (order, cumulative quantity after it). A cumulative quantity that jumps means an
    execution was missed: this one is booked, the symbol waits for reconciliation, and the missing one may come later.
    One that grows by less than the execution's own quantity overlaps what is booked already.
    """
    said = content(o.id, ev.qty, ev.price)
    place = mix(o.id, ev.cum_qty) if ev.cum_qty >= 0 else 0
    if seen(st, ev.execution):
        known = st.contents[ev.execution % SEEN]
        if known == said or known == TAKEN_BACK:
            order_note(st, NoteKind.DUPLICATE_FILL, Severity.INFO, o, ev.qty, 0)
        else:
            quarantine(st, o, ev.qty, ev.cum_qty)
        return False
    growth = ev.cum_qty - o.cum
    if ev.cum_qty >= 0 and growth < ev.qty:
        if growth > 0:
            quarantine(st, o, ev.qty, ev.cum_qty)
            return False
        if growth == 0 or seen(st, place) or o.cum - o.filled < ev.qty:
            order_note(st, NoteKind.DUPLICATE_FILL, Severity.INFO, o, ev.qty, 1)
            return False
    remember(st, ev.execution, said)
    remember(st, place, ev.execution)
    return True


@kernel
def accept_correction(st: State, o: Order, ev: Event, qty: int, price: int, then: int) -> bool:
    """Whether a void or correction is new and takes back (`qty`, `price`) just as it was booked; `then` is what stands.

    What comes twice is dropped. What takes back something else than was booked is quarantined, and remembered, so
    that an execution that comes after its own void does not count either.
    """
    known = seen(st, ev.execution)
    held = st.contents[ev.execution % SEEN]
    if known and (held == then or held == TAKEN_BACK):
        order_note(st, NoteKind.DUPLICATE_FILL, Severity.INFO, o, qty, 2)
        return False
    if not known:
        remember(st, ev.execution, TAKEN_BACK)
    if not known or held != content(o.id, qty, price):
        quarantine(st, o, qty, price)
        return False
    remember(st, ev.execution, then)
    return True


@kernel
def count_execution(st: State, o: Order, ev: Event) -> None:
    """Book an accepted execution in the quantity ledger and move the status; never the other way round."""
    sym = st.symbols[o.symbol]
    gap = o.cum - o.filled
    o.filled += ev.qty
    o.cum = max(o.cum, ev.cum_qty if ev.cum_qty >= 0 else o.cum + ev.qty)
    sym.gap += (o.cum - o.filled) - gap
    if o.cum != o.filled:
        command(st, CommandKind.QUERY, o)
    o.filled_at = st.run.now
    if o.first_fill == 0:
        o.first_fill = st.run.now
    _overfill(st, o)
    if o.terminal != 0:
        if o.status != OrderStatus.FILLED or o.overfill == 0:
            order_note(st, NoteKind.LATE_FILL, Severity.WARNING, o, ev.qty, o.status)
        o.late = 1
    elif o.filled >= o.qty:
        move(st, o, OrderStatus.FILLED)
    elif o.status == OrderStatus.PENDING_CANCEL or o.status == OrderStatus.PENDING_REPLACE:
        o.previous = OrderStatus.PARTIALLY_FILLED
    else:
        move(st, o, OrderStatus.PARTIALLY_FILLED)


@kernel
def recount(st: State, o: Order) -> None:
    """Bring a live order's status in line with a quantity that a correction has changed."""
    _overfill(st, o)
    if o.terminal != 0:
        return
    if 0 < o.qty <= o.filled:
        move(st, o, OrderStatus.FILLED)
    elif o.filled == 0:
        if o.status == OrderStatus.PARTIALLY_FILLED:
            o.status = OrderStatus.WORKING
        if o.previous == OrderStatus.PARTIALLY_FILLED:
            o.previous = OrderStatus.WORKING


@kernel
def _overfill(st: State, o: Order) -> None:
    """More was executed than ordered: it is booked, said, and nothing new opens in the symbol."""
    excess = max(o.filled - o.qty, 0)
    if excess > o.overfill:
        order_note(st, NoteKind.OVERFILL, Severity.CRITICAL, o, excess, o.qty)
        st.symbols[o.symbol].unreconciled = 1
    o.overfill = excess
