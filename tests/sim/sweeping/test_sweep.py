"""A whole sweep: parts, reuse, findings as scenario files, and the same on a cluster."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest

from core.config import load_settings
from core.errors import InputError
from sim import scenario
from sim.sweeping import executors, jobs
from sim.sweeping import sweep as sweeping
from sim.sweeping.executors import cluster, processes, results, survives
from sim.sweeping.jobs import jobs_of, read_part, table_of
from sim.sweeping.sweep import DIED, Failing, sweep, write_scenario
from sim.sweeping.trials import Verdict

SEEDS = range(10, 34)


@contextmanager
def here():
    """An executor of this process."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture(autouse=True)
def one_worker(monkeypatch):
    monkeypatch.setattr(executors, "workers_of", lambda executor: 1)


@pytest.fixture(scope="module")
def swept(short, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executors, "workers_of", lambda executor: 1)
        return folder, sweep(short, SEEDS, folder, here)


def verdicts(folder) -> list[dict]:
    """The rows of SEEDS, which a longer sweep may have done twice."""
    rows = [row for part in (folder / "parts").iterdir() for row in read_part(part).to_pylist()]
    once = {row["seed"]: row for row in rows if row["seed"] in SEEDS}
    return [once[seed] for seed in sorted(once)]


def test_every_seed_has_a_row(swept):
    folder, findings = swept
    assert [row["seed"] for row in verdicts(folder)] == list(SEEDS)
    assert (findings.seeds, findings.reused) == (len(SEEDS), 0)
    assert findings.failing == []
    assert findings.coverage.seeds["refusal mode"] > 0


def test_what_is_there_is_not_done_again(swept, short):
    folder, findings = swept

    def never():
        raise AssertionError("nothing is left to do")

    again = sweep(short, SEEDS, folder, never)
    assert (again.seeds, again.reused) == (len(SEEDS), len(SEEDS))
    assert again.coverage == findings.coverage


def test_a_longer_sweep_does_what_is_missing(swept, short):
    folder, _ = swept
    longer = sweep(short, range(10, 46), folder, here)
    assert longer.seeds == 36
    assert longer.reused == 10  # the job from 20 on was shorter


def test_jobs_cover_each_seed_once_and_their_borders_stay(short):
    def spans(first, seeds):
        return [(job.first, job.last) for job in jobs_of(short, "data", first, seeds)]

    assert spans(10, 24) == [(10, 20), (20, 34)]
    assert spans(0, 60) == [(0, 20), (20, 40), (40, 60)]
    assert spans(20, 20) == [(20, 40)]


@pytest.mark.parametrize(
    ("settings", "manifest"),
    [("other", "data"), ("short", "other data")],
)
def test_a_job_s_name_is_everything_that_determines_it(short, settings, manifest, tmp_path):
    (job,) = jobs_of(short, "data", 0, 5)
    changed = short.model_copy(update={"seed": 9}) if settings == "other" else short
    (other,) = jobs_of(changed, manifest, 0, 5)
    assert job.path(tmp_path) != other.path(tmp_path)


def fails(memory, seed, faults) -> Verdict:
    """Every schedule with a split breaks an invariant."""
    broken = any(fault.kind == "split" for fault in faults)
    failure, witness = ("cash_ledger", "broken at event 5, 2025") if broken else ("", "")
    return Verdict(seed, failure, witness, len(faults), 5, 0, "", False, {})


def test_a_failing_seed_becomes_the_smallest_scenario(short, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "try_faults", fails)
    monkeypatch.setattr(jobs, "try_seed", lambda m, seed: fails(m, seed, jobs.schedule(seed, m.trading, m.symbols)))
    findings = sweep(short, range(12), tmp_path, here)
    assert findings.failures["cash_ledger"] == len(findings.failing) > sweeping.EACH
    shown = [found for found in findings.failing if found.path is not None]
    assert len(shown) == sweeping.EACH
    settings = load_settings(shown[0].path)
    assert [fault.kind for fault in settings.faults] == ["split"]
    assert settings.seed == shown[0].seed
    assert settings.bars_path() == short.bars_path()
    text = shown[0].path.read_text()
    assert text.startswith("# cash_ledger: broken at event 5")
    assert f"seatrial run {shown[0].path}" in text


def test_a_scenario_that_was_written_runs(short, tmp_path):
    path = write_scenario(short, Failing(3, "unfinished", "unknown_order"), (), tmp_path)
    outcome = scenario.run(load_settings(path), tmp_path / "run")
    (liveness,) = outcome.run["expectations"]
    assert liveness["text"].startswith("unfinished equal to 0")
    assert outcome.passed


def die_at_seven(number: int) -> int:
    if number == 7:
        os._exit(3)
    return number * number


def test_a_process_that_dies_takes_nothing_with_it_but_its_own():
    with processes(2) as pool:
        done = list(results(pool, die_at_seven, range(12)))
    assert sorted(job for job, _ in done) == list(range(12))
    lost = [job for job, result in done if result is None]
    assert 7 in lost
    again = {job: survives(die_at_seven, job) for job in (7, 8)}
    assert again == {7: None, 8: 64}


def test_a_seed_that_kills_its_process_is_found(short, tmp_path, monkeypatch):
    def dies(work, job):
        return None if job.first <= 2 < job.last else table_of([Verdict(job.first, "", "", 0, 0, 0, "", False, {})])

    monkeypatch.setattr(sweeping, "survives", dies)
    monkeypatch.setattr(sweeping, "results", lambda executor, work, todo: [(job, None) for job in todo])
    findings = sweep(short, range(5), tmp_path, here)
    assert [(found.seed, found.failure) for found in findings.failing] == [(2, DIED)]
    assert findings.failing[0].path.exists()


def test_a_market_too_short_is_refused(tmp_path):
    import datetime

    day = datetime.date(2025, 11, 10)
    settings = load_settings("breakout-4w", {"data.start": day, "data.end": day})
    with pytest.raises(InputError, match="no session for faults"):
        sweep(settings, range(5), tmp_path, here)


def test_nobody_at_the_address_is_an_error_of_input(monkeypatch):
    monkeypatch.setattr(executors, "CONNECT", "200ms")
    with pytest.raises(InputError, match="no cluster answers"), cluster("tcp://127.0.0.1:9"):
        pass


@pytest.mark.filterwarnings("ignore")  # dask's own, of sockets and loops that it closes
def test_a_cluster_finds_the_same(swept, short, tmp_path, monkeypatch):
    """A scheduler and a worker in processes of their own, spoken to over TCP."""
    from distributed import LocalCluster

    monkeypatch.undo()
    folder, _ = swept
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, host="127.0.0.1", protocol="tcp", dashboard_address=None
    ) as local:
        assert local.scheduler_address.startswith("tcp://")
        findings = sweep(short, SEEDS, tmp_path, partial(cluster, local.scheduler_address))
    assert findings.seeds == len(SEEDS)
    assert verdicts(tmp_path) == verdicts(folder)
    mine, theirs = ({part.name for part in (place / "parts").iterdir()} for place in (tmp_path, folder))
    assert mine <= theirs
