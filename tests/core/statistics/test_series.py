"""Correlation, tracking error and time warping, by hand and against plain recursion."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy import stats

from core.statistics.series import correlation, tracking_error, warped_distance


def returns(seed, n=30):
    return np.random.default_rng(seed).normal(0, 0.01, n)


def test_correlation_is_scipys():
    a, b = returns(1), returns(1) + returns(2)
    assert correlation(a, b) == pytest.approx(stats.pearsonr(a, b).statistic)


def test_correlation_of_what_never_moves_is_not_measured():
    assert np.isnan(correlation(returns(1), np.zeros(30)))
    assert np.isnan(correlation(returns(1, 2), returns(2, 2)))


def test_tracking_error_is_a_year_of_the_difference():
    a, b = returns(3), returns(4)
    assert tracking_error(a, b) == pytest.approx(np.std(a - b, ddof=1) * 252**0.5)
    assert tracking_error(a, a) == 0.0
    assert np.isnan(tracking_error(a[:1], b[:1]))


def test_warping_is_the_cheapest_of_all_paths():
    a, b = returns(5, 7), returns(6, 6)

    @cache
    def cheapest(i, j):
        if i < 0 or j < 0:
            return 0.0 if i == j == -1 else np.inf
        return abs(a[i] - b[j]) + min(cheapest(i - 1, j), cheapest(i, j - 1), cheapest(i - 1, j - 1))

    assert warped_distance(a, b) == pytest.approx(cheapest(6, 5) * 252 / 7)


def test_warping_forgives_a_shift_that_correlation_does_not():
    a = returns(7)
    shifted = np.append(a[1:], a[-1])
    assert warped_distance(a, shifted) < 0.2 * np.abs(a - shifted).sum() * 252 / 30
    assert correlation(a, shifted) < 0.5
