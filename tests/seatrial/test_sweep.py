"""seatrial sweep, as a person and as a program meet it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sim.sweeping import jobs
from sim.sweeping import sweep as sweeping
from sim.sweeping.trials import Verdict
from tests.sim.sweeping.test_sweep import here

MARKET = """
schema = 1
name = "two-days"
proves = "Nothing by itself: it lends its market."
[data]
bars = "data/us10-4w"
end = 2025-11-11
[strategies.breakout]
use = "core.strategies.breakout:Breakout"
"""


@pytest.fixture
def leave_swept(leave, monkeypatch):
    """Run the command with a pool of this process, and a defect in every schedule that has an early close."""

    def verdict(memory, seed, faults) -> Verdict:
        failed = any(fault.kind == "early_close" for fault in faults)
        failure, witness = ("cash_ledger", "broken at event 5") if failed else ("", "")
        return Verdict(seed, failure, witness, len(faults), 9, 1, "", False, {"fault gap": 2})

    monkeypatch.setattr("sim.sweeping.executors.processes", here)
    monkeypatch.setattr(jobs, "try_faults", verdict)
    monkeypatch.setattr(jobs, "try_seed", lambda m, seed: verdict(m, seed, jobs.schedule(seed, m.trading, m.symbols)))
    monkeypatch.setattr("sim.sweeping.executors.workers_of", lambda executor: 1)
    Path("market.toml").write_text(MARKET)
    return lambda *words: leave("sweep", "market.toml", *words)


def test_a_clean_sweep_says_so_and_what_it_never_reached(leave_swept, monkeypatch):
    monkeypatch.setattr(sweeping, "EACH", 0)
    monkeypatch.setattr(jobs, "try_seed", lambda m, seed: Verdict(seed, "", "", 1, 9, 1, "", False, {"fault gap": 2}))
    code, out, err = leave_swept("--seeds", "5", "--from", "3")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("two-days: seeds 3 to 7")
    assert lines[0].endswith("clean")
    assert f"{'fault gap':42}{5:>18}{10:>20}" in lines
    assert f"{'fault freeze':42}{'never':>18}" in lines
    halted = lines.index(f"{'refusal symbol_halted':42}{'never':>18}")
    assert lines[halted + 1] == "    a halted symbol has no bar, and without one nobody signals"
    assert max(map(len, lines)) <= 80
    assert "sweep two-days: 5/5 seeds" in err


def test_findings_come_with_the_command_that_repeats_them(leave_swept):
    code, out, _ = leave_swept("--seeds", "40", "--out", "found")
    assert code == 1
    failed = [line for line in out.splitlines() if line.startswith("FAILED")]
    repeats = [line.split()[-1] for line in out.splitlines() if line.startswith("repeat")]
    assert len(failed) > len(repeats) == sweeping.EACH
    assert all(Path(path).parent == Path("found/failing") and Path(path).exists() for path in repeats)


def test_as_json_it_is_one_object(leave_swept):
    code, out, err = leave_swept("--seeds", "40", "--json")
    document = json.loads(out)
    assert (code, err) == (1, "")
    assert (document["seeds"], document["reused"], document["passed"]) == (40, 0, False)
    assert document["failures"]["cash_ledger"] == len(document["failing"])
    assert document["coverage"]["fault gap"] == {"seeds": 40, "times": 80}
    assert "fault freeze" in document["never"]
    assert json.loads(leave_swept("--seeds", "40", "--json")[1])["reused"] == 40


def test_a_file_is_no_folder(leave_swept):
    code, _, err = leave_swept("--out", "market.toml")
    assert code == 2
    assert err == "market.toml: is a file. Name another folder with --out.\n"


def test_a_cluster_that_is_not_there(leave_swept, monkeypatch):
    monkeypatch.setattr("sim.sweeping.executors.CONNECT", "200ms")
    code, _, err = leave_swept("--seeds", "3", "--cluster", "tcp://127.0.0.1:9")
    assert code == 2
    assert err.startswith("--cluster tcp://127.0.0.1:9: no cluster answers")
