"""Outcomes by hand, the fit against the truth and against scipy, scores against definitions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

from core.bars import Bars
from core.datasets import Dataset
from core.errors import InputError
from core.strategies.breakout import Breakout
from core.strategies.calibration import RIDGE, calibrate, fit_logistic, outcomes, score
from core.strategies.contract import Signals
from core.strategies.mean_reversion import MeanReversion
from core.strategies.momentum import Momentum


@pytest.fixture(scope="module")
def bundled_bars():
    """The data that comes with the scenarios, of another seed than the fit."""
    dataset = Dataset.open(Path(__file__).parents[3] / "scenarios" / "data" / "us10-4w")
    return Bars.concat([block.bars for block in dataset.blocks()])


def one_signal(bars, side=1, target=1.0, stop=1.0, horizon=5.0):
    shape = bars.close.shape
    probability = np.full(shape, np.nan)
    probability[0, 0] = 0.5
    return Signals(
        probability=probability,
        target=np.full(shape, target),
        stop=np.full(shape, stop),
        side=np.full(shape, side, np.int8),
        horizon=np.full(shape, horizon),
        exit=np.zeros(shape, np.bool_),
    )


@pytest.mark.parametrize(
    ("closes", "side", "expected"),
    [
        ([100, 100.5, 101.0, 99.0], 1, 1.0),
        ([100, 99.5, 99.0, 101.0], 1, 0.0),
        ([100, 100.5, 101.0, 99.0], -1, 0.0),
        ([100, 99.5, 99.0, 101.0], -1, 1.0),
        ([100, 100.5, 100.2, 100.4, 100.2, 100.3, 101.5], 1, 0.0),  # the horizon of five bars is over
        ([100, 100.5, 100.2, 100.4, 100.2, 101.0, 101.5], 1, 1.0),  # its last bar counts
        ([100, 100.5, np.nan, 101.0], 1, 1.0),
        ([100, 100.5, 100.2], 1, np.nan),  # the bars end too soon to know
    ],
)
def test_the_first_barrier_decides(make_bars, closes, side, expected):
    bars = make_bars(closes, spread=0.0)
    got = outcomes(bars, one_signal(bars, side))
    np.testing.assert_array_equal(got[0, 0], expected)
    assert np.isnan(got[1:]).all()


def test_a_bar_that_spans_both_barriers_is_a_loss(make_bars):
    bars = make_bars([100, 100, 100], spread=2.0)
    assert outcomes(bars, one_signal(bars))[0, 0] == 0.0


def test_brackets_rest_outside_regular_hours(make_bars):
    closes = np.full(970, 100.0)
    closes[800] = 105.0  # after the close
    bars = make_bars(closes, spread=0.0, extended=True)
    row = 329  # the last bar before the open
    signals = one_signal(bars, horizon=600.0)
    signals.probability[row], signals.probability[0] = 0.5, np.nan
    assert outcomes(bars, signals)[row, 0] == 0.0


def made_outcomes(count=20_000, seed=1):
    rng = np.random.default_rng(seed)
    terms = np.column_stack([np.ones(count), rng.normal(size=count), rng.random(count)])
    truth = np.array([-0.4, 0.7, -0.3])
    p = 1 / (1 + np.exp(-terms @ truth))
    return terms, (rng.random(count) < p).astype(float), np.arange(count) // 50, p, truth


def test_the_fit_finds_the_truth_within_its_errors():
    terms, outcome, session, _, truth = made_outcomes()
    fit = fit_logistic(terms, outcome, session)
    assert (np.abs(np.array(fit.coefficients) - truth) < 3 * np.array(fit.errors)).all()
    p = 1 / (1 + np.exp(-terms @ np.array(fit.coefficients)))
    assert p.mean() == pytest.approx(outcome.mean(), rel=1e-9)  # the constant's likelihood equation


def test_the_fit_is_the_maximum_of_the_likelihood():
    terms, outcome, session, _, _ = made_outcomes(2000)

    def loss(c):
        z = terms @ c
        return np.sum(np.logaddexp(0.0, z) - outcome * z) + RIDGE / 2 * np.sum(c[1:] ** 2)

    best = minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-8}).x
    np.testing.assert_allclose(fit_logistic(terms, outcome, session).coefficients, best, atol=1e-6)


def test_repeating_each_outcome_within_its_session_does_not_shrink_the_errors():
    terms, outcome, _, _, _ = made_outcomes(4000)
    single = fit_logistic(terms, outcome, np.arange(4000))
    fivefold = fit_logistic(np.repeat(terms, 5, 0), np.repeat(outcome, 5), np.repeat(np.arange(4000), 5))
    np.testing.assert_allclose(fivefold.errors, single.errors, rtol=1e-3)


@pytest.mark.parametrize("outcome", [np.zeros(500), np.ones(500), np.arange(50) % 2.0])
def test_too_little_to_fit_is_refused(outcome):
    with pytest.raises(InputError, match="Give bars with 100 signals of either outcome"):
        fit_logistic(np.ones((len(outcome), 1)), outcome, np.zeros(len(outcome), np.int64))


def test_true_probabilities_score_as_calibrated():
    _, outcome, session, p, _ = made_outcomes()
    got = score(p, outcome, session)
    assert got.count == len(p)
    assert got.brier == pytest.approx(np.mean((p - outcome) ** 2))
    assert got.base_rate == outcome.mean()
    assert got.skill > 0.03
    assert abs(got.slope - 1) < 3 * got.slope_error
    assert abs(got.intercept) < 0.1
    assert got.log_loss == pytest.approx(-np.mean(np.log(np.where(outcome == 1, p, 1 - p))))
    assert got.bins.count.sum() == got.count
    assert ((got.bins.low <= got.bins.forecast) & (got.bins.forecast <= got.bins.high)).sum() >= 8
    assert (np.diff(got.bins.forecast) > 0).all()


def test_overconfidence_shows_in_the_slope_and_certainty_is_punished():
    _, outcome, session, p, _ = made_outcomes()
    odds = np.log(p / (1 - p))
    loud = score(1 / (1 + np.exp(-2 * odds)), outcome, session)
    assert loud.slope == pytest.approx(0.5, abs=0.05)
    assert score(1.0 - outcome * 0.999, outcome, session).skill < -1


def test_a_built_in_strategy_is_calibrated_on_its_own_signals(noisy_bars):
    strategy = Breakout(lookback=10, range_bars=10, regime_bars=10, least_trend=0.0, horizon=60, short=True)
    fit, judged = calibrate(strategy, [noisy_bars])
    fitted = replace(strategy, coefficients=fit.coefficients)
    signals = fitted.signals(noisy_bars)
    outcome = outcomes(noisy_bars, signals)
    known = np.isfinite(outcome) & (np.arange(len(outcome)) >= strategy.warmup)[:, None]
    assert judged.count == known.sum()
    assert signals.probability[known].mean() == pytest.approx(outcome[known].mean(), rel=1e-9)
    assert fitted.model_version != strategy.model_version


@pytest.mark.parametrize("kind", [Breakout, Momentum, MeanReversion])
def test_the_defaults_hold_on_data_they_were_not_fitted_to(kind, bundled_bars):
    strategy = kind(short=True)
    signals = strategy.signals(bundled_bars)
    outcome = outcomes(bundled_bars, signals)
    known = np.isfinite(outcome) & (np.arange(len(outcome)) >= strategy.warmup)[:, None]
    row = np.nonzero(known)[0]
    excess = outcome[known] - signals.probability[known]
    by_session = np.bincount(np.unique(bundled_bars.session[row], return_inverse=True)[1], excess)
    assert known.sum() > 200
    assert abs(excess.sum()) < 3 * np.sqrt(np.sum(by_session**2))
