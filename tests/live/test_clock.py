"""Clocks, the watch that sees them moved, and the phases of exchange days (T11, our half)."""

from __future__ import annotations

import time
from datetime import date

import pytest

from core.calendar import sessions
from core.kernel.kinds import EventKind, Phase
from core.kernel.units import MINUTE, SECOND
from live.clock import ScaledClock, SystemClock, Timetable, VirtualClock, Watch, stopwatch, timer

HOUR = 3_600 * SECOND


class Moved:
    """A clock whose wall time somebody sets."""

    def __init__(self) -> None:
        self.wall, self.steady = 1_000 * HOUR, 5 * HOUR

    def now(self) -> int:
        return self.wall

    def monotonic(self) -> int:
        return self.steady

    def pass_(self, time: int, jump: int = 0) -> None:
        self.wall += time + jump
        self.steady += time


@pytest.mark.parametrize("jump", [HOUR, -HOUR, 24 * HOUR, -24 * HOUR, SECOND, -SECOND])
def test_a_clock_that_is_moved_is_seen_once(jump: int):
    clock = Moved()
    watch = Watch(clock)
    clock.pass_(MINUTE, jump)
    event = watch.look()
    assert event is not None
    assert (event.kind, event.fields["amount"]) == (EventKind.CLOCK_JUMP, jump)
    clock.pass_(MINUTE)
    assert watch.look() is None


def test_a_clock_that_is_slewed_is_left_alone():
    clock = Moved()
    watch = Watch(clock)
    for _ in range(100):
        clock.pass_(SECOND, SECOND // 2_000)
        assert watch.look() is None


def test_a_virtual_clock_does_not_go_back():
    clock = VirtualClock(5)
    clock.move(7)
    assert clock.now() == clock.monotonic() == 7
    with pytest.raises(AssertionError):
        clock.move(6)


def test_the_system_s_clocks_go_on():
    clock = SystemClock()
    first, second = (clock.now(), clock.monotonic(), stopwatch()), (clock.now(), clock.monotonic(), stopwatch())
    assert second[1:] >= first[1:]
    assert abs(second[0] - first[0]) < HOUR


def test_phases_of_a_week_with_a_holiday_and_a_half_day():
    """Thanksgiving 2025: closed on Thursday, closed early on Friday."""
    table = Timetable(sessions(date(2025, 11, 24), date(2025, 11, 30)))
    every = table.between(0, 1 << 62)
    assert len(every) == 4 * 4
    assert [Phase(event.fields["code"]) for event in every[:4]] == [Phase.PRE, Phase.REGULAR, Phase.POST, Phase.CLOSED]
    lengths = [event.fields["qty"] for event in every if event.fields["code"] == Phase.REGULAR]
    assert lengths == [390 * MINUTE] * 3 + [210 * MINUTE]


def test_each_phase_is_given_once_however_time_is_cut():
    table = Timetable(sessions(date(2026, 3, 5), date(2026, 3, 12)))  # over the change to summer time
    start, end = table.between(0, 1 << 62)[0].t_market, table.between(0, 1 << 62)[-1].t_market
    cut, now = [], start - 1
    while now < end:
        cut += table.between(now, now + 37 * MINUTE)
        now += 37 * MINUTE
    assert cut == table.between(0, 1 << 62)


def test_the_phase_that_a_start_finds_itself_in():
    table = Timetable(sessions(date(2026, 3, 5), date(2026, 3, 6)))
    regular = table.between(0, 1 << 62)[1]
    assert table.in_force(regular.t_market - 1).fields["code"] == Phase.PRE  # type: ignore[union-attr]
    assert table.in_force(regular.t_market) is regular
    assert table.in_force(0) is None
    assert table.next_after(0) == table.between(0, 1 << 62)[0].t_market
    assert table.next_after(1 << 62) is None


def test_a_timer_is_for_a_whole_minute():
    assert timer(5 * MINUTE, 5 * MINUTE + 7).t_visible == 5 * MINUTE + 7
    with pytest.raises(AssertionError):
        timer(5 * MINUTE + 1, 6 * MINUTE)


def test_a_clock_may_go_faster_than_the_machines():
    """Ten seconds ago it was a thousand; the bound above is that of a machine that stalls for a minute."""
    clock = ScaledClock(1_000 * SECOND, 2.0, time.monotonic_ns() - 10 * SECOND)
    first, second = clock.now(), clock.monotonic()
    assert 1_020 * SECOND <= first <= second < 1_140 * SECOND
