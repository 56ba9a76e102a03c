"""A schedule's verdict: the same from memory as from disk, and a failure where something does not hold."""

from __future__ import annotations

import numpy as np
import pytest

from core.kernel.kinds import Breaker, Condition, ExitStage
from core.kernel.records import STATE
from core.settings.faults import Fault
from sim import scenario
from sim.records import VENUE, Stand
from sim.sweeping import trials
from sim.sweeping.coverage import Coverage, every_mark
from sim.sweeping.draws import schedule
from sim.sweeping.trials import settings_of, try_faults, try_seed
from sim.unfinished import unfinished

MEETING = [
    {"kind": "wide_spread", "every": "session", "times": 1, "for": "2h"},
    {"kind": "price_gap", "at": "2025-11-10T15:30:00+00:00"},
    {"kind": "gap", "at": "2025-11-11T15:30:00+00:00", "for": "30m"},
    {"kind": "split", "at": "2025-11-11T14:30:00+00:00", "scope": {"symbols": ["ALFA"]}},
    {"kind": "answer_lost", "at": "2025-11-10T14:30:00+00:00", "for": "7h"},
]


def faults_of(*entries) -> tuple[Fault, ...]:
    return tuple(Fault.model_validate(entry) for entry in entries)


@pytest.mark.parametrize("chosen", [[], [0], [1], [2], [3], [4], [0, 1, 2, 3, 4]])
def test_memory_changes_nothing(memory, chosen):
    faults = faults_of(*(MEETING[i] for i in chosen))
    assert try_faults(memory, 7, faults) == try_faults(memory, 7, faults, plainly=True)


@pytest.mark.parametrize("seed", [3, 8, 14])
def test_a_verdict_is_that_of_the_run(memory, seed, tmp_path):
    faults = schedule(seed, memory.trading, memory.symbols)
    verdict = try_faults(memory, seed, faults)
    run = scenario.run(settings_of(memory.settings, seed, faults), tmp_path / "run").run
    assert run["final_state_hash"] == verdict.state
    assert run["events"] == verdict.events
    assert run["unfinished"] == []
    assert set(run["invariants"].values()) == {"ok"}
    assert verdict.failure == ""


def test_one_seed_in_many_runs_twice(memory, monkeypatch):
    monkeypatch.setattr(trials, "TWICE", 1)
    assert try_seed(memory, 5).twice
    monkeypatch.setattr(trials, "TWICE", 2**62)
    assert not try_seed(memory, 5).twice


def test_a_run_that_cannot_be_repeated_fails(memory, monkeypatch):
    monkeypatch.setattr(trials, "TWICE", 1)
    digests = iter(["one", "two"])
    monkeypatch.setattr(trials, "state_digest", lambda state: next(digests))
    verdict = try_seed(memory, 5)
    assert verdict.failure == "not_repeatable"
    assert verdict.witness == "state one, then two"


def test_an_error_of_the_loop_is_a_finding(memory, monkeypatch):
    def fall(self, progress):
        raise ValueError("too much")

    monkeypatch.setattr(trials.Remembered, "run", fall)
    verdict = try_faults(memory, 1, ())
    assert (verdict.failure, verdict.witness) == ("stopped", "ValueError: too much")


def test_marks_are_those_of_the_faults_and_the_answers(memory):
    faults = faults_of(
        {"kind": "outage", "at": "2025-11-10T14:30:00+00:00", "for": "30m", "scope": {"lanes": ["stream"]}},
        {"kind": "kill_switch", "at": "2025-11-11T15:00:00+00:00", "for": "30m"},
    )
    marks = try_faults(memory, 1, faults).marks
    assert marks["fault outage"] >= 1
    assert marks["fault kill_switch"] == 1
    assert marks["mode normal to halted"] == 1
    assert marks["mode halted to normal"] == 1
    assert marks["refusal mode"] > 0
    coverage = Coverage()
    coverage.add(marks)
    coverage.add(marks)
    rows = {mark: (seeds, times) for mark, seeds, times in coverage.table()}
    assert rows["fault kill_switch"] == (2, 2)
    assert rows["fault overfill"] == (0, 0)
    assert "fault overfill" in coverage.never()
    assert "fault outage" not in coverage.never()
    assert set(every_mark()) <= set(rows)


def test_what_is_left_undone_is_named():
    state, venue = np.zeros(1, STATE), np.zeros(1, VENUE)
    assert unfinished(state, venue) == []
    st = state[0]
    st["config"]["flat_before_close"] = 1
    st["run"]["unknown"] = 1
    state["symbols"]["qty"][0, 3] = state["symbols"]["unprotected_since"][0, 3] = 5
    state["symbols"]["qty"][0, 4] = state["symbols"]["stage"][0, 4] = int(ExitStage.MARKET)
    state["symbols"]["entry"][0, 4] = 7
    venue["orders"]["id"][0, 9] = 9
    venue["orders"]["stand"][0, 9] = Stand.WORKING
    state["lanes"]["state"][0, 1] = Breaker.OPEN
    state["lanes"]["state"][0, 2] = Breaker.READY
    state["conditions"]["active"][0, Condition.STREAM_DOWN] = 1
    state["conditions"]["active"][0, Condition.OPERATOR] = 1
    assert unfinished(state, venue) == [
        "unknown_order",
        "unprotected_position",
        "exit_under_way",
        "open_trade",
        "breaker_open_cancel",
        "condition_stream_down",
        "stray_order",
    ]


def test_a_symbol_that_waits_for_a_person_is_not_undone():
    state = np.zeros(1, STATE)
    state["config"]["flat_before_close"] = 1
    for field in ("qty", "entry", "unprotected_since", "unreconciled"):
        state["symbols"][field][0, 3] = 5
    assert unfinished(state, np.zeros(1, VENUE)) == []


def test_an_order_that_both_sides_know_is_no_stray():
    state, venue = np.zeros(1, STATE), np.zeros(1, VENUE)
    for orders in (state["orders"][0], venue["orders"][0]):
        orders["id"][9] = 9
    venue["orders"]["stand"][0, 9] = Stand.WORKING
    assert unfinished(state, venue) == []
    state["orders"]["terminal"][0, 9] = 1
    assert unfinished(state, venue) == ["stray_order"]
    venue["orders"]["stand"][0, 9] = Stand.DONE
    assert unfinished(state, venue) == []
