"""Invariants: each holds in ordinary life, and each is seen when it is broken.

A case brings a desk to some point, then does to its state what a defect would do, and lets the guard look at the
last event again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from core.kernel import invariants, transitions
from core.kernel.compiled import entry
from core.kernel.kinds import (
    Breaker,
    CommandKind,
    Condition,
    EventKind,
    ExitStage,
    Invariant,
    Lane,
    Mode,
    OperatorAct,
    OrderStatus,
    Phase,
)
from core.kernel.units import MICRO, MINUTE, NANO, SECOND
from tests.kernel.desk import Desk

Case = tuple[Callable[[Desk], Any], Callable[[Desk], None]]


@entry
def look(state: np.ndarray, event: np.ndarray) -> int:
    """The guard on a state as it is; returns what it remembers."""
    invariants.guard(state[0], event[0], transitions.standing(state[0], event[0]))
    return int(state[0].run.broken)


@entry
def look_at_bar(state: np.ndarray, event: np.ndarray, newest: int) -> int:
    """The guard of bars; `newest` is the time of the newest bar before it."""
    invariants.guard_bar(state[0], event[0], newest)
    return int(state[0].run.broken)


def put(path: str, value: int) -> Callable[[Desk], None]:
    """Sets a field named as in `symbols.0.executed`."""

    def act(desk: Desk) -> None:
        *way, last = path.split(".")
        record = desk.st
        for step in way:
            record = record[int(step)] if step.isdigit() else record[step]
        record[last] = value

    return act


def signal(desk: Desk) -> None:
    desk.minute(100.0)
    assert desk.signal().sent == [CommandKind.SUBMIT_BRACKET]


def news(desk: Desk) -> None:
    """Old news about a held position's stop."""
    held = desk.hold()
    desk.working(held.stop)
    desk.working(held.stop)


def entry_news(desk: Desk) -> None:
    desk.accepted(desk.enter())


def closing(desk: Desk) -> None:
    """An exit leaves."""
    held = desk.hold()
    desk.operator(OperatorAct.FLATTEN)
    assert desk.canceled(held.target, held.stop).sent == [CommandKind.SUBMIT]


def leaving(desk: Desk) -> None:
    """An exit order is at work when the timer comes."""
    closing(desk)
    desk.timer(1)


def withdrawing(desk: Desk) -> None:
    """A plan waits for its legs to be withdrawn when the timer comes."""
    desk.hold()
    desk.operator(OperatorAct.FLATTEN)
    desk.timer(1)


def withdrawn(desk: Desk) -> None:
    """A halt has withdrawn an entry that still works when the timer comes."""
    entry_news(desk)
    halted(desk)
    desk.timer(1)


def resumed(desk: Desk) -> None:
    """The halt is over, and the entry that it has withdrawn still works."""
    withdrawn(desk)
    desk.operator(OperatorAct.RESUME)
    desk.timer(1)


def naked(desk: Desk) -> None:
    """A partly filled entry has been withdrawn for want of a stop, and lives on."""
    entry = desk.enter()
    desk.accepted(entry)
    desk.fill(entry, 10)
    desk.minute(100.0)
    desk.minute(100.0)


def overfilled(desk: Desk) -> None:
    held = desk.hold()
    desk.fill(held.target, 150)


def timer(desk: Desk) -> None:
    desk.hold()
    desk.minute(100.0, 100.0)


def lost(desk: Desk) -> None:
    desk.minute(100.0, 100.0)
    desk.news(EventKind.SUBMIT_AMBIGUOUS, desk.decide().order)


def lost_timer(desk: Desk) -> None:
    lost(desk)
    desk.timer()


def asked(desk: Desk) -> None:
    desk.stream(up=False)
    desk.stream(up=True)
    desk.timer(1)


def split(desk: Desk) -> None:
    desk.hold()
    desk.send(EventKind.SPLIT, symbol=0, ratio=2 * NANO)


def tripped(desk: Desk) -> None:
    for _ in range(5):
        desk.failed(Lane.SUBMIT)


def halted(desk: Desk) -> None:
    desk.operator(OperatorAct.HALT)


def all_of(*acts: Callable[[Desk], None]) -> Callable[[Desk], None]:
    def act(desk: Desk) -> None:
        for one in acts:
            one(desk)

    return act


AGO = SECOND  # long before the first session
Broken = Invariant
CASES: list[tuple[Invariant, Callable[[Desk], Any], Callable[[Desk], None]]] = [
    (Broken.ORDER_QUANTITY, news, put("orders.3.filled", -1)),
    (Broken.ORDER_QUANTITY, news, put("orders.3.cum", -1)),
    (Broken.ORDER_QUANTITY, news, put("orders.3.filled", 101 * MICRO)),
    (Broken.ORDER_QUANTITY, overfilled, put("orders.2.overfill", 0)),
    (Broken.ORDER_ASTRAY, news, put("symbols.0.stop_order", 0)),
    (Broken.ORDER_TERMINAL, news, put("orders.3.terminal", AGO)),
    (Broken.ORDER_TERMINAL, news, put("orders.3.status", OrderStatus.CANCELED)),
    (Broken.POSITION_LEDGER, news, put("symbols.0.executed", 99 * MICRO)),
    (Broken.POSITION_LEDGER, news, put("symbols.0.value", 1)),
    (Broken.POSITION_LEDGER, news, put("symbols.0.cost", -1)),
    (Broken.CASH_LEDGER, timer, put("account.fees", 1)),
    (Broken.CASH_LEDGER, timer, put("account.cost", 1)),
    (Broken.EQUITY_IDENTITY, timer, put("account.equity", 1)),
    (Broken.EXPOSURE_LEDGER, timer, put("account.gross", 1)),
    (Broken.EXPOSURE_LEDGER, timer, put("run.unknown", 100)),
    (Broken.HOLDS_LEDGER, entry_news, put("orders.1.hold", -1)),
    (Broken.HOLDS_LEDGER, entry_news, put("orders.1.hold", 0)),
    (Broken.HOLDS_LEDGER, lost, put("orders.1.hold", 0)),
    (Broken.OPENING_IN_SAFE_MODE, signal, put("decision.mode", Mode.HALTED)),
    (Broken.OPENING_IN_SAFE_MODE, signal, put("run.mode", Mode.DATA_DEGRADED)),
    (Broken.OPENING_IN_SAFE_MODE, signal, put("decision.approved", 0)),
    (Broken.OPENING_IN_SAFE_MODE, withdrawn, put("orders.1.cancel_sent", AGO)),
    (Broken.ONE_ORDER_PER_INTENT, signal, put("commands.0.intent", 5)),
    (Broken.ONE_ORDER_PER_INTENT, signal, put("commands.0.order", 2)),
    (Broken.LIMIT_EXCEEDED, signal, put("commands.0.qty", 101 * MICRO)),
    (Broken.LIMIT_EXCEEDED, signal, put("config.gross_cap", NANO // 20)),
    (Broken.LIMIT_EXCEEDED, signal, put("config.trade_risk", 1)),
    (Broken.LIMIT_EXCEEDED, signal, put("commands.0.stop", 50 * MICRO)),
    (Broken.LIMIT_EXCEEDED, signal, all_of(put("decision.price_ref", 50 * MICRO), put("commands.0.qty", 101 * MICRO))),
    (Broken.OPENING_BLIND, signal, put("symbols.0.last_bar", AGO)),
    (Broken.OPENING_BLIND, signal, put("symbols.0.crossed", 1)),
    (Broken.LIMIT_EXCEEDED, signal, put("account.power_drift", 200_000 * MICRO)),
    (Broken.LIMIT_EXCEEDED, signal, put("account.drawdown", NANO // 2)),
    (Broken.LIMIT_EXCEEDED, signal, put("account.daily_loss", NANO // 2)),
    (Broken.OPENING_BLIND, signal, put("symbols.0.halted", 1)),
    (Broken.OPENING_BLIND, signal, put("symbols.0.unreconciled", 1)),
    (Broken.OPENING_BLIND, signal, put("symbols.0.gap", 1)),
    (Broken.OPENING_BLIND, signal, put("run.phase", Phase.POST)),
    (Broken.OPENING_BLIND, signal, put("commands.0.stop", 100 * MICRO)),
    (Broken.OPENING_BLIND, signal, put("commands.0.target", 100 * MICRO)),
    (Broken.EXIT_OPENS, closing, put("commands.0.side", 1)),
    (Broken.EXIT_OPENS, closing, put("commands.0.qty", 101 * MICRO)),
    (Broken.EXIT_OPENS, closing, put("commands.0.intent", 0)),
    (Broken.EXIT_STALLED, resumed, put("orders.1.cancel_sent", AGO)),
    (Broken.EXIT_STALLED, leaving, put("symbols.0.exit_order", 0)),
    (Broken.EXIT_STALLED, withdrawing, all_of(put("orders.2.cancel_sent", AGO), put("orders.3.cancel_sent", AGO))),
    (Broken.EXIT_STALLED, timer, put("symbols.0.horizon", AGO)),
    (Broken.EXIT_STALLED, timer, put("config.flat_before_close", 7 * 3600 * SECOND)),
    (Broken.UNPROTECTED_TOO_LONG, timer, put("symbols.0.unprotected_since", AGO)),
    (Broken.UNPROTECTED_TOO_LONG, naked, put("symbols.0.alerted", 0)),
    (Broken.UNPROTECTED_TOO_LONG, naked, put("orders.1.cancel_sent", 0)),
    (Broken.UNPROTECTED_TOO_LONG, naked, put("symbols.0.unprotected_since", 0)),
    (Broken.LEG_TOO_LARGE, timer, put("symbols.0.sibling_since", AGO)),
    (Broken.OCO_BOTH_FILLED, news, put("symbols.0.side", -1)),
    (Broken.EXIT_WITHOUT_ALERT, timer, all_of(put("symbols.0.stage", ExitStage.TOUCH), put("run.session_open", AGO))),
    (Broken.RECONCILIATION_WITHOUT_ALERT, asked, put("run.asked", AGO)),
    (Broken.UNKNOWN_WITHOUT_DEADLINE, lost, put("orders.1.deadline", 0)),
    (Broken.UNKNOWN_WITHOUT_DEADLINE, lost_timer, put("orders.1.deadline", AGO)),
    (Broken.BREAKER_CLOSED_ITSELF, tripped, put("lanes.0.closings", 1)),
    (Broken.BREAKER_CLOSED_ITSELF, tripped, put("lanes.0.state", Breaker.HALF_OPEN)),
    (Broken.MODE_RULES, tripped, put("run.mode", Mode.NORMAL)),
    (Broken.MODE_RULES, halted, put("run.mode", Mode.REDUCED)),
    (Broken.MODE_RULES, halted, put("run.conditions", 0)),
    (Broken.MODE_RULES, halted, put(f"conditions.{Condition.FEED_STALE}.held", MINUTE)),
    (Broken.CONSERVATION, split, put("run.equity_before", 0)),
]


@pytest.mark.parametrize(("broken", "before", "defect"), CASES, ids=lambda case: getattr(case, "name", None))
def test_a_defect_is_seen(desk: Desk, broken: Invariant, before: Callable[[Desk], Any], defect: Any) -> None:
    before(desk)
    assert look(desk.state, desk.event) == 0
    defect(desk)
    assert Invariant(look(desk.state, desk.event)) is broken
    assert desk.st.run.broken_at == desk.st.run.seq


def test_every_invariant_of_the_engine_has_a_defect() -> None:
    elsewhere = {Invariant.HOLDS, Invariant.SEQUENCE, Invariant.LOSS_BASE}  # below, and in test_transitions.py
    assert {case[0] for case in CASES} == set(Invariant) - elsewhere


@pytest.mark.parametrize("kind", [EventKind.BAR, EventKind.SIGNAL, EventKind.TIMER, EventKind.QUOTE])
def test_nothing_is_used_before_it_has_happened(desk: Desk, kind: EventKind) -> None:
    desk.minute(100.0, 100.0)
    with pytest.raises(AssertionError, match=f"invariant {int(Invariant.SEQUENCE)} "):
        desk.send(kind, symbol=0, price=100 * MICRO, target=100 * MICRO, qty=MICRO, t_market=desk.now + 1)


def test_a_bar_is_guarded_too(desk: Desk) -> None:
    desk.hold()
    desk.bar(0, 101.0)
    newest = int(desk.st.symbols[0].last_bar)
    assert look_at_bar(desk.state, desk.event, newest) == 0
    desk.st.account.equity += 1
    assert Invariant(look_at_bar(desk.state, desk.event, newest)) is Invariant.EQUITY_IDENTITY


def test_an_old_bar_moves_no_mark(desk: Desk) -> None:
    desk.minute(100.0, 100.0)
    desk.bar(0, 101.0)
    newest = int(desk.st.symbols[0].last_bar)
    assert look_at_bar(desk.state, desk.event, newest) == 0
    assert Invariant(look_at_bar(desk.state, desk.event, newest + 1)) is Invariant.SEQUENCE


def test_a_bar_is_as_old_as_its_minute(desk: Desk) -> None:
    desk.minute(100.0, 100.0)
    desk.bar(0, 101.0)
    newest = int(desk.st.symbols[0].last_bar)
    desk.st.symbols[0].last_bar += 1
    assert Invariant(look_at_bar(desk.state, desk.event, newest)) is Invariant.SEQUENCE


def test_the_first_broken_invariant_is_the_one_that_is_remembered(desk: Desk) -> None:
    timer(desk)
    put("account.equity", 1)(desk)
    look(desk.state, desk.event)
    first = (int(desk.st.run.broken), int(desk.st.run.broken_at))
    put("account.fees", 1)(desk)
    desk.event["seq"] += 1
    look(desk.state, desk.event)
    assert (desk.st.run.broken, desk.st.run.broken_at) == first


REBUILT: list[tuple[Invariant, str, int]] = [
    (Broken.POSITION_LEDGER, "symbols.0.base_qty", 1),
    (Broken.EXPOSURE_LEDGER, "account.maintenance", 1),
    (Broken.HOLDS_LEDGER, "account.realized", 1),
    (Broken.HOLDS_LEDGER, "run.working", 9),
    (Broken.HOLDS_LEDGER, "account.reserved_net", 1),
]


@pytest.mark.parametrize(("broken", "field", "value"), REBUILT)
def test_what_is_rebuilt_from_nothing_finds_what_no_event_touched(
    desk: Desk, broken: Invariant, field: str, value: int
) -> None:
    timer(desk)
    assert invariants.broken(desk.state) == 0
    put(field, value)(desk)
    assert Invariant(invariants.broken(desk.state)) is broken
