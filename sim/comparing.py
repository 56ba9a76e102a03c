"""Two runs set against each other by replay: decision parity, causes, and what the run would have earned elsewhere.

Everything that can be made is made. What cannot has a reason: data that have moved, runs that begin on different days,
a strategy that is no longer there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.comparison import DecisionParity, Replayed
from core.errors import InputError
from core.runs import Run
from sim import scenario
from sim.attribution import common_sessions, recorded_profit, replay_differences, whole_sessions
from sim.parity import parity_of_journal, parity_of_rerun
from sim.worlds import World, sharing, world_of

Progress = Callable[[str, int, int, int], None]
"""Told the stage, and how much of it is done: done, total, bars."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The run in question and the simulation that it is measured against, each with its world or why there is none.

    `fresh` says that the simulation has only just been made from the run.
    """

    run: Run
    simulation: Run
    run_world: World | InputError
    simulation_world: World | InputError
    fresh: bool


def simulate_run(run: Run, out: Path, bars: Path | None, progress: Progress) -> Run:
    """The simulation of a run: its own configuration, starting cash and recorded data, by the rules of the venue.

    Raises InputError when the data or a strategy are not to be had.
    """
    world = world_of(run, bars)
    done = scenario.run(world.settings, out, lambda *far: progress("simulating", *far), f"seatrial compare {run.path}")
    return Run.open(done.path)


def pair_of(run: Run, simulation: Run, bars: Path | None, fresh: bool) -> Pair:
    """Both runs with their worlds; `bars` says where the run's data lie now, and those of a fresh simulation."""
    ours, theirs = _world(run, bars), _world(simulation, bars if fresh else None)
    if isinstance(ours, World) and isinstance(theirs, World):
        theirs = sharing(theirs, ours)
    return Pair(run, simulation, ours, theirs, fresh)


def _world(run: Run, bars: Path | None) -> World | InputError:
    try:
        return world_of(run, bars)
    except InputError as error:
        return error


def replay_pair(pair: Pair, progress: Progress) -> Replayed:
    """All that replays can say about the two runs."""
    parity = [_parity(pair.run, pair.run_world, progress, pair.simulation if pair.fresh else None)]
    if not pair.fresh:
        parity.append(_parity(pair.simulation, pair.simulation_world, progress))
    reason = _obstacle(pair)
    if reason or isinstance(pair.run_world, InputError) or isinstance(pair.simulation_world, InputError):
        return Replayed(tuple(parity), None, reason.rstrip("."), ())
    simulation, run = pair.simulation_world, pair.run_world
    sessions = _sessions(pair, simulation, run)
    end = int(run.dataset.sessions["post"][sessions - 1])
    profits = recorded_profit(pair.simulation, end), recorded_profit(pair.run, end)
    try:
        attribution, haircut = replay_differences(
            simulation, run, profits, sessions, lambda *far: progress("replaying", *far)
        )
    except InputError as error:
        return Replayed(tuple(parity), None, str(error).rstrip("."), ())
    return Replayed(tuple(parity), attribution, "", haircut)


def _parity(run: Run, world: World | InputError, progress: Progress, repeated: Run | None = None) -> DecisionParity:
    """Decision parity of one run; `repeated` is a simulated run made again already."""
    if isinstance(world, InputError):
        return DecisionParity(run.run["run_id"], 0, None, str(world))
    if run.run["kind"] != "sim":
        return parity_of_journal(run, world)
    if repeated is not None:
        return parity_of_rerun(run, repeated)
    with tempfile.TemporaryDirectory(prefix="seatrial-") as folder:
        again = scenario.run(world.settings, Path(folder) / "run", lambda *far: progress("repeating", *far))
        return parity_of_rerun(run, Run.open(again.path))


def _sessions(pair: Pair, simulation: World, run: World) -> int:
    """How many sessions both runs begin with and have to their close."""
    whole = whole_sessions(pair.simulation, simulation), whole_sessions(pair.run, run)
    return min(common_sessions(simulation, run), *whole)


def _obstacle(pair: Pair) -> str:
    """Why the difference cannot be attributed; empty when it can."""
    for run, world in ((pair.run, pair.run_world), (pair.simulation, pair.simulation_world)):
        if isinstance(world, InputError):
            place = "" if world.place == str(run.path) else f"{world.place} "
            return f"{run.path.name} cannot be replayed: {place}{world.problem}. {world.remedy}"
    assert isinstance(pair.run_world, World)
    assert isinstance(pair.simulation_world, World)
    if pair.run_world.dataset.bar_seconds != pair.simulation_world.dataset.bar_seconds:
        return "the two runs have bars of different length"
    if common_sessions(pair.simulation_world, pair.run_world) == 0:
        return "the two runs begin on different days, so equal inputs would not give equal results"
    warm_up = max(world.settings.data.warm_up_sessions for world in (pair.run_world, pair.simulation_world))
    if _sessions(pair, pair.simulation_world, pair.run_world) <= warm_up:
        return "one of the runs was cut short within its first session"
    return ""
