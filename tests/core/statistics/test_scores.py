"""Scores of probabilities: by hand, against scipy, and on forecasts whose faults are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit, logit

from core.statistics.missing import NotMeasured
from core.statistics.scores import ScoreIntervals, score, score_intervals, wilson


def sample(n, slope=1.0, seed=5):
    draw = np.random.default_rng(seed)
    p = draw.uniform(0.2, 0.8, n)
    return p, draw.random(n) < expit(slope * logit(p))


def test_a_sample_worked_by_hand():
    """Fifty forecasts of 0.2 with 10 hits, fifty of 0.8 with 30."""
    p = np.repeat([0.2, 0.8], 50)
    hit = np.repeat([True, False, True, False], [10, 40, 30, 20])
    found = score(p, hit)
    assert (found.n, found.base_rate, found.mean_p) == (100, pytest.approx(0.4), pytest.approx(0.5))
    assert found.bins.forecast == pytest.approx([0.2, 0.8])
    assert found.bins.frequency == pytest.approx([0.2, 0.6])
    assert found.brier == pytest.approx((10 * 0.64 + 40 * 0.04 + 30 * 0.04 + 20 * 0.64) / 100)
    assert found.reliability == pytest.approx(0.5 * 0.2**2)
    assert found.resolution == pytest.approx(0.2**2)
    assert found.uncertainty == pytest.approx(0.24)
    assert found.within == pytest.approx(0.0, abs=1e-15)
    assert found.skill == pytest.approx(1 - 0.22 / 0.24)
    assert found.ece == pytest.approx(0.5 * 0.2)
    assert found.log_loss == pytest.approx(-(30 * np.log(0.2) + 70 * np.log(0.8)) / 100)


@given(
    st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.35, 0.6, 0.9]) | st.floats(0, 1), st.booleans()), min_size=1),
    st.integers(1, 12),
)
def test_the_parts_are_the_score(pairs, least):
    p, hit = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
    found = score(p, hit, least=least)
    y, edges = hit[np.argsort(p, kind="stable")].astype(float), np.cumsum(found.bins.count).astype(int)[:-1]
    parts = list(zip(np.split(np.sort(p), edges), np.split(y, edges), strict=True))
    variance = sum(((q - q.mean()) ** 2).sum() for q, _ in parts) / len(p)
    covariance = sum(((q - q.mean()) * (o - o.mean())).sum() for q, o in parts) / len(p)
    assert found.within == pytest.approx(variance - 2 * covariance, abs=1e-12)
    assert found.reliability - found.resolution + found.uncertainty + found.within == pytest.approx(found.brier)
    assert found.bins.count.sum() == len(p)
    assert (np.diff([q.mean() for q, _ in parts]) > 0).all(), "equal forecasts are never parted"


def test_bins_hold_equal_counts_and_not_too_few():
    found = score(*sample(119))
    assert len(found.bins) == 5
    assert found.bins.count.max() - found.bins.count.min() <= 1
    assert len(score(*sample(7)).bins) == 1
    assert len(score(np.full(200, 0.6), np.arange(200) % 2 == 0).bins) == 1


def test_a_right_forecast_has_the_calibration_error_that_chance_gives_it():
    found = [score(*sample(600, seed=seed)) for seed in range(300)]
    assert np.mean([s.ece for s in found]) == pytest.approx(np.mean([s.ece_if_right for s in found]), rel=0.03)
    wrong = score(*sample(600, slope=0.2))
    assert wrong.ece > 2 * wrong.ece_if_right


def test_certainty_that_fails_costs_much_and_not_everything():
    found = score(np.array([0.0, 1.0, 1.0]), np.array([False, True, False]))
    assert found.log_loss == pytest.approx(-np.log(1e-6) / 3, abs=1e-5)


def test_what_is_not_there_is_not_measured():
    alike = score(np.array([0.4, 0.6]), np.array([True, True]))
    assert np.isnan(alike.skill)
    assert alike.uncertainty == 0.0
    nothing = score(np.zeros(0), np.zeros(0, np.bool_))
    assert nothing.n == len(nothing.bins) == 0
    assert np.isnan([nothing.brier, nothing.reliability, nothing.ece, nothing.log_loss]).all()


def test_wilson_agrees_with_published_values_and_with_scipy():
    # Newcombe (1998), table I: 81 of 263 gives 0.2553 to 0.3662; 0 of 20 gives 0 to 0.1611.
    low, high = wilson(np.array([81.0, 0.0]), np.array([263.0, 20.0]))
    assert low == pytest.approx([0.2553, 0.0], abs=5e-5)
    assert high == pytest.approx([0.3662, 0.1611], abs=5e-5)
    for hits, n in ((81, 263), (0, 20), (7, 9), (50, 50)):
        found = stats.binomtest(hits, n).proportion_ci(0.95, "wilson")
        assert [float(end[0]) for end in wilson(np.array([float(hits)]), np.array([float(n)]))] == pytest.approx(
            [found.low, found.high], abs=1e-6
        )


def of(p, hit, days):
    found = score_intervals(p, hit, days)
    assert isinstance(found, ScoreIntervals)
    return found


def test_intervals_are_those_of_scipys_bootstrap_of_whole_days():
    p, hit = sample(3000)
    days = np.arange(3000) // 30
    found = of(p, hit, days)
    error, base = [values.reshape(100, 30).sum(axis=1) for values in ((p - hit) ** 2, hit.astype(float))]

    def skill(error, base, axis=-1):
        rate = base.sum(axis=axis) / base.shape[axis] / 30
        return 1 - error.sum(axis=axis) / error.shape[axis] / 30 / (rate * (1 - rate))

    draw = np.random.default_rng(1)
    told = stats.bootstrap((error, base), skill, paired=True, method="BCa", rng=draw).confidence_interval
    wide = told.high - told.low
    assert found.skill.value == pytest.approx(score(p, hit).skill)
    assert (found.skill.low, found.skill.high) == pytest.approx((told.low, told.high), abs=0.1 * wide)
    told = stats.bootstrap((error / 30,), np.mean, method="BCa", rng=draw).confidence_interval
    wide = told.high - told.low
    assert found.brier.value == pytest.approx(score(p, hit).brier)
    assert (found.brier.low, found.brier.high) == pytest.approx((told.low, told.high), abs=0.1 * wide)


def test_intervals_hold_the_truth_as_often_as_they_say_although_days_share_their_market():
    """Chances that move with the day, fifteen signals a day: naive intervals would be far too short."""
    held, naive = [], []
    truth = 1 / 3  # 1 - mean p (1 - p) / (1/2 · 1/2), with p uniform
    for seed in range(250):
        draw = np.random.default_rng(seed)
        p = np.repeat(draw.random(25), 15)
        hit = draw.random(375) < p
        found = of(p, hit, np.repeat(np.arange(25), 15)).skill
        held.append(found.low <= truth <= found.high)
        loose = of(p, hit, np.arange(375)).skill
        naive.append(loose.low <= truth <= loose.high)
    assert np.mean(held) == pytest.approx(0.95, abs=0.04)
    assert np.mean(naive) < 0.85


def test_few_days_and_outcomes_all_alike_have_no_interval():
    p, hit = sample(90)
    assert score_intervals(p, hit, np.arange(90) % 9) == NotMeasured(9, 10, "days with outcomes")
    assert isinstance(score_intervals(p, np.ones(90, bool), np.arange(90)), NotMeasured)
