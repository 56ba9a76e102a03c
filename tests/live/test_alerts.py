"""Alerts: each rule raised by its cause, once, and over when the cause is gone; a runbook for each."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from core.kernel.kinds import Breaker, EventKind, Lane, NoteKind, OrderStatus, Phase
from core.kernel.units import MICRO, SECOND
from core.risk_notes import Note
from live.alerts import RULES, Alerts
from live.books import Books
from live.clock import VirtualClock
from live.events import Incoming, Step
from live.store.models import Alert
from live.store.writer import Batch
from tests.live.story import OPENING, SYMBOLS, database, genesis, incoming, open_host, opening

ROOT = Path(__file__).parents[2]


@pytest.fixture
def books() -> Books:
    """An account in which nothing is wrong."""
    books = Books(genesis(), SYMBOLS, ("one",))
    books.state[0]["run"]["conditions"] = 0
    books.state[0]["run"]["mode"] = 0
    books.state[0]["run"]["now"] = OPENING
    return books


def judged(alerts: Alerts, books: Books, *steps: Step) -> set[tuple[str, str, bool]]:
    return {(c.rule, c.cause, c.over) for c in alerts.judge(Batch(1), books, steps)}


def set_run(books: Books, **fields: int) -> None:
    for name, value in fields.items():
        books.state[0]["run"][name] = value


CASES = {
    "safe_mode": (lambda b: set_run(b, mode=5), "halted"),
    "reject_storm": (lambda b: set_run(b, conditions=1 << 14), "reject_storm"),
    "stream_down": (lambda b: set_run(b, conditions=1 << 6), "stream_down"),
    "vendor_outage": (lambda b: set_run(b, conditions=1 << 3), "feed_down"),
    "stale_data": (lambda b: set_run(b, conditions=1 << 2), "feed_stale"),
    "clock_jump": (lambda b: set_run(b, conditions=1 << 4), "clock"),
    "suspense": (lambda b: set_run(b, conditions=1 << 12), "suspense"),
    "invariant_broken": (lambda b: set_run(b, broken=4, broken_at=9), "cash_ledger"),
    "breaker_open": (lambda b: b.state["lanes"]["state"][0].__setitem__(Lane.CANCEL, Breaker.OPEN), "cancel"),
    "exposure_spike": (lambda b: b.state["account"].__setitem__("gross", 103_000 * MICRO), "gross"),
    "reconciliation_difference": (lambda b: b.state["symbols"]["unreconciled"][0].__setitem__(1, 1), "BBB"),
}


@pytest.mark.parametrize("rule", CASES)
def test_a_state_raises_its_alert_once_and_clears_it(books: Books, rule: str):
    change, cause = CASES[rule]
    alerts = Alerts(())
    clean = books.state.copy()
    assert judged(alerts, books) == set()
    change(books)  # type: ignore[no-untyped-call]
    assert (rule, cause, False) in judged(alerts, books)
    assert judged(alerts, books) == set(), "once"
    books.state[:] = clean
    assert (rule, cause, True) in judged(alerts, books)
    assert judged(alerts, books) == set()


def test_an_unknown_order_is_told_after_a_minute(books: Books):
    set_run(books, unknown=1, now=OPENING)
    order = books.state["orders"][0, 1]
    for name, value in {
        "id": 1,
        "intent": 5,
        "status": OrderStatus.UNKNOWN,
        "submitted": OPENING - 59 * SECOND,
    }.items():
        order[name] = value
    alerts = Alerts(())
    assert judged(alerts, books) == set()
    set_run(books, now=OPENING + 2 * SECOND)
    assert judged(alerts, books) == {("unknown_order", "st-0000000000000005-00", False)}


def note(kind: NoteKind, symbol: int = 0) -> Step:
    values = [0] * len(Note._fields)
    found = Note(*values)._replace(kind=kind, symbol=symbol, severity=2, time=OPENING)
    return Step(1, OPENING, incoming(EventKind.FILL, OPENING), (), (found,), None, True, 0)


@pytest.mark.parametrize("kind", sorted({kind for rule in RULES for kind in rule.notes}))
def test_an_event_raises_its_alert_once_a_day_and_cause(books: Books, kind: NoteKind):
    alerts = Alerts(())
    cause = f"{kind.name.lower()} AAA"
    ((rule, found, over),) = judged(alerts, books, note(kind), note(kind))
    assert (found, over) == (cause, False)
    assert judged(alerts, books, note(kind)) == set()
    assert len(judged(alerts, books, note(kind, symbol=1))) == 1, "another symbol is another cause"
    session = Step(2, OPENING, Incoming(EventKind.SESSION, 0, 0, {"code": Phase.PRE}), (), (), None, False, 0)
    assert (rule, cause, True) in judged(alerts, books, session)
    assert len(judged(alerts, books, note(kind))) == 1


def test_what_is_open_in_the_store_is_not_raised_again(books: Books):
    set_run(books, mode=5)
    assert judged(Alerts([("safe_mode", "halted")]), books) == set()


def test_a_row_is_written_when_raised_and_closed_when_over(url: str):
    clock = VirtualClock(OPENING)
    host = open_host(url, clock)
    host.handle(*opening(OPENING))
    for i, up in enumerate((0, 1, 0)):
        clock.move(OPENING + i * SECOND)
        host.handle(incoming(EventKind.FEED, clock.now(), code=up))
    with database(url) as connection:
        found = connection.execute(text("SELECT raised, cleared FROM alerts WHERE rule = 'vendor_outage' ORDER BY seq"))
        assert [tuple(row) for row in found] == [(OPENING, OPENING + SECOND), (OPENING + 2 * SECOND, None)]
    host.close()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_has_its_runbook(rule):  # type: ignore[no-untyped-def]
    page = ROOT / "docs" / "runbooks" / f"{rule.name}.md"
    lines = page.read_text(encoding="utf-8")
    assert lines.startswith(f"# {rule.name}\n")
    assert all(heading in lines for heading in ("**Means**", "**Look at**", "**Do**"))
    assert len(rule.name) <= Alert.__table__.columns["rule"].type.length
