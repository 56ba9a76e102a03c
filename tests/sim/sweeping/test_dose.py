"""Three hundred seeds with every commit, and every seed that has once failed. docs/sweeps.md has the larger doses.

Half of them trade one strategy that buys, half three that sell short as well.
"""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

import scenarios
from core.config import load_settings
from sim.sweeping.coverage import BEYOND, Coverage, every_mark
from sim.sweeping.memory import Memory
from sim.sweeping.trials import try_seed

PACE, SEEDS = 50, 150
SCENARIOS = ("breakout-4w", "long-short-4w")
DAYS = {"data.start": datetime.date(2025, 11, 10), "data.end": datetime.date(2025, 11, 18)}
LISTED = Path(scenarios.__file__ or "").parent / "seeds.txt"


def listed() -> list[tuple[str, int]]:
    lines = [line.split("#")[0].split() for line in LISTED.read_text(encoding="utf-8").splitlines()]
    return [(words[0], int(words[1])) for words in lines if words]


@pytest.fixture(scope="module")
def memories() -> dict[str, Memory]:
    return {}


@pytest.fixture(scope="module", params=SCENARIOS)
def week(request: pytest.FixtureRequest) -> Memory:
    return Memory(load_settings(request.param, DAYS))


@pytest.fixture(scope="module")
def coverage() -> Coverage:
    return Coverage()


@pytest.mark.parametrize("first", range(0, SEEDS, PACE))
def test_seeds_are_clean(week, coverage, first):
    failed = []
    for seed in range(first, first + PACE):
        verdict = try_seed(week, seed)
        coverage.add(verdict.marks)
        if verdict.failure:
            failed.append((verdict.seed, verdict.failure, verdict.witness))
    assert failed == []


def test_they_reach_every_kind_of_fault(coverage):
    assert [mark for mark in coverage.never() if mark.startswith("fault ")] == []
    assert not set(BEYOND) & set(coverage.seeds), "then it is within reach"
    assert set(BEYOND) < set(every_mark())


@pytest.mark.parametrize(("scenario", "seed"), listed())
def test_a_seed_that_failed_once_does_not_again(memories, scenario, seed):
    if scenario not in memories:
        memories[scenario] = Memory(load_settings(scenario))
    verdict = try_seed(memories[scenario], seed)
    assert (verdict.failure, verdict.witness) == ("", "")
