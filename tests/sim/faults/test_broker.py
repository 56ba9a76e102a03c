"""Faults of the broker and of our own process, through the loop that real runs use.

After each storm the invariants hold (the week itself asserts that), the books agree, and no order's fate is unknown.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from core.kernel.kinds import Breaker, EventKind, Lane, LaneFailure, Mode, NoteKind, OrderStatus
from tests.sim.faults.storm import BAD_WEEK, MONDAY, TUESDAY, Storm, at, fault
from tests.sim.small_week import SYMBOLS, market

WHOLE = {"length": "2d"}
ALL = {"symbols": list(SYMBOLS)}


@pytest.fixture(scope="module")
def blocks():
    return market()


@pytest.fixture(scope="module")
def calm(blocks):
    return Storm().play(blocks)


def settled(storm: Storm) -> bool:
    return storm.differences == [0, 0, 0] and storm.unknown == 0


STORMS: dict[str, dict[str, Any]] = {
    "outage": {"scope": {"lanes": ["submit", "cancel", "query"]}},
    "accepted_no_answer": {},
    "answer_lost": {"parameters": {"timeout": "7s"}},
    "slow": {"parameters": {"delay": "15s"}},
    "rate_limit": {"probability": 0.5},
    "reject_storm": {"probability": 0.3},
    "partials": {"probability": 0.9},
    "late_fill": WHOLE,
    "overfill": {"probability": 0.5, **WHOLE},
    "duplicate_executions": {},
    "reordered_executions": {"parameters": {"delay": "50s"}},
    "dropped_executions": {},
    "cancel_race": WHOLE,
    "stuck_order": {"length": "8m"},
    "leg_lost": {},
    "buying_power_drift": {"parameters": {"factor": 0.01}},
    "untradable": {"length": "20m", "scope": ALL},
    "unauthorised": {"length": "5m"},
    "duplicate_submit": {},
    "stream_mute": {"length": "20m"},
    "restart": {"minute": 11, "length": "5m"},
}
STUBBORN = {"breaker": {"failures": 100, "min_requests": 1000, "poll": "3m"}}


@pytest.mark.parametrize("kind", STORMS)
def test_after_each_trouble_the_books_agree_and_nothing_is_unknown(kind, blocks):
    storm = Storm(fault(kind, **STORMS[kind]), **STUBBORN).play(blocks)
    assert storm.fired() > 0
    assert settled(storm)


def test_without_faults_of_the_loop_nothing_is_added_to_a_run(calm, blocks):
    """A schedule of data faults that meets nothing leaves commands and events as they were."""
    storm = Storm(fault("gap", MONDAY, 200, "1m")).play(blocks)
    assert storm.digest == calm.digest


def test_a_fault_of_probability_zero_is_as_good_as_none_for_what_is_decided(calm, blocks):
    """The host's part (heartbeats, answers, looks at the books) changes no order."""
    storm = Storm(fault("answer_lost", probability=1e-9)).play(blocks)
    for name in ("decisions", "fills"):
        assert np.array_equal(storm.table(name), calm.table(name)), name
    assert storm.fired() == 0


def test_an_order_whose_answer_is_lost_is_never_sent_twice(blocks):
    storm = Storm(fault("accepted_no_answer"), **STUBBORN).play(blocks)
    events = storm.table("events")
    lost = events["order"][events["kind"] == EventKind.SUBMIT_AMBIGUOUS]
    assert len(lost) == storm.fired()
    fills = storm.table("fills")
    assert len(set(fills["execution"])) == len(fills)
    orders = storm.table("orders")["engine"]
    assert OrderStatus.REJECTED not in orders["status"][np.isin(orders["id"], lost)]


def test_an_outage_opens_the_breaker_and_only_the_operator_closes_it(blocks):
    outage = fault("outage", MONDAY, 2, "12m", scope={"lanes": ["submit"]})
    reset = {"kind": "operator_act", "at": at(TUESDAY, 3), "parameters": {"act": "reset_breaker", "lane": "submit"}}
    alone = Storm(outage, breaker={"failures": 3}).play(blocks)
    assert alone.desk.state[0]["lanes"][Lane.SUBMIT]["state"] == Breaker.READY
    assert alone.desk.state[0]["run"]["mode"] == Mode.BROKER_DEGRADED
    helped = Storm(outage, reset, breaker={"failures": 3, "half_open_orders": 1}).play(blocks)
    assert helped.desk.state[0]["lanes"][Lane.SUBMIT]["state"] == Breaker.CLOSED
    notes = helped.table("notes")
    states = notes["value"][notes["kind"] == NoteKind.BREAKER_CHANGE].tolist()
    assert states == [Breaker.OPEN, Breaker.READY, Breaker.HALF_OPEN, Breaker.CLOSED]


def test_a_stream_that_falls_silent_is_found_out(blocks):
    storm = Storm(fault("stream_mute", length="30m"), breaker={"silence": "3m"}).play(blocks)
    notes = storm.table("notes")
    changes = notes[notes["kind"] == NoteKind.BREAKER_CHANGE]
    assert changes["detail"][0] == Lane.TRADE_STREAM
    assert changes["value"][0] == Breaker.OPEN


def test_what_a_restart_has_lost_is_fetched_and_what_the_calendar_brought_is_told(blocks):
    """Dead over the open of the second day: the engine hears of the session when it is back."""
    dead = fault("restart", TUESDAY, -5, "12m")
    storm = Storm(dead).play(blocks)
    events = storm.table("events")
    back = int(np.flatnonzero(events["kind"] == EventKind.RESTART)[0])
    opened = events[(events["kind"] == EventKind.SESSION) & (events["t_visible"] >= events[back]["t_visible"])][0]
    assert opened["t_market"] < opened["t_visible"] == events[back]["t_visible"]
    silent = events["t_visible"][back] - 12 * 60 * 10**9
    assert not np.any((events["t_visible"] > silent) & (events["t_visible"] < events["t_visible"][back]))
    assert settled(storm)


def test_requests_that_died_with_the_process_are_given_up_and_not_sent_late(blocks):
    """Killed a tenth of a second after every other minute, so that decided orders have not left yet."""
    dead = {"kind": "restart", "at": "2026-03-02T14:31:00.100+00:00", "every": "2m", "times": 15, "for": "30s"}
    storm = Storm(dead | {"parameters": {"lose_commands": True}}).play(blocks)
    orders = storm.table("orders")["engine"]
    given_up = orders[(orders["status"] == OrderStatus.REJECTED) & (orders["filled"] == 0)]
    assert len(given_up) > 0
    assert settled(storm)


def test_an_account_reset_is_noticed_and_stops_what_differs(blocks):
    storm = Storm(fault("account_reset", MONDAY, 12, None)).play(blocks)
    notes = storm.table("notes")
    said = notes[(notes["kind"] == NoteKind.RECONCILIATION) & (notes["time"] > 0)]
    assert len(said) > 0
    assert storm.fired() == 1
    assert (storm.desk.state[0]["symbols"]["unreconciled"] == 1).any() or storm.desk.state[0]["run"][
        "mode"
    ] == Mode.HALTED


def test_the_kill_switch_and_a_clock_that_goes_back_stop_openings(blocks):
    storm = Storm(
        fault("kill_switch", MONDAY, 5, "10m"),
        fault("clock_jump", MONDAY, 20, None),
        {"kind": "operator_act", "at": at(MONDAY, 30), "parameters": {"act": "resume"}},
    ).play(blocks)
    decisions = storm.table("decisions")
    minute = (decisions["time"] - storm.days[0].block.session["open"]) // (60 * 10**9)
    openings = (decisions["action"] == 0) & (decisions["approved"] == 1)
    stopped = ((minute >= 5) & (minute < 15)) | ((minute >= 20) & (minute < 30))
    assert not np.any(openings & stopped)
    assert np.any(openings & (minute >= 30) & (minute < 45))


def test_keys_revoked_refuse_for_good(blocks):
    storm = Storm(fault("unauthorised", length="6m"), **STUBBORN).play(blocks)
    events = storm.table("events")
    failed = events[events["kind"] == EventKind.LANE_FAILED]
    assert set(failed["code2"].tolist()) == {LaneFailure.UNAUTHORISED}


def test_one_fault_more_changes_no_draw_of_the_others(blocks):
    one = fault("answer_lost", probability=0.5)
    alone = Storm(one, **STUBBORN).play(blocks)
    along = Storm(one, fault("gap", MONDAY, 200, "1m"), **STUBBORN).play(blocks)
    assert alone.fired() == along.fired() > 0
    assert np.array_equal(alone.table("fills"), along.table("fills"))


def test_the_same_storm_twice_is_the_same_to_the_last_bit(blocks):
    assert Storm(*BAD_WEEK).play(blocks).digest == Storm(*BAD_WEEK).play(blocks).digest
    assert Storm(*BAD_WEEK, seed=4).play(blocks).digest != Storm(*BAD_WEEK).play(blocks).digest


def test_a_storm_is_the_same_uncompiled_and_under_another_hash_seed(blocks, monkeypatch):
    compiled = Storm(*BAD_WEEK).play(blocks).digest
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    monkeypatch.setenv("PYTHONHASHSEED", "77")
    told = subprocess.run([sys.executable, "-m", "tests.sim.faults.storm"], capture_output=True, text=True, check=True)
    assert told.stdout.split()[0] == compiled


def test_a_request_to_reconcile_is_answered_with_everything_that_differs(blocks):
    """Executions that were never told come with the host's own look at the books, once each."""
    storm = Storm(fault("dropped_executions", length="20m"), breaker={"poll": "2m"}).play(blocks)
    events = storm.table("events")
    told = events["execution"][events["kind"] == EventKind.FILL]
    assert len(set(told.tolist())) == len(set(storm.table("fills")["execution"].tolist()))
    assert settled(storm)
