"""The logistic fit: the maximum of the likelihood, errors by group, and outcomes that have no fit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from scipy.special import logit as exact

from core.statistics.logistic import EDGE, logistic, logistic_fit, logit


def sample(n=1500, seed=4):
    draw = np.random.default_rng(seed)
    terms = np.column_stack([np.ones(n), draw.normal(size=n), draw.random(n)])
    y = (draw.random(n) < expit(terms @ np.array([-0.4, 0.7, -0.3]))).astype(float)
    return terms, y


@pytest.mark.parametrize("ridge", [0.0, 2.0])
def test_it_is_the_maximum_of_the_likelihood(ridge):
    terms, y = sample()

    def loss(c):
        return np.sum(np.logaddexp(0.0, terms @ c) - y * (terms @ c)) + ridge / 2 * np.sum(c[1:] ** 2)

    best = minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-8}).x
    fit = logistic_fit(terms, y, np.arange(len(y)), ridge)
    assert fit is not None
    np.testing.assert_allclose(fit.coefficients, best, atol=1e-6)


def test_errors_of_single_outcomes_are_those_of_the_information():
    terms, y = sample(8000)
    fit = logistic_fit(terms, y, np.arange(len(y)))
    assert fit is not None
    p = expit(terms @ fit.coefficients)
    plain = np.sqrt(np.diag(np.linalg.inv(terms.T @ (terms * (p * (1 - p))[:, None]))))
    np.testing.assert_allclose(fit.errors, plain, rtol=0.05)


def test_outcomes_repeated_within_their_group_count_once():
    terms, y = sample()
    alone = logistic_fit(terms, y, np.arange(len(y)))
    fivefold = logistic_fit(np.repeat(terms, 5, 0), np.repeat(y, 5), np.repeat(np.arange(len(y)), 5))
    assert alone is not None
    assert fivefold is not None
    np.testing.assert_allclose(fivefold.covariance, alone.covariance)


def test_outcomes_that_a_threshold_parts_have_no_fit():
    x = np.linspace(-1, 1, 80)
    terms = np.column_stack([np.ones(80), x])
    assert logistic_fit(terms, (x > 0).astype(float), np.arange(80)) is None
    assert logistic_fit(terms, (x > 0).astype(float), np.arange(80), ridge=0.1) is not None
    assert logistic_fit(np.ones((80, 2)), (x > 0).astype(float), np.arange(80)) is None


def test_one_group_alone_has_no_error():
    terms, y = sample()
    fit = logistic_fit(terms, y, np.zeros(len(y), np.int64))
    assert fit is not None
    assert np.isfinite(fit.coefficients).all()
    assert np.isnan(fit.errors).all()


def test_log_odds_end_at_the_edge():
    p = np.array([0.0, 0.1, 0.5, 1.0])
    assert logit(p)[1:3] == pytest.approx(exact(p[1:3]))
    assert logit(p)[[0, 3]] == pytest.approx(exact(np.array([EDGE, 1 - EDGE])))
    assert logistic(np.array([-800.0, 0.0, 1.3])) == pytest.approx(expit(np.array([-30.0, 0.0, 1.3])))
