"""Our figures against those of vectorbt and scipy, which have them from other hands."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import vectorbt as vbt
from scipy import stats

from core.statistics.coverage import Coverage, Ratio, coverage, kupiec_power
from core.statistics.drawdowns import Sessions, path_below
from core.statistics.series import SESSIONS_A_YEAR, correlation, tracking_error
from core.statistics.standing import deflated_sharpe, probabilistic_sharpe, sharpe
from core.statistics.tails import TailRisk, historical_risk


@pytest.fixture(scope="module")
def returns() -> np.ndarray:
    """A hundred sessions of eight settings with fat tails."""
    return np.random.default_rng(12).standard_t(4, (100, 8)) * 0.008 + np.linspace(-0.0005, 0.002, 8)


def accessor(returns: np.ndarray):
    index = pd.date_range("2025-01-01", periods=len(returns), freq="D")
    return pd.DataFrame(returns, index=index).vbt.returns(freq="1D", year_freq=f"{SESSIONS_A_YEAR} days")


def test_sharpe_ratios_and_their_deflation_are_vectorbts(returns):
    theirs = accessor(returns)
    assert sharpe(returns) * np.sqrt(SESSIONS_A_YEAR) == pytest.approx(theirs.sharpe_ratio().to_numpy())
    assert deflated_sharpe(returns) == pytest.approx(theirs.deflated_sharpe_ratio().to_numpy())


def test_the_probabilistic_ratio_is_that_of_a_normal_distribution(returns):
    """With scipy's moments, against zero."""
    ratio, skew, kurtosis = sharpe(returns), stats.skew(returns), stats.kurtosis(returns, fisher=False)
    error = np.sqrt((1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2) / (len(returns) - 1))
    found = probabilistic_sharpe(ratio, 0.0, len(returns), skew, kurtosis)
    assert found == pytest.approx(stats.norm.sf(0.0, loc=ratio, scale=error))


@pytest.mark.parametrize(("days", "level"), [(100, 0.95), (100, 0.99), (40, 0.95)])
def test_expected_shortfall_is_vectorbts_where_the_tail_is_whole_days(returns, days, level):
    for column in returns[:days].T:
        found = historical_risk(column, level)
        assert isinstance(found, TailRisk)
        theirs = accessor(column[:, None])
        assert found.es == pytest.approx(-float(theirs.cond_value_at_risk(cutoff=1 - level).iloc[0]))
        between = np.sort(-column)[::-1]
        whole = round(days * (1 - level))
        assert between[whole] == found.var
        assert between[whole] <= -float(theirs.value_at_risk(cutoff=1 - level).iloc[0]) <= between[whole - 1]


def test_value_at_risk_is_vectorbts_where_a_day_lies_on_the_quantile(returns):
    column = np.append(returns[:, 0], -0.01)  # 101 days: the sixth worst is the 5 % quantile
    found = historical_risk(column, 0.95)
    assert isinstance(found, TailRisk)
    assert found.var == pytest.approx(-float(accessor(column[:, None]).value_at_risk(cutoff=0.05).iloc[0]))


def test_the_deepest_minute_is_the_maximum_drawdown_of_a_portfolio_that_holds_the_path():
    """Marks that every minute raises: nothing but the maximum drawdown of the minutes, which vectorbt has."""
    value = np.cumprod(1 + np.random.default_rng(7).normal(0.0, 0.002, (60, 30)).ravel()).reshape(60, 30)
    before = np.append(1.0, value[:-1, -1])[:, None]
    fall = (1 - value / np.maximum.accumulate(value, axis=1)).max(axis=1)
    rest = value / before - 1
    found = path_below(Sessions(rest[:, -1], rest.min(axis=1), rest.max(axis=1), fall))
    minutes = pd.Series(np.append(1.0, value.ravel()))
    portfolio = vbt.Portfolio.from_holding(minutes, init_cash=1.0, freq="1min")
    assert found.deepest.max() == pytest.approx(-portfolio.max_drawdown())
    closes = pd.Series(np.append(1.0, value[:, -1]))
    flat = Sessions(rest[:, -1], rest[:, -1], rest[:, -1], np.zeros(60))
    of_closes = vbt.Portfolio.from_holding(closes, init_cash=1.0, freq="1D").max_drawdown()
    assert path_below(flat).deepest.max() == pytest.approx(-of_closes)
    assert found.deepest.max() > -of_closes


def test_curves_are_compared_as_numpy_and_scipy_do(returns):
    a, b = returns[:, 0], 0.6 * returns[:, 0] + 0.4 * returns[:, 1]
    assert correlation(a, b) == pytest.approx(stats.pearsonr(a, b).statistic)
    assert tracking_error(a, b) == pytest.approx(float(accessor((a - b)[:, None]).annualized_volatility().iloc[0]))


@pytest.mark.parametrize(("days", "level", "every"), [(250, 0.95, 12), (500, 0.99, 90), (300, 0.95, 7)])
def test_coverage_tests_are_the_likelihood_ratios_of_scipys_distributions(days, level, every):
    """Exceptions in a fixed pattern: Kupiec from the binomial, Christoffersen from the four transitions."""
    exceeded = np.zeros(days, bool)
    exceeded[::every] = True
    exceeded[1] = True
    found = coverage(np.where(exceeded, -0.03, 0.01), np.full(days, 0.02), level)
    assert isinstance(found, Coverage)
    x, rate = int(exceeded.sum()), 1 - level
    kupiec = 2 * (stats.binom.logpmf(x, days, x / days) - stats.binom.logpmf(x, days, rate))
    assert (found.kupiec.statistic, found.kupiec.p) == pytest.approx((kupiec, stats.chi2.sf(kupiec, 1)))
    before, after = exceeded[:-1], exceeded[1:]
    after_none, after_one = after[~before], after[before]

    def likelihood(hits, share):
        return float(stats.bernoulli.logpmf(hits, share).sum())

    apart = likelihood(after_none, after_none.mean()) + likelihood(after_one, after_one.mean())
    independence = 2 * (apart - likelihood(after, after.mean()))
    conditional = 2 * (apart - likelihood(after, rate))
    assert isinstance(found.independence, Ratio)
    assert isinstance(found.conditional, Ratio)
    assert (found.independence.statistic, found.independence.p) == pytest.approx(
        (independence, stats.chi2.sf(independence, 1))
    )
    assert (found.conditional.statistic, found.conditional.p) == pytest.approx(
        (conditional, stats.chi2.sf(conditional, 2))
    )


def test_the_power_of_kupiecs_test_is_that_of_drawn_years():
    drawn = stats.binom.rvs(250, 0.1, size=20_000, random_state=3).astype(float)
    statistic = 2 * (stats.binom.logpmf(drawn, 250, drawn / 250) - stats.binom.logpmf(drawn, 250, 0.05))
    rejected = float((statistic > stats.chi2.isf(0.05, 1)).mean())
    assert kupiec_power(250, 0.05, 0.1) == pytest.approx(rejected, abs=0.01)
