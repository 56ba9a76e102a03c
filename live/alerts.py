"""Every alert in one file: what calls a person, how loudly, and what is open or over after a transaction.

An alert is raised once for its cause and not again until the cause is gone. Rules about *states* (a breaker is open, a
symbol is not reconciled) are looked at after each transaction: the causes they name are compared with those that are
open. Rules about *events* (a fill came late) are raised by the engine's note and stay open until the next exchange day.
Rows are written in the transaction that they are about, so neither a crash nor a restart raises an alert twice or loses
it. `docs/runbooks` has a page for each rule: what it means, what to look at, what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.kernel.kinds import Breaker, Condition, EventKind, Invariant, Lane, Mode, NoteKind, OrderStatus
from core.kernel.units import NANO, SECOND
from core.risk_notes import dollars_text, read
from live.books import Books
from live.events import Step
from live.store.models import Alert
from live.store.rows import Row, names
from live.store.writer import Batch

UNKNOWN_TOO_LONG = 60 * SECOND  # the five queries about an order take half of that
OVER_THE_CAP = NANO // 50  # of equity beyond the gross cap: prices move after sizing, but not by so much

Causes = dict[str, str]  # cause → sentence


@dataclass(frozen=True, slots=True)
class Rule:
    """One alert. `name` is also its runbook's; `causes` are those that hold now, `notes` the notes that raise it."""

    name: str
    severity: str
    causes: Callable[[Books], Causes] | None = None
    notes: frozenset[NoteKind] = frozenset()


@dataclass(frozen=True, slots=True)
class Change:
    """An alert that was raised or is over."""

    rule: str
    cause: str
    severity: str
    text: str
    time: int
    over: bool


def _condition(condition: Condition, text: str, *others: Condition) -> Callable[[Books], Causes]:
    def causes(books: Books) -> Causes:
        return {c.name.lower(): text for c in (condition, *others) if books.run("conditions") >> c & 1}

    return causes


def _breakers(books: Books) -> Causes:
    found = {}
    for lane, record in zip(Lane, books.lanes(), strict=True):
        if record["state"] != Breaker.CLOSED:
            state = names(Breaker)[record["state"]]
            found[lane.name.lower()] = (
                f"The breaker of {lane.name.lower()} is {state} after {record['failures']} failures."
            )
    return found


def _mode(books: Books) -> Causes:
    mode = books.run("mode")
    if mode < Mode.RISK_EXIT:
        return {}
    return {names(Mode)[mode]: f"Mode {names(Mode)[mode]}: {', '.join(books.conditions())}."}


def _exposure(books: Books) -> Causes:
    gross, equity = books.account("gross"), books.account("equity")
    cap = int(books.state["config"][0]["gross_cap"])
    if equity <= 0 and gross > 0:
        return {"gross": "Positions are open and the equity is gone."}
    if cap == 0 or gross * NANO <= equity * (cap + OVER_THE_CAP):
        return {}
    return {"gross": f"Gross exposure is {gross / equity:.0%} of equity, and the cap is {cap / NANO:.0%}."}


def _unreconciled(books: Books) -> Causes:
    table = books.state["symbols"][0][: len(books.symbols)]
    texts = "{}: the broker's position is not ours, or an order of it contradicts our books."
    found = {books.symbols[i]: texts.format(books.symbols[i]) for i in np.flatnonzero(table["unreconciled"])}
    if difference := books.account("difference"):
        found["cash"] = f"The broker's cash differs from ours by {dollars_text(difference)}."
    elif books.run("conditions") >> Condition.UNRECONCILED & 1:
        found["books"] = "A comparison with the broker differed or was not answered, and nobody has resumed."
    return found


def _unknown(books: Books) -> Causes:
    if not books.run("unknown"):
        return {}
    table = books.state["orders"][0]
    old = (table["status"] == OrderStatus.UNKNOWN) & (table["submitted"] < books.run("now") - UNKNOWN_TOO_LONG)
    return {
        books.client_id(number) or "": "The broker has not said for a minute whether it has this order."
        for number in table["id"][old].tolist()
    }


def _invariant(books: Books) -> Causes:
    broken = books.run("broken")
    if not broken:
        return {}
    name = Invariant(broken).name.lower()
    return {name: f"Invariant {name} broke at event {books.run('broken_at')}: trading is halted."}


RULES = (
    Rule("invariant_broken", "critical", _invariant),
    Rule("safe_mode", "critical", _mode),
    Rule("breaker_open", "critical", _breakers),
    Rule("reject_storm", "critical", _condition(Condition.REJECT_STORM, "The broker refuses one order after another.")),
    Rule("exposure_spike", "critical", _exposure),
    Rule("reconciliation_difference", "critical", _unreconciled),
    Rule("unknown_order", "critical", _unknown),
    Rule("stream_down", "warning", _condition(Condition.STREAM_DOWN, "The trade stream is down: no order leaves.")),
    Rule("vendor_outage", "warning", _condition(Condition.FEED_DOWN, "The market data feed is down.")),
    Rule("stale_data", "warning", _condition(Condition.FEED_STALE, "Most symbols have had no bar for too long.")),
    Rule("clock_jump", "critical", _condition(Condition.CLOCK, "The wall clock was moved.", Condition.CLOCK_BACKWARD)),
    Rule("suspense", "critical", _condition(Condition.SUSPENSE, "An execution came that no order of ours explains.")),
    Rule(
        "execution_trouble",
        "critical",
        notes=frozenset({NoteKind.OVERFILL, NoteKind.DOUBLE_EXIT, NoteKind.LATE_FILL, NoteKind.QUARANTINE}),
    ),
    Rule("unprotected", "critical", notes=frozenset({NoteKind.UNPROTECTED, NoteKind.EXIT_OVERDUE})),
)
_BY_NOTE = {kind: rule for rule in RULES for kind in rule.notes}
_STATES = tuple(rule for rule in RULES if rule.causes is not None)
_SEVERITY = {rule.name: rule.severity for rule in RULES}


class Alerts:
    """Which alerts are open. `still_open` are those that the store has: rows of `alerts` that are not cleared."""

    def __init__(self, still_open: Iterable[tuple[str, str]]) -> None:
        self._open = set(still_open)

    def judge(self, batch: Batch, books: Books, steps: Sequence[Step]) -> list[Change]:
        """Raise and clear what this transaction has changed; the rows go into `batch`."""
        now, seq = books.run("now"), books.run("seq")
        changes = [*self._expired(steps, now), *self._noted(books, steps)]
        for rule in _STATES:
            assert rule.causes is not None
            changes += self._compared(rule.name, rule.causes(books), now)
        for change in changes:
            key = (change.rule, change.cause)
            if change.over:
                self._open.discard(key)
                batch.cleared.append({"rule": change.rule, "cause": change.cause, "time": change.time})
            else:
                self._open.add(key)
                batch.add(Alert, _row(change, seq))
        return changes

    def _compared(self, rule: str, causes: Mapping[str, str], now: int) -> list[Change]:
        """A state's causes that hold now against those that are open."""
        known = {cause for name, cause in self._open if name == rule}
        severity = _SEVERITY[rule]
        fresh = [Change(rule, c, severity, text, now, over=False) for c, text in causes.items() if c not in known]
        gone = [Change(rule, cause, severity, "It is over.", now, over=True) for cause in sorted(known - causes.keys())]
        return fresh + gone

    def _noted(self, books: Books, steps: Sequence[Step]) -> list[Change]:
        """Alerts that the engine's notes raise, once for an order or symbol in a day."""
        found: dict[tuple[str, str], Change] = {}
        for step in steps:
            for note in step.notes:
                rule = _BY_NOTE.get(NoteKind(note.kind))
                if rule is None:
                    continue
                symbol = books.symbol(note.symbol) or ""
                cause = f"{names(NoteKind)[note.kind]} {books.client_id(note.order) or symbol}"
                if (rule.name, cause) not in self._open:
                    text = read(note, symbol).detail
                    change = Change(rule.name, cause, rule.severity, text, note.time, over=False)
                    found.setdefault((rule.name, cause), change)
        return list(found.values())

    def _expired(self, steps: Sequence[Step], now: int) -> list[Change]:
        """A new phase of the exchange day closes the alerts about single events."""
        if not any(step.event.kind is EventKind.SESSION for step in steps):
            return []
        events = {rule.name for rule in RULES if rule.notes}
        return [
            Change(rule, cause, _SEVERITY[rule], "A new phase of the day.", now, over=True)
            for rule, cause in sorted(self._open)
            if rule in events
        ]


def _row(change: Change, seq: int) -> Row:
    return {
        "seq": seq,
        "rule": change.rule,
        "cause": change.cause,
        "severity": change.severity,
        "raised": change.time,
        "cleared": None,
        "text": change.text,
    }
