"""Loss limits: what counts, when it counts, and the way back."""

from __future__ import annotations

from typing import Any

import pytest

from core.kernel.kinds import (
    CashKind,
    Condition,
    EventKind,
    Mode,
    NoteKind,
    OperatorAct,
    ReconcileStep,
)
from core.kernel.units import MICRO, NANO
from tests.kernel.desk import Desk, OpenDesk

PERCENT = NANO // 100


def lose(desk: Desk, percent: float) -> None:
    """Percent of the first $100,000."""
    desk.cash(-1_000 * percent, CashKind.FEE)


# -- definitions ------------------------------------------------------------------------------------------------


def test_daily_loss_is_measured_from_the_previous_close(desk: Desk) -> None:
    lose(desk, 2)
    desk.timer()
    assert desk.account.daily_loss == 2 * PERCENT
    desk.next_session()
    desk.timer()
    assert desk.account.daily_loss == 0
    lose(desk, 0.98)
    desk.timer()
    assert desk.account.daily_loss == PERCENT
    assert desk.account.day_start_equity == 98_000 * MICRO


def test_weekly_loss_is_measured_from_the_close_five_sessions_back(open_desk: OpenDesk) -> None:
    """A percent a session of the first $100,000: from the sixth session on the oldest drops out."""
    desk = open_desk(max_drawdown=NANO)
    seen = []
    for _ in range(7):
        lose(desk, 1)
        desk.timer()
        seen.append(desk.account.weekly_loss)
        desk.next_session()
    first = [k * PERCENT for k in range(1, 6)]
    assert seen[:5] == first
    assert seen[5:] == [pytest.approx(NANO * 5 // 99, abs=1), pytest.approx(NANO * 5 // 98, abs=1)]


def test_the_high_water_mark_is_raised_by_closes_only(desk: Desk) -> None:
    desk.cash(10_000, CashKind.INTEREST)
    desk.timer()
    assert desk.account.high_water_mark == NANO
    lose(desk, 5)
    desk.next_session()
    assert desk.account.high_water_mark == 105 * PERCENT
    lose(desk, 5.25)
    desk.timer()
    assert desk.account.drawdown == 5 * PERCENT


def test_the_high_water_mark_can_be_intraday(open_desk: OpenDesk) -> None:
    desk = open_desk(hwm_intraday=1)
    desk.cash(10_000, CashKind.INTEREST)
    desk.timer()
    lose(desk, 5.5)
    desk.timer()
    assert (desk.account.high_water_mark, desk.account.drawdown) == (110 * PERCENT, 5 * PERCENT)


def test_a_deposit_hides_no_loss_and_a_withdrawal_makes_none(desk: Desk) -> None:
    lose(desk, 4)
    desk.cash(96_000, CashKind.DEPOSIT)
    desk.timer()
    assert desk.account.drawdown == 4 * PERCENT
    desk.cash(-150_000, CashKind.WITHDRAWAL)
    desk.timer()
    assert abs(desk.account.drawdown - 4 * PERCENT) <= 1
    assert desk.mode <= Mode.REDUCED


# -- confirmation -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "condition", "config"),
    [
        ("max_drawdown", Condition.DRAWDOWN, {"daily_loss": NANO}),
        ("daily_loss", Condition.DAILY_LOSS, {"max_drawdown": NANO}),
        ("weekly_loss", Condition.WEEKLY_LOSS, {"daily_loss": NANO, "max_drawdown": NANO}),
    ],
)
def test_a_limit_is_breached_at_the_second_of_three_timers(
    open_desk: OpenDesk, limit: str, condition: Condition, config: dict[str, int]
) -> None:
    desk = open_desk(**{limit: 5 * PERCENT, **config})
    lose(desk, 5)
    assert desk.timer().noted == [NoteKind.NEAR_MISS, NoteKind.MODE_CHANGE]
    assert desk.mode == Mode.REDUCED
    step = desk.timer()
    breach = step.note(NoteKind.LIMIT_BREACH)
    assert (breach.metric, breach.value, breach.limit, breach.use) == (condition, 5 * PERCENT, 5 * PERCENT, NANO)
    assert desk.mode == Mode.RISK_EXIT
    assert NoteKind.LIMIT_BREACH not in desk.timer().noted


@pytest.mark.parametrize(("gaps", "breached"), [(1, True), (2, False)])
def test_two_sightings_count_together_only_within_three_timers(open_desk: OpenDesk, gaps: int, breached: bool) -> None:
    desk = open_desk(max_drawdown=NANO)
    for pause in (gaps, 0):
        lose(desk, 5)
        desk.timer()
        desk.cash(5_000, CashKind.INTEREST)
        for _ in range(pause):
            desk.timer()
    assert desk.active(Condition.DAILY_LOSS) == breached


def test_a_catastrophe_acts_at_once(desk: Desk) -> None:
    lose(desk, 6)
    assert NoteKind.LIMIT_BREACH in desk.timer().noted
    assert desk.mode == Mode.RISK_EXIT


def test_a_near_miss_is_noted_once_an_excursion(desk: Desk) -> None:
    lose(desk, 4)
    noted = [desk.timer().noted.count(NoteKind.NEAR_MISS) for _ in range(3)]
    desk.cash(600, CashKind.INTEREST)  # 68 % of the limit
    desk.timer()
    lose(desk, 0.6)
    noted.append(desk.timer().noted.count(NoteKind.NEAR_MISS))
    assert noted == [1, 0, 0, 1]


def test_the_soft_limit_is_left_lower_than_it_is_entered(desk: Desk) -> None:
    """Entered at 70 % of a limit, left below 60 %."""
    modes = []
    for change in (-3_400, -100, 400, 99, 2):
        desk.cash(change, CashKind.INTEREST)
        desk.minute(100.0)
        modes.append(desk.mode)
    assert modes == [Mode.NORMAL, Mode.REDUCED, Mode.REDUCED, Mode.REDUCED, Mode.NORMAL]


def test_the_soft_limit_looks_at_the_week_too(open_desk: OpenDesk) -> None:
    desk = open_desk(weekly_loss=6 * PERCENT)
    for _ in range(3):
        lose(desk, 1.5)
        desk.next_session()
    desk.timer()
    assert desk.mode == Mode.REDUCED


# -- the way back -----------------------------------------------------------------------------------------------


def test_a_daily_limit_ends_at_the_next_session_when_flat(desk: Desk) -> None:
    lose(desk, 6)
    desk.timer()
    desk.cash(6_000, CashKind.INTEREST)
    desk.timer()
    assert desk.mode == Mode.RISK_EXIT  # not by itself
    desk.next_session()
    assert desk.mode == Mode.NORMAL


def test_a_daily_limit_stays_while_something_is_held(desk: Desk) -> None:
    desk.hold()
    lose(desk, 6)
    desk.timer()
    desk.next_session()
    assert desk.mode == Mode.RISK_EXIT


def broken_down(open_desk: OpenDesk, **config: int) -> Any:
    """A desk past its drawdown limit, flat."""
    desk = open_desk(**{"max_drawdown": 5 * PERCENT, "daily_loss": NANO, "weekly_loss": 0, **config})
    lose(desk, 6)
    desk.timer()
    assert desk.mode == Mode.RISK_EXIT
    return desk


def rearm(desk: Desk) -> bool:
    return bool(desk.operator(OperatorAct.REARM).notes[0].action)


def test_the_drawdown_limit_is_left_only_by_re_arming_after_the_cool_off(open_desk: OpenDesk) -> None:
    desk = broken_down(open_desk, cool_off=2)
    answers = [rearm(desk)]
    for _ in range(2):
        desk.next_session()
        assert desk.mode == Mode.RISK_EXIT
        answers.append(rearm(desk))
    assert answers == [False, False, True]
    account = desk.account
    assert (account.reference, account.high_water_mark, account.drawdown) == (94 * PERCENT, NANO, 0)
    assert desk.mode == Mode.REDUCED
    assert not rearm(desk)  # there is nothing to re-arm


@pytest.mark.parametrize("obstacle", ["held", "unreconciled"])
def test_re_arming_needs_flat_and_reconciled(open_desk: OpenDesk, obstacle: str) -> None:
    desk = broken_down(open_desk)
    desk.next_session()
    if obstacle == "held":
        desk.send(EventKind.FOREIGN_FILL, symbol=0, execution=1, qty=MICRO, price=MICRO)
    else:
        desk.reconcile(ReconcileStep.SYMBOL_DIFFERS, symbol=0, qty=5)
    assert not rearm(desk)


def test_after_re_arming_the_guard_measures_from_the_new_reference(open_desk: OpenDesk) -> None:
    desk = broken_down(open_desk)
    desk.next_session()
    rearm(desk)
    lose(desk, 4.6)  # 4.89 % of the new reference
    desk.timer()
    assert desk.account.drawdown == pytest.approx(NANO * 46 // 940, abs=2)
    assert desk.mode == Mode.REDUCED
    lose(desk, 0.2)
    desk.timer()
    desk.timer()
    assert desk.mode == Mode.RISK_EXIT


@pytest.mark.parametrize("auto", [0, 1])
def test_sizes_grow_back_a_step_with_each_five_clean_sessions(open_desk: OpenDesk, auto: int) -> None:
    desk = broken_down(open_desk, auto_rearm=auto)
    desk.next_session()
    if not auto:
        rearm(desk)
    scales = []
    for _ in range(11):
        desk.minute(100.0, 100.0)
        scales.append(desk.decide(p=0.3).mode_scale / NANO)
        desk.next_session()
    assert scales == [0.5] * 5 + [0.75] * 5 + [1.0]
    assert desk.mode == Mode.NORMAL


def test_a_session_that_breaks_a_limit_is_not_clean(open_desk: OpenDesk) -> None:
    desk = broken_down(open_desk, daily_loss=PERCENT)
    desk.next_session()
    rearm(desk)
    for session in range(7):
        if session == 2:
            lose(desk, 2)
            desk.timer()
        desk.next_session()
    assert desk.st.run.reentry == NANO // 2
    desk.next_session()
    assert desk.st.run.reentry == 75 * PERCENT
