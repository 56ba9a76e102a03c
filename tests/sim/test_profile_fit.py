"""Profiles are fitted to what was planted, and left alone where there is nothing to find."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from core.config import load_settings
from core.errors import InputError
from core.profiles import read_profile, write_profile
from sim.profile_fit import fit_profile
from tests.sim.recorded import as_recorded, run_scenario

DAYS = {"data.end": date(2025, 11, 25)}
MET = {
    "venue.submit_latency": "700ms",
    "venue.fill_latency": "90ms",
    "venue.half_spread_bps": Decimal("2.5"),
    "venue.partial_probability": Decimal("0.6"),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return run_scenario(tmp_path_factory.mktemp("fit") / "base", DAYS)


@pytest.fixture(scope="module")
def paper(base, tmp_path_factory):
    """A run that met other delays, spreads and parts than its configuration says."""
    folder = tmp_path_factory.mktemp("fit")
    return as_recorded(run_scenario(folder / "met", DAYS | MET), folder / "paper", "paper", config=base)


def test_what_was_met_is_fitted(paper):
    fit = fit_profile([paper])
    assert [part.reason for part in fit.parts] == ["", "", ""]
    after = {key: value for part in fit.parts for key, value in part.after.items()}
    assert after["submit_latency"] == pytest.approx(700, rel=0.03)
    assert after["fill_latency"] == pytest.approx(90, rel=0.05)
    assert after["ack_latency"] == pytest.approx(50, rel=0.05)
    assert after["latency_jitter"] == pytest.approx(0.5, abs=0.05)
    assert after["half_spread_bps"] == pytest.approx(2.5, abs=0.01)
    spread = np.sqrt(0.6 * 0.4 / fit.parts[2].orders)
    assert after["partial_probability"] == pytest.approx(0.6, abs=3 * spread)
    assert (fit.profile.name, fit.profile.fitted_from) == ("alpaca_paper-v1", [paper.run["run_id"]])


def test_a_run_that_met_its_profile_gives_none(base):
    fit = fit_profile([base])
    assert fit.profile is None
    assert all("no likelier" in part.reason for part in fit.parts)


def test_the_profile_runs_and_names_itself(paper, tmp_path):
    path = write_profile(fit_profile([paper]).profile, tmp_path / "mine.toml")
    changes = {f"venue.{key}": value for key, value in read_profile(path).settings().items()}
    run = run_scenario(tmp_path / "run", {"data.end": date(2025, 11, 12), **changes})
    assert run.run["profile"] == "alpaca_paper-v1"
    assert run.config["venue"]["half_spread_bps"] == pytest.approx(2.5, abs=0.01)
    again = load_settings(run.path / "config.toml").venue
    assert again.profile_name == "alpaca_paper-v1"
    assert fit_profile([paper], "mine").profile.name == "mine"


def test_the_next_version_follows_the_one_in_force(base, paper, tmp_path):
    named = run_scenario(tmp_path / "v1", DAYS | {"venue.calibration": "alpaca_paper-v1"})
    again = as_recorded(paper, tmp_path / "again", "paper", config=named)
    assert fit_profile([again]).profile.name == "alpaca_paper-v2"


def test_few_observations_are_not_fitted(tmp_path):
    fit = fit_profile([run_scenario(tmp_path / "short", {"data.end": date(2025, 11, 12)})])
    assert fit.profile is None
    assert all("it takes 30 over 6" in part.reason for part in fit.parts)


def test_parts_are_not_fitted_where_size_limits_executions(tmp_path):
    fit = fit_profile([run_scenario(tmp_path / "live", DAYS | {"venue.profile": "live_conservative"})])
    assert fit.parts[2].orders == 0


def test_runs_of_different_profiles_are_not_mixed(base, tmp_path):
    other = run_scenario(tmp_path / "other", DAYS | {"venue.half_spread_bps": Decimal(2)})
    with pytest.raises(InputError, match="another profile"):
        fit_profile([base, other])
