"""What a step leaves behind: commands for the broker and notes for the risk-event table.

Both are written into the state's own buffers; the host reads them after the step. Every command enters the rolling
hash of the command stream, which is what two runs are compared by. Both buffers are bounded, so whatever goes through
all symbols or orders asks for `room` first.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.digest import mix
from core.kernel.kinds import CommandKind
from core.kernel.records import MAX_COMMANDS, MAX_NOTES
from core.kernel.types import Command, Note, Order, State

SPARE = 40  # commands and notes that what has begun may still need


@kernel
def room(st: State) -> bool:
    """Whether this step may still begin something; what finds no room is done by the next timer."""
    return st.run.commands <= MAX_COMMANDS - SPARE and st.run.notes <= MAX_NOTES - SPARE


@kernel
def command(st: State, kind: int, o: Order) -> Command:
    """Append a command about order `o` and return it, so that legs and prices can be added before `seal`."""
    n = st.run.commands
    assert n < MAX_COMMANDS, "command buffer full"
    c = st.commands[n]
    c.kind = kind
    c.order = o.id
    c.target_order = 0
    c.stop_order = 0
    c.intent = o.intent
    c.leg = o.leg
    c.symbol = o.symbol
    c.side = o.side
    c.role = o.role
    c.type = o.type
    c.tif = o.tif
    c.extended = o.extended
    c.qty = o.qty
    c.limit = o.limit
    c.stop = o.stop
    c.target = 0
    c.stop_limit = 0
    c.cause = o.cause
    c.created = st.run.now
    st.run.commands = n + 1
    return c


@kernel
def plain_command(st: State, kind: int, lane: int) -> None:
    """Append a command that is about no order: a probe of a lane or a reconciliation."""
    n = st.run.commands
    assert n < MAX_COMMANDS, "command buffer full"
    c = st.commands[n]
    c.kind = kind
    c.order = c.target_order = c.stop_order = c.intent = 0
    c.leg = lane
    c.symbol = -1
    c.side = c.role = c.type = c.tif = c.extended = 0
    c.qty = c.limit = c.stop = c.target = c.stop_limit = c.cause = 0
    c.created = st.run.now
    st.run.commands = n + 1


@kernel
def seal(st: State) -> None:
    """Extend the command-stream hash by the commands of this step."""
    h = st.run.command_hash
    for i in range(st.run.commands):
        c = st.commands[i]
        h = mix(h, c.kind)
        h = mix(h, c.order)
        h = mix(h, c.target_order)
        h = mix(h, c.stop_order)
        h = mix(h, c.intent)
        h = mix(h, c.leg)
        h = mix(h, c.symbol)
        h = mix(h, c.side)
        h = mix(h, c.role)
        h = mix(h, c.type)
        h = mix(h, c.tif)
        h = mix(h, c.extended)
        h = mix(h, c.qty)
        h = mix(h, c.limit)
        h = mix(h, c.stop)
        h = mix(h, c.target)
        h = mix(h, c.stop_limit)
        h = mix(h, c.created)
    st.run.command_hash = h


@kernel
def note(st: State, kind: int, severity: int, symbol: int, value: int, limit: int) -> Note:
    """Append a risk event and return it; `value` and `limit` are in the metric's own unit."""
    n = st.run.notes
    assert n < MAX_NOTES, "note buffer full"
    e = st.notes[n]
    e.time = st.run.now
    e.kind = kind
    e.symbol = symbol
    e.strategy = -1
    e.order = 0
    e.intent = 0
    e.metric = 0
    e.value = value
    e.limit = limit
    e.use = 0
    e.severity = severity
    e.action = 0
    e.mode_from = st.run.mode
    e.mode_to = st.run.mode
    e.detail = 0
    st.run.notes = n + 1
    return e


@kernel
def order_note(st: State, kind: int, severity: int, o: Order, value: int, limit: int) -> Note:
    """A risk event about an order."""
    e = note(st, kind, severity, o.symbol, value, limit)
    e.strategy = o.strategy
    e.order = o.id
    e.intent = o.intent
    return e


@kernel
def cancel_command(st: State, o: Order) -> None:
    """Ask for the cancellation of an order."""
    o.cancel_sent = st.run.now
    command(st, CommandKind.CANCEL, o)
