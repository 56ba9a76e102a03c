"""A schedule is made small by asking, and what is left still fails."""

from __future__ import annotations

from core.settings.faults import Fault
from sim.sweeping.shrink import shrink

AT = "2025-11-12T15:30:00+00:00"


def fault(kind: str, length: str | None = "2h", **keys: object) -> Fault:
    entry = {"kind": kind, "at": AT, **keys}
    return Fault.model_validate(entry if length is None else entry | {"for": length})


NOISE = [fault(kind) for kind in ("gap", "freeze", "late_bars", "slow", "rate_limit", "partials", "overfill")]


def kinds(faults) -> list[str]:
    return [fault.kind for fault in faults]


def test_what_is_not_needed_goes():
    small = shrink(lambda faults: "outage" in kinds(faults), [*NOISE, fault("outage"), *NOISE])
    assert kinds(small) == ["outage"]


def test_two_that_are_needed_together_stay_in_their_order():
    faults = [NOISE[0], fault("outage"), *NOISE[1:4], fault("leg_lost"), *NOISE[4:]]
    small = shrink(lambda tried: {"outage", "leg_lost"} <= set(kinds(tried)), faults)
    assert kinds(small) == ["outage", "leg_lost"]


def test_each_is_made_simpler_as_far_as_it_still_fails():
    long = fault(
        "outage",
        every="session",
        times=9,
        probability=0.2,
        scope={"symbols": ["ALFA", "BRVO"], "lanes": ["submit", "query"]},
        parameters={"failure": "connection"},
    )

    def fails(faults) -> bool:
        return any(
            f.kind == "outage" and f.duration >= 1_800_000_000_000 and "query" in (f.scope.lanes or ()) for f in faults
        )

    (small,) = shrink(fails, [long])
    assert (small.every, small.probability, small.duration) == (None, 1, 1_800_000_000_000)
    assert small.scope.lanes == ("query",)
    assert len(small.scope.symbols) == 1
    assert small.parameters.failure == "timeout"


def test_a_failure_without_faults_needs_none():
    assert shrink(lambda faults: True, NOISE) == ()


def test_it_ends_after_a_bounded_number_of_trials():
    asked = []
    shrink(lambda faults: bool(asked.append(faults)) or len(faults) > 3, NOISE * 3, trials=7)
    assert len(asked) == 7
