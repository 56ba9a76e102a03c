"""Why two runs earned differently: every combination of their factors replayed, and the difference shared out.

The two runs' inputs are split into five factors (worlds.py). Each of the 32 sets of factors is played through the
compiled loop, with those factors as in the run and the others as in the simulation; factors whose inputs are equal
need no replay of their own. The shares are Shapley's (core.statistics.shapley), for each trade by itself, so they add
up over factors and over trades to the micro-dollar. A trade is known by its place, strategy, symbol and bar of the
signal, because its identity may itself be among the differences; a trade that a combination did not make earned 0.

Runs of different length are compared over the sessions that both begin with. Runs that begin on different days are
not: after different pasts, equal inputs do not give equal results.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.comparison import FACTORS, Attribution, Outcome, Place
from core.kernel.units import MICRO
from core.run_values import int64s, micros
from core.runs import Run
from core.statistics.shapley import ladder_range, shapley_shares
from sim.counterfactual import Played, Progress, play
from sim.worlds import World, changes, mixed, under

PROFILES = ("alpaca_paper", "live_conservative")
PATHS = ("adverse", "nearest", "favourable")


def common_sessions(simulation: World, run: World) -> int:
    """How many sessions both worlds begin with; 0 when they begin on different days."""
    a, b = simulation.dataset.sessions["date"], run.dataset.sessions["date"]
    n = min(len(a), len(b))
    differing = np.flatnonzero(a[:n] != b[:n])
    return int(differing[0]) if len(differing) else n


def whole_sessions(run: Run, world: World) -> int:
    """How many of its world's sessions a run has to their close; fewer than all where it was cut short."""
    times = int64s(run.table("equity", ["time"]), "time")
    return int((world.dataset.sessions["close"] <= times[-1]).sum()) if len(times) else 0


def replay_differences(
    simulation: World, run: World, profits: tuple[int, int], sessions: int, progress: Progress | None = None
) -> tuple[Attribution, tuple[Outcome, ...]]:
    """The attribution of the difference, and what the run's signals earn at each venue profile along each path.

    `profits` are what the simulation and the run recorded over the `sessions` that they have in common, in micros.
    """
    found = changes(simulation, run)
    differing = sum(1 << FACTORS.index(factor) for factor in {change.factor for change in found})
    distinct = sorted({members & differing for members in range(1 << len(FACTORS))})
    cases = [(profile, path) for profile in PROFILES for path in PATHS]
    worlds = [mixed(simulation, run, members) for members in distinct]
    played = play([*worlds, *(under(run, *case) for case in cases)], sessions, progress)
    combinations = dict(zip(distinct, played, strict=False))
    every = [combinations[members & differing] for members in range(1 << len(FACTORS))]
    values = np.array([case.profit for case in every])
    places, by_trade = _by_trade(every)
    attribution = Attribution(
        found,
        values,
        *ladder_range(values),
        places,
        by_trade[[0, -1]],
        shapley_shares(by_trade),
        profits,
        len(distinct),
    )
    outcomes = zip(cases, played[len(distinct) :], strict=True)
    return attribution, tuple(Outcome(*case, ran.profit, len(ran.trades)) for case, ran in outcomes)


def _by_trade(every: Sequence[Played]) -> tuple[tuple[Place | None, ...], np.ndarray]:
    """The trades that any combination made, and int64 (32, k) what each earned; the last column is the rest."""
    places = sorted(
        {place for case in every for place in case.trades}, key=lambda p: (p.bar_time, p.symbol, p.strategy)
    )
    table = np.zeros((len(every), len(places) + 1), np.int64)
    for row, case in enumerate(every):
        table[row, :-1] = [case.trades.get(place, 0) for place in places]
        table[row, -1] = case.profit - table[row, :-1].sum()
    return (*places, None), table


def recorded_profit(run: Run, end: int) -> int:
    """Micros that a run had earned by `end`, ns UTC, as it recorded it; external flows of cash are no profit."""
    table = run.table("equity", ["time", "equity"])
    times, equities = int64s(table, "time"), micros(table, "equity")
    rows = np.flatnonzero(times <= end)
    if not len(rows):
        return 0
    whole = rows[-1] == len(times) - 1
    equity = _micros(run.run["equity"]) if whole else int(equities[rows[-1]])
    flows = run.table("cash_events", ["time", "kind", "amount"])
    outside = np.isin(np.array(flows["kind"].to_pylist(), np.str_), ("deposit", "withdrawal"))
    moved = int(micros(flows, "amount")[outside & (int64s(flows, "time") <= end)].sum())
    return equity - _micros(run.run["start_cash"]) - moved


def _micros(amount: float) -> int:
    """Micros of a number of run.json, which has no more digits than these."""
    return round(amount * MICRO)
