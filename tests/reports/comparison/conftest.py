"""Pairs of small runs, compared: each pair once, as findings."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from reports.comparison.findings import Sources, find
from sim.comparing import pair_of, replay_pair
from sim.worlds import World
from tests.sim.recorded import as_recorded, cut_short, run_scenario

WEEK = {"data.end": date(2025, 11, 14)}
CHANGED = {
    "venue.submit_latency": "3s",
    "venue.half_spread_bps": Decimal(4),
    "risk.symbol_cap": Decimal("0.06"),
    "strategies.breakout.lookback": 45,
}
CUT = datetime(2025, 11, 12, 18, 0, tzinfo=UTC)  # 13:00 in New York
IDLE = {"sizing.min_edge_bps": Decimal(5000)}


def compared(run, simulation, margin=3.0):
    pair = pair_of(run, simulation, None, fresh=False)
    data = [world.dataset if isinstance(world, World) else None for world in (pair.run_world, pair.simulation_world)]
    return find(Sources(run, simulation, *data, margin), replay_pair(pair, lambda *far: None))


@pytest.fixture(scope="session")
def compared_runs(tmp_path_factory):
    """The runs by name: base, changed, idle, short, late, after; few and others with other symbols; paper, a recording with
    the base's configuration and a wider spread; and cut, the same until its process ended within a session.
    """
    folder = tmp_path_factory.mktemp("compared")
    runs = {
        "base": run_scenario(folder / "base", WEEK),
        "changed": run_scenario(folder / "changed", WEEK | CHANGED),
        "idle": run_scenario(folder / "idle", WEEK | IDLE),
        "short": run_scenario(folder / "short", {"data.end": date(2025, 11, 12)}),
        "late": run_scenario(folder / "late", {**WEEK, "data.start": date(2025, 11, 12)}),
    }
    runs["few"] = run_scenario(folder / "few", WEEK | {"data.symbols": ["ALFA", "BRVO", "CHRL"]})
    runs["others"] = run_scenario(folder / "others", WEEK | {"data.symbols": ["DLTA", "ECKO", "FXTR"]})
    after = {"data.start": date(2025, 11, 17), "data.end": date(2025, 11, 19), "venue.submit_latency": "1s"}
    runs["after"] = run_scenario(folder / "after", after)
    met = run_scenario(folder / "met", WEEK | {"venue.half_spread_bps": Decimal(4)})
    runs["paper"] = as_recorded(met, folder / "paper", "paper", config=runs["base"])
    runs["cut"] = cut_short(runs["paper"], folder / "cut", CUT)
    return runs


@pytest.fixture(scope="session")
def findings(compared_runs):
    """A function from two names of runs to their comparison."""
    made = {}

    def of(run, simulation):
        if (run, simulation) not in made:
            made[run, simulation] = compared(compared_runs[run], compared_runs[simulation])
        return made[run, simulation]

    return of
