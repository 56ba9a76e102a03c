"""Whether the engine is compiled for exactly these sources, and getting that over with before it is timed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numba

from core.kernel.compiled import CACHE

if TYPE_CHECKING:
    from core.config import Settings

COMPILING = "compiling the engine (first run after an install or update, up to a minute)…"
LOOP = "replay.run_session-*.nbc"  # numba's name for the machine code of the compiled loop


def compiled() -> bool:
    """Whether an earlier run has left the compiled loop for these sources, or nothing is to be compiled at all."""
    return bool(numba.config.DISABLE_JIT) or any(CACHE.rglob(LOOP))


def compile_for(settings: Settings) -> None:
    """Compile whatever a run of these settings needs, by running its first session and throwing it away."""
    from core.calendar import as_date
    from sim import scenario

    dataset = scenario.open_data(settings)
    first = as_date(dataset.sessions["date"][min(settings.data.warm_up_sessions, len(dataset.sessions) - 1)])
    data = settings.data.model_copy(update={"end": first})
    beginning = settings.model_copy(update={"data": data, "halts": (), "expect": ()})
    with tempfile.TemporaryDirectory(prefix="seatrial-") as folder:
        scenario.run(beginning, Path(folder) / "first")
