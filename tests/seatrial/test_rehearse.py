"""Rehearsals: the whole live stack against the server, its parity with simulation, its deaths, its bad input."""

from __future__ import annotations

import json
import tomllib

import pytest
import tomli_w

from core.config import load_settings
from core.kernel.kinds import Lane, OperatorAct
from core.runs import Run
from seatrial import rehearsal
from seatrial.mishaps import Act, Death, Jump, mishaps_of
from sim.alpaca.agreement import NAMES
from sim.scenario import open_data
from sim.sweeping.draws import schedule
from sim.sweeping.sweep import Failing, write_scenario
from tests.doses import NIGHTLY
from tests.seatrial.shell import EXPECTING, seatrial

PARITY = (
    ("breakout-4w",),
    ("momentum-4w",),
    ("mean-reversion-4w", "--set", "venue.profile=alpaca_paper"),
    ("three-strategies-4w",),
    ("early-close-day-orders",),
    ("daily-loss-then-normal",),
    ("flash-crash",),
    ("market-wide-halt",),
    ("luld-chain",),
    ("open-gap-through-stops",),
    ("split-over-open-bracket",),
    ("answer-lost",),
)
STORMS = (1, 2, 3, 6)  # seeds of a sweep, played on the wire
DAY = ("--set", "data.start=2025-11-10", "--set", "data.end=2025-11-12", "--set", "data.warm_up_sessions=2")


def rehearsed(place, *words):
    """Rehearse one day in a process of its own: its exit code and its JSON object."""
    done = seatrial("rehearse", *words, "--json", cwd=place)
    return done.returncode, json.loads(done.stdout)


def test_a_rehearsal_trades_as_the_simulation_does(tmp_path):
    code, found = rehearsed(tmp_path, "three-strategies-4w", *DAY, "--parity", "--out", "live")
    assert code == 0, found
    assert found["parity"]["identical"]
    assert found["parity"]["orders"] > 20
    assert {found["invariants"][name] for name in NAMES} == {"ok"}
    run, twin = Run.open(tmp_path / "live").run, Run.open(tmp_path / "live-sim").run
    assert (run["kind"], twin["kind"]) == ("rehearsal", "sim")
    assert run["command_stream_hash"] == twin["command_stream_hash"]
    assert (tmp_path / "live" / "report.html").stat().st_size > 10_000


def test_fees_are_charged_the_next_morning_and_the_books_agree(tmp_path):
    days = (*DAY, "--set", "data.end=2025-11-13")
    code, found = rehearsed(tmp_path, "breakout-4w", *days, "--set", "venue.profile=live_conservative", "--out", "fees")
    assert code == 0, found
    assert {found["invariants"][name] for name in NAMES} == {"ok"}
    (fee,) = Run.open(tmp_path / "fees").table("cash_events").to_pylist()
    assert (fee["kind"], fee["symbol"]) == ("fee", None)
    assert -5 < fee["amount"] < -1


def test_a_process_that_is_killed_again_and_again_loses_and_doubles_nothing(tmp_path):
    database = f"sqlite:///{tmp_path / 'kept.db'}"
    words = ("three-strategies-4w", *DAY, "--kill-every", "2h", "--out", "killed", "--database-url", database)
    code, found = rehearsed(tmp_path, *words)
    assert code == 0, found
    assert len(found["deaths"]) >= 3
    assert {found["invariants"][name] for name in NAMES} == {"ok"}
    restarts = [row for row in Run.open(tmp_path / "killed").table("events").to_pylist() if row["kind"] == "restart"]
    assert len(restarts) == len(found["deaths"])
    again = seatrial("rehearse", *words[:-4], "--out", "elsewhere/killed", "--database-url", database, cwd=tmp_path)
    assert again.returncode == 2
    assert "run killed: is in the database already" in again.stderr


@pytest.mark.skipif(not NIGHTLY, reason="the nightly dose: SEATRIAL_NIGHTLY=n")
@pytest.mark.parametrize("words", PARITY, ids=lambda words: words[0])
def test_a_scenario_is_traded_as_it_is_simulated(tmp_path, words):
    code, found = rehearsed(tmp_path, *words, "--parity", "--no-report", "--out", "live")
    assert code == 0, found
    assert found["parity"]["identical"]


@pytest.mark.skipif(not NIGHTLY, reason="the nightly dose: SEATRIAL_NIGHTLY=n")
@pytest.mark.parametrize("seed", STORMS)
def test_four_weeks_of_drawn_faults_and_deaths_lose_and_double_nothing(tmp_path, seed):
    calm = load_settings("three-strategies-4w")
    data = open_data(calm)
    drawn = schedule(seed, data.sessions[calm.data.warm_up_sessions :], data.symbols)
    faults = [fault for fault in drawn if fault.kind != "account_reset"]  # which ends a journal, by rule
    path = write_scenario(calm, Failing(seed, "", ""), faults, tmp_path)
    words = (str(path), "--kill-every", "1d", "--no-report", "--out", "stormy")
    _, found = rehearsed(tmp_path, *words)
    assert found["deaths"]
    assert {name: witness for name, witness in found["invariants"].items() if witness != "ok"} == {}


def test_what_happens_to_us_is_done_for_real(tmp_path):
    words = ("--set", "data.warm_up_sessions=2", "--set", "data.end=2025-11-13")
    code, found = rehearsed(tmp_path, "kill-switch", *words, "--no-report", "--out", "stopped")
    assert code == 0, found
    faults = Run.open(tmp_path / "stopped").table("faults").to_pylist()
    assert [row["fired"] for row in faults] == [1, 1]
    assert all(row["detected_at"] is not None for row in faults)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("breakout-4w", "--kill-every", "5m"), "--kill-every 5m: is no time to live"),
        (("breakout-4w", "--kill-every", "soon"), "--kill-every soon: is no time to live"),
        (("breakout-4w", "--kill-every", "6h", "--parity"), "--parity: a process that is killed misses"),
        (("breakout-4w", "--out", "."), ".: already exists"),
        (("breakout-4w", "--out", "live", "--parity"), "live-sim: already exists"),
        (("breakout-4w", "--database-url", "mysql://x"), "--database-url: mysql is not supported"),
        (("nowhere",), "nowhere: there is no bundled scenario of this name"),
    ],
)
def test_what_cannot_be_rehearsed_is_one_line(leave, tmp_path, words, problem):
    (tmp_path / "live-sim").touch()
    code, out, err = leave("rehearse", *words)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith(problem)
    assert [path.name for path in tmp_path.iterdir()] == ["live-sim"]


def test_a_strategy_that_the_trading_process_cannot_use_is_one_line_too(leave, tmp_path):
    code, _, err = leave("rehearse", "breakout-4w", *DAY, "--set", "strategies.breakout.lookback=-3", "--out", "none")
    assert code == 2
    assert "lookback" in err.splitlines()[-1]
    assert not (tmp_path / "none").exists()


def test_mishaps_are_planned_from_the_faults_of_the_operators_group(tmp_path):
    faults = [
        {"kind": "restart", "at": "2025-11-10T11:00:00-05:00", "for": "5m", "parameters": {"lose_commands": True}},
        {"kind": "gap", "at": "2025-11-10T11:00:00-05:00", "for": "5m"},
        {"kind": "kill_switch", "at": "2025-11-10T12:00:00-05:00", "for": "1h", "parameters": {"flatten": True}},
        {"kind": "clock_jump", "at": "2025-11-10T10:00:00-05:00", "parameters": {"by": "10m"}},
        {
            "kind": "operator_act",
            "at": "2025-11-10T13:30:00-05:00",
            "parameters": {"act": "reset_breaker", "lane": "cancel"},
        },
        {
            "kind": "operator_act",
            "at": "2025-11-10T14:00:00-05:00",
            "scope": {"symbols": ["ALFA"]},
            "parameters": {"act": "adopt"},
        },
    ]
    scenario = tomllib.loads(EXPECTING) | {"faults": faults}
    (tmp_path / "mishaps.toml").write_text(tomli_w.dumps(scenario))
    settings = load_settings(str(tmp_path / "mishaps.toml"))
    plan = mishaps_of(settings, open_data(settings).sessions, ("ALFA", "BETA"))
    (death,) = plan.deaths
    assert (death.place, death.back - death.at) == ("now", 5 * rehearsal.MINUTE)
    assert isinstance(plan.others[0], Jump)
    assert plan.others[0].by == -10 * rehearsal.MINUTE
    acts = [(o.request.act, o.request.symbol, o.request.lane) for o in plan.others if isinstance(o, Act)]
    assert acts == [
        (OperatorAct.HALT, None, None),
        (OperatorAct.FLATTEN, None, None),
        (OperatorAct.RESUME, None, None),
        (OperatorAct.RESET_BREAKER, None, Lane.CANCEL),
        (OperatorAct.ADOPT_POSITION, "ALFA", None),
        (OperatorAct.ADOPT_CASH, None, None),
    ]
    assert sorted(plan.begun) == [2, 3, 4, 5]
    assert death == Death(death.back - 5 * rehearsal.MINUTE, back=death.back, fault=0)
