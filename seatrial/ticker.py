"""What a person sees while it trades: a line for what happens, and now and then one for how it stands.

Times are those of New York. Lines go through a queue to a thread of their own, so a terminal that has stopped reading
holds nothing up.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TextIO

from core.calendar import NEW_YORK, SECOND
from core.kernel.kinds import EventKind, Mode, NoteKind, Phase
from core.kernel.units import MICRO
from core.risk_notes import read
from live.alerts import Change
from live.books import Books
from live.events import Step
from live.logs import Lines
from live.projections import EXECUTIONS
from live.store.rows import names

STATUS_EVERY = 900 * SECOND
BUSY = "symbol_busy"  # refused because the trade is on: told by its fills, and not again every minute
_TOLD = (NoteKind.MODE_CHANGE, NoteKind.BREAKER_CHANGE, NoteKind.OPERATOR, NoteKind.ORDER_REJECTED)


class Ticker:
    """An observer of the host that writes lines for people."""

    def __init__(self, stream: TextIO) -> None:
        self._lines = Lines(stream)
        self._next = 0

    def committed(self, steps: Sequence[Step], changes: Sequence[Change], books: Books, elapsed: int) -> None:
        """What a transaction has brought."""
        for step in steps:
            for what, text in self._step(step, books):
                self.tell(step.time, what, text)
        for change in changes:
            self.tell(change.time, "over" if change.over else "ALERT", f"{change.rule} ({change.cause}): {change.text}")

    def tell(self, time: int, what: str, text: str) -> None:
        """A line; `time` ns UTC."""
        local = datetime.fromtimestamp(time // SECOND, NEW_YORK)
        self._lines.msg(f"{local:%m-%d %H:%M:%S}  {what:<9}{text}")

    def close(self) -> None:
        """Write what is left."""
        self._lines.close()

    def _step(self, step: Step, books: Books) -> list[tuple[str, str]]:
        event = step.event
        found = []
        if step.decision is not None and BUSY not in str(step.decision["refusal_codes"]).split():
            found.append(_decided(step.decision))
        if event.kind in EXECUTIONS and step.booked:
            order = books.order(event.fields.get("order", 0))
            sign = 1 if order is None or int(order["side"]) > 0 else -1
            symbol = books.symbol(event.fields.get("symbol", -1))
            shares, price = sign * abs(event.fields["qty"]) / MICRO, event.fields["price"] / MICRO
            found.append(("fill", f"{symbol} {shares:+,.6g} at {price:,.2f}"))
        elif event.kind is EventKind.SESSION:
            found.append(("session", names(Phase)[event.fields["code"]]))
        elif event.kind is EventKind.TIMER and step.time >= self._next:
            self._next = step.time - step.time % STATUS_EVERY + STATUS_EVERY
            found.append(("status", standing(books)))
        told = [note for note in step.notes if note.kind in _TOLD]
        return found + [("risk", read(note, books.symbol(note.symbol) or "").detail) for note in told]


def standing(books: Books) -> str:
    """How a run stands, in a line."""
    held = int((books.state["symbols"][0, : len(books.symbols)]["qty"] != 0).sum())
    amount = books.account("equity") / MICRO
    counted = f"{held} position{'' if held == 1 else 's'}, {books.run('working')} open orders"
    return f"{names(Mode)[books.run('mode')]}, equity {amount:,.2f}, {counted}"


def _decided(decision: object) -> tuple[str, str]:
    assert isinstance(decision, dict)
    d = decision
    if d["action"] == "exit":
        return "signal", f"{d['strategy']} leaves {d['symbol']}"
    if d["verdict"] == "refused":
        return "refused", f"{d['strategy']} {d['side']} {d['symbol']}: {d['refusal_codes'].replace(' ', ', ')}"
    return (
        "signal",
        f"{d['strategy']} {d['side']} {d['qty'] / MICRO:,.6g} {d['symbol']} near {d['price_ref'] / MICRO:,.2f}",
    )
