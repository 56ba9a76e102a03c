"""Circuit breakers: what trips them, how they wait, and that only a person closes them."""

from __future__ import annotations

import pytest

from core.kernel.digest import state_digest
from core.kernel.kinds import (
    Breaker,
    CommandKind,
    Condition,
    EventKind,
    Lane,
    Mode,
    NoteKind,
    OperatorAct,
    Phase,
    ReconcileStep,
    Refusal,
)
from core.kernel.units import SECOND
from tests.kernel.desk import Desk, OpenDesk

CLOSED, OPEN, READY, HALF_OPEN = Breaker.CLOSED, Breaker.OPEN, Breaker.READY, Breaker.HALF_OPEN


def state(desk: Desk, lane: Lane = Lane.SUBMIT) -> Breaker:
    return Breaker(desk.st.lanes[lane].state)


def trip(desk: Desk, lane: Lane = Lane.SUBMIT) -> None:
    for _ in range(5):
        desk.failed(lane)
    assert state(desk, lane) == OPEN


def probe(desk: Desk, lane: Lane = Lane.SUBMIT, times: int = 3) -> None:
    for _ in range(times):
        desk.send(EventKind.PROBE_OK, code=lane)


def reset(desk: Desk, lane: Lane = Lane.SUBMIT) -> bool:
    return bool(desk.operator(OperatorAct.RESET_BREAKER, lane=lane).notes[0].action)


# -- what trips -------------------------------------------------------------------------------------------------


def test_five_failures_in_a_row_trip(desk: Desk) -> None:
    for _ in range(4):
        desk.failed(Lane.SUBMIT)
    desk.answered(Lane.SUBMIT)
    for _ in range(4):
        desk.failed(Lane.SUBMIT)
    assert state(desk) == CLOSED
    note = desk.failed(Lane.SUBMIT).note(NoteKind.BREAKER_CHANGE)
    assert (note.value, note.limit, note.detail) == (OPEN, CLOSED, Lane.SUBMIT)
    assert state(desk) == OPEN


@pytest.mark.parametrize(("requests", "tripped"), [(9, False), (10, True)])
def test_half_of_ten_requests_in_a_window_trip(open_desk: OpenDesk, requests: int, tripped: bool) -> None:
    desk = open_desk(breaker_failures=100)
    for i in range(requests):
        desk.failed(Lane.QUERY) if i % 2 else desk.answered(Lane.QUERY)
    assert (state(desk, Lane.QUERY) == OPEN) == tripped


def test_a_new_window_forgets(open_desk: OpenDesk) -> None:
    desk = open_desk(breaker_failures=100)
    for i in range(9):
        desk.failed(Lane.QUERY) if i % 2 else desk.answered(Lane.QUERY)
    desk.failed(Lane.QUERY, after=60)
    assert state(desk, Lane.QUERY) == CLOSED


def test_three_slow_windows_trip(open_desk: OpenDesk) -> None:
    """One request in ten is slow, so the 95th percentile is, in each of three minutes."""
    desk = open_desk(slow_after=SECOND)
    states = []
    for _ in range(4):
        for i in range(10):
            desk.answered(Lane.SUBMIT, latency=2 if i == 0 else 0.1, after=6)
        states.append(state(desk))
    desk.answered(Lane.SUBMIT, after=6)
    states.append(state(desk))
    assert states == [CLOSED] * 3 + [OPEN] * 2


def test_one_slow_request_in_twenty_does_not_trip(open_desk: OpenDesk) -> None:
    desk = open_desk(slow_after=SECOND)
    for i in range(100):
        desk.answered(Lane.SUBMIT, latency=2 if i % 20 == 0 else 0.1, after=3)
    assert state(desk) == CLOSED


def test_silence_trips_in_the_session_while_orders_are_out(open_desk: OpenDesk) -> None:
    desk = open_desk(silence=120 * SECOND)
    desk.minute(100.0)
    desk.timer(180)
    assert state(desk, Lane.TRADE_STREAM) == CLOSED  # nothing to be silent about
    desk.enter()
    desk.answered(Lane.TRADE_STREAM)
    desk.timer(120)
    assert state(desk, Lane.TRADE_STREAM) == CLOSED
    desk.timer(1)
    assert state(desk, Lane.TRADE_STREAM) == OPEN


def test_a_night_without_news_is_no_silence(open_desk: OpenDesk) -> None:
    desk = open_desk(silence=120 * SECOND)
    desk.hold()
    desk.close_session()
    desk.timer(3_600)
    desk.open_session(Phase.PRE)
    desk.open_session()
    desk.timer(120)
    assert state(desk, Lane.TRADE_STREAM) == CLOSED
    desk.timer(60)
    assert state(desk, Lane.TRADE_STREAM) == OPEN


def test_business_refusals_do_not_count(desk: Desk) -> None:
    desk.minute(100.0)
    for _ in range(4):
        desk.rejected(desk.decide().order)
    assert all(state(desk, lane) == CLOSED for lane in Lane)


# -- open -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lane", list(Lane))
def test_an_open_breaker_of_any_lane_refuses_openings(desk: Desk, lane: Lane) -> None:
    trip(desk, lane)
    assert desk.mode == Mode.BROKER_DEGRADED
    desk.minute(100.0)
    assert {Refusal.MODE, Refusal.BREAKER_OPEN} <= desk.decide().refused
    assert [s for s in Lane if state(desk, s) == OPEN] == [lane]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_probes_wait_by_full_jitter_up_to_the_cap(open_desk: OpenDesk, seed: int) -> None:
    """Between nothing and min(cap, base 2^k), and not always the same."""
    desk = open_desk(seed=seed)
    trip(desk)
    waits = []
    for k in range(12):
        wait = int(desk.st.lanes[Lane.SUBMIT].next_probe) - desk.now
        assert 0 <= wait <= min(60, 2**k) * SECOND
        waits.append(wait / min(60, 2**k) / SECOND)
        desk.failed(Lane.SUBMIT)
    assert max(waits) - min(waits) > 0.5


def test_jitter_is_a_matter_of_the_seed_alone(open_desk: OpenDesk) -> None:
    desks = [open_desk(seed=seed) for seed in (1, 1, 2)]
    for desk in desks:
        trip(desk)
    waits = [int(desk.st.lanes[Lane.SUBMIT].next_probe) for desk in desks]
    assert waits[0] == waits[1] != waits[2]
    assert state_digest(desks[0].state) == state_digest(desks[1].state)


def test_each_probe_draws_its_own_wait(desk: Desk) -> None:
    trip(desk)
    for _ in range(5):
        desk.failed(Lane.SUBMIT)
    waits = set()
    for _ in range(2):
        probe(desk, times=1)
        waits.add(int(desk.st.lanes[Lane.SUBMIT].next_probe) - desk.now)
    assert len(waits) == 2


def test_a_due_probe_is_sent_once_and_again_when_it_stays_unanswered(desk: Desk) -> None:
    trip(desk, Lane.CANCEL)
    first = desk.timer(2)
    assert (first.command.kind, first.command.leg) == (CommandKind.PROBE, Lane.CANCEL)
    assert desk.timer(30).sent == []
    assert desk.timer(30).sent == [CommandKind.PROBE]


# -- the way back -----------------------------------------------------------------------------------------------


def test_three_probes_make_it_ready(desk: Desk) -> None:
    trip(desk)
    probe(desk, times=2)
    assert state(desk) == OPEN
    probe(desk, times=1)
    assert state(desk) == READY
    assert desk.mode == Mode.BROKER_DEGRADED


def test_a_failure_starts_the_count_of_probes_anew(desk: Desk) -> None:
    trip(desk)
    probe(desk, times=2)
    desk.failed(Lane.SUBMIT)
    probe(desk, times=2)
    assert state(desk) == OPEN


@pytest.mark.parametrize("missing", ["stream", "reconciliation"])
def test_probes_alone_do_not_make_it_ready(desk: Desk, missing: str) -> None:
    trip(desk)
    if missing == "stream":
        desk.stream(up=False)
    else:
        desk.reconcile(ReconcileStep.STARTED)
    probe(desk, times=5)
    assert state(desk) == OPEN
    desk.stream(up=True)
    desk.reconciled()
    probe(desk, times=1)
    assert state(desk) == READY


def test_a_reset_is_refused_while_open_and_accepted_when_ready(desk: Desk) -> None:
    trip(desk)
    assert not reset(desk)
    assert state(desk) == OPEN
    probe(desk)
    assert reset(desk)
    assert state(desk) == HALF_OPEN
    assert desk.mode == Mode.REDUCED
    assert not reset(desk)


def ready_again(desk: Desk) -> None:
    trip(desk)
    probe(desk)
    assert reset(desk)


def test_half_open_sizes_are_halved_and_n_answers_close(desk: Desk) -> None:
    ready_again(desk)
    desk.minute(100.0)
    assert desk.decide().mode_scale == 500_000_000
    states = []
    for _ in range(3):
        desk.answered(Lane.SUBMIT)
        states.append(state(desk))
    assert states == [HALF_OPEN, HALF_OPEN, CLOSED]
    assert desk.mode == Mode.NORMAL


@pytest.mark.parametrize("slow", [False, True])
def test_any_failure_in_half_open_opens_again_with_more_patience(open_desk: OpenDesk, slow: bool) -> None:
    desk = open_desk(slow_after=SECOND)
    ready_again(desk)
    desk.answered(Lane.SUBMIT)
    desk.answered(Lane.SUBMIT, latency=2) if slow else desk.failed(Lane.SUBMIT)
    assert state(desk) == OPEN
    assert desk.st.lanes[Lane.SUBMIT].backoff == 1
    assert not reset(desk)


def test_a_failure_in_ready_opens_again(desk: Desk) -> None:
    trip(desk)
    probe(desk)
    desk.failed(Lane.SUBMIT)
    assert state(desk) == OPEN


def test_nothing_but_a_reset_leaves_ready(desk: Desk) -> None:
    trip(desk)
    probe(desk)
    for act in (
        lambda: desk.send(EventKind.RESTART),
        lambda: desk.stream(up=True),
        lambda: desk.reconciled(),
        lambda: desk.answered(Lane.SUBMIT),
        lambda: desk.operator(OperatorAct.RESUME),
        lambda: desk.next_session(),
        lambda: desk.timer(3_600),
    ):
        act()
        assert state(desk) == READY


def test_a_restart_is_no_reset(desk: Desk) -> None:
    trip(desk)
    trips, backoff = desk.st.lanes[Lane.SUBMIT].trips, desk.st.lanes[Lane.SUBMIT].backoff
    desk.send(EventKind.RESTART, after=5)
    lane = desk.st.lanes[Lane.SUBMIT]
    assert (state(desk), lane.trips, lane.backoff) == (OPEN, trips, backoff)
    assert desk.now <= lane.next_probe <= desk.now + SECOND


# -- trips a day ------------------------------------------------------------------------------------------------


def test_more_trips_than_a_day_may_have_halt(open_desk: OpenDesk) -> None:
    desk = open_desk(trips_day=2)
    trip(desk, Lane.SUBMIT)
    trip(desk, Lane.CANCEL)
    assert not desk.active(Condition.TRIPS)
    trip(desk, Lane.QUERY)
    assert desk.mode == Mode.HALTED
    desk.operator(OperatorAct.RESUME)
    assert desk.mode == Mode.BROKER_DEGRADED


def test_trips_by_slowness_and_silence_count_too(open_desk: OpenDesk) -> None:
    desk = open_desk(trips_day=1, silence=60 * SECOND)
    desk.enter()
    trip(desk)
    desk.timer(61)
    assert desk.mode == Mode.HALTED


def test_a_new_day_counts_anew(open_desk: OpenDesk) -> None:
    desk = open_desk(trips_day=1)
    trip(desk, Lane.SUBMIT)
    desk.next_session()
    trip(desk, Lane.CANCEL)
    assert not desk.active(Condition.TRIPS)
