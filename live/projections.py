"""What the tables of the present must show after a commit, found by comparing the state with what they show now.

A step leaves its commands, notes and decision in the state's buffers, which the next step overwrites; those are taken
after each. Orders, positions, breakers and the mode are compared once a transaction with their last committed values:
whatever moved them, nothing is missed, and a burst of events costs one comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from core.kernel.kinds import EventKind, Phase
from core.kernel.records import LANE, ORDER, SYMBOL
from core.kernel.units import MINUTE
from core.risk_notes import Note
from live.books import Before, Books
from live.events import Incoming
from live.store import rows
from live.store.models import BreakerRow, Check, Decision, Equity, Fill, Mode, Order, Position, RiskEvent
from live.store.writer import Batch

Words = npt.NDArray[np.int64]

EXECUTIONS = frozenset({EventKind.FILL, EventKind.FILL_VOIDED, EventKind.FILL_CORRECTED, EventKind.FOREIGN_FILL})
_POSITION = [(SYMBOL.names or ()).index(name) for name in ("qty", "cost", "mark", "value", "realized")]
_LANE = [(LANE.names or ()).index(name) for name in ("state", "since", "failures", "backoff", "trips")]
_ID, _STATUS = ((ORDER.names or ()).index(name) for name in ("id", "status"))


class Projections:
    """Turns steps into rows. `books` is the live state, which nothing here changes."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._orders = self._words("orders").copy()
        self._positions = self._held().copy()
        self._lanes = self._words("lanes")[:, _LANE].copy()
        self._mode = (books.run("mode"), books.run("conditions"))

    def after(self, batch: Batch, event: Incoming, seq: int, before: Before) -> _Left:
        """Rows of what the step of `event` left behind."""
        books = self._books
        left = _Left()
        if event.kind in EXECUTIONS and books.booked(before):
            batch.add(Fill, rows.fill(event, seq, books))
            left.booked = True
        if books.run("notes"):
            left.notes = tuple(Note(*values) for values in books.notes())
            batch.add(RiskEvent, *(rows.risk_event(note, seq, i, books) for i, note in enumerate(left.notes)))
        if books.decided():
            left.decision = rows.decision(books.state["decision"][0], seq, books)
            batch.add(Decision, dict(left.decision))
            batch.add(Check, *rows.checks(seq, books))
        elif event.kind is EventKind.TIMER:
            self._minute(batch, event, seq, before.day_start_equity)
        elif event.kind is EventKind.SESSION and event.fields["code"] == Phase.REGULAR:
            batch.add(Equity, rows.equity(books, seq, event.t_market, books.account("day_start_equity")))
        return left

    def leave(self, batch: Batch, event: np.void, seq: int, held: int) -> Mapping[str, object]:
        """The row of an exit that a strategy asked for; `held` micro-shares before it."""
        row = rows.decision(self._books.exit_decision(event, held), seq, self._books)
        batch.add(Decision, dict(row))
        return row

    def settle(self, batch: Batch, broker_ids: Mapping[int, str]) -> None:
        """Rows of everything that differs from what the last commit left; `broker_ids` by order number are news."""
        self._settle_orders(batch, broker_ids)
        held, seq = self._held(), self._books.run("seq")
        moved = (held != self._positions).any(axis=1)
        dealt = ((held | self._positions)[:, [0, 4]] != 0).any(axis=1)  # a close without a result is a change, too
        for place in np.flatnonzero(moved & dealt):
            record = self._books.state["symbols"][0, place]
            batch.add(Position, rows.position(record, self._books.symbols[place], seq))
        lanes = self._words("lanes")[:, _LANE]
        if (moved := (lanes != self._lanes).any(axis=1)).any():
            every = rows.breakers(self._books, seq)
            batch.add(BreakerRow, *(every[lane] for lane in np.flatnonzero(moved)))
            self._lanes = lanes.copy()
        mode = (self._books.run("mode"), self._books.run("conditions"))
        if mode != self._mode:
            batch.add(Mode, rows.mode(self._books, seq))
            self._mode = mode
        self._positions = held.copy()

    def _settle_orders(self, batch: Batch, broker_ids: Mapping[int, str]) -> None:
        orders = self._words("orders")
        changed = set(np.flatnonzero((orders != self._orders).any(axis=1)).tolist())
        known = {number % len(orders) for number in broker_ids if self._books.order(number) is not None}
        for slot in sorted(changed | known):
            if orders[slot, _STATUS]:
                record = self._books.state["orders"][0, slot]
                symbol = self._books.symbols[int(record["symbol"])]
                broker_id = broker_ids.get(int(orders[slot, _ID]))
                batch.add(Order, {**rows.order(record), "symbol": symbol, "broker_order_id": broker_id})
        self._orders[list(changed)] = orders[list(changed)]

    def _minute(self, batch: Batch, event: Incoming, seq: int, base: int) -> None:
        """A row of the equity table at the end of a minute of the regular session, with the base of its day."""
        ended = event.t_market - event.t_market % MINUTE
        if self._books.run("session_open") < ended <= self._books.run("session_close"):
            batch.add(Equity, rows.equity(self._books, seq, ended, base))

    def _words(self, table: str) -> Words:
        records: Any = self._books.state[table][0]
        return records.view(np.int64).reshape(len(records), -1)  # type: ignore[no-any-return]

    def _held(self) -> Words:
        return self._words("symbols")[: len(self._books.symbols), _POSITION]


class _Left:
    """What a step left behind."""

    def __init__(self) -> None:
        self.booked = False
        self.notes: tuple[Note, ...] = ()
        self.decision: Mapping[str, object] | None = None
