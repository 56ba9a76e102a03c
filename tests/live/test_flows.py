"""Cash that moves without a trade: what the account's history explains is booked, once, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.kernel.kinds import CashKind, Condition, EventKind
from core.kernel.units import MICRO
from live.alpaca.outcomes import Accepted
from tests.live.bottle import START, Bottle


def booked(bottle: Bottle) -> list[tuple[CashKind, int]]:
    flows = [event.fields for event in bottle.host.journal if event.kind == EventKind.CASH_FLOW]
    return [(CashKind(fields["code"]), fields["amount"]) for fields in flows]


def cash(bottle: Bottle) -> int:
    return int(bottle.host.state[0]["account"]["cash"])


def halted(bottle: Bottle) -> bool:
    return bool(int(bottle.host.state[0]["run"]["conditions"]) >> Condition.UNRECONCILED & 1)


@pytest.mark.parametrize(
    ("kind", "amount", "expected"),
    [
        ("DIV", "12.50", CashKind.DIVIDEND),
        ("DIVNRA", "-1.875", CashKind.DIVIDEND),
        ("INT", "-3.21", CashKind.INTEREST),
        ("FEE", "-2.02", CashKind.FEE),
        ("DIVFEE", "-1.5", CashKind.FEE),
        ("CSD", "5000", CashKind.DEPOSIT),
        ("JNLC", "-5000", CashKind.WITHDRAWAL),
        ("REORG", "77.07", CashKind.ADJUSTMENT),
        ("NEWLY", "-8", CashKind.ADJUSTMENT),
    ],
)
def test_a_flow_explains_a_difference_and_is_booked_once(kind: str, amount: str, expected: CashKind):
    bottle = Bottle()
    bottle.exchange.move(kind, amount)
    for _ in range(3):
        report = bottle.compare()
        assert report is not None
        assert report.settled
    assert [name for name, _ in booked(bottle)] == [expected]
    assert cash(bottle) == int(bottle.exchange.cash * MICRO)
    assert not halted(bottle)


def test_many_flows_and_a_fill_between_them():
    bottle = Bottle()
    entry = bottle.signal()
    bottle.pump()
    bottle.exchange.lost = True
    bottle.exchange.move("INT", "0.75")
    bottle.exchange.fill(bottle.at_broker(entry)["id"])
    bottle.exchange.move("DIV", "31.4")
    report = bottle.compare()
    assert report is not None
    assert report.settled
    assert booked(bottle) == [(CashKind.INTEREST, 750_000), (CashKind.DIVIDEND, 31_400_000)]
    assert cash(bottle) == int(bottle.exchange.cash * MICRO)


def test_flows_from_before_the_run_are_none_of_its_own():
    bottle = Bottle()
    bottle.exchange.move("DIV", "40", counted=False)
    assert bottle.compare().settled  # type: ignore[union-attr]
    assert booked(bottle) == []
    bottle.exchange.move("DIV", "7")
    assert bottle.compare().settled  # type: ignore[union-attr]
    assert booked(bottle) == [(CashKind.DIVIDEND, 7 * MICRO)]


def test_a_difference_that_no_flow_explains_halts_and_books_nothing():
    bottle = Bottle()
    bottle.exchange.move("DIV", "40", counted=False)
    bottle.exchange.cash += 17
    first = bottle.compare(last=False)
    assert first is not None
    assert (first.cash, first.settled) == (17 * MICRO, False), "another look may explain it"
    bottle.compare()
    assert booked(bottle) == []
    assert halted(bottle)


def test_a_canceled_flow_is_no_flow():
    bottle = Bottle()
    bottle.exchange.move("DIV", "40", status="canceled")
    bottle.compare()
    assert booked(bottle) == []
    assert halted(bottle), "its cash has moved all the same"


def test_cash_is_not_explained_while_positions_differ():
    bottle = Bottle()
    bottle.exchange.move("DIV", "40")
    bottle.exchange.positions["AAA"] = 3  # type: ignore[assignment]
    bottle.compare()
    assert booked(bottle) == []


def test_a_strangers_open_order_does_not_hide_what_cash_does():
    bottle = Bottle()
    bottle.exchange.place("AAA", "buy", 3)
    bottle.exchange.move("DIV", "40")
    bottle.compare()
    assert booked(bottle) == [(CashKind.DIVIDEND, 40 * MICRO)]
    bottle.exchange.cash -= 9
    bottle.compare()
    assert halted(bottle)


def test_what_was_booked_is_known_after_a_restart():
    bottle = Bottle()
    bottle.exchange.move("DIV", "40")
    bottle.compare()
    bottle.crash()
    bottle.exchange.cash += 40
    bottle.compare()
    assert booked(bottle) == [(CashKind.DIVIDEND, 40 * MICRO)]
    assert halted(bottle), "the same dividend does not explain two"


def test_flows_come_page_by_page():
    bottle = Bottle()
    for _ in range(230):
        bottle.exchange.move("FEE", "-0.01")
    found = bottle.rest.flows_since(START)
    assert isinstance(found, Accepted)
    assert len(found.value) == 230
    assert bottle.compare().settled  # type: ignore[union-attr]
    assert len(booked(bottle)) == 230


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.sampled_from(["DIV", "FEE", "CSD", "look", "crash"]), st.integers(-9_999, 9_999)), max_size=12
    )
)
def test_whatever_flows_when_our_cash_is_the_brokers_in_the_end(story: list[tuple[str, int]]):
    bottle = Bottle()
    moved = 0
    for kind, cents in story:
        if kind == "look":
            bottle.compare()
        elif kind == "crash":
            bottle.crash()
        elif cents:
            bottle.exchange.move(kind, f"{cents / 100:.2f}")
            moved += 1
    bottle.compare()
    assert abs(cash(bottle) - int(bottle.exchange.cash * MICRO)) <= bottle.policy.cash_tolerance
    assert len(booked(bottle)) <= moved
    assert not halted(bottle)
