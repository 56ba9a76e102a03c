"""The command line as a person and as a program meet it: what is printed, where, and with which exit code."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.seatrial.shell import COMMANDS, EXPECTING, GROUPS, HEAVY, ROOT, START, THREE_DAYS, seatrial

SLOW = """
import time
from pathlib import Path

class Slow:
    name, model_version, warmup = "slow", "1", 1

    def signals(self, bars):
        Path("signalling").touch()
        time.sleep(60)
"""


# Help


def test_help_imports_nothing_heavy(tmp_path):
    """The budget is 0.3 s, and any of these libraries would use it up."""
    script = f"""
import contextlib, io, sys
from seatrial.cli import main
for words in (["--help"], [], *([command, "--help"] for command in {COMMANDS!r})):
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()) as printed:
        main(words)
    assert "Examples:" in printed.getvalue(), words
print(sorted({HEAVY!r} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_help_lists_every_command_and_fits_the_terminal(invoke):
    listed = invoke("--help").stdout.split("Commands:\n")[1].split("\n\n")[0]
    assert [line.split()[0] for line in listed.splitlines()] == [*COMMANDS, *GROUPS]
    assert "..." not in listed, "a first line is too long"
    for command in COMMANDS:
        lines = invoke(command, "--help").stdout.splitlines()
        assert max(map(len, lines)) <= 80, command


def test_version(invoke):
    assert re.fullmatch(r"seatrial \d+\.\d+\.\d+\n", invoke("--version").stdout)


# Run


def test_what_cannot_be_run_is_not_compiled_for(monkeypatch, leave):
    monkeypatch.setattr("seatrial.engine.compiled", lambda: False)
    Path("bars").mkdir()
    Path("bars/bad.parquet").write_text("no parquet")
    code, out, err = leave("run", "breakout-4w", "--bars", "bars")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "bad.parquet: it cannot be read as parquet" in err


def test_run_prints_one_object_and_nothing_else(place):
    _, done = place
    summary = json.loads(done.stdout)
    asked = (
        "run_id out bars bars_per_s seconds decisions orders fills final_equity max_drawdown command_hash state_hash"
    )
    assert set(f"{asked} invariants expectations".split()) <= set(summary)
    assert set(summary["seconds"]) == {"compile", "load", "faults", "signals", "replay", "report", "total"}
    assert summary["seconds"]["total"] >= summary["seconds"]["replay"] > 0
    assert summary["bars"] > 10_000
    assert summary["bars_per_s"] == pytest.approx(summary["bars"] / summary["seconds"]["replay"], rel=1e-3)
    assert summary["passed"]
    assert set(summary["invariants"].values()) == {"ok"}
    assert done.stderr == ""


def test_run_leaves_a_whole_folder_that_it_names(place):
    folder, done = place
    summary = json.loads(done.stdout)
    assert summary["out"] == "runs/breakout-4w-001"
    record = json.loads((folder / summary["out"] / "run.json").read_text())
    assert record["run_id"] == summary["run_id"]
    assert record["final_state_hash"] == summary["state_hash"]
    assert record["counts"]["fills"] == summary["fills"] > 0
    assert record["repeat"] == "seatrial run breakout-4w --set=data.end=2025-11-12"
    assert summary["report"] == "runs/breakout-4w-001/report.html"
    assert "<html" in (folder / summary["report"]).read_text()[:200]


def test_the_same_command_gives_the_same_run_in_the_next_folder(place):
    folder, done = place
    again = json.loads(seatrial("run", "breakout-4w", *THREE_DAYS, "--json", "--no-report", cwd=folder).stdout)
    first = json.loads(done.stdout)
    assert again["out"] == "runs/breakout-4w-002"
    assert again["report"] is None
    assert not (folder / again["out"] / "report.html").exists()
    for key in ("run_id", "command_hash", "state_hash", "final_equity"):
        assert again[key] == first[key]


def test_run_tells_a_person_everything_in_eighty_columns(place, invoke):
    done = invoke("run", "breakout-4w", *THREE_DAYS, "--seed", "2", "--profile", "live_conservative", "--out", "here")
    assert done.exit_code == 0
    for word in (
        "passed",
        "final equity",
        "max drawdown",
        "bars/s",
        "commands",
        "state",
        "built-in invariants",
        "here",
    ):
        assert word in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    record = json.loads(Path("here/run.json").read_text())
    assert (record["seed"], record["profile"]) == (2, "live_conservative")
    assert "3/3 sessions" in done.stderr


def test_a_broken_expectation_is_exit_code_one_with_its_witness(place, invoke):
    folder, _ = place
    shutil.copy(folder / "expecting.toml", "expecting.toml")
    done = invoke("run", "expecting.toml", "--no-report")
    assert done.exit_code == 1
    assert "FAILED" in done.stdout
    assert re.search(r"NOT MET +fills equal to 0 +\d+", done.stdout)
    assert re.search(r"NOT MET +never entry_submitted\s+\d+ times, first at 2025-11-1", done.stdout)
    assert "repeat     seatrial run expecting.toml" in done.stdout


def test_a_broken_invariant_is_exit_code_one_with_its_witness(place, monkeypatch, invoke):
    from sim import scenario

    def broken(state):
        return 4

    monkeypatch.setattr(scenario.invariants, "broken", broken)
    done = invoke("run", "breakout-4w", *THREE_DAYS, "--no-report")
    assert done.exit_code == 1
    assert re.search(r"BROKEN +\w+\s+broken at event \d+, 2025-11-1\d", done.stdout)


def test_all_runs_every_scenario_of_a_group(place, invoke):
    done = invoke("run", "--all", "--group", "strategies", *THREE_DAYS, "--no-report", "--out", "every", "--json")
    result = json.loads(done.stdout)
    ran = [summary["scenario"] for summary in result["runs"]]
    assert ran == sorted(path.stem for path in (ROOT / "scenarios").glob("*.toml"))
    assert result["passed"] == all(summary["passed"] for summary in result["runs"])
    assert done.exit_code == (0 if result["passed"] else 1)
    assert {path.name for path in Path("every").iterdir()} == {*ran, "matrix.json"}
    saved = json.loads(Path("every/matrix.json").read_text())
    assert saved["matrix"]["strategies/breakout-4w"]["cash_ledger"] == "ok"


@pytest.mark.timeout(600)
def test_every_bundled_scenario_passes(place, invoke):
    done = invoke("run", "--all", "--no-report", "--out", "library")
    assert done.exit_code == 0, done.stdout
    rows = [line for line in done.stdout.splitlines() if re.match(r"[a-z]+/[a-z0-9-]+ +[·X]+", line)]
    assert len(rows) >= 34
    assert not any("X" in row for row in rows)
    assert "strategies/breakout-4w" in rows[0]


def test_a_run_against_its_clean_twin_says_what_the_faults_cost(place, invoke):
    done = invoke("run", "answer-lost", "--against-clean", "--out", "lost", "--json")
    result = json.loads(done.stdout)
    twin = json.loads(Path("lost-clean/run.json").read_text())
    assert result["clean"]["final_equity"] == twin["equity"]
    assert result["clean"]["cost"] == pytest.approx(twin["equity"] - result["final_equity"])
    assert Path("lost-clean/faults.parquet").exists() is False or twin["counts"]["faults"] == 0
    assert "Cost against the run without faults" in Path("lost/report.html").read_text()


def test_an_interrupt_leaves_nothing_behind(tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "slow.toml").write_text(EXPECTING.replace("core.strategies.breakout:Breakout", "slow:Slow"))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [*START, "run", "slow.toml"], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 120
        while not (tmp_path / "signalling").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert "interrupted" in process.stderr.read()
    assert list((tmp_path / "runs").iterdir()) == []


# Bad input


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run", "breakout-4"], "Did you mean breakout-4w?"),
        (["run", "nowhere.toml"], "nowhere.toml"),
        (["run", "breakout-4w", "--set", "risk.max_drawdwn=0.1"], "risk.max_drawdwn"),
        (["run", "breakout-4w", "--set", "seed"], "--set seed"),
        (["run", "breakout-4w", "--bars", "nowhere"], "nowhere"),
        (["run", "breakout-4w", "--profile", "alpaca_papr"], "Did you mean"),
        (["run"], "seatrial scenarios"),
        (["run", "breakout-4w", "--all"], "Give one of them."),
        (["run", "breakout-4w", "--group", "data"], "Add --all"),
        (["run", "--all", "--group", "weather"], "strategies, broker, data, market, operations, risk"),
        (["run", "breakout-4w", "--seed", "one"], "--seed"),
        (["run", "breakout-4w", "--sed", "1"], "--seed"),
        (["rnu"], "Did you mean 'run'?"),
        (["replay", "nowhere"], "nowhere"),
        (["check-strategy", "nowhere:Strategy"], "no module named"),
        (["check-strategy", "core.strategies.breakout:Breakout", "--set", "lookbak=3"], "lookback"),
        (["screen", "core.strategies.breakout:Breakout", "--grid", "lookback"], "--grid lookback"),
        (["screen", "core.strategies.breakout:Breakout"], "--grid"),
        (["synth", "data", "--symbols", "0"], "0 symbols"),
        (["synth", "data", "--start", "yesterday"], "2026-03-02"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(leave, tmp_path, words, told):
    code, printed, error = leave(*words)
    assert (code, printed) == (2, "")
    assert told in error
    assert len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
    code, printed, error = leave(*words, "--json")
    assert (code, error) == (2, "")
    told_again = json.loads(printed)["error"]
    assert set(told_again) == {"place", "problem", "remedy"}
    assert told in " ".join(told_again.values())


def test_an_occupied_folder_is_not_touched(place, leave):
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("dear")
    code, _, error = leave("run", "breakout-4w", "--out", "mine")
    assert code == 2
    assert "mine" in error
    assert [path.name for path in Path("mine").iterdir()] == ["notes.txt"]


def test_a_defect_is_told_without_a_traceback(leave, monkeypatch):
    monkeypatch.setattr("core.config.bundled", lambda: 1 / 0)
    code, printed, error = leave("scenarios")
    assert (code, printed) == (70, "")
    told = "ZeroDivisionError: division by zero. Set SEATRIAL_DEBUG=1 for the traceback, and report it."
    assert error == f"seatrial failed: {told}\n"
    monkeypatch.setenv("SEATRIAL_DEBUG", "1")
    code, _, error = leave("scenarios")
    assert code == 70
    assert "Traceback" in error


def test_a_full_disk_or_closed_folder_is_bad_input(leave, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied", "runs")

    monkeypatch.setattr("core.config.bundled", refuse)
    code, _, error = leave("scenarios")
    assert (code, error) == (2, "runs: permission denied. See to it, or name another place.\n")
