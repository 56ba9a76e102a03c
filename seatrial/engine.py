"""Whether the engine is compiled for exactly these sources, and getting that over with before it is timed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numba

from core.kernel.compiled import CACHE

if TYPE_CHECKING:
    from core.config import Settings

COMPILING = "compiling the engine (first run after an install or update, up to a minute)…"
# What is compiled for itself, the largest part first.
PARTS = "from core.kernel.dispatch import SHARED; import sim.replay; [part.ready() for part in SHARED.values()]"
LOOP = "replay.run_session-*.nbc"  # numba's name for the machine code of the compiled loop


def compiled() -> bool:
    """Whether an earlier run has left the compiled loop for these sources, or nothing is to be compiled at all."""
    return bool(numba.config.DISABLE_JIT) or any(CACHE.rglob(LOOP))


def compile_for(settings: Settings) -> None:
    """Compile whatever a run of these settings needs, by running its first session and throwing it away.

    Engine and venue are compiled beside it in a second process, and waited for when they are needed.
    """
    from core.calendar import as_date
    from core.engine_config import engine_config
    from core.kernel import invariants
    from core.kernel.state import new_state
    from sim import scenario

    dataset = scenario.open_data(settings)
    first = as_date(dataset.sessions["date"][min(settings.data.warm_up_sessions, len(dataset.sessions) - 1)])
    data = settings.data.model_copy(update={"end": first})
    beginning = settings.model_copy(update={"data": data, "halts": (), "faults": (), "expect": ()})
    state = new_state(engine_config(settings, len(dataset.symbols), first))
    with _helper(), tempfile.TemporaryDirectory(prefix="seatrial-") as folder:
        invariants.broken(state)  # before the run, which ends by waiting for the other process
        scenario.run(beginning, Path(folder) / "first")


@contextmanager
def _helper() -> Iterator[None]:
    """A process that compiles these parts while this one goes on; if it fails, this one does it and says why."""
    with subprocess.Popen([sys.executable, "-c", PARTS], stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()
