"""What crosses the border of the host: what the world tells the engine, and what the engine wants done.

An `Incoming` has no number and no place in time yet. The host gives it both in the transaction that journals it; until
then nothing has happened. An `Outgoing` exists once that transaction is committed, and not before: whoever sends it may
be killed at any moment and finds it again. Quantities and prices are int64 micros, times nanoseconds UTC, as in the
engine; what does not fit (nine decimals, the broker's own words) travels as text in `detail` and is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

import numpy as np

from core.kernel.kinds import CommandKind, EventKind, Lane
from core.kernel.records import EVENT
from core.risk_notes import Note

NOTHING: Mapping[str, str] = MappingProxyType({})
FIELDS = {name: place for place, name in enumerate(EVENT.names or ())}
STAMPED = frozenset({"seq", "t_market", "t_received", "t_visible", "kind"})


@dataclass(frozen=True, slots=True)
class Incoming:
    """One thing that the world tells the engine.

    `fields` are fields of `core.kernel.records.EVENT` other than times, kind and number. `identity` is unique for ever:
    of two events with one identity the second is dropped, or, when it says something else, becomes a quarantine.
    `answers` names the outbox row whose outcome this is, and `also` other rows that had asked for the same. `detail`
    is kept in the journal as it is: actor, reason, broker_order_id, exact quantities. Nothing secret may be in it.
    """

    kind: EventKind
    t_market: int
    t_received: int
    fields: Mapping[str, int]
    identity: str | None = None
    answers: int | None = None
    source: str = ""
    detail: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    t_visible: int = 0  # 0: now, by the host's clock
    also: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        unknown = self.fields.keys() - FIELDS.keys() | (self.fields.keys() & STAMPED)
        assert not unknown, f"{self.kind.name} with {', '.join(sorted(unknown))}"


class Verdict(StrEnum):
    """Why a command may leave. A row without one of these is not sent."""

    APPROVED = "approved"  # an opening that the risk agent let through in the same step
    REDUCING = "reducing"  # an exit or a protection: it cannot make a position larger
    CANCEL = "cancel"
    READ = "read"  # a query, a probe, a reconciliation: changes nothing at the broker


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One command as it lies in the outbox, committed.

    `command` has dtype COMMAND. `number` is unique within the run and grows; an answer names it. The three client ids
    are those of the order and of its target and stop legs, None where the command has none. `symbol` is None for probes
    and reconciliations. `urgency` is 0 for what must go first.
    """

    number: int
    epoch: int
    verdict: Verdict
    command: np.void
    symbol: str | None
    client_order_id: str | None
    target_client_order_id: str | None
    stop_client_order_id: str | None

    @property
    def kind(self) -> CommandKind:
        """What is wanted."""
        return CommandKind(int(self.command["kind"]))

    @property
    def lane(self) -> Lane:
        """The route that the command takes to the broker; each has its own breaker."""
        if self.kind is CommandKind.PROBE:
            return Lane(int(self.command["leg"]))
        return _LANES[self.kind]

    @property
    def urgency(self) -> int:
        """Its place in a queue: 0 cancels, 1 exits and protection, 2 queries, 3 openings, 4 the rest."""
        if self.kind in (CommandKind.CANCEL, CommandKind.QUERY):
            return 0 if self.kind is CommandKind.CANCEL else 2
        if self.verdict is Verdict.REDUCING:
            return 1
        return 3 if self.verdict is Verdict.APPROVED else 4


_LANES = {
    CommandKind.SUBMIT: Lane.SUBMIT,
    CommandKind.SUBMIT_BRACKET: Lane.SUBMIT,
    CommandKind.SUBMIT_OCO: Lane.SUBMIT,
    CommandKind.CANCEL: Lane.CANCEL,
    CommandKind.QUERY: Lane.QUERY,
    CommandKind.RECONCILE: Lane.QUERY,
}


@dataclass(frozen=True, slots=True)
class Step:
    """What one event led to; times in ns UTC, `elapsed` in ns. `decision` is its row of the store's table."""

    seq: int
    time: int
    event: Incoming
    commands: tuple[Outgoing, ...]
    notes: tuple[Note, ...]
    decision: Mapping[str, object] | None
    booked: bool  # an execution that was not known before
    elapsed: int
