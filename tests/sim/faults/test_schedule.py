"""When faults happen: occurrences by session, the integer table, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.calendar import SESSION
from core.errors import InputError
from core.kernel.kinds import Lane, LaneFailure, OperatorAct
from core.settings.faults import Fault
from sim.faults.schedule import Schedule, fault_table
from sim.records import MAX_FAULTS, FaultKind
from tests.sim.faults.storm import Storm

MINUTE = 60 * 10**9
DAY = 24 * 60 * MINUTE
FIRST = 20_514  # 2026-03-02, a Monday, in winter time: the session opens at 14:30 UTC


def day(number: int) -> np.void:
    """A whole session, `number` days after the first."""
    row = np.zeros(1, SESSION)
    row["date"] = FIRST + number
    for name, minute in (("pre", 9 * 60), ("open", 14 * 60 + 30), ("close", 21 * 60), ("post", 25 * 60)):
        row[name] = (FIRST + number) * DAY + minute * MINUTE
    return row[0]


def begins(days: tuple[int, ...] = (0, 1), **keys: Any) -> list[list[tuple[int, int]]]:
    """For each session when the fault begins: days and minutes after the first session's open."""
    schedule = Schedule([Fault.model_validate({"kind": "gap", "for": "5m", **keys})])
    opening = int(day(0)["open"])
    found = []
    for number in days:
        times = [(o.begin - opening) // MINUTE for o in schedule.session(day(number))]
        found.append([divmod(int(time), 24 * 60) for time in times])
    return found


def test_at_alone_is_once():
    assert begins(at="2026-03-02T15:00:00+00:00") == [[(0, 30)], []]
    assert begins(at="2026-03-03T15:00:00+00:00") == [[], [(1, 30)]]


def test_the_night_belongs_to_the_session_after_it():
    assert begins(at="2026-03-03T05:00:00+00:00") == [[], [(0, 14 * 60 + 30)]]


def test_every_without_at_counts_from_each_open_and_ends_with_the_session():
    assert begins(every="2h") == [[(0, 120), (0, 240), (0, 360)], [(1, 120), (1, 240), (1, 360)]]


def test_every_with_at_goes_on_from_there():
    first, second = begins(every="12h", at="2026-03-02T15:00:00+00:00")
    assert first == [(0, 30)]
    assert second == [(0, 12 * 60 + 30), (1, 30)]


def test_times_bounds_what_is_repeated():
    assert begins(every="2h", times=4) == [[(0, 120), (0, 240), (0, 360)], [(1, 120)]]
    assert begins(every="session", times=1) == [[(0, 0)], []]


def test_once_a_session_at_a_time_of_day_in_new_york():
    assert begins(every="session") == [[(0, 0)], [(1, 0)]]
    assert begins(every="session", at="2026-03-03T10:00:00-05:00") == [[], [(1, 30)]]
    summer = begins((0, 7), every="session", at="2026-03-02T10:00:00-05:00")  # clocks change on 8 March
    assert summer == [[(0, 30)], [(6, 24 * 60 - 30)]]


def test_what_lasts_is_in_force_in_every_session_that_it_touches():
    schedule = Schedule([Fault.model_validate({"kind": "gap", "for": "26h", "at": "2026-03-02T15:00:00+00:00"})])
    for number, expected in ((0, 1), (1, 1), (2, 0)):
        schedule.session(day(number))
        assert len(schedule.in_force(int(day(number)["pre"]), int(day(number)["post"]))) == expected


def test_too_many_occurrences_are_refused():
    schedule = Schedule([Fault.model_validate({"kind": "gap", "for": "1s", "every": "2s"})])
    with pytest.raises(InputError, match=r"\d+ faults begin in one session\. Space them out"):
        schedule.session(day(0))


def test_the_table_has_what_the_loop_needs():
    storm = Storm(
        {"kind": "outage", "every": "session", "for": "5m", "scope": {"lanes": ["submit", "stream"]}, "probability": 0.25},
        {"kind": "operator_act", "every": "session", "parameters": {"act": "adopt"}, "scope": {"symbols": ["BBB"]}},
        {"kind": "clock_jump", "every": "session", "parameters": {"by": "3s", "direction": "back"}},
    )  # fmt: skip
    outage, act, jump = fault_table(storm.settings, ("AAA", "BBB", "CCC"))
    assert (outage["kind"], outage["lanes"], outage["probability"]) == (FaultKind.OUTAGE, 0b1001, 250_000_000)
    assert (outage["a"], outage["b"]) == (LaneFailure.TIMEOUT, 10 * 10**9)
    assert outage["symbols"][:4].tolist() == [1, 1, 1, 0]
    assert (act["a"], act["b"], act["symbols"][:3].tolist()) == (OperatorAct.ADOPT_POSITION, Lane.SUBMIT, [0, 1, 0])
    assert jump["a"] == -3 * 10**9
    assert len({outage["seed"], act["seed"], jump["seed"]}) == 3


def test_more_faults_than_the_table_holds_are_refused():
    with pytest.raises(InputError, match=rf"65 faults\. Use at most {MAX_FAULTS}"):
        Storm(*[{"kind": "gap", "every": "session", "for": "1m"}] * (MAX_FAULTS + 1))


def test_a_symbol_that_the_data_does_not_have_is_refused():
    with pytest.raises(InputError, match=r"no\. 1: scope\.symbols: ZZZ is not in the data\. Choose from AAA, BBB, CCC"):
        Storm({"kind": "gap", "every": "session", "for": "1m", "scope": {"symbols": ["ZZZ"]}})
