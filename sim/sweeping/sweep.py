"""A sweep: many seeds, what they found, and the smallest case of each finding as a scenario file.

The folder of a sweep has `parts/`, a parquet file for each job (jobs.py), and `failing/`, a scenario for each
finding. Only the first few seeds that fail in the same way are made small: more would tell the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from core.config import load_settings, to_toml
from core.errors import InputError
from core.settings.faults import Fault
from core.settings.scenario import Settings
from sim.scenario import open_data
from sim.sweeping.coverage import Coverage
from sim.sweeping.draws import CALM, schedule, summary
from sim.sweeping.executors import results, survives
from sim.sweeping.jobs import Job, jobs_of, memory_of, read_part, smallest, table_of, work, write_part
from sim.sweeping.trials import Verdict, settings_of
from sim.unfinished import LIVENESS

KEPT = 100  # failing seeds that are listed one by one
EACH = 2  # seeds that are made small, of those that fail in the same way
DIED = "died"
Progress = Callable[[int, int, int], None]
Open = Callable[[], AbstractContextManager[Executor]]


@dataclass(frozen=True, slots=True)
class Failing:
    """A seed that fails, and the scenario file that shows it, if it was made small."""

    seed: int
    failure: str
    witness: str
    path: Path | None = None
    faults: str = ""


@dataclass(slots=True)
class Findings:
    """What a sweep has found: how many seeds, how many of them from parts that were there, and what failed."""

    seeds: int = 0
    reused: int = 0
    twice: int = 0
    events: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    failing: list[Failing] = field(default_factory=list)
    coverage: Coverage = field(default_factory=Coverage)

    def add(self, part: pa.Table) -> None:
        """The verdicts of one part."""
        for row in part.to_pylist():
            self.seeds += 1
            self.twice += row["twice"]
            self.events += row["events"]
            self.coverage.add(dict(row["marks"]))
            if row["failure"]:
                self.failures[row["failure"]] += 1
                if len(self.failing) < KEPT:
                    self.failing.append(Failing(row["seed"], row["failure"], row["witness"]))


def sweep(settings: Settings, seeds: range, out: Path, opened: Open, progress: Progress | None = None) -> Findings:
    """Try seeds of a scenario on the workers of `opened`, and leave parts and failing scenarios in `out`.

    `progress(done, seeds, events)` is called as parts are ready. Raises InputError for a scenario that cannot be swept.
    """
    dataset = open_data(settings)
    if len(dataset.sessions) - settings.data.warm_up_sessions <= CALM:
        problem = "its data has no session for faults and one without"
        raise InputError(settings.name, problem, "Give it two sessions after the warm-up.")
    settings = settings.with_feed(dataset.feed)
    jobs = jobs_of(settings, dataset.manifest_sha256, seeds.start, len(seeds))
    parts = out / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    findings = Findings()
    tell = progress or (lambda done, total, events: None)
    missing = []
    for job in jobs:
        if job.path(parts).exists():
            findings.add(read_part(job.path(parts)))
        else:
            missing.append(job)
    findings.reused = findings.seeds
    if missing:
        with opened() as executor:
            for job, part in _finished(executor, missing):
                write_part(part, job.path(parts))
                findings.add(part)
                tell(findings.seeds, len(seeds), findings.events)
    if findings.failing:
        findings.failing.sort(key=lambda failing: failing.seed)
        with opened() as executor:
            findings.failing = _with_files(executor, jobs[0], findings.failing, out / "failing")
    return findings


def _finished(executor: Executor, jobs: Sequence[Job]) -> Iterator[tuple[Job, pa.Table]]:
    """Jobs with their results, those of dead processes last."""
    unknown = []
    for job, part in results(executor, work, jobs):
        if part is None:
            unknown.append(job)
        else:
            yield job, part
    for job in unknown:
        whole = survives(work, job)
        yield job, _one_by_one(job) if whole is None else whole


def _one_by_one(job: Job) -> pa.Table:
    """A job that kills its process: each seed by itself."""
    rows = []
    for seed in range(job.first, job.last):
        part = survives(work, replace(job, first=seed, last=seed + 1))
        dead = Verdict(seed, DIED, "the process ended without a word", 0, 0, 0, "", False, {})
        rows.append(table_of([dead]) if part is None else part)
    return pa.concat_tables(rows)


def _with_files(executor: Executor, job: Job, failing: Sequence[Failing], folder: Path) -> list[Failing]:
    """The failing seeds, with a scenario file for the first few of each kind."""
    count: Counter[str] = Counter()
    chosen = []
    for found in failing:
        count[found.failure + found.witness.split(" at ")[0]] += 1
        if count[found.failure + found.witness.split(" at ")[0]] <= EACH:
            chosen.append(found)
    alive = [found for found in chosen if found.failure != DIED]
    small = {found.seed: executor.submit(smallest, job, found.seed, found.failure) for found in alive}
    memory = memory_of(job.settings, job.key)
    files = []
    for found in failing:
        if found not in chosen:
            files.append(found)
            continue
        whole = schedule(found.seed, memory.trading, memory.symbols)
        faults = small[found.seed].result() if found.seed in small else whole
        path = write_scenario(job.settings, found, faults, folder)
        files.append(replace(found, path=path, faults=summary(faults)))
    return files


def write_scenario(base: Settings, found: Failing, faults: Sequence[Fault], folder: Path) -> Path:
    """A scenario file that `seatrial run` fails on as the seed does."""
    name = f"{base.name}-seed-{found.seed}"
    titled = {"name": name, "title": None, "proves": f"{found.failure}: found by a sweep, seed {found.seed}."}
    settings = settings_of(base, found.seed, faults).model_copy(update=titled | {"expect": LIVENESS})
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.toml"
    path.write_text(_text(settings, found, path), encoding="utf-8")
    place = base.bars_path().resolve()
    if load_settings(path).bars_path().resolve() != place:
        moved = settings.model_copy(update={"data": settings.data.model_copy(update={"bars": str(place)})})
        path.write_text(_text(moved, found, path), encoding="utf-8")
    return path


def _text(settings: Settings, found: Failing, path: Path) -> str:
    head = [f"# {found.failure}: {found.witness}", "#", f"#     seatrial run {path}", "", ""]
    return "\n".join(head) + to_toml(settings)
