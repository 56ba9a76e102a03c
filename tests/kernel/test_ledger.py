"""Voids and corrections: the position as if the false execution had never been told."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from core.kernel.digest import state_digest
from core.kernel.kinds import EventKind, NoteKind, OperatorAct, OrderStatus, ReconcileStep
from core.kernel.records import LEDGER
from core.kernel.units import MICRO, NANO
from tests.kernel.desk import Desk, OpenDesk, micros


def void(desk: Desk, order: int, execution: int, qty: float, price: float, fee: float = 0) -> Any:
    fields = {"qty": micros(qty), "price": micros(price), "amount": micros(fee)}
    return desk.news(EventKind.FILL_VOIDED, order, execution=execution, **fields)


def correct(desk: Desk, order: int, execution: int, was: tuple[float, float], now: tuple[float, float]) -> Any:
    fields = {"qty": micros(now[0]), "price": micros(now[1]), "target": micros(was[0]), "stop": micros(was[1])}
    return desk.news(EventKind.FILL_CORRECTED, order, execution=execution, **fields)


def books(desk: Desk) -> SimpleNamespace:
    """What a position comes to, in dollars and shares."""
    s, a = desk.symbol(), desk.account
    return SimpleNamespace(qty=s.qty, cost=s.cost, realized=s.realized, cash=a.cash, total=a.realized, fees=a.fees)


def test_the_average_cost_is_that_of_what_remains(desk: Desk) -> None:
    """40 at $100, 40 at $110 and a sale of 20 cost $105 a share; without the first 40 they cost $110."""
    order = desk.enter()
    desk.fill(order, 40, price=100.0, execution=7)
    desk.fill(order, 40, price=110.0, execution=8)
    desk.send(EventKind.FOREIGN_FILL, symbol=0, execution=9, qty=-20 * MICRO, price=120 * MICRO)
    assert (desk.symbol().cost, desk.symbol().realized) == (6_300 * MICRO, 300 * MICRO)
    note = void(desk, order, 7, 40, 100.0).note(NoteKind.FILL_VOIDED)
    assert note.action == 1
    assert (desk.shares, desk.symbol().cost, desk.symbol().realized) == (20, 2_200 * MICRO, 200 * MICRO)
    assert desk.account.cash == (100_000 - 4_400 + 2_400) * MICRO


def test_a_correction_of_an_entry_changes_what_its_exit_earned(desk: Desk) -> None:
    held = desk.hold()
    execution = desk.last_execution
    desk.fill(held.target, 50, price=101.5)
    assert desk.symbol().realized == 75 * MICRO
    correct(desk, held.entry, execution, (100, 100.0), (100, 99.0))
    assert (desk.symbol().realized, desk.symbol().cost) == (125 * MICRO, 4_950 * MICRO)


def test_the_fee_of_a_voided_fill_comes_back(desk: Desk) -> None:
    order = desk.enter()
    desk.fill(order, 40, execution=7, fee=1.5)
    void(desk, order, 7, 40, 100.0, fee=1.5)
    assert (desk.account.fees, desk.account.cash) == (0, 100_000 * MICRO)


def test_a_void_may_turn_a_position_that_an_exit_had_closed(desk: Desk) -> None:
    """The entry was never filled after all: what the target sold is a short, and it is bought back."""
    held = desk.hold()
    execution = desk.last_execution
    desk.fill(held.target, 100, price=101.5)
    desk.canceled(held.stop)
    assert desk.shares == 0
    step = void(desk, held.entry, execution, 100, 100.0)
    assert desk.shares == -100
    assert (step.command.side, step.command.qty) == (1, 100 * MICRO)


def test_what_is_out_of_memory_is_booked_as_its_inverse_and_said_so(desk: Desk) -> None:
    order = desk.enter()
    desk.fill(order, 2, price=90.0, execution=7)
    for _ in range(LEDGER):
        desk.fill(order, 2, price=100.0)
    note = void(desk, order, 7, 2, 90.0).note(NoteKind.FILL_VOIDED)
    assert note.action == 0
    assert desk.shares == 2 * LEDGER
    assert desk.account.cash == (100_000 - 2 * LEDGER * 100) * MICRO


@pytest.mark.parametrize("way", ["split", "adopted"])
def test_nothing_reaches_behind_a_split_or_an_adopted_difference(desk: Desk, way: str) -> None:
    order = desk.enter()
    desk.fill(order, 40, execution=7)
    if way == "split":
        desk.send(EventKind.SPLIT, symbol=0, ratio=2 * NANO)
    else:
        desk.reconcile(ReconcileStep.SYMBOL_DIFFERS, symbol=0, qty=50)
        desk.operator(OperatorAct.ADOPT_POSITION, symbol=0)
    note = void(desk, order, 7, 40, 100.0).note(NoteKind.FILL_VOIDED)
    assert note.action == 0


@pytest.mark.parametrize("seed", range(12))
def test_any_history_without_a_fill_is_the_history_that_never_had_it(open_desk: OpenDesk, seed: int) -> None:
    """Two desks hear the same foreign executions; one hears one more, and later that it was never so."""
    random = Random(seed)
    rows = [(random.choice((-30, -7, 11, 40)), random.randrange(9_000, 11_000)) for _ in range(LEDGER - 2)]
    false = random.randrange(len(rows))
    both = []
    for told in (False, True):
        desk = open_desk(max_drawdown=NANO, daily_loss=NANO, symbol_cap=NANO)
        order = desk.enter()
        for i, (qty, cents) in enumerate(rows):
            if told and i == false:
                desk.fill(order, 10, price=101.0, execution=999, fee=0.25)
            price = cents * MICRO // 100
            desk.send(EventKind.FOREIGN_FILL, symbol=0, execution=i + 1, qty=qty * MICRO, price=price)
        if told:
            void(desk, order, 999, 10, 101.0, fee=0.25)
        both.append(books(desk))
    assert both[0] == both[1]


def test_a_void_that_comes_twice_or_first_moves_nothing(desk: Desk) -> None:
    order = desk.enter()
    void(desk, order, 7, 40, 100.0)
    assert desk.fill(order, 40, execution=7).noted == [NoteKind.DUPLICATE_FILL]
    assert desk.shares == 0
    desk.fill(order, 40, execution=8)
    void(desk, order, 8, 40, 100.0)
    before = state_digest(desk.state)
    assert void(desk, order, 8, 40, 100.0).noted == [NoteKind.DUPLICATE_FILL]
    assert desk.shares == 0
    assert state_digest(desk.state) != before  # it is an event, and no more
    assert desk.status(order) == OrderStatus.ACCEPTED or desk.status(order) == OrderStatus.WORKING


def test_a_correction_of_a_correction_starts_from_the_last_one(desk: Desk) -> None:
    order = desk.enter()
    desk.fill(order, 40, price=100.0, execution=7)
    correct(desk, order, 7, (40, 100.0), (50, 101.0))
    step = correct(desk, order, 7, (40, 100.0), (60, 102.0))
    assert step.noted == [NoteKind.QUARANTINE]
    correct(desk, order, 7, (50, 101.0), (60, 102.0))
    assert (desk.shares, desk.symbol().cost) == (60, 6_120 * MICRO)
