"""From the engine's commands to rows of the outbox: who each is about, and why it may leave."""

from __future__ import annotations

import numpy as np

from core.kernel.kinds import SUBMITS, CommandKind, Role
from live.books import Books, client_id
from live.events import Outgoing, Verdict

COMMANDS = 256  # outbox numbers of an event: the engine's buffer


def of_step(books: Books, seq: int, epoch: int) -> tuple[Outgoing, ...]:
    """The commands that step `seq` has left in `books`, in their order, for the writer of `epoch` to send."""
    return tuple(
        Outgoing(
            seq * COMMANDS + ordinal,
            epoch,
            _verdict(books, command),
            command,
            books.symbol(int(command["symbol"])),
            client_id(int(command["intent"]), int(command["leg"])) if command["order"] else None,
            books.client_id(int(command["target_order"])),
            books.client_id(int(command["stop_order"])),
        )
        for ordinal, command in enumerate(books.commands())
    )


def _verdict(books: Books, command: np.void) -> Verdict:
    """Why a command may leave. An opening that this very step did not approve is a defect, and ends the host."""
    kind = CommandKind(int(command["kind"]))
    if kind is CommandKind.CANCEL:
        return Verdict.CANCEL
    if kind not in SUBMITS:
        return Verdict.READ
    if int(command["role"]) != Role.ENTRY:
        return Verdict.REDUCING
    decision = books.state["decision"][0]
    approved = books.decided() and int(decision["approved"]) and decision["order"] == command["order"]
    assert approved, "an opening without an approval"
    return Verdict.APPROVED
