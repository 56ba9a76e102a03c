"""The search in the copy: `python -m tests.drill.search SCENARIO SEEDS TRIALS NUMBER…`, with the copy as its folder.

For each number the seeds of a sweep are tried in their order until one fails, as `seatrial sweep` tries them. A
seed that fails without any defect ends the search: then there is a defect that nobody planted. Each is printed as a line of JSON when it is made.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass

from core import engine_config
from core.config import load_settings
from core.settings.faults import Fault
from core.settings.scenario import Settings
from seatrial.engine import compile_for, compiled
from sim.sweeping.draws import schedule, summary
from sim.sweeping.executors import processes
from sim.sweeping.jobs import memory_of
from sim.sweeping.memory import Memory
from sim.sweeping.shrink import shrink
from sim.sweeping.trials import Verdict, try_faults, try_seed

HEALTHY = 0


@dataclass(frozen=True, slots=True)
class Found:
    """How a defect was found: by which seed, what it broke, and the kinds of fault that are enough for it."""

    number: int
    seed: int  # the first that fails; -1 when none does
    failure: str = ""
    witness: str = ""
    smallest: str | None = None


def find(settings: Settings, number: int, seeds: int, trials: int) -> Found:
    """The first of so many seeds that fails because of one defect, made small by at most so many `trials`."""
    memory = memory_of(settings, settings.name)
    for seed in range(seeds):
        verdict = _with(number, memory, seed)
        if verdict.failure:
            healthy = _with(HEALTHY, memory, seed)
            assert not healthy.failure, f"seed {seed} fails without any defect: {healthy.failure}, {healthy.witness}"
            enough = _smallest(number, memory, verdict, trials) if trials else None
            return Found(number, seed, verdict.failure, verdict.witness, enough)
    return Found(number, -1)


def _with(number: int, memory: Memory, seed: int) -> Verdict:
    engine_config.DRILL = number
    return try_seed(memory, seed)


def _smallest(number: int, memory: Memory, verdict: Verdict, trials: int) -> str:
    def fails(faults: tuple[Fault, ...]) -> bool:
        engine_config.DRILL = number
        return try_faults(memory, verdict.seed, faults).failure == verdict.failure

    return summary(shrink(fails, schedule(verdict.seed, memory.trading, memory.symbols), trials))


def main(scenario: str, seeds: int, trials: int, numbers: list[int]) -> None:
    """Search for each defect, on all cores."""
    settings = load_settings(scenario)
    if not compiled():
        compile_for(settings)
    with processes() as pool:
        for done in as_completed([pool.submit(find, settings, number, seeds, trials) for number in numbers]):
            print(json.dumps(asdict(done.result())), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), [int(word) for word in sys.argv[4:]])
