"""compare and calibrate as a person and as a program meet them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from seatrial import cli
from tests.sim.recorded import as_recorded, run_scenario

DAYS = {"data.end": date(2025, 11, 12)}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    base = run_scenario(folder / "base", DAYS)
    met = run_scenario(folder / "met", DAYS | {"venue.half_spread_bps": Decimal(4)})
    as_recorded(met, folder / "paper", "paper", config=base)
    return folder


@pytest.fixture
def invoke(monkeypatch, place):
    monkeypatch.chdir(place)
    return lambda *words: CliRunner().invoke(cli.app, list(words))


def test_a_paper_run_is_compared_with_the_simulation_that_is_made_of_it(invoke, place):
    done = invoke("compare", "paper")
    assert done.exit_code == 0, done.output
    assert "identical over" in done.stdout
    assert "fill model" in done.stdout
    assert (place / "paper" / "compare.html").exists()
    document = json.loads((place / "paper" / "compare.json").read_text())
    assert document["decision_parity"][0]["identical"] is True
    assert document["matching"]["matched"] > 10
    assert abs(document["attribution"]["factors"]["fill model"]["share"]) > 1
    assert document["attribution"]["factors"]["latency"]["share"] == 0


def test_two_runs_and_json(invoke, tmp_path):
    done = invoke("compare", "met", "base", "--out", str(tmp_path / "out"), "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert [parity["identical"] for parity in document["decision_parity"]] == [True, True]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["compare.html", "compare.json"]


def test_decisions_that_do_not_come_again_fail(invoke, place, tmp_path):
    bad = tmp_path / "bad"
    shutil.copytree(place / "paper", bad)
    table = pq.read_table(bad / "decisions.parquet")
    qty = table["qty"].to_pylist()
    qty[0] += 1
    column = table.column_names.index("qty")
    pq.write_table(
        table.set_column(column, table.schema.field(column), pa.array(qty, table["qty"].type)),
        bad / "decisions.parquet",
    )
    done = invoke("compare", str(bad))
    assert done.exit_code == 1
    assert "decision 1, qty: recorded" in done.stdout
    page = (bad / "compare.html").read_text()
    assert "Decisions differ" in page
    assert "State at decision 1" in page


def test_data_that_have_moved_leave_the_rest(invoke, place, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(place / "met", moved)
    config = (moved / "config.toml").read_text()
    (moved / "config.toml").write_text(config.replace("data/us10-4w", "data/gone"))
    done = invoke("compare", str(moved), "base", "--out", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    assert "not measured: " in done.stdout
    assert "not attributed: " in done.stdout
    document = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert document["attribution"] is None
    assert document["matching"]["matched"] > 10
    assert document["costs"]["run"]["markouts_bp"]["all fills"]["5 min"] is None


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("compare", "nowhere"), "is not a run directory"),
        (("compare", "base", "base"), "is the run itself"),
        (("calibrate", "nowhere"), "is not a run directory"),
        (("run", "breakout-4w", "--profile", "gone.toml"), "there is no such file"),
    ],
)
def test_bad_input_is_named(monkeypatch, capsys, place, words, problem):
    monkeypatch.chdir(place)
    with pytest.raises(SystemExit) as left:
        cli.main(list(words))
    assert left.value.code == 2
    assert problem in capsys.readouterr().err


def test_a_run_of_another_schema_is_refused(monkeypatch, capsys, place, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(place / "base", other)
    document = json.loads((other / "run.json").read_text())
    (other / "run.json").write_text(json.dumps(document | {"schema": 2}))
    monkeypatch.chdir(place)
    with pytest.raises(SystemExit) as left:
        cli.main(["compare", "base", str(other)])
    assert left.value.code == 2
    assert "is 2. This version reads schema 1" in capsys.readouterr().err


def test_calibration_refuses_few_days(invoke, place):
    done = invoke("calibrate", "paper")
    assert done.exit_code == 1
    assert "it takes 30 over 6" in done.stdout
    assert not (place / "profiles").exists()


def test_a_calibrated_profile_is_written_and_run(invoke, place, tmp_path):
    days = {"data.end": date(2025, 11, 21)}
    base = run_scenario(tmp_path / "base", days)
    met = run_scenario(tmp_path / "met", days | {"venue.half_spread_bps": Decimal(4)})
    as_recorded(met, tmp_path / "paper", "paper", config=base)
    out = tmp_path / "mine.toml"
    done = invoke("calibrate", str(tmp_path / "paper"), "--out", str(out), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["profile"] == "alpaca_paper-v1"
    done = invoke(
        "run", "breakout-4w", "--set", "data.end=2025-11-11", "--profile", str(out), "--out", str(tmp_path / "run")
    )
    assert done.exit_code in (0, 1), done.output
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["profile"] == "alpaca_paper-v1"
    assert "alpaca_paper-v1" in (tmp_path / "run" / "report.html").read_text()


def test_the_same_runs_give_the_same_bytes_in_any_process(place, tmp_path):
    made = []
    for seed, zone in (("1", "Asia/Tokyo"), ("77", "America/Los_Angeles")):
        out = tmp_path / seed
        words = [sys.executable, "-c", "from seatrial.cli import main; main()", "compare", "met", "base", "--out", out]
        env = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": str(Path(__file__).parents[2])}
        subprocess.run(words, cwd=place, env=env, capture_output=True, check=True)
        made.append([(out / name).read_bytes() for name in ("compare.html", "compare.json")])
    assert made[0] == made[1]
