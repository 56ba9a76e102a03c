"""What the host's steps look like as spans and log lines: which stage an event is, and what is worth saying of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core.kernel.kinds import EventKind, NoteKind, Severity
from core.risk_notes import Note, read
from live.books import Books, intent_id
from live.events import Step
from live.projections import EXECUTIONS
from live.store.rows import names

Value = str | bool | int | float
Record = Callable[[str, int, int, int, Mapping[str, Value]], None]

_NEWS = range(EventKind.ORDER_ACCEPTED, EventKind.ORDER_UNRECOGNISED + 1)
_LEVELS = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "error"}


class Spans:
    """Turns steps into spans, by `record(name, intent, start, length, attributes)`, and into lines of `log`."""

    def __init__(self, record: Record, log: Any) -> None:
        self._record = record
        self._log = log

    def tell(self, step: Step, books: Books, elapsed: int) -> None:
        """One step; `elapsed` is what its whole transaction took, ns."""
        if step.decision is not None:
            self._decided(step, step.decision, elapsed)
        elif step.event.kind in EXECUTIONS:
            self._filled(step, books, elapsed)
        elif step.event.kind in _NEWS:
            self._news(step, books)
        elif step.event.kind in (EventKind.RECONCILE, EventKind.OPERATOR, EventKind.RESTART):
            self._rare(step)
        for note in step.notes:
            self._noted(step, note, books)

    def _decided(self, step: Step, decision: Mapping[str, Any], elapsed: int) -> None:
        intent, event = int(decision["intent_id"], 16), step.event
        common: dict[str, Value] = {
            "intent_id": decision["intent_id"],
            "strategy": decision["strategy"],
            "mode": decision["mode"],
        }
        result = {**common, "verdict": decision["verdict"], "binding": decision["binding"]}
        if decision["refusal_codes"]:
            result["refusal_codes"] = decision["refusal_codes"]
        self._record("signal", intent, event.t_received, step.time - event.t_received, common)
        self._record("size", intent, step.time, step.elapsed, {**common, "qty": decision["qty"]})
        self._record("risk", intent, step.time, step.elapsed, result)
        self._record("journal", intent, step.time + step.elapsed, elapsed - step.elapsed, {**common, "seq": step.seq})
        self._log.info("decision", seq=step.seq, symbol=decision["symbol"], side=decision["side"], **result)

    def _filled(self, step: Step, books: Books, elapsed: int) -> None:
        event, order = step.event, books.order(step.event.fields.get("order", 0))
        intent = 0 if order is None else int(order["intent"])
        common: dict[str, Value] = {"kind": event.kind.name.lower(), "booked": step.booked}
        if intent:
            common["intent_id"] = intent_id(intent)
        self._record("fill", intent, event.t_market, max(event.t_received - event.t_market, 0), common)
        self._record("apply", intent, step.time, step.elapsed, common)
        self._record("persist", intent, step.time + step.elapsed, elapsed - step.elapsed, {**common, "seq": step.seq})
        fields = {name: event.fields[name] for name in ("qty", "price") if name in event.fields}
        symbol = books.symbol(event.fields.get("symbol", -1))
        self._log.info("execution", seq=step.seq, symbol=symbol, source=event.source, **fields, **common)

    def _news(self, step: Step, books: Books) -> None:
        event, order = step.event, books.order(step.event.fields.get("order", 0))
        intent = 0 if order is None else int(order["intent"])
        common: dict[str, Value] = {"kind": event.kind.name.lower(), "source": event.source}
        since = step.time if order is None or not int(order["submitted"]) else int(order["submitted"])
        self._record("ack", intent, since, step.time - since, common)
        client = books.client_id(event.fields.get("order", 0))
        level = "warning" if event.kind is EventKind.ORDER_REJECTED else "info"
        getattr(self._log, level)("order", seq=step.seq, client_order_id=client, **common)

    def _rare(self, step: Step) -> None:
        name = step.event.kind.name.lower()
        fields = {"seq": step.seq, "code": step.event.fields.get("code", 0)}
        self._record(name, 0, step.time, step.elapsed, fields)
        self._log.info(name, **fields, **step.event.detail)

    def _noted(self, step: Step, note: Note, books: Books) -> None:
        kind = NoteKind(note.kind)
        reading = read(note, books.symbol(note.symbol) or "")
        fields: dict[str, Value] = {"kind": names(NoteKind)[kind], "seq": step.seq}
        if kind in (NoteKind.MODE_CHANGE, NoteKind.BREAKER_CHANGE):
            self._record("mode change", 0, step.time, step.elapsed, {**fields, "detail": reading.detail})
        getattr(self._log, _LEVELS[Severity(note.severity)])("risk event", detail=reading.detail, **fields)
