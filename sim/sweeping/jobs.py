"""The work of a sweep in pieces that any process can do: a job is a scenario and a range of seeds.

A job's result is a table, one row a seed. It is stored under the hash of everything that determines it: the
scenario's configuration, the data, the sources of engine and simulator, and the seeds. So a sweep that is started
again, or made longer, does only what is missing, and a changed line of code does all of it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from core.config import config_hash
from core.kernel.compiled import ROOT
from core.settings.faults import Fault
from core.settings.scenario import Settings
from sim.sweeping.draws import schedule
from sim.sweeping.memory import Memory
from sim.sweeping.shrink import shrink
from sim.sweeping.trials import Verdict, try_faults, try_seed

SEEDS = 20  # of one job
SCHEMA = pa.schema(
    [
        ("seed", pa.int64()),
        ("failure", pa.string()),
        ("witness", pa.string()),
        ("faults", pa.int64()),
        ("events", pa.int64()),
        ("commands", pa.int64()),
        ("state", pa.string()),
        ("twice", pa.bool_()),
        ("marks", pa.map_(pa.string(), pa.int64())),
    ]
)


@dataclass(frozen=True, slots=True)
class Job:
    """Seeds `first` to before `last` of a scenario; `key` names the scenario, its data and the code."""

    settings: Settings
    key: str
    first: int
    last: int

    def path(self, folder: Path) -> Path:
        """Where its result belongs."""
        name = sha256(f"{self.key} {self.first} {self.last}".encode()).hexdigest()[:24]
        return folder / f"{name}.parquet"


def jobs_of(settings: Settings, manifest: str, first: int, seeds: int) -> list[Job]:
    """The jobs for `seeds` seeds from `first` on. Their borders do not depend on where a sweep begins or ends."""
    key = f"{config_hash(settings)} {manifest} {code_hash()}"
    last = first + seeds
    borders = [first, *range((first // SEEDS + 1) * SEEDS, last, SEEDS), last]
    return [Job(settings, key, a, b) for a, b in pairwise(borders)]


@cache
def code_hash() -> str:
    """Hash of every source that a run of the simulator may depend on."""
    digest = sha256()
    for package in ("core", "sim"):
        for path in sorted((ROOT / package).rglob("*.py")):
            digest.update(path.relative_to(ROOT).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


_memory: dict[str, Memory] = {}


def memory_of(settings: Settings, key: str) -> Memory:
    """A scenario's market in this process, read when it is first asked for; the one before is given up."""
    if key not in _memory:
        _memory.clear()
        _memory[key] = Memory(settings)
    return _memory[key]


def work(job: Job) -> pa.Table:
    """Try every seed of a job."""
    memory = memory_of(job.settings, job.key)
    return table_of([try_seed(memory, seed) for seed in range(job.first, job.last)])


def smallest(job: Job, seed: int, failure: str) -> tuple[Fault, ...]:
    """The smallest schedule that fails as a seed's own does."""
    memory = memory_of(job.settings, job.key)

    def fails(faults: tuple[Fault, ...]) -> bool:
        return try_faults(memory, seed, faults).failure == failure

    return shrink(fails, schedule(seed, memory.trading, memory.symbols))


def table_of(verdicts: Sequence[Verdict]) -> pa.Table:
    """Verdicts as rows."""
    rows = [asdict(verdict) | {"marks": list(verdict.marks.items())} for verdict in verdicts]
    return pa.Table.from_pylist(rows, SCHEMA)


def write_part(table: pa.Table, path: Path) -> None:
    """Store a job's result; a reader sees all of it or nothing."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    pq.write_table(table, partial)
    partial.replace(path)


def read_part(path: Path) -> pa.Table:
    """A stored result."""
    return pq.read_table(path, schema=SCHEMA)
