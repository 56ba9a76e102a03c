"""Speed of the engine, parity first: `pytest tests/bench --benchmark-enable -n 0` times what these tests check.

Without that option each runs once, so that every commit proves that what is timed gives the right answer.
"""

from __future__ import annotations

import importlib
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from core.config import load_settings
from core.engine_config import engine_config
from core.kernel import engine
from core.kernel.kinds import EventKind
from core.kernel.state import new_event, new_state
from core.runs import Run
from reports.compare import write_comparison
from reports.comparison.findings import Sources, find
from sim import scenario
from sim.comparing import pair_of, replay_pair

HERE = Path(__file__).parent / "peers"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small market of the peer benchmark, in both of its forms."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE))
        path = tmp_path_factory.mktemp("market")
        importlib.import_module("workload").main(path, ["small"])
        return path


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    monkeypatch.syspath_prepend(str(HERE))
    return {name: importlib.import_module(name) for name in ("workload", "reference", "peer_seatrial")}


def test_replay_of_loaded_bars(benchmark: Any, peers: dict[str, ModuleType], folder: Path) -> None:
    """Signals and compiled loop over the workload; every fill as the reference has it, price by price."""
    reference, ours = peers["reference"], peers["peer_seatrial"]
    market = peers["workload"].load(folder / "small.parquet")
    expected = reference.replay(market, *reference.VARIANTS["seatrial"])
    work = ours.Workload(folder / "small")
    desk = work.desk()
    fills = work.replay(desk, work.sessions())
    assert fills == len(expected.fills)
    assert int(desk.state[0]["account"]["equity"]) / 1e6 == pytest.approx(expected.equity, abs=0.01)
    assert fills > 1_000
    assert desk.state[0]["run"]["broken"] == 0
    benchmark.extra_info["bars"] = work.bars
    benchmark.pedantic(lambda: work.replay(work.desk(), work.sessions()), rounds=5)


def test_the_loop_alone(benchmark: Any, peers: dict[str, ModuleType], folder: Path) -> None:
    """The compiled loop over bars and signals that lie ready; twice the same commands."""
    work = peers["peer_seatrial"].Workload(folder / "small")
    sessions = work.sessions()
    hashes = set()

    def replay() -> None:
        desk = work.desk()
        work.replay(desk, sessions)
        hashes.add(int(desk.state[0]["run"]["command_hash"]))

    benchmark.extra_info["bars"] = work.bars
    benchmark.pedantic(replay, rounds=5, warmup_rounds=1)
    assert len(hashes) == 1
    assert hashes != {0}


def test_one_step_from_python(benchmark: Any, peers: dict[str, ModuleType], folder: Path) -> None:
    """What live trading pays for one event: a bar, through the compiled step, called from Python."""
    work = peers["peer_seatrial"].Workload(folder / "small")
    state = new_state(engine_config(work.settings, 1, np.datetime64("2026-07-01").item()))
    events = new_event()
    event = events[0]
    event["kind"], event["symbol"], event["price"], event["qty"] = EventKind.BAR, 0, 100_000_000, 1_000_000
    sequence = events["seq"]

    def step() -> None:
        sequence[0] += 1
        engine.apply(state, events)

    benchmark(step)
    assert state[0]["run"]["seq"] == sequence[0]
    assert state[0]["symbols"][0]["mark"] == 100_000_000


def test_compare_of_four_weeks(benchmark: Any, tmp_path: Path) -> None:
    """Two runs of four weeks and ten symbols that differ in all causes but the data: parity, replays, page."""
    changed = {"venue.submit_latency": "2s", "venue.half_spread_bps": 3, "risk.symbol_cap": Decimal("0.08")}
    runs = []
    for name, changes in (("simulation", {}), ("run", changed | {"strategies.breakout.lookback": 50})):
        settings = load_settings("breakout-4w", changes)
        runs.append(Run.open(scenario.run(settings, tmp_path / name).path))

    def compare() -> Any:
        pair = pair_of(runs[1], runs[0], None, fresh=False)
        data = pair.run_world.dataset  # type: ignore[union-attr]
        found = find(Sources(runs[1], runs[0], data, data, 3.0), replay_pair(pair, lambda *far: None))
        write_comparison(found, tmp_path / "comparison")
        return found.replayed.attribution

    attribution = compare()
    assert attribution.unexplained == (0, 0)
    assert attribution.replays == 16
    benchmark.pedantic(compare, rounds=3)
