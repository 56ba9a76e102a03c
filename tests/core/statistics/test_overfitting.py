"""The probability of overfitting: against the procedure spelled out, and on settings whose worth is known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import rankdata

from core.statistics import overfitting as module
from core.statistics.missing import NotMeasured
from core.statistics.overfitting import overfitting


def spelled_out(results, blocks):
    """Halve the blocks in every way, with whole arrays and scipy's ranks."""
    parts = np.array_split(np.arange(len(results)), blocks)
    below, losses, ways = 0, 0, 0
    for chosen in combinations(range(blocks), blocks // 2):
        inside = np.concatenate([parts[i] for i in chosen])
        outside = np.setdiff1d(np.arange(len(results)), inside)
        within, beyond = (results[rows].mean(axis=0) / results[rows].std(axis=0) for rows in (inside, outside))
        best = int(np.argmax(within))
        share = rankdata(beyond)[best] / (results.shape[1] + 1)
        below += np.log(share / (1 - share)) <= 1e-12
        losses += beyond[best] < 0
        ways += 1
    return below / ways, losses / ways, ways


@pytest.mark.parametrize("trials", [5, 8])
def test_it_is_the_procedure_of_the_paper(trials):
    results = np.random.default_rng(trials).normal(0.0003, 0.01, (96, trials))
    found = overfitting(results, blocks=8)
    assert (found.probability, found.loss, found.ways) == pytest.approx(spelled_out(results, 8))
    assert (found.trials, found.sessions, found.blocks) == (trials, 96, 8)


def test_memory_is_bounded_without_a_change(monkeypatch):
    results = np.random.default_rng(3).normal(0.0003, 0.01, (64, 30))
    whole = overfitting(results, blocks=8)
    monkeypatch.setattr(module, "CELLS", 100)
    parts = overfitting(results, blocks=8)
    for name in ("rank", "inside", "outside"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-12)


def test_few_sessions_are_cut_into_fewer_blocks():
    results = np.random.default_rng(3).normal(0.0003, 0.01, (64, 5))
    found = {days: overfitting(results[:days]) for days in (16, 20, 23, 32, 64)}
    assert [item.blocks for item in found.values()] == [8, 10, 10, 16, 16]
    assert [item.ways for item in found.values()] == [70, 252, 252, 12_870, 12_870]


def test_copies_of_a_setting_rank_alike():
    results = np.repeat(np.random.default_rng(4).normal(0, 0.01, (40, 1)), 6, axis=1)
    assert set(overfitting(results).rank.tolist()) == {0.5}


def test_among_worthless_settings_the_best_is_no_better_than_any():
    found = [overfitting(np.random.default_rng(i).normal(0, 0.01, (160, 20)), 8).probability for i in range(200)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.07)


def test_a_setting_that_is_better_stays_better():
    results = np.random.default_rng(2).normal(0, 0.01, (320, 20))
    results[:, 3] += 0.005
    found = overfitting(results)
    assert found.probability < 0.01
    assert found.ways == 12_870


def test_settings_that_never_trade_are_worth_nothing_and_break_nothing():
    results = np.zeros((64, 3))
    results[:, 1] = np.random.default_rng(1).normal(0.01, 0.01, 64)
    assert overfitting(results, 8).probability == 0.0


def test_one_setting_or_few_sessions_are_not_measured():
    assert overfitting(np.zeros((64, 1))) == NotMeasured(1, 2, "settings tried")
    assert str(overfitting(np.zeros((15, 4)))) == "not measured (have 15 sessions, need 16)"
