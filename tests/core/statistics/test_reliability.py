"""Recalibration and Spiegelhalter's z: against scipy, and on forecasts whose faults are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import kstest, norm

from core.statistics.missing import NotMeasured
from core.statistics.reliability import Recalibration, recalibration, spiegelhalter


def sample(n, slope=1.0, intercept=0.0, seed=5):
    draw = np.random.default_rng(seed)
    p = draw.uniform(0.2, 0.8, n)
    return p, draw.random(n) < expit(intercept + slope * logit(p))


def of(p, hit):
    found = recalibration(p, hit, np.arange(len(p)))
    assert isinstance(found, Recalibration)
    return found


def test_the_line_is_that_of_a_general_optimiser():
    p, hit = sample(800, slope=0.6, intercept=0.3)
    x, y = logit(p), hit.astype(float)

    def loss(beta):
        score = beta[0] + beta[1] * x
        return float(np.sum(np.logaddexp(0, score) - y * score))

    best = minimize(loss, np.zeros(2), method="BFGS", options={"gtol": 1e-8})
    found = of(p, hit)
    assert (found.intercept, found.slope) == pytest.approx(tuple(best.x), abs=1e-4)
    half = norm.ppf(0.975) * np.sqrt(best.hess_inv[1, 1])
    assert found.slope_high - found.slope == pytest.approx(half, rel=0.1)


def test_intervals_hold_the_true_slope_as_often_as_they_say():
    held = []
    for seed in range(300):
        found = of(*sample(400, slope=0.7, seed=seed))
        held.append(found.slope_low <= 0.7 <= found.slope_high)
    assert np.mean(held) == pytest.approx(0.95, abs=2 * np.sqrt(0.95 * 0.05 / 300) + 0.01)


def test_signals_that_say_the_same_of_one_day_count_once():
    p, hit = sample(400, slope=0.7)
    alone = of(p, hit)
    tenfold = recalibration(np.repeat(p, 10), np.repeat(hit, 10), np.repeat(np.arange(400), 10))
    assert isinstance(tenfold, Recalibration)
    assert (tenfold.n, tenfold.days) == (4000, 400)
    assert (tenfold.slope_low, tenfold.slope_high) == pytest.approx((alone.slope_low, alone.slope_high))


def test_z_is_standard_normal_for_forecasts_that_are_right():
    values = [spiegelhalter(*sample(300, seed=seed)) for seed in range(600)]
    assert kstest(values, "norm").pvalue > 0.001


def test_forecasts_that_dare_too_much_are_found_out():
    found = of(*sample(3000, slope=0.4))
    assert found.slope_high < 1
    assert found.p < 0.01


def test_what_determines_no_line_is_not_measured():
    days = np.arange(60)
    assert recalibration(np.full(10, 0.5), np.ones(10, bool), days[:10]) == NotMeasured(10, 50, "outcomes")
    assert isinstance(recalibration(np.full(60, 0.6), days % 2 == 0, days), NotMeasured)
    assert isinstance(recalibration(np.linspace(0.2, 0.8, 60), np.ones(60, bool), days), NotMeasured)
    few = recalibration(np.linspace(0.2, 0.8, 60), days % 2 == 0, days % 9)
    assert few == NotMeasured(9, 10, "days with outcomes")
    assert np.isnan(spiegelhalter(np.full(60, 0.5), np.ones(60, bool)))


def test_outcomes_that_forecasts_part_without_an_error_have_no_line():
    p = np.linspace(0.2, 0.8, 60)
    found = recalibration(p, p > 0.5, np.arange(60))
    assert found == NotMeasured(0, 1, "outcomes that contradict the order of forecasts")
