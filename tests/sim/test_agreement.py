"""What one who sees both books can say: each agreement kept, and broken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.kernel.kinds import NoteKind, OrderStatus, RejectReason, Severity
from sim.agreement import AGREEMENTS, disagreements
from sim.records import FAULT, LOG, FaultKind, Stand

THEN = 1_000
TRIES = 5


@pytest.fixture
def log() -> np.void:
    """A log with a difference that a reconciliation has found, and an order that is over on both sides."""
    log = np.zeros(1, LOG)[0]
    log["notes_n"] = log["orders_n"] = 1
    for name, value in {"time": THEN, "kind": NoteKind.RECONCILIATION, "severity": Severity.CRITICAL}.items():
        log["notes"][name][0] = value
    ended = log["orders"][0]
    ended["engine"]["id"] = ended["venue"]["id"] = 7
    ended["engine"]["status"], ended["engine"]["terminal"] = OrderStatus.REJECTED, THEN
    ended["venue"]["stand"] = Stand.DONE
    return log


def faults(**first: int) -> np.ndarray:
    table = np.zeros(4, FAULT)
    for row, (kind, time) in enumerate(first.items()):
        table["kind"][row], table["first"][row] = FaultKind[kind.upper()], time
    return table


def test_a_difference_that_nobody_made(log: np.void) -> None:
    assert disagreements(log, faults(overfill=THEN - 1), TRIES) == {"books_agree": THEN}
    assert disagreements(log, faults(account_reset=0), TRIES) == {"books_agree": THEN}
    assert disagreements(log, faults(account_reset=THEN + 1), TRIES) == {"books_agree": THEN}


def test_a_new_account_makes_one(log: np.void) -> None:
    assert disagreements(log, faults(overfill=1, account_reset=THEN), TRIES) == {}


@pytest.mark.parametrize(("field", "value"), [("action", 1), ("severity", Severity.WARNING), ("kind", NoteKind.HALT)])
def test_what_is_said_besides_is_no_difference(log: np.void, field: str, value: Any) -> None:
    log["notes"][field][0] = value
    assert disagreements(log, faults(), TRIES) == {}


def test_an_order_that_is_over_for_us_alone(log: np.void) -> None:
    log["notes_n"] = 0
    assert disagreements(log, faults(), TRIES) == {}
    ended = log["orders"][0]
    ended["venue"]["stand"] = Stand.WORKING
    assert disagreements(log, faults(), TRIES) == {"ends_agree": THEN}
    assert disagreements(log, faults(), TRIES).keys() <= set(AGREEMENTS)
    ended["engine"]["reason"] = RejectReason.UNCONFIRMED
    assert disagreements(log, faults(), TRIES) == {"ends_agree": THEN}
    ended["engine"]["queries"] = TRIES
    assert disagreements(log, faults(), TRIES) == {}
    ended["engine"]["reason"], ended["venue"]["id"] = 0, 1031  # another order in its slot
    assert disagreements(log, faults(), TRIES) == {}
