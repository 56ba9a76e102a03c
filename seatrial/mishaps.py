"""What happens to us in a rehearsal, and not to the market or the broker: a scenario's faults of the operator's group.

    restart        the trading process is killed, and started again when the fault is over
    kill_switch    a person halts trading by way of the database, as `seatrial mode halt` does, and resumes it
    operator_act   a person acts in the same way
    clock_jump     our clock is said to have been moved; the virtual one, by which the market goes, stays

A simulation has these as events of the loop. Here they are done, so that what they must not break can break. A process
is killed between two moments of virtual time, when no request of it is under way, so `lose_commands` finds nothing to
lose.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.kernel.kinds import Lane, OperatorAct
from core.settings import fault_kinds as kinds
from core.settings.faults import Fault
from core.settings.scenario import Settings
from live.store.operators import Request
from sim.faults.schedule import ACTS, Schedule

ACTOR = "rehearsal"
AT_ONCE = "now"
NO_FAULT = -1


@dataclass(frozen=True, slots=True)
class Death:
    """A process ends itself at `at`, or at the next visit of `place` after it, and is back at `back`; ns UTC.

    `fault` is the number in the scenario of the fault that it belongs to.
    """

    at: int
    place: str = AT_ONCE
    back: int = 0
    fault: int = NO_FAULT


@dataclass(frozen=True, slots=True)
class Jump:
    """Our clock is moved by so many ns."""

    at: int
    by: int


@dataclass(frozen=True, slots=True)
class Act:
    """A person asks for something."""

    at: int
    request: Request


@dataclass(frozen=True, slots=True)
class Mishaps:
    """All of a rehearsal, in the order of time. `begun` has when the others begin by the fault's number, ns UTC."""

    deaths: tuple[Death, ...]
    others: tuple[Act | Jump, ...]
    begun: dict[int, list[int]]


def mishaps_of(settings: Settings, sessions: npt.NDArray[np.void], symbols: Sequence[str]) -> Mishaps:
    """The plan for a scenario over its traded `sessions` (SESSION rows)."""
    schedule = Schedule(settings.faults)
    deaths: list[Death] = []
    others: list[Act | Jump] = []
    begun: dict[int, list[int]] = {}
    for session in sessions:
        for o in schedule.session(session):
            fault = settings.faults[o.fault]
            if fault.rule.group != "operator":
                continue
            if fault.kind == "restart":
                deaths.append(Death(o.begin, back=o.end, fault=o.fault))
            else:
                begun.setdefault(o.fault, []).append(o.begin)
                others += _others(fault, o.begin, o.end, symbols)
    return Mishaps(tuple(deaths), tuple(sorted(others, key=lambda mishap: mishap.at)), begun)


def _others(fault: Fault, begin: int, end: int, symbols: Sequence[str]) -> Iterator[Act | Jump]:
    parameters: Any = fault.parameters
    match parameters:
        case kinds.ClockJump():
            yield Jump(begin, parameters.by if parameters.direction == "forward" else -parameters.by)
        case kinds.KillSwitch():
            yield _act(begin, fault, OperatorAct.HALT)
            if parameters.flatten:
                yield _act(begin, fault, OperatorAct.FLATTEN)
            if end > begin:
                yield _act(end, fault, OperatorAct.RESUME)
        case kinds.Act():
            act = ACTS[parameters.act]
            lane = Lane[parameters.lane.upper()] if act is OperatorAct.RESET_BREAKER else None
            by_symbol = act in (OperatorAct.ADOPT_POSITION, OperatorAct.FLATTEN)
            for symbol in (fault.scope.symbols or symbols) if by_symbol else (None,):
                yield _act(begin, fault, act, symbol, lane)
            if act is OperatorAct.ADOPT_POSITION:
                yield _act(begin, fault, OperatorAct.ADOPT_CASH)


def _act(at: int, fault: Fault, act: OperatorAct, symbol: str | None = None, lane: Lane | None = None) -> Act:
    return Act(at, Request(act, ACTOR, f"the scenario's {fault.kind}", symbol, lane))
