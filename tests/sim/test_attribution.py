"""Planted differences come out as the cause that was planted, and everything adds up to the micro-dollar."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow.parquet as pq
import pytest

from core.calendar import as_date
from core.comparison import FACTORS, Place
from core.config import load_settings
from core.datasets.writer import About, SessionTables, bar_table, write_dataset
from core.runs import Run
from sim import scenario
from sim.attribution import common_sessions, recorded_profit, replay_differences
from sim.worlds import changes, sharing, world_of
from tests.sim.recorded import as_recorded, run_scenario

WEEK = {"data.end": date(2025, 11, 14)}
DATA, LATENCY, FILL_MODEL, CONFIG, STRATEGY = range(5)
PLANTED = {
    LATENCY: {"venue.submit_latency": "3s"},
    FILL_MODEL: {"venue.half_spread_bps": Decimal(4)},
    CONFIG: {"risk.symbol_cap": Decimal("0.06")},
    STRATEGY: {"strategies.breakout.lookback": 45},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with two versions of one week of bars, which differ in every seventh close."""
    folder = tmp_path_factory.mktemp("attribution")
    source = load_settings("breakout-4w", WEEK)
    for name, move in (("final", 0.0), ("received", 0.04)):
        dataset = scenario.open_data(source)
        about = About(dataset.feed, dataset.adjustment, dataset.bar_seconds)
        kept = {n: pq.read_table(dataset.folder / f"{n}.parquet") for n in ("daily", "actions", "auctions")}
        write_dataset(
            folder / name, about, (revised(block, move) for block in dataset.blocks()), lambda kept=kept: kept
        )
    return folder


def revised(block, move):
    bars = block.bars
    close = bars.close.copy()
    close[::7] = np.clip(np.round(close[::7] + move, 2), bars.low[::7], bars.high[::7])
    changed = type(bars)(**{name: getattr(bars, name) for name in bars.__slots__ if name != "close"}, close=close)
    return SessionTables(as_date(block.session["date"]), bar_table(changed), None)


@pytest.fixture(scope="module")
def runs(place):
    """A function that makes a run with some changes, each once."""
    made: dict[str, Run] = {}

    def run(**given):
        name = "-".join(f"{key}={value}" for key, value in given.items()).replace("/", "_").replace(".", "_") or "base"
        if name not in made:
            keys = {key.replace("__", "."): value for key, value in given.items()}
            made[name] = run_scenario(place / f"run-{len(made)}", {"data.bars": str(place / "final"), **WEEK, **keys})
        return made[name]

    return run


def of(changed):
    return {key.replace(".", "__"): value for key, value in changed.items()}


def attribute(simulation, run):
    ours, theirs = world_of(run), world_of(simulation)
    theirs = sharing(theirs, ours)
    profits = recorded_profit(simulation, 2**62), recorded_profit(run, 2**62)
    return replay_differences(theirs, ours, profits, common_sessions(theirs, ours))


def check_sums(found):
    assert found.unexplained == (0, 0), "replays give what the runs recorded"
    assert int(found.total.sum()) == found.recorded[1] - found.recorded[0]
    assert np.array_equal(found.shares.sum(axis=0), found.profits[1] - found.profits[0])
    assert found.profits.sum(axis=1).tolist() == list(found.recorded)


def only(found, factor):
    """At least 95 % of the difference is the factor's, and most of every trade's."""
    difference = found.recorded[1] - found.recorded[0]
    assert abs(difference) > 1_000_000, "a difference of more than a dollar was planted"
    assert found.total[factor] / difference >= 0.95
    assert np.abs(found.shares[factor]).sum() >= 0.95 * np.abs(found.shares).sum()


@pytest.mark.parametrize("factor", PLANTED, ids=lambda factor: FACTORS[factor].replace(" ", "-"))
def test_a_planted_change_of_configuration_is_found(runs, factor):
    found, _ = attribute(runs(), runs(**of(PLANTED[factor])))
    check_sums(found)
    only(found, factor)
    assert {change.factor for change in found.changes} == {FACTORS[factor]}


def test_revised_bars_are_found(runs, place):
    found, _ = attribute(runs(), runs(data__bars=str(place / "received")))
    check_sums(found)
    only(found, DATA)


def test_bars_that_were_revised_after_the_decision_are_found(runs):
    """The engine saw them wrong at first; the venue filled on the market as it was."""
    revisions = {"kind": "bar_revision", "every": "session", "for": "6h30m", "probability": Decimal("0.1")}
    wrong = [revisions | {"parameters": {"size": Decimal("0.005")}}]
    found, _ = attribute(runs(), runs(faults=wrong))
    check_sums(found)
    only(found, DATA)
    assert [change.key for change in found.changes] == ["faults"]


def test_a_slow_broker_is_no_data(runs):
    slow = {"kind": "slow", "at": "2025-11-11T10:00:00-05:00", "for": "5h", "parameters": {"delay": "20s"}}
    found, _ = attribute(runs(), runs(faults=[slow]))
    check_sums(found)
    only(found, FILL_MODEL)


@pytest.mark.parametrize("factor", [LATENCY, FILL_MODEL])
def test_what_a_paper_run_met_without_its_configuration_saying_so_is_found(runs, place, factor):
    """The record alone tells: configuration and data are those of the simulation."""
    met = runs(**of(PLANTED[factor]))
    paper = as_recorded(met, place / f"paper-{factor}", "paper", config=runs())
    found, _ = attribute(runs(), paper)
    check_sums(found)
    only(found, factor)
    assert [change.key for change in found.changes] == ["recorded latency", "recorded fills"]


@pytest.mark.parametrize("pair", [(LATENCY, FILL_MODEL), (FILL_MODEL, CONFIG), (LATENCY, STRATEGY)])
def test_two_planted_changes_add_up(runs, pair):
    both = PLANTED[pair[0]] | PLANTED[pair[1]]
    found, _ = attribute(runs(), runs(**of(both)))
    check_sums(found)
    assert {change.factor for change in found.changes} == {FACTORS[factor] for factor in pair}
    others = [factor for factor in range(5) if factor not in pair]
    assert found.total[others].tolist() == [0, 0, 0]
    assert found.replays == 4
    # the ladder of two: first alone, then on top of the other
    first = found.values[1 << pair[0]] - found.values[0]
    second = found.values[-1] - found.values[1 << pair[1]]
    assert {found.low[pair[0]], found.high[pair[0]]} == {min(first, second), max(first, second)}
    assert abs(int(found.total[pair[0]]) - (int(first) + int(second)) / 2) <= len(found.places)


def test_all_five_at_once_take_all_replays(runs, place):
    changed = {key: value for planted in PLANTED.values() for key, value in planted.items()}
    found, _ = attribute(runs(), runs(**of(changed), data__bars=str(place / "received")))
    check_sums(found)
    assert found.replays == 32
    assert len({change.factor for change in found.changes}) == 5
    assert len(set(found.values.tolist())) > 16, "the combinations earn differently"


def test_equal_runs_need_one_replay_and_differ_by_nothing(runs):
    found, haircut = attribute(runs(), runs())
    check_sums(found)
    assert (found.replays, found.changes) == (1, ())
    assert not found.total.any()
    by_case = {(outcome.profile, outcome.path): outcome for outcome in haircut}
    assert by_case["alpaca_paper", "adverse"].profit == found.recorded[1], "the run's own profile and path"
    assert by_case["live_conservative", "adverse"].profit < found.recorded[1]


def test_trades_are_those_of_the_tables(runs):
    """Profit by trade from the replay is that of the fills of the run directory."""
    run = runs()
    found, _ = attribute(run, run)
    fills = run.table("fills").to_pandas()
    fills["intent"] = fills["client_order_id"].str[3:19]
    sign = fills["side"].map({"buy": -1, "sell": 1})
    cash = (sign * fills["qty"] * fills["price"] - fills["fee"]).groupby(fills["intent"]).sum()
    decisions = run.table("decisions").to_pandas().set_index("intent_id")
    by_place = dict(zip(found.places, found.profits[1].tolist(), strict=True))
    assert len(cash) == len(found.places) - 1
    for intent, amount in cash.items():
        row = decisions.loc[intent]
        assert by_place[Place(row["strategy"], row["symbol"], row["bar_time"].value)] == round(amount * 1_000_000)
    assert by_place[None] == 0


def test_a_run_cut_short_is_compared_over_what_both_have(place):
    short = run_scenario(place / "short", {"data.bars": str(place / "final"), "data.end": date(2025, 11, 12)})
    whole = run_scenario(place / "whole", {"data.bars": str(place / "final"), **WEEK})
    a, b = world_of(whole), world_of(short)
    sessions = common_sessions(a, b)
    assert sessions == 3
    end = int(b.dataset.sessions["post"][sessions - 1])
    profits = recorded_profit(whole, end), recorded_profit(short, end)
    assert profits[0] == profits[1]
    found, _ = replay_differences(a, b, profits, sessions)
    check_sums(found)


def test_runs_that_begin_on_different_days_have_nothing_in_common(place):
    late = {"data.bars": str(place / "final"), "data.start": date(2025, 11, 12), **WEEK}
    a = world_of(run_scenario(place / "late", late))
    b = world_of(run_scenario(place / "early", {"data.bars": str(place / "final"), **WEEK}))
    assert common_sessions(a, b) == 0


def test_fees_are_configuration_and_the_seed_is_chance(runs):
    a = world_of(runs())
    fees = world_of(runs(venue__fees=True))
    assert [change[:2] for change in changes(a, fees)] == [("risk and config", "venue.fees")]
    seed = world_of(runs(seed=2))
    assert [change[:2] for change in changes(a, seed)] == [("fill model", "seed")]
