"""Recorded delays and fills play a run again without knowing the rules that it met."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from core.errors import InputError
from core.kernel.units import MICRO
from core.run_values import int64s, micros
from sim.attribution import recorded_profit
from sim.counterfactual import play
from sim.records import SCRIPT_ROWS
from sim.worlds import world_of
from tests.sim.recorded import as_recorded, run_scenario

DAYS = {"data.end": date(2025, 11, 14)}
MET = [
    {"venue.submit_latency": "4s", "venue.fill_latency": "700ms"},
    {"venue.half_spread_bps": Decimal(5), "venue.partial_probability": Decimal("0.7")},
    {"venue.profile": "live_conservative"},
    {"venue.path": "nearest", "seed": 1, "orders.entry": "limit", "orders.limit_offset_bps": Decimal(1)},
]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return run_scenario(tmp_path_factory.mktemp("script") / "base", DAYS)


@pytest.mark.parametrize("met", MET, ids=["delays", "spread-and-parts", "live", "limit-entries"])
def test_a_record_is_played_again_exactly(base, met, tmp_path):
    """The configuration that the record claims has other delays and rules; fees and orders are configuration."""
    known = {key: value for key, value in met.items() if key.startswith("orders.")}
    claimed = run_scenario(tmp_path / "claimed", DAYS | known | _fees(met))
    paper = as_recorded(run_scenario(tmp_path / "met", DAYS | met), tmp_path / "paper", "paper", config=claimed)
    world = replace(world_of(paper), settings=_with_feed(world_of(paper), met))
    played = play([world], len(world.dataset.sessions))[0]
    assert played.decisions == paper.run["counts"]["decisions"]
    assert played.profit == recorded_profit(paper, 2**62)
    assert played.profit != recorded_profit(base, 2**62)


def _fees(met):
    return {"venue.fees": True} if "venue.profile" in met else {}


def _with_feed(world, met):
    """The delays of market data, of cancels, and of news other than acceptances and fills are not on a script."""
    if "venue.profile" not in met:
        return world.settings
    delays = {"feed_latency": 500_000_000, "cancel_latency": 400_000_000, "ack_latency": 100_000_000}
    venue = world.settings.venue.model_copy(update=delays)
    return world.settings.model_copy(update={"venue": venue})


def test_the_script_holds_what_the_tables_do(base, tmp_path):
    paper = as_recorded(base, tmp_path / "paper", "paper")
    script = world_of(paper).script
    assert script is not None
    executed = script.rows["qty"] > 0
    fills, orders = paper.table("fills"), paper.table("orders")
    assert executed.sum() == fills.num_rows
    assert (~executed).sum() == int((micros(orders, "filled_qty") == 0).sum())
    assert sorted(script.rows["price"][executed]) == sorted(micros(fills, "price"))
    assert int(script.rows["qty"].sum()) == int(micros(fills, "qty").sum())
    assert (script.rows["submit"] >= 0).all()
    order = np.lexsort((script.rows["time"], script.rows["leg"], script.rows["intent"]))
    assert np.array_equal(order, np.arange(len(order))), "sorted as the venue searches"
    heard = int64s(fills, "t_received") - int64s(fills, "time")
    assert sorted(script.rows["heard"][executed]) == sorted(heard)
    assert (np.abs(script.rows["gap"][executed]) < MICRO).all()


def test_a_session_of_more_than_a_venue_holds_is_refused(base, tmp_path):
    script = world_of(as_recorded(base, tmp_path / "paper", "paper")).script
    assert script is not None
    many = np.resize(script.rows, SCRIPT_ROWS + 1)
    full = replace(script, rows=many, created=np.zeros(len(many), np.int64), ended=np.full(len(many), 2**62))
    with pytest.raises(InputError, match="Compare fewer symbols"):
        full.load(np.zeros(1, [("script", "i8", SCRIPT_ROWS), ("script_count", "i8")]), 0, 1)
