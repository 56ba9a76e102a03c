"""Intervals and tests by day: against scipy where days do not matter, and against arithmetic where they do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from core.statistics.blocks import ks_by_day, mean_interval, wasserstein


def test_with_one_observation_a_day_the_interval_is_nearly_students():
    rng = np.random.default_rng(3)
    values = rng.normal(1.0, 2.0, 60)
    found = mean_interval(values, np.arange(60))
    low, high = stats.t.interval(0.90, 59, values.mean(), stats.sem(values))
    assert found.value == pytest.approx(values.mean())
    assert found.error == pytest.approx(stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.1)


def test_orders_of_one_day_do_not_count_as_many():
    rng = np.random.default_rng(4)
    days = np.repeat(np.arange(20), 10)
    values = np.repeat(rng.normal(0.0, 1.0, 20), 10)
    found = mean_interval(values, days)
    assert found.error == pytest.approx(stats.sem(values[::10]))
    assert (found.n, found.days) == (200, 20)


def test_days_of_different_length_weigh_by_their_orders():
    found = mean_interval(np.array([1.0, 1.0, 1.0, 5.0]), np.array([0, 0, 0, 1]))
    assert found.value == 2.0
    # linearised ratio: residuals of the days' sums, 3 - 2*3 and 5 - 2*1, over n = 4
    assert found.error == pytest.approx(np.sqrt((9 + 9) * 2 / 1) / 4)


def test_one_day_has_no_interval_and_equal_values_a_point():
    one = mean_interval(np.array([1.0, 2.0]), np.array([7, 7]))
    assert np.isnan(one.low)
    assert np.isnan(one.error)
    same = mean_interval(np.full(6, 2.5), np.arange(6))
    assert (same.low, same.high, same.error) == (2.5, 2.5, 0.0)
    assert mean_interval(np.zeros(0), np.zeros(0, np.int64)).n == 0


def test_one_day_that_differs_makes_a_wide_interval_and_not_an_absurd_one():
    """Draws without it have no error of their own; rounding must not make it a division by nothing."""
    values = np.random.default_rng(1).normal(0.0, 1e-12, 200)
    values[7] = 20.0
    found = mean_interval(values, np.arange(200) // 10)
    assert found.low < found.value < found.high
    assert found.high - found.low < 20 * found.error
    assert found.high > 2 * found.value, "one order of one day says little"


@pytest.mark.parametrize("digits", [8, 0], ids=["continuous", "tied"])
def test_the_distance_is_scipys(digits):
    rng = np.random.default_rng(5)
    a, b = np.round(rng.normal(0, 1, 80), digits), np.round(rng.normal(0.3, 1, 50), digits)
    distance, _ = ks_by_day(a, np.arange(80) % 20, b, np.arange(50) % 20)
    assert distance == pytest.approx(stats.ks_2samp(a, b).statistic)


def test_the_p_value_is_uniform_when_days_make_the_difference():
    """A test that ignored days would reject these almost always."""
    rng = np.random.default_rng(6)
    rejected = naive = 0
    for _ in range(60):
        days = np.repeat(np.arange(20), 15)
        level = rng.normal(0, 1, (2, 20))
        a, b = (level[k][days] + rng.normal(0, 0.2, 300) for k in range(2))
        rejected += ks_by_day(a, days, b, days)[1] < 0.05
        naive += stats.ks_2samp(a, b).pvalue < 0.05
    assert naive > 30
    assert rejected <= 8


def test_another_distribution_is_found():
    rng = np.random.default_rng(7)
    days = np.repeat(np.arange(15), 10)
    distance, p = ks_by_day(rng.normal(0, 1, 150), days, rng.normal(1, 1, 150), days)
    assert distance > 0.3
    assert p <= 0.01


@pytest.mark.parametrize("digits", [8, 0], ids=["continuous", "tied"])
def test_the_wasserstein_distance_is_scipys(digits):
    rng = np.random.default_rng(8)
    a, b = np.round(rng.normal(0, 3, 70), digits), np.round(rng.normal(1, 2, 41), digits)
    assert wasserstein(a, b) == pytest.approx(stats.wasserstein_distance(a, b))
    assert wasserstein(a, a) == 0.0
    assert wasserstein(a, a + 2.5) == pytest.approx(2.5)


def test_an_empty_sample_is_not_measured():
    none = np.zeros(0)
    assert np.isnan(wasserstein(none, np.ones(3)))
    assert np.isnan(ks_by_day(none, none.astype(np.int64), np.ones(3), np.arange(3))[0])
