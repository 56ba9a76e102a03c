"""One step of the largest account: buffers are bounded, the rest is done by the next timers, and nothing is lost."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from core.kernel.kinds import CashKind, CommandKind, EventKind, Mode, NoteKind, OperatorAct, Role
from core.kernel.records import MAX_COMMANDS, MAX_NOTES, MAX_SYMBOLS
from core.kernel.units import MICRO, NANO, SECOND
from tests.kernel.desk import Desk, OpenDesk

LARGE = {
    "symbols": MAX_SYMBOLS,
    "symbol_cap": NANO // 200,
    "orders_minute": 10_000,
    "orders_day": 10_000,
    "max_drawdown": 3 * NANO // 10,
    "daily_loss": NANO // 5,
    "reject_storm": 10_000,
    "regime": 2,
    "multiplier": 4,
}


@pytest.fixture
def large(open_desk: OpenDesk) -> Desk:
    """A desk with a bracket in every symbol that there can be."""
    desk = open_desk(**LARGE)
    for symbol in range(MAX_SYMBOLS):
        desk.bar(symbol, 100.0, age=0)
        assert desk.decide(symbol=symbol, age=0).approved
    return desk


def held(desk: Desk) -> Desk:
    """Every entry filled."""
    for symbol in range(MAX_SYMBOLS):
        entry = int(desk.st.symbols[symbol].entry)
        desk.fill(entry, desk.order(entry).qty / MICRO)
    return desk


def bars(desk: Desk) -> None:
    for symbol in range(MAX_SYMBOLS):
        desk.bar(symbol, 100.0, age=0)


def until_quiet(desk: Desk, step: Any) -> list[Any]:
    """The step's commands and those of the timers after it, until one has nothing to say; no time passes."""
    commands = list(step.commands)
    for _ in range(20):
        step = desk.timer(0)
        if not step.commands:
            return commands
        commands += step.commands
    raise AssertionError("it does not end")


def test_an_order_to_flatten_everything_reaches_every_symbol(large: Desk) -> None:
    held(large)
    commands = until_quiet(large, large.operator(OperatorAct.FLATTEN))
    assert Counter(c.symbol for c in commands if c.kind == CommandKind.CANCEL).keys() == set(range(MAX_SYMBOLS))
    for symbol in range(MAX_SYMBOLS):
        trade = large.symbol(symbol)
        assert large.canceled(trade.target_order, trade.stop_order).sent == [CommandKind.SUBMIT]


def test_a_breach_withdraws_and_exits_every_symbol_in_time(large: Desk) -> None:
    """Entries at work in half of them, positions in the rest; then the daily loss is passed by far."""
    for symbol in range(0, MAX_SYMBOLS, 2):
        entry = int(large.st.symbols[symbol].entry)
        large.fill(entry, large.order(entry).qty / MICRO)
    large.cash(-26_000, CashKind.FEE)
    commands = until_quiet(large, large.timer(1))
    assert large.mode == Mode.RISK_EXIT
    assert {c.symbol for c in commands} == set(range(MAX_SYMBOLS))


def test_every_leg_of_every_symbol_is_asked_for_again_over_a_few_timers(large: Desk) -> None:
    """The broker answers nothing: two legs each come to more commands than a step can hold."""
    held(large)
    large.operator(OperatorAct.FLATTEN)
    large.now += 61 * SECOND
    bars(large)
    step = large.timer(0)
    assert len(step.commands) <= MAX_COMMANDS
    assert large.st.run.left > 0
    again = [c.order for c in until_quiet(large, step) if c.kind == CommandKind.CANCEL]
    legs = [o for s in range(MAX_SYMBOLS) for o in (large.symbol(s).target_order, large.symbol(s).stop_order)]
    assert sorted(again) == sorted(legs)
    assert large.st.run.left == 0


def test_every_order_of_unknown_fate_is_queried_and_paged(large: Desk) -> None:
    entries = [int(large.st.symbols[s].entry) for s in range(MAX_SYMBOLS)]
    orders = [o for e in entries for o in (e, e + 1, e + 2)]
    for order in orders:
        large.news(EventKind.SUBMIT_AMBIGUOUS, order)
    large.now += 301 * SECOND
    bars(large)
    queried: Counter[int] = Counter()
    paged: Counter[int] = Counter()
    for _ in range(10):
        step = large.timer(0)
        assert max(len(step.commands), len(step.notes)) <= min(MAX_COMMANDS, MAX_NOTES)
        queried.update(c.order for c in step.commands if c.kind == CommandKind.QUERY)
        paged.update(n.order for n in step.notes if n.kind == NoteKind.UNRESOLVED_ORDER)
    assert queried == paged == Counter(orders)


def test_exits_that_are_late_everywhere_page_for_every_symbol_once(large: Desk) -> None:
    held(large)
    large.operator(OperatorAct.FLATTEN)
    paged: Counter[int] = Counter()
    for _ in range(12):
        large.now += 60 * SECOND
        bars(large)
        paged.update(n.symbol for n in large.timer(0).notes if n.kind == NoteKind.EXIT_OVERDUE)
    assert paged == Counter(range(MAX_SYMBOLS))


def test_positions_without_stops_are_all_protected_again(large: Desk) -> None:
    held(large)
    sent: Counter[int] = Counter()
    for symbol in range(MAX_SYMBOLS):
        trade = large.symbol(symbol)
        step = large.expired(trade.target_order, trade.stop_order)
        sent.update(c.symbol for c in step.commands if c.kind == CommandKind.SUBMIT_OCO and c.role == Role.TARGET)
    assert sent == Counter(range(MAX_SYMBOLS))
