"""VaR, expected shortfall and coverage: against scipy and plain counting."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from core.statistics.coverage import Coverage, Ratio, coverage, kupiec_power
from core.statistics.missing import NotMeasured
from core.statistics.tails import (
    DECAY,
    SEED_DAYS,
    TailRisk,
    days_needed,
    expected_volatility,
    filtered_risk,
    forecasts,
    historical_risk,
)


def test_historical_risk_counts_the_worst_days():
    returns = -np.arange(1.0, 101.0) / 1000
    found = historical_risk(returns, 0.95)
    assert isinstance(found, TailRisk)
    assert found.var == pytest.approx(0.095)
    assert found.es == pytest.approx(np.mean([0.096, 0.097, 0.098, 0.099, 0.1]))


def test_historical_risk_of_many_normal_days_is_the_normal_quantile():
    returns = np.random.default_rng(1).normal(0, 0.01, 200_000)
    for level in (0.95, 0.99):
        found = historical_risk(returns, level)
        assert isinstance(found, TailRisk)
        z = stats.norm.ppf(level)
        assert found.var == pytest.approx(0.01 * z, rel=0.02)
        assert found.es == pytest.approx(0.01 * stats.norm.pdf(z) / (1 - level), rel=0.02)


def test_too_few_days_are_not_measured():
    assert days_needed(0.99) == 100
    assert historical_risk(np.zeros(19), 0.95) == NotMeasured(19, 20, "sessions")
    assert isinstance(filtered_risk(np.full(39, 0.01), 0.95), NotMeasured)


def test_volatility_is_exponentially_weighted_and_knows_no_future():
    returns = np.random.default_rng(4).normal(0, 0.01, 60)
    found = expected_volatility(returns)
    variance = np.mean(returns[:SEED_DAYS] ** 2)
    for i in range(SEED_DAYS, 60):
        assert found[i] == pytest.approx(np.sqrt(variance))
        variance = DECAY * variance + (1 - DECAY) * returns[i] ** 2
    changed = returns.copy()
    changed[40:] = 0.5
    assert expected_volatility(changed)[:41] == pytest.approx(found[:41], nan_ok=True)
    assert forecasts(changed, 0.95)[:41] == pytest.approx(forecasts(returns, 0.95)[:41], nan_ok=True)


def test_filtered_risk_follows_volatility():
    draw = np.random.default_rng(9)
    calm, wild = draw.normal(0, 0.005, 300), draw.normal(0, 0.02, 60)
    before, after = filtered_risk(calm, 0.95), filtered_risk(np.append(calm, wild), 0.95)
    assert isinstance(before, TailRisk)
    assert isinstance(after, TailRisk)
    assert after.var > 2.5 * before.var


def test_kupiec_is_the_likelihood_ratio_of_the_binomial():
    returns = np.zeros(250)
    returns[[10, 60, 61, 130, 200, 220, 221, 230]] = -1.0
    found = coverage(returns, np.full(250, 0.5), 0.99)
    assert isinstance(found, Coverage)
    ratio = 2 * (stats.binom.logpmf(8, 250, 8 / 250) - stats.binom.logpmf(8, 250, 0.01))
    assert found.kupiec.statistic == pytest.approx(ratio)
    assert found.kupiec.p == pytest.approx(stats.chi2.sf(ratio, 1))
    assert isinstance(found.conditional, Ratio)
    assert found.conditional.p == pytest.approx(stats.chi2.sf(found.conditional.statistic, 2))


def test_exceptions_in_a_row_are_not_independent():
    returns = np.zeros(300)
    returns[100:115] = -1.0
    found = coverage(returns, np.full(300, 0.5), 0.95)
    assert isinstance(found, Coverage)
    assert not found.kupiec.rejected
    assert isinstance(found.independence, Ratio)
    assert found.independence.p < 1e-6


def test_power_is_exact_and_low_for_a_year_of_one_in_a_hundred():
    draw = np.random.default_rng(7).binomial(250, 0.02, 40_000)
    ratio = 2 * (stats.binom.logpmf(draw, 250, draw / 250) - stats.binom.logpmf(draw, 250, 0.01))
    plain = float((ratio > stats.chi2.ppf(0.95, 1)).mean())
    assert kupiec_power(250, 0.01, 0.02) == pytest.approx(plain, abs=0.01)
    found = coverage(np.zeros(250), np.full(250, 0.5), 0.99)
    assert isinstance(found, Coverage)
    assert found.low_power


def test_without_forecasts_nothing_is_tested():
    assert isinstance(coverage(np.zeros(300), np.full(300, np.nan), 0.95), NotMeasured)
