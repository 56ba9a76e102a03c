"""Sharpe ratios and their deflation, against the numbers of the paper and against simulated luck."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from core.statistics.standing import (
    deflated_sharpe,
    expected_best,
    moments,
    probabilistic_sharpe,
    sharpe,
    track_record_needed,
)


def test_the_example_of_the_paper() -> None:
    """Bailey & López de Prado 2014: 2.5 a year over five years, the best of 100 trials, is worth 0.90."""
    luck = expected_best(variance=0.5 / 250, trials=100)
    assert luck == pytest.approx(0.1132, abs=5e-5)
    ratio, skew, kurtosis = (np.array([value]) for value in (2.5 / math.sqrt(250), -3.0, 10.0))
    assert probabilistic_sharpe(ratio, luck, 1250, skew, kurtosis)[0] == pytest.approx(0.9004, abs=5e-5)


def test_the_best_of_worthless_trials_is_expected() -> None:
    rng = np.random.default_rng(11)
    best = rng.standard_normal((4_000, 50)).max(axis=1).mean()
    assert expected_best(1.0, 50) == pytest.approx(best, rel=0.02)


def test_selection_lowers_confidence() -> None:
    rng = np.random.default_rng(3)
    results = rng.normal(0.0, 0.01, (250, 40))
    results[:, 7] += 0.002
    alone, chosen = deflated_sharpe(results[:, [7]])[0], deflated_sharpe(results)[7]
    assert alone > 0.99
    assert chosen < alone
    assert np.argmax(deflated_sharpe(results)) == 7


def test_what_never_varies_has_no_ratio() -> None:
    results = np.column_stack([np.zeros(20), np.linspace(-0.01, 0.03, 20)])
    assert np.isnan(sharpe(results)[0])
    assert np.isnan(deflated_sharpe(results)[0])
    assert 0.0 < deflated_sharpe(results)[1] < 1.0


def test_one_period_has_no_ratio() -> None:
    assert np.isnan(sharpe(np.array([[0.01, 0.02]]))).all()
    assert np.isnan(deflated_sharpe(np.array([[0.01, 0.02]]))).all()


def test_moments_are_those_of_scipy() -> None:
    values = np.random.default_rng(2).standard_t(5, 400)
    assert moments(values) == pytest.approx((stats.skew(values), stats.kurtosis(values, fisher=False)))
    assert np.isnan(moments(np.ones(5))).all()


def test_a_record_as_long_as_needed_gives_just_the_confidence() -> None:
    ratio, skew, kurtosis = 0.12, -0.4, 4.2
    needed = track_record_needed(ratio, 0.02, skew, kurtosis)
    error = np.sqrt((1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2) / (needed - 1))
    assert stats.norm.cdf((ratio - 0.02) / error) == pytest.approx(0.95)
    assert track_record_needed(0.01, 0.02, skew, kurtosis) == math.inf
