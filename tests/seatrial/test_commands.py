"""The commands beside `run`: what each of them does to a working folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.seatrial.shell import ROOT

# The other commands


def test_scenarios_lists_what_each_proves(invoke):
    listed = json.loads(invoke("scenarios", "--json").stdout)["scenarios"]
    assert {"breakout-4w", "momentum-4w"} <= {scenario["name"] for scenario in listed}
    printed = " ".join(invoke("scenarios").stdout.split())
    for scenario in listed:
        assert scenario["name"] in printed
        assert scenario["proves"] in printed


def test_replay_finds_a_run_identical(place, invoke):
    folder, done = place
    decisions = json.loads(done.stdout)["decisions"]
    again = invoke("replay", str(folder / "runs/breakout-4w-001"))
    assert (again.exit_code, again.stdout) == (0, f"identical over {decisions} decisions\n")


def test_replay_shows_the_first_divergence(place, invoke):
    folder, _ = place
    shutil.copytree(folder / "runs/breakout-4w-001", "changed")
    config = Path("changed/config.toml")
    config.write_text(re.sub(r"(?m)^seed = 1$", "seed = 2", config.read_text()))
    done = invoke("replay", "changed")
    assert done.exit_code == 1
    assert re.match(r"first divergence: \w+\.parquet row \d+, \w+: recorded .+, now .+\n", done.stdout)
    as_json = invoke("replay", "changed", "--json")
    result = json.loads(as_json.stdout)
    assert (as_json.exit_code, result["identical"]) == (1, False)
    assert set(result["divergence"]) == {"table", "row", "column", "recorded", "repeated"}


def test_the_oracle_keeps_the_same_books(place, invoke):
    folder, _ = place
    done = invoke("replay", str(folder / "runs/breakout-4w-001"), "--oracle", "--json")
    result = json.loads(done.stdout)
    assert done.exit_code == 0
    assert result["oracle"]["agrees"]
    assert 0 <= result["oracle"]["max_cash_difference"] <= result["oracle"]["tolerance"]


def test_a_made_market_can_be_screened_checked_and_traded(place, invoke):
    made = invoke("synth", "data/small", "--sessions", "16", "--symbols", "2", "--seed", "5")
    assert made.exit_code == 0
    assert "46/46 sessions" in made.stderr, "thirty sessions of history come before"
    breakout = "core.strategies.breakout:Breakout"
    checked = invoke("check-strategy", breakout, "--bars", "data/small", "--set", "lookback=30", "--json")
    assert checked.exit_code == 0, checked.stdout
    assert json.loads(checked.stdout)["symbols"] == 2
    screened = invoke(
        "screen", breakout, "--grid", "lookback=20,40", "--bars", "data/small", "--out", "s.html", "--json"
    )
    assert screened.exit_code == 0
    found = json.loads(screened.stdout)
    settings, chosen = found["settings"], found["overfitting"]
    assert (chosen["trials"], chosen["sessions"], chosen["ways"]) == (2, 16, 70)
    assert 0 <= chosen["probability"] <= 1
    assert sorted(setting["lookback"] for setting in settings) == [20, 40]
    assert "<html" in Path("s.html").read_text()[:200]
    traded = invoke("run", "breakout-4w", "--bars", "data/small", "--no-report", "--json")
    assert json.loads(traded.stdout)["bars"] > 2_000


def test_a_strategy_that_reads_the_future_fails_its_check(place, invoke):
    Path("seer.py").write_text(
        "import numpy as np\nfrom core.strategies.contract import Signals\n"
        "class Seer:\n    name, model_version, warmup = 'seer', '1', 5\n"
        "    def signals(self, bars):\n"
        "        shape = bars.close.shape\n"
        "        rising = np.nan_to_num(bars.close[-1:] > bars.close)\n"
        "        p = np.where(rising, 0.7, np.nan)\n"
        "        one = np.ones(shape)\n"
        "        return Signals(p, one, one, np.ones(shape, np.int8), one, np.zeros(shape, bool))\n"
    )
    done = invoke("check-strategy", "seer:Seer")
    assert done.exit_code == 1
    assert "FAILED look-ahead" in done.stdout


def test_doctor_is_quick_and_finds_this_installation_fit(tmp_path):
    script = """
import sys
from seatrial.cli import main
try:
    main(["doctor", "--json"])
finally:
    print(sorted({"pandas", "vectorbt", "alpaca"} & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stderr == "[]\n"
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert report["ok"]
    subjects = [check["subject"] for check in report["checks"]]
    assert subjects == ["seatrial", "python", "packages", "calendar", "engine", "data", "runs"]
    assert list(tmp_path.iterdir()) == []
