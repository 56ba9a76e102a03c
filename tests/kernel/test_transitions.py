"""What an event may change: each rule kept, and each broken by a state that a defect would leave."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from core.kernel import transitions
from core.kernel.compiled import entry
from core.kernel.kinds import Breaker, Condition, EventKind, ExitStage, Invariant, Lane, OperatorAct
from core.kernel.units import NANO
from tests.kernel.desk import Desk

Change = Callable[[np.void], None]
C = Condition


@entry
def way(before: np.ndarray, state: np.ndarray, event: np.ndarray) -> int:
    """What the way from one state to another breaks, if this event was between them."""
    return transitions.broken_by(state[0], event[0], transitions.standing(before[0], event[0]))


def judged(desk: Desk, begin: Change, end: Change, kind: EventKind, code: int = 0, **fields: int) -> Invariant:
    """The verdict on an event that finds the desk's state with one change, and leaves it with another."""
    before, state, event = desk.state.copy(), desk.state.copy(), desk.event.copy()
    begin(before[0])
    begin(state[0])
    end(state[0])
    for name, value in {"kind": kind, "code": code, **fields}.items():
        event[name] = value
    return Invariant(way(before, state, event))


def nothing(st: np.void) -> None:
    pass


def set_to(path: str, value: int) -> Change:
    record, field = path.split(".")

    def act(st: np.void) -> None:
        st[record][field] = value

    return act


def in_force(condition: Condition) -> Change:
    def act(st: np.void) -> None:
        st["run"]["conditions"] |= 1 << condition

    return act


def over(condition: Condition) -> Change:
    def act(st: np.void) -> None:
        st["run"]["conditions"] &= ~(1 << condition)

    return act


def asking(st: np.void) -> None:
    in_force(C.RECONCILING)(st)
    st["run"]["reconciling"] = 1


def both(*changes: Change) -> Change:
    def act(st: np.void) -> None:
        for change in changes:
            change(st)

    return act


@pytest.mark.parametrize(
    ("condition", "kind"),
    [
        (C.OPERATOR, EventKind.RESTART),
        (C.OPERATOR, EventKind.SESSION),
        (C.DAILY_LOSS, EventKind.TIMER),
        (C.DAILY_LOSS, EventKind.OPERATOR),
        (C.DRAWDOWN, EventKind.TIMER),
        (C.DRAWDOWN, EventKind.RESTART),
        (C.TRIPS, EventKind.SESSION),
        (C.SUSPENSE, EventKind.RECONCILE),
        (C.UNRECONCILED, EventKind.RECONCILE),
        (C.FEED_DOWN, EventKind.TIMER),
        (C.FEED_STALE, EventKind.SIGNAL),
        (C.BREAKER, EventKind.PROBE_OK),
        (C.CLOCK, EventKind.CLOCK_JUMP),
    ],
)
def test_a_condition_ends_only_by_what_may_end_it(desk: Desk, condition: Condition, kind: EventKind) -> None:
    begin = both(in_force(condition), asking)
    assert judged(desk, begin, nothing, kind) is Invariant.HOLDS
    assert judged(desk, begin, over(condition), kind) is Invariant.MODE_RULES


@pytest.mark.parametrize(
    ("condition", "kind"),
    [
        (C.OPERATOR, EventKind.OPERATOR),
        (C.DAILY_LOSS, EventKind.SESSION),
        (C.FEED_STALE, EventKind.TIMER),
        (C.FEED_DOWN, EventKind.FEED),
        (C.BREAKER, EventKind.LANE_OK),
    ],
)
def test_what_may_end_it_does(desk: Desk, condition: Condition, kind: EventKind) -> None:
    assert judged(desk, in_force(condition), over(condition), kind) is Invariant.HOLDS


@pytest.mark.parametrize("condition", [C.DRAWDOWN, C.DAILY_LOSS, C.WEEKLY_LOSS, C.FEED_STALE])
def test_what_two_of_three_timers_have_seen_has_begun(desk: Desk, condition: Condition) -> None:
    def seen(hits: int) -> Change:
        return lambda st: st["conditions"]["hits"].__setitem__(condition, hits)

    active = both(in_force(condition), lambda st: st["conditions"]["active"].__setitem__(condition, 1))
    assert judged(desk, seen(0b100), nothing, EventKind.TIMER) is Invariant.HOLDS
    assert judged(desk, seen(0b101), nothing, EventKind.TIMER) is Invariant.MODE_RULES
    assert judged(desk, both(active, seen(0b011)), nothing, EventKind.TIMER) is Invariant.HOLDS


def test_a_drawdown_has_its_cool_off(desk: Desk) -> None:
    def rearmed(sessions: int) -> Invariant:
        later = both(set_to("run.sessions", 5 + sessions), set_to("config.cool_off", 2), in_force(C.DRAWDOWN))
        begin = both(later, lambda st: st["conditions"]["session"].__setitem__(C.DRAWDOWN, 5))
        return judged(desk, begin, both(over(C.DRAWDOWN), set_to("account.reference", 1)), EventKind.OPERATOR)

    assert rearmed(2) is Invariant.HOLDS
    assert rearmed(1) is Invariant.MODE_RULES


@pytest.mark.parametrize("field", ["high_water_mark", "reference"])
def test_a_peak_does_not_fall(desk: Desk, field: str) -> None:
    path = f"account.{field}"
    assert judged(desk, set_to(path, NANO), set_to(path, NANO + 1), EventKind.TIMER) is Invariant.HOLDS
    assert judged(desk, set_to(path, NANO), set_to(path, NANO - 1), EventKind.RESTART) is Invariant.LOSS_BASE


def test_the_days_base_moves_when_a_close_is_booked(desk: Desk) -> None:
    moved = set_to("account.day_start_unit", 7)
    next_day = both(moved, set_to("run.session", int(desk.st.run.session) + 1))
    assert judged(desk, set_to("run.closing", 1), moved, EventKind.TIMER) is Invariant.HOLDS
    assert judged(desk, nothing, next_day, EventKind.SESSION) is Invariant.HOLDS
    assert judged(desk, nothing, moved, EventKind.TIMER) is Invariant.LOSS_BASE
    assert judged(desk, nothing, moved, EventKind.SESSION) is Invariant.LOSS_BASE


def test_a_halt_is_in_force_at_once(desk: Desk) -> None:
    halt = EventKind.OPERATOR, OperatorAct.HALT
    assert judged(desk, nothing, in_force(C.OPERATOR), *halt) is Invariant.HOLDS
    assert judged(desk, nothing, nothing, *halt) is Invariant.MODE_RULES


def test_the_books_are_asked_about(desk: Desk) -> None:
    assert judged(desk, nothing, asking, EventKind.STREAM, 1) is Invariant.HOLDS
    assert judged(desk, nothing, nothing, EventKind.STREAM, 1) is Invariant.MODE_RULES
    silent = both(set_to("run.streaming", 0), in_force(C.STREAM_DOWN))
    assert judged(desk, nothing, silent, EventKind.STREAM, 0) is Invariant.HOLDS
    assert judged(desk, nothing, both(silent, asking), EventKind.RESTART) is Invariant.HOLDS
    assert judged(desk, nothing, silent, EventKind.RESTART) is Invariant.MODE_RULES


@pytest.mark.parametrize(
    "half", [in_force(C.RECONCILING), set_to("run.reconciling", 1), set_to("run.streaming", 0), in_force(C.STREAM_DOWN)]
)
def test_a_condition_and_its_cause_go_together(desk: Desk, half: Change) -> None:
    assert judged(desk, nothing, half, EventKind.TIMER) is Invariant.MODE_RULES


def lane(**fields: int) -> Change:
    def act(st: np.void) -> None:
        for name, value in fields.items():
            st["lanes"][name][Lane.SUBMIT] = value

    return act


def test_a_breaker_closes_after_all_of_its_orders(desk: Desk) -> None:
    enough = int(desk.st.config.half_open_orders)
    closed = lane(state=Breaker.CLOSED, resets=1)
    half_open = both(in_force(C.BREAKER), lane(state=Breaker.HALF_OPEN, half_open=enough - 1))
    assert judged(desk, half_open, closed, EventKind.LANE_OK, Lane.SUBMIT) is Invariant.HOLDS
    sooner = both(half_open, lane(half_open=enough - 2))
    assert judged(desk, sooner, closed, EventKind.LANE_OK, Lane.SUBMIT) is Invariant.BREAKER_CLOSED_ITSELF


def symbol(**fields: int) -> Change:
    def act(st: np.void) -> None:
        for name, value in fields.items():
            st["symbols"][name][0] = value

    return act


def test_an_exit_plan_ends_with_its_position(desk: Desk) -> None:
    leaving = symbol(qty=1, stage=ExitStage.MARKET)
    assert judged(desk, leaving, symbol(stage=ExitStage.NONE, qty=0), EventKind.FILL, symbol=0) is Invariant.HOLDS
    stopped = judged(desk, leaving, symbol(stage=ExitStage.NONE), EventKind.ORDER_REJECTED, symbol=0)
    assert stopped is Invariant.EXIT_STALLED


def test_the_brokers_figure_of_buying_power_counts(desk: Desk) -> None:
    ours = 2 * int(desk.st.account.equity)
    assert judged(desk, nothing, nothing, EventKind.ACCOUNT, stop=ours) is Invariant.HOLDS
    assert judged(desk, nothing, nothing, EventKind.ACCOUNT, stop=ours - 1) is Invariant.LIMIT_EXCEEDED
    drift = set_to("account.power_drift", 1)
    assert judged(desk, nothing, drift, EventKind.ACCOUNT, stop=ours - 1) is Invariant.HOLDS
