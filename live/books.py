"""The engine's state as the host reads it: plain integers, by name, without the cost of record scalars.

The state is one array of int64, so every field has a fixed place in it. A field of a record that numpy hands out costs
a microsecond; a word of the array costs a tenth of that, and the host asks a dozen of them for every event. Nothing
here writes: the engine alone changes its state.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from core.kernel.kinds import Condition
from core.kernel.records import COMMAND, DECISION, LANE, NOTE, ORDER, RUN, STATE, SYMBOL
from core.kernel.types import Order

Records = npt.NDArray[np.void]

PREFIX = "st"


def client_id(intent: int, leg: int) -> str:
    """An order's identity outside; `core.identities` makes the same text for whole columns."""
    return f"{PREFIX}-{intent & 0xFFFF_FFFF_FFFF_FFFF:016x}-{leg:02d}"


def intent_id(intent: int) -> str:
    """An intent as text."""
    return f"{intent & 0xFFFF_FFFF_FFFF_FFFF:016x}"


def _place(group: str, name: str) -> int:
    fields = STATE.fields
    assert fields is not None
    record, offset = fields[group][:2]
    inner = record.base.fields
    assert inner is not None
    return int(offset + inner[name][1]) // 8


_RUN = {name: _place("run", name) for name in RUN.names or ()}
_ACCOUNT = {name: _place("account", name) for name in STATE["account"].names or ()}
_CHECKS = _place("decision", "checks")
_ORDER_ID = _place("orders", "id")
_ORDER_FILLED = _place("orders", "filled")
_ORDER_WORDS = ORDER.itemsize // 8


class Before(NamedTuple):
    """What a step may change and its rows need from before: micros, and executions in suspense."""

    cash: int
    suspense: int
    day_start_equity: int
    held: int  # of the event's symbol, absolute


class Books:
    """A view of a state of shape (1,), dtype STATE. `symbols` and `strategies` in the order of their numbers."""

    def __init__(self, state: Records, symbols: tuple[str, ...], strategies: tuple[str, ...]) -> None:
        self.state = state
        self.symbols = symbols
        self.strategies = strategies
        self._words: npt.NDArray[np.int64] = state.view(np.int64).reshape(-1)
        self._slots = len(state["orders"][0])

    def run(self, name: str) -> int:
        """A field of RUN."""
        return int(self._words[_RUN[name]])

    def account(self, name: str) -> int:
        """A field of ACCOUNT."""
        return int(self._words[_ACCOUNT[name]])

    def decided(self) -> bool:
        """Whether the last step was a signal that became a decision."""
        return int(self._words[_CHECKS]) >= 0

    def filled(self, number: int) -> int:
        """Micro-shares that an order has filled; 0 when the engine does not know it."""
        at = (number % self._slots) * _ORDER_WORDS
        return int(self._words[_ORDER_FILLED + at]) if int(self._words[_ORDER_ID + at]) == number else 0

    def symbol(self, number: int) -> str | None:
        """Name of a symbol's number; None for -1."""
        return self.symbols[number] if number >= 0 else None

    def order(self, number: int) -> Order | None:
        """The engine's record of an order, None when it never was or its slot is in use again."""
        if number <= 0 or int(self._words[_ORDER_ID + (number % self._slots) * _ORDER_WORDS]) != number:
            return None
        return self.state["orders"][0, number % self._slots]

    def client_id(self, number: int) -> str | None:
        """Client order id of an order that the engine still knows."""
        order = self.order(number)
        return None if order is None else client_id(int(order["intent"]), int(order["leg"]))

    def commands(self) -> Records:
        """The commands of the last step: a copy."""
        taken: Records = self.state["commands"][0, : self.run("commands")].copy()
        return taken

    def notes(self) -> Iterator[tuple[int, ...]]:
        """The notes of the last step, as tuples of NOTE's fields."""
        return iter(self.state["notes"][0, : self.run("notes")].tolist())

    def conditions(self) -> list[str]:
        """Names of the conditions that are active."""
        bits = self.run("conditions")
        return [condition.name.lower() for condition in Condition if bits >> condition & 1]

    def lanes(self) -> list[dict[str, int]]:
        """The breaker of each lane, in the order of the lanes."""
        names = LANE.names or ()
        return [dict(zip(names, row, strict=True)) for row in self.state["lanes"][0].tolist()]

    def before(self, symbol: int) -> Before:
        """To be asked before a step; `symbol` is the event's, or -1."""
        held = abs(int(self.state["symbols"][0, symbol]["qty"])) if symbol >= 0 else 0
        return Before(self.account("cash"), self.account("suspense"), self.account("day_start_equity"), held)

    def booked(self, before: Before) -> bool:
        """Whether the step booked an execution: every one moves cash, or goes to suspense."""
        return (self.account("cash"), self.account("suspense")) != before[:2]

    def exit_decision(self, event: np.void, held: int) -> np.void:
        """A DECISION for an exit that a strategy asked for: it is never sized, never refused, and not the engine's to
        record. `event` is the EXIT_SIGNAL, `held` the quantity before it, micro-shares."""
        record = np.zeros(1, DECISION)[0]
        symbol = self.state["symbols"][0, int(event["symbol"])]
        for name in ("intent", "strategy", "symbol"):
            record[name] = event[name]
        record["time"] = event["t_visible"]
        record["bar_time"] = event["t_market"]
        record["side"] = symbol["side"]
        record["action"] = record["approved"] = 1
        record["price_ref"] = event["price"]
        record["equity_ref"] = self.account("equity")
        record["sized_qty"] = record["qty"] = held
        record["lot"] = self.state["config"][0]["lot"]
        record["mode"] = self.run("mode")
        return record  # type: ignore[no-any-return]

    def seen(self) -> int:
        """How many events the engine has taken."""
        return self.run("seq")


def layout() -> str:
    """Which records the engine uses, as text: equal layouts, interchangeable states."""
    from hashlib import sha256

    kinds = chain.from_iterable((name, str(kind.descr)) for name, kind in _RECORDS.items())
    return sha256("\n".join(kinds).encode()).hexdigest()[:16]


_RECORDS = {"state": STATE, "order": ORDER, "symbol": SYMBOL, "command": COMMAND, "note": NOTE, "decision": DECISION}
