"""What the engine's notes say: each in natural units and in one sentence.

A note is a few numbers whose meaning depends on its kind. `READERS` has one function a kind, which says what
was measured, in which unit, what the engine did about it, and how a person would put it:

    limits        fractions, with how much of the limit is in use
    quantities    shares; prices and amounts in dollars
    counts        refused orders, symbols with stale data
    states        nothing is measured: value, limit and use are NaN
"""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from typing import NamedTuple

from core.kernel.kinds import (
    Breaker,
    Condition,
    EventKind,
    HaltKind,
    Lane,
    Mode,
    NoteKind,
    OperatorAct,
    OrderStatus,
    Severity,
)
from core.kernel.units import MICRO, NANO, SECOND
from core.run_tables import REASONS, names_of, words_of


class Note(NamedTuple):
    """One NOTE record, its fields in the record's order."""

    time: int
    kind: int
    symbol: int
    strategy: int
    order: int
    intent: int
    metric: int
    value: int
    limit: int
    use: int
    severity: int
    action: int
    mode_from: int
    mode_to: int
    detail: int


class Reading(NamedTuple):
    """What a note says: the columns of its row that depend on its kind."""

    metric: str
    action: str
    detail: str
    value: float = nan
    limit: float = nan
    use: float = nan


def read(note: Note, symbol: str) -> Reading:
    """What a note says; `symbol` is the name of its symbol, empty when it has none."""
    return READERS[NoteKind(note.kind)](note, symbol)


def shares_text(micros: int) -> str:
    """Micro-shares in words: "1 share", "2.5 shares"."""
    number = _number(micros, 0)
    return f"{number} share" if number == "1" else f"{number} shares"


def dollars_text(micros: int) -> str:
    """Micro-dollars: "$1,234.50", with as many decimals as it takes."""
    return f"{'-' if micros < 0 else ''}${_number(abs(micros), 2)}"


def percent_text(nanos: int) -> str:
    """A fraction in nanos as percent with two decimals."""
    return f"{nanos / 1e7:.2f}%"


def _number(micros: int, decimals: int) -> str:
    whole, part = divmod(abs(micros), MICRO)
    digits = f"{part:06d}".rstrip("0").ljust(decimals, "0")
    return f"{'-' if micros < 0 else ''}{whole:,}{'.' if digits else ''}{digits}"


# Limits

_LOSSES = {
    Condition.DRAWDOWN: "drawdown",
    Condition.DAILY_LOSS: "daily loss",
    Condition.WEEKLY_LOSS: "weekly loss",
}


def _limit_breach(note: Note, symbol: str) -> Reading:
    return _loss(note, "suppress openings and exit", "has reached its limit of {}: every position is closed.")


def _near_miss(note: Note, symbol: str) -> Reading:
    return _loss(note, "watch", "is near its limit of {}.")


def _loss(note: Note, action: str, ending: str) -> Reading:
    loss = _LOSSES[Condition(note.metric)]
    detail = f"The {loss} of {percent_text(note.value)} {ending.format(percent_text(note.limit))}"
    metric = names_of(Condition)[note.metric]
    return Reading(metric, action, detail, note.value / NANO, note.limit / NANO, note.use / NANO)


def _reject_storm(note: Note, symbol: str) -> Reading:
    detail = f"The broker refused {note.value} orders within a minute; {note.limit} are too many."
    return Reading("rejects", "suppress openings", detail, note.value, note.limit, note.value / note.limit)


def _stale_data(note: Note, symbol: str) -> Reading:
    """Of the whole feed, or of one symbol when no condition is named."""
    if note.metric != Condition.FEED_STALE:
        age, limit = note.value / SECOND, note.limit / SECOND
        detail = f"The newest bar of {symbol} is {age:.0f} s old, or its quote is crossed: its mark is frozen."
        return Reading("data_age", "freeze the mark, hold market orders", detail, age, limit)
    detail = f"{note.value} of {note.limit} symbols that traded today have had no bar for too long."
    if note.limit == 0:
        detail = "No symbol has had a bar since the session began."
    return Reading("stale_symbols", "suppress openings", detail, note.value)


def _margin_deficit(note: Note, symbol: str) -> Reading:
    amount = dollars_text(note.value)
    action, detail = "wait for equity", f"The day ended with an intraday margin deficit of {amount}."
    if note.severity == Severity.CRITICAL:
        detail = f"The intraday margin deficit of {amount} was not met in time, nor was one before it."
        action = "freeze new debit"
    return Reading("margin_deficit", action, detail, note.value / MICRO)


# The market


def _halt(note: Note, symbol: str) -> Reading:
    return Reading(names_of(HaltKind)[note.value], "refuse openings, hold exits", f"Trading in {symbol} is halted.")


def _resume(note: Note, symbol: str) -> Reading:
    return Reading("halt", "allow openings", f"Trading in {symbol} goes on.")


def _bar_revision(note: Note, symbol: str) -> Reading:
    close, mark, off = dollars_text(note.value), dollars_text(note.limit), percent_text(note.use)
    detail = f"A bar of {symbol} was revised: it closed at {close}, and the mark is {mark}, {off} away."
    return Reading("close", "record", detail, note.value / MICRO)


def _suspect_mark(note: Note, symbol: str) -> Reading:
    old, new = dollars_text(note.limit), dollars_text(note.value)
    detail = f"{symbol} jumped from {old} to {new}, which a second bar must confirm."
    return Reading("mark", "keep the old mark", detail, note.value / MICRO)


def _corporate_action(note: Note, symbol: str) -> Reading:
    ratio = note.value / NANO
    detail = f"{symbol} is split: {ratio:g} new shares for each old one."
    return Reading("ratio", "restate the position", detail, ratio)


# The engine, the broker's health and the operator

_MODE_ACTIONS = {
    Mode.NORMAL: "allow openings",
    Mode.REDUCED: "reduce sizes",
    Mode.DATA_DEGRADED: "suppress openings, withdraw entries",
    Mode.BROKER_DEGRADED: "suppress openings, withdraw entries",
    Mode.RISK_EXIT: "suppress openings and exit",
    Mode.HALTED: "suppress openings, withdraw entries",
}
_BREAKER_ACTIONS = {
    Breaker.CLOSED: "allow openings",
    Breaker.OPEN: "suppress openings and probe",
    Breaker.READY: "wait for the operator",
    Breaker.HALF_OPEN: "reduce sizes",
}
_BREAKER_WORDS = {
    Breaker.CLOSED: "is closed again: service is normal",
    Breaker.OPEN: "has opened: too much failed",
    Breaker.READY: "is ready: probes were answered, and the operator may reset it",
    Breaker.HALF_OPEN: "is half open: a few orders will show whether the lane works",
}


def _mode_change(note: Note, symbol: str) -> Reading:
    """`detail` is the set of conditions in force, one bit each."""
    reasons = [words_of(Condition)[condition] for condition in Condition if note.detail >> condition & 1]
    because = f" because of {', '.join(reasons)}" if reasons else ""
    before, after = words_of(Mode)[note.mode_from], words_of(Mode)[note.mode_to]
    detail = f"The safe mode goes from {before} to {after}{because}."
    return Reading("mode", _MODE_ACTIONS[Mode(note.mode_to)], detail)


def _breaker_change(note: Note, symbol: str) -> Reading:
    state = Breaker(note.value)
    detail = f"The breaker of the {words_of(Lane)[note.detail]} lane {_BREAKER_WORDS[state]}."
    return Reading(names_of(Lane)[note.detail], _BREAKER_ACTIONS[state], detail)


def _operator(note: Note, symbol: str) -> Reading:
    act = OperatorAct(note.value)
    name, words = names_of(OperatorAct)[act], words_of(OperatorAct)[act]
    if act in (OperatorAct.REARM, OperatorAct.RESET_BREAKER):
        where = f" of the {words_of(Lane)[note.detail]} lane" if act is OperatorAct.RESET_BREAKER else ""
        verdict = "accepted" if note.action else "refused, for its conditions are not met"
        return Reading(name, "accept" if note.action else "refuse", f"Operator: {words}{where}; {verdict}.")
    where = f" in {symbol}" if symbol else ""
    return Reading(name, "obey", f"Operator: {words}{where}.")


_ALERTS = {
    Condition.FEED_DOWN: "The data feed is down.",
    Condition.STREAM_DOWN: "The trade stream is down.",
    Condition.TRIPS: "Circuit breakers have tripped too often today.",
}


def _alert(note: Note, symbol: str) -> Reading:
    """A condition has begun (`metric`), or the clock has jumped (`value`, `limit`)."""
    condition = Condition(note.metric)
    if condition in _ALERTS:
        return Reading(names_of(Condition)[condition], "see mode", _ALERTS[condition])
    seconds, limit = note.value / SECOND, note.limit / SECOND
    action = "record" if note.severity == Severity.INFO else "suppress openings"
    action = "halt" if condition is Condition.CLOCK_BACKWARD else action
    return Reading("clock_jump", action, f"The clock jumped by {seconds:+.3f} s.", seconds, limit)


def _cleared(note: Note, symbol: str) -> Reading:
    """`limit` is the kind of the note that this one answers, 0 for a condition, which `metric` names."""
    if note.limit == 0:
        seconds = note.value / SECOND
        detail = f"Over after {seconds:,.0f} s: {words_of(Condition)[note.metric]}."
        return Reading(names_of(Condition)[note.metric], "see mode", detail, seconds)
    kind = NoteKind(note.limit)
    words, where = words_of(NoteKind)[kind], f" in {symbol}" if symbol else ""
    if kind is NoteKind.UNPROTECTED:
        detail = f"Over: {words}{where}, for {note.value:,} share-seconds."
        return Reading(names_of(NoteKind)[kind], "go on", detail, float(note.value))
    seconds = note.value / SECOND
    return Reading(names_of(NoteKind)[kind], "go on", f"Over after {seconds:,.0f} s: {words}{where}.", seconds)


def _buying_power_drift(note: Note, symbol: str) -> Reading:
    theirs, ours = dollars_text(note.value), dollars_text(note.limit)
    detail = f"The broker lets us buy for {theirs}, our own figure is {ours}."
    value, limit = note.value / MICRO, note.limit / MICRO
    return Reading("buying_power", "use the broker's figure", detail, value, limit, note.use / NANO)


def _reconciliation(note: Note, symbol: str) -> Reading:
    """A difference that the operator adopted (`action` 1), no answer (2), or cash or a position that is not ours."""
    value, limit = note.value / MICRO, note.limit / MICRO
    if note.action == 1 and not symbol:
        change, now = dollars_text(note.value), dollars_text(note.limit)
        return Reading("cash", "adjust the cash", f"The broker's cash was adopted: {change} booked, {now} now.", value)
    if note.action == 1:
        change, now = shares_text(note.value), shares_text(note.limit)
        detail = f"The broker's position in {symbol} was adopted: {change} booked, {now} now."
        return Reading("position", "adjust the position", detail, value)
    if note.action == 2:
        detail = f"The broker has not answered a reconciliation that was asked for {note.value + 1} times."
        return Reading("reconciliation", "halt", detail, note.value + 1)
    if not symbol:
        detail = f"The broker's cash differs from our {dollars_text(note.limit)} by {dollars_text(note.value)}."
        return Reading("cash", "halt", detail, value, limit)
    theirs, ours = shares_text(note.value), shares_text(note.limit)
    detail = f"The broker holds {theirs} of {symbol}, our books say {ours}."
    return Reading("position", "refuse openings in the symbol", detail, value, limit)


# Orders and executions


def _order_rejected(note: Note, symbol: str) -> Reading:
    detail = f"The broker refused an order in {symbol}: {REASONS[note.value]}."
    return Reading("reject_reason", "book the refusal", detail)


def _late_fill(note: Note, symbol: str) -> Reading:
    status = words_of(OrderStatus)[note.limit]
    return _shares(note, symbol, "quantity", "book", f"{{}} filled after the order was {status}.")


def _overfill(note: Note, symbol: str) -> Reading:
    ending = f"{{}} filled beyond the {shares_text(note.limit)} of the order."
    return _shares(note, symbol, "quantity", "book, refuse openings in the symbol", ending)


def _duplicate_fill(note: Note, symbol: str) -> Reading:
    return _shares(note, symbol, "quantity", "drop", "An execution of {} was reported again.")


def _double_exit(note: Note, symbol: str) -> Reading:
    ending = f"Exits turned a position of {shares_text(note.limit)} into one of {{}}."
    return _shares(note, symbol, "position", "close the position", ending)


def _unprotected(note: Note, symbol: str) -> Reading:
    return _shares(note, symbol, "position", "send OCO", "{} had no working stop for too long.")


def _exit_overdue(note: Note, symbol: str) -> Reading:
    return _shares(note, symbol, "position", "call the operator", "The exit from {} has passed its deadline.")


def _unknown_order(note: Note, symbol: str) -> Reading:
    return Reading("order", "drop", f"News of an order that is not ours: {words_of(EventKind)[note.value]}.")


def _foreign_fill(note: Note, symbol: str) -> Reading:
    detail = f"An execution of {{}} at {dollars_text(note.limit)} belongs to no order of ours."
    return _shares(note, symbol, "quantity", "book and halt", detail)


def _foreign_void(note: Note, symbol: str) -> Reading:
    detail = f"The broker took back an execution of {{}} at {dollars_text(note.limit)} of an order that is not ours."
    return _shares(note, symbol, "quantity", "halt", detail)


def _fill_voided(note: Note, symbol: str) -> Reading:
    """`detail` is 1 for a correction; `action` is 1 when the books were made again, 0 when the inverse was booked."""
    verb = "corrected" if note.detail else "took back"
    action = "rebuild the position" if note.action else "book the inverse"
    detail = f"The broker {verb} an execution of {{}} at {dollars_text(note.limit)}."
    return _shares(note, symbol, "quantity", action, detail)


def _unrecognised_news(note: Note, symbol: str) -> Reading:
    return Reading("order", "ask the broker", f"News of an order in {symbol} that nobody can read.")


def _unresolved_order(note: Note, symbol: str) -> Reading:
    seconds = note.value / SECOND
    detail = f"An order in {symbol} has had an unknown fate for {seconds:,.0f} s; it counts as if it were open."
    return Reading("unknown_age", "call the operator", detail, seconds)


def _quarantine(note: Note, symbol: str) -> Reading:
    return _shares(note, symbol, "quantity", "ask the broker", "An execution of {} contradicts what is booked.")


def _shares(note: Note, symbol: str, metric: str, action: str, sentence: str) -> Reading:
    """A reading whose value is a number of shares, which the sentence names."""
    subject = f"{shares_text(note.value)} of {symbol}" if symbol else shares_text(note.value)
    return Reading(metric, action, sentence.format(subject), note.value / MICRO)


READERS: dict[NoteKind, Callable[[Note, str], Reading]] = {
    NoteKind.LIMIT_BREACH: _limit_breach,
    NoteKind.NEAR_MISS: _near_miss,
    NoteKind.HALT: _halt,
    NoteKind.RESUME: _resume,
    NoteKind.MODE_CHANGE: _mode_change,
    NoteKind.BREAKER_CHANGE: _breaker_change,
    NoteKind.REJECT_STORM: _reject_storm,
    NoteKind.LATE_FILL: _late_fill,
    NoteKind.OVERFILL: _overfill,
    NoteKind.DOUBLE_EXIT: _double_exit,
    NoteKind.UNPROTECTED: _unprotected,
    NoteKind.UNKNOWN_ORDER: _unknown_order,
    NoteKind.RECONCILIATION: _reconciliation,
    NoteKind.STALE_DATA: _stale_data,
    NoteKind.BAR_REVISION: _bar_revision,
    NoteKind.OPERATOR: _operator,
    NoteKind.ALERT: _alert,
    NoteKind.DUPLICATE_FILL: _duplicate_fill,
    NoteKind.QUARANTINE: _quarantine,
    NoteKind.MARGIN_DEFICIT: _margin_deficit,
    NoteKind.SUSPECT_MARK: _suspect_mark,
    NoteKind.EXIT_OVERDUE: _exit_overdue,
    NoteKind.CORPORATE_ACTION: _corporate_action,
    NoteKind.ORDER_REJECTED: _order_rejected,
    NoteKind.FOREIGN_FILL: _foreign_fill,
    NoteKind.FOREIGN_VOID: _foreign_void,
    NoteKind.FILL_VOIDED: _fill_voided,
    NoteKind.UNRECOGNISED_NEWS: _unrecognised_news,
    NoteKind.UNRESOLVED_ORDER: _unresolved_order,
    NoteKind.BUYING_POWER_DRIFT: _buying_power_drift,
    NoteKind.CLEARED: _cleared,
}
