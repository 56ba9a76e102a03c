"""Liveness: what a run has left undone at its end.

Safety says that nothing bad happens; a system that stops for ever is safe. So once faults are over, everything must
finish by itself, or wait for a person in a state from which a person can go on. By the end of a full session without
faults, which is longer than every deadline of the engine:

    no order's fate is unknown, unless its deadline has passed and a person has been called
    every position is protected, or has an exit under way that a person knows of
    nothing is held any more, if the engine was told to be flat before the close
    no order lives at the broker that is over or unknown for us
    no breaker is open: a lane that answers again is ready for the operator's reset
    no condition is in force that must end by itself (data that came back, a stream, a reconciliation)

A symbol whose books differ from the broker's waits for the operator, who has been called: what it holds is not known.
A position without a stop after its deadline, and an exit after its own, have called a person: the invariants see to
it. Here it counts all the same, because a session is time enough.
"""

from __future__ import annotations

import numpy as np

from core.kernel.kinds import Breaker, Condition, ExitStage, Lane
from core.settings.expect import MetricExpectation
from sim.records import Stand

BY_ITSELF = (
    Condition.FEED_STALE,
    Condition.FEED_DOWN,
    Condition.STREAM_DOWN,
    Condition.RECONCILING,
)

LIVENESS = (MetricExpectation.model_validate({"metric": "unfinished", "equals": 0}),)
"""What a scenario expects that must come to its end."""


def unfinished(state: np.ndarray, venue: np.ndarray) -> list[str]:
    """Names of what is left undone, such as `unknown_order`; STATE of the engine and VENUE, each of shape (1,)."""
    ours, theirs = state["orders"][0], venue["orders"][0]
    alive = (theirs["id"] != 0) & (theirs["stand"] != Stand.DONE)
    stray = bool(np.any(alive & ((ours["id"] != theirs["id"]) | (ours["terminal"] != 0))))
    return [*undone(state), *(["stray_order"] if stray else [])]


def undone(state: np.ndarray) -> list[str]:
    """Names of what the engine by itself has left undone; STATE of shape (1,)."""
    st = state[0]
    left = []
    if int(st["run"]["unknown"]):
        left.append("unknown_order")
    symbols = state["symbols"][0]
    held = (symbols["qty"] != 0) & (symbols["unreconciled"] == 0)
    if bool(np.any(held & (symbols["unprotected_since"] != 0))):
        left.append("unprotected_position")
    if bool(np.any(held & (symbols["stage"] != ExitStage.NONE))):
        left.append("exit_under_way")
    if int(st["config"]["flat_before_close"]) and bool(np.any(held & (symbols["entry"] != 0))):
        left.append("open_trade")
    breakers = state["lanes"][0]["state"]
    left += [f"breaker_open_{lane.name.lower()}" for lane in Lane if breakers[lane] == Breaker.OPEN]
    active = state["conditions"][0]["active"]
    left += [f"condition_{condition.name.lower()}" for condition in BY_ITSELF if active[condition]]
    return left
