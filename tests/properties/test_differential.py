"""The compiled engine, the interpreted engine and an independent twin agree on every event.

`SEATRIAL_TWIN_EVENTS` sets the dose against the twin (a million by default, twenty at night), and
`SEATRIAL_INTERPRETED_EVENTS` the one of the interpreter.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from core.kernel import compiled
from core.kernel.kinds import Refusal
from tests.doses import dose
from tests.twin import differential, replay
from tests.twin.differential import EVENTS, EVERYTHING

TWIN_EVENTS = dose(1_000_000, 20_000_000, "SEATRIAL_TWIN_EVENTS")
INTERPRETED_EVENTS = dose(20_000, 100_000, "SEATRIAL_INTERPRETED_EVENTS")
SEEDS_A_TASK = 10
STREAMS = range(10)
# 128 symbols have at most four live orders each, fewer than the spare places begin at
OUT_OF_REACH = {("refusal", Refusal.TABLE_FULL)}


@pytest.mark.timeout(0)
def test_the_engine_and_its_twin_agree_and_everything_is_reached() -> None:
    """T2: one difference anywhere in the observable state fails with its seed, event, field and both values."""
    marks = differential.run(0, 10)  # compiles once, before the workers load it
    tasks = range(0, max(TWIN_EVENTS // EVENTS, 1), SEEDS_A_TASK)
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        for reached in pool.map(differential.many, tasks, [SEEDS_A_TASK] * len(tasks)):
            marks |= reached
    assert EVERYTHING - marks == OUT_OF_REACH


def _replayed(streams: Path, **environment: str) -> list[str]:
    """Digests of the recorded streams from a process of its own."""
    root = Path(__file__).parents[2]
    inherited = os.environ | {"NUMBA_CACHE_DIR": str(Path(compiled.CACHE).parent)}
    command = [sys.executable, "-m", "tests.twin.replay", str(streams)]
    done = subprocess.run(command, env=inherited | environment, cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recorded streams of ten worlds."""
    folder = tmp_path_factory.mktemp("streams")
    for seed in STREAMS:
        replay.record(seed, INTERPRETED_EVENTS // len(STREAMS), folder / f"{seed}.npz")
    return folder


@pytest.fixture(scope="module")
def expected(streams: Path) -> list[str]:
    """Their digests as compiled code leaves them here."""
    return [line for path in sorted(streams.iterdir()) for line in replay.digests(path)]


@pytest.mark.timeout(0)
def test_interpreted_and_compiled_code_leave_the_same_bytes(streams: Path, expected: list[str]) -> None:
    assert _replayed(streams, NUMBA_DISABLE_JIT="1") == expected


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "0", "TZ": "Asia/Kolkata"},
        {"PYTHONHASHSEED": "4294967295", "TZ": "America/New_York", "LC_ALL": "C"},
        {"PYTHONHASHSEED": "random", "TZ": "Pacific/Apia", "LC_ALL": "C.UTF-8"},
    ],
)
def test_no_circumstance_of_the_process_matters(
    streams: Path, expected: list[str], environment: dict[str, str]
) -> None:
    assert _replayed(streams, **environment) == expected
