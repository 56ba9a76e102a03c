"""Recorded minutes of four symbols over three days, pre-market, gaps and quotes included, through all three strategies.

The data is not part of the project: SEATRIAL_MARKET_DATA names its folder, else it is looked for beside the project.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from core.config import load_settings
from core.runs import Run
from sim.oracle import check_run
from sim.scenario import Outcome, run

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("SEATRIAL_MARKET_DATA", ROOT.parent / "shared" / "data" / "us-minute-2013-10"))
SCENARIO = """
schema = 1
name = "recorded"
proves = "Recorded minutes pass through every strategy and break no promise."

[data]
bars = "{data}"

[risk]
adv_share = 0.0005

[sizing]
cost_bps = 0.5

[strategies.breakout]
use = "core.strategies.breakout:Breakout"
[strategies.momentum]
use = "core.strategies.momentum:Momentum"
[strategies.mean_reversion]
use = "core.strategies.mean_reversion:MeanReversion"
"""

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="recorded market data is not here")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("recorded")
    scenario = folder / "recorded.toml"
    scenario.write_text(SCENARIO.format(data=DATA))
    return run(load_settings(scenario), folder / "run")


def test_every_promise_holds(outcome: Outcome) -> None:
    assert outcome.passed
    assert outcome.run["bars"] == 6618
    assert set(outcome.run["invariants"].values()) == {"ok"}


def test_strategies_trade_and_close(outcome: Outcome) -> None:
    tables = Run.open(outcome.path)
    decisions = tables.table("decisions")
    assert set(pc.unique(decisions["strategy"]).to_pylist()) >= {"breakout", "mean_reversion"}
    assert outcome.run["counts"]["fills"] >= 10
    assert outcome.run["positions"] == {}


def test_the_spread_is_the_recorded_one(outcome: Outcome) -> None:
    """Half a basis point of spread would be the model's; quotes give whole half-cents."""
    half = np.array([float(x) for x in Run.open(outcome.path).table("fills")["half_spread"].to_pylist()])
    assert np.allclose(half * 200, np.rint(half * 200))
    assert half.min() >= 0.005


def test_the_books_agree_with_the_second_accountant(outcome: Outcome) -> None:
    assert check_run(Run.open(outcome.path)).agrees
