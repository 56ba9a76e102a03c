"""The faults in force, and which of them strikes: a table that is asked at every request, frame and message.

The oldest fault that matches strikes, and no other. What it then does is for the edge to carry out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from sim.alpaca.faults.entries import Fault, draw
from sim.alpaca.faults.kinds import KINDS, Meets


@dataclass(frozen=True, slots=True)
class Case:
    """What a fault could strike: a request, a frame or a message; what does not apply is empty."""

    meets: Meets
    method: str = ""
    path: str = ""
    event: str = ""
    channel: str = ""
    symbol: str = ""
    client_order_id: str = ""

    @property
    def lane(self) -> str:
        """The route to the broker, in the words of scenarios."""
        if self.meets != "rest":
            return "stream"
        if self.method == "POST" and self.path == "/v2/orders":
            return "submit"
        return "cancel" if self.method == "DELETE" else "query"


@dataclass(slots=True)
class _Entry:
    fault: Fault
    number: int
    matches: int = 0
    hits: int = 0


@dataclass(slots=True)
class FaultTable:
    """Faults by number, in the order in which they were set."""

    seed: int
    entries: list[_Entry] = field(default_factory=list)
    struck: list[dict[str, Any]] = field(default_factory=list)
    _numbers: int = 0

    def add(self, fault: Fault) -> int:
        """Set a fault; its number."""
        self._numbers += 1
        self.entries.append(_Entry(fault, self._numbers))
        return self._numbers

    def remove(self, number: int | None = None) -> int:
        """Take one back, or all; how many there were."""
        before = len(self.entries)
        self.entries = [] if number is None else [entry for entry in self.entries if entry.number != number]
        return before - len(self.entries)

    def listing(self) -> list[dict[str, Any]]:
        """Every fault with its number and how often it has struck."""
        return [
            {"number": entry.number, "hits": entry.hits, **entry.fault.model_dump(by_alias=True, mode="json")}
            for entry in self.entries
        ]

    def strike(self, case: Case, now: int) -> Fault | None:
        """The fault that strikes this case, counted; None for none."""
        if not self.entries:
            return None
        for entry in self.entries:
            if not _meets(entry.fault, case) or not self._in_force(entry, now):
                continue
            entry.matches += 1
            fault = entry.fault
            if entry.matches <= fault.skip:
                continue
            if fault.probability < 1 and draw(self.seed, entry.number, entry.matches) >= fault.probability:
                continue
            entry.hits += 1
            self.struck.append({"time": now, "fault": entry.number, "kind": fault.kind, "path": case.path})
            return fault
        return None

    def standing(self, kind: str, now: int) -> Fault | None:
        """A fault of this kind that is in force now, not counted."""
        return next((e.fault for e in self.entries if e.fault.kind == kind and self._in_force(e, now)), None)

    def _in_force(self, entry: _Entry, now: int) -> bool:
        fault = entry.fault
        return (fault.count is None or entry.hits < fault.count) and fault.during(now)


def _meets(fault: Fault, case: Case) -> bool:
    rule, match, scope = KINDS[fault.kind], fault.match, fault.scope
    if rule.meets != case.meets or (rule.submits_only and case.lane != "submit"):
        return False
    if fault.kind.endswith("_executions") and case.event not in ("fill", "partial_fill"):
        return False
    if match.method is not None and match.method.upper() != case.method:
        return False
    if match.path is not None and re.match(match.path, case.path) is None:
        return False
    for wanted, there in ((match.event, case.event), (match.channel, case.channel), (match.symbol, case.symbol)):
        if wanted is not None and wanted != there:
            return False
    if match.client_order_id is not None and not case.client_order_id.startswith(match.client_order_id):
        return False
    if scope.symbols is not None and case.symbol not in scope.symbols:
        return False
    return scope.lanes is None or case.lane in scope.lanes
