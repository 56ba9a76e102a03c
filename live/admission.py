"""Who gets in: of the events that the world brings, those that are news.

An event with an identity is claimed in the inbox. What was known already is dropped, and what contradicts what was
known becomes ORDER_UNRECOGNISED: the engine books nothing, shuts the symbol and asks the broker. It must not see the
event itself, because its own memory of executions is short and the database's is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise

from core.kernel.kinds import EventKind
from live.events import Incoming
from live.store.database import Transaction
from live.store.inbox import Claim, Known, claim, free_place

CONTRADICTION = 1  # code of the quarantine


def admit(connection: Transaction, run: int, events: Sequence[Incoming]) -> list[Incoming]:
    """The events that the engine is to see, in their order, inside the transaction that is open.

    What follows a voided execution is claimed after the void: it may stand in the place that the void has freed.
    """
    admitted: list[Incoming] = []
    voids = [place + 1 for place, event in enumerate(events) if event.kind is EventKind.FILL_VOIDED]
    for first, last in pairwise([0, *voids, len(events)]):
        admitted += _admit(connection, run, events[first:last])
    return admitted


def _admit(connection: Transaction, run: int, events: Sequence[Incoming]) -> list[Incoming]:
    named = [event for event in events if event.identity is not None]
    if not named:
        return list(events)
    answers = iter(claim(connection, run, [_claim(event) for event in named]))
    admitted = []
    for event in events:
        known = Known.NEW if event.identity is None else next(answers)
        if known is Known.NEW:
            admitted.append(event)
        elif known is Known.CONTRADICTION:
            admitted.append(_quarantine(event))
        if known is Known.NEW and event.kind is EventKind.FILL_VOIDED and "execution_id" in event.detail:
            free_place(connection, run, f"execution:{event.detail['execution_id']}")
    return admitted


def _claim(event: Incoming) -> Claim:
    assert event.identity is not None
    return Claim(event.identity, _place(event), _content(event), event.t_received)


def _place(event: Incoming) -> str | None:
    """An execution's natural key: its order and the quantity filled after it."""
    order, cumulative = event.fields.get("order", 0), event.fields.get("cum_qty", -1)
    if event.kind is not EventKind.FILL or order <= 0 or cumulative < 0:
        return None
    return f"{order}:{cumulative}"


def _content(event: Incoming) -> int:
    """What an event says, as 63 bits: of an execution the order, quantity and price, for not every source has more."""
    names = ("order", "qty", "price") if event.kind is EventKind.FILL else sorted(event.fields)
    said = " ".join(f"{name}={event.fields.get(name, 0)}" for name in names)
    return int.from_bytes(sha256(f"{event.kind.name} {said}".encode()).digest()[:8]) >> 1


def _quarantine(event: Incoming) -> Incoming:
    fields = {"order": event.fields.get("order", 0), "symbol": event.fields.get("symbol", -1), "code": CONTRADICTION}
    detail = {**event.detail, "contradicts": event.identity or "", "kind": event.kind.name.lower()}
    detail |= {name: str(value) for name, value in event.fields.items()}
    return Incoming(
        EventKind.ORDER_UNRECOGNISED,
        event.t_market,
        event.t_received,
        fields,
        source=event.source,
        detail=detail,
        t_visible=event.t_visible,
    )
