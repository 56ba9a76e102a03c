"""Figures against values worked out by hand or by another route."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest

from reports import statistics as stats
from reports.formats import NEVER, NEW_YORK


def instant(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=NEW_YORK).timestamp()) * 1_000_000_000


def test_local_days_turn_at_new_york_midnight_in_winter_and_summer() -> None:
    when = [(2026, 3, 6, 23, 59), (2026, 3, 7, 0, 0), (2026, 3, 9, 23, 59), (2026, 3, 10, 0, 0)]
    days = stats.local_days(np.array([instant(*parts) for parts in when]))
    expected = [(date(*parts[:3]) - date(1970, 1, 1)).days for parts in when]
    assert days.tolist() == expected
    assert len(stats.local_days(np.zeros(0, np.int64))) == 0


def test_by_session_and_stretches() -> None:
    values, starts = np.array([1.0, 3.0, np.nan, 2.0, 5.0]), np.array([0, 3])
    assert stats.by_session(values, starts, "max").tolist() == [3.0, 5.0]
    assert stats.by_session(values, starts, "min").tolist() == [1.0, 2.0]
    assert stats.by_session(values[:2], np.array([0]), "last").tolist() == [3.0]
    assert stats.stretches(np.array([7, 7, 2, 7])) == [(0, 1, 7), (2, 2, 2), (3, 3, 7)]
    assert stats.stretches(np.zeros(0, np.int64)) == []


def test_peak_is_the_first_of_equals_and_absent_without_values() -> None:
    time = np.array([10, 20, 30, 40])
    assert stats.peak(np.array([0.1, 0.4, np.nan, 0.4]), time) == (0.4, 20)
    value, when = stats.peak(np.full(4, np.nan), time)
    assert np.isnan(value)
    assert when == NEVER


def test_means_and_fractions_of_nothing_are_not_zero() -> None:
    nothing = np.zeros(0)
    assert all(np.isnan([stats.mean(nothing), stats.quantile(nothing, 0.5), stats.profit_factor(nothing)]))
    assert np.isnan(stats.fraction(0, 0))
    assert stats.mean(np.array([1.0, 4.0, np.nan]), np.array([2.0, 1.0, 9.0])) == 2.0
    assert stats.profit_factor(np.array([3.0, -2.0, 1.0])) == 2.0
    assert np.isinf(stats.profit_factor(np.array([3.0])))


def test_wilson_agrees_with_published_values() -> None:
    # Newcombe (1998), table I: 81 of 263 gives 0.2553 to 0.3662; 0 of 20 gives 0 to 0.1611.
    low, high = stats.wilson(np.array([81.0, 0.0]), np.array([263.0, 20.0]))
    assert low == pytest.approx([0.2553, 0.0], abs=5e-5)
    assert high == pytest.approx([0.3662, 0.1611], abs=5e-5)


def test_calibration_of_a_known_sample() -> None:
    p, hit = np.repeat([0.2, 0.8], 50), np.tile([True, False, False, False, False], 20)
    hit[50:] = ~hit[50:]
    scores = stats.calibrate(p, hit, most_bins=2)
    assert scores.n == 100
    assert scores.base_rate == pytest.approx(0.5)
    assert scores.forecast == pytest.approx([0.2, 0.8])
    assert scores.frequency == pytest.approx([0.2, 0.8])
    assert scores.brier == pytest.approx(0.16)
    assert scores.skill == pytest.approx(1 - 0.16 / 0.25)


def test_bins_hold_equal_counts_and_never_too_few() -> None:
    rng = np.random.default_rng(3)
    scores = stats.calibrate(rng.random(119), rng.random(119) < 0.5)
    assert scores.count.sum() == 119
    assert len(scores.count) == 5
    assert scores.count.max() - scores.count.min() <= 1
    assert len(stats.calibrate(rng.random(7), rng.random(7) < 0.5).count) == 1


def test_outcomes_all_alike_leave_skill_unmeasured() -> None:
    assert np.isnan(stats.calibrate(np.array([0.4, 0.6]), np.array([True, True])).skill)
    assert stats.calibrate(np.zeros(0), np.zeros(0, np.bool_)).n == 0


def test_histogram_gathers_its_tail_and_loses_nothing() -> None:
    values = np.append(np.linspace(0, 1, 200), [50.0, np.nan])
    edges, counts = stats.histogram(values, 10)
    assert counts.sum() == 201
    assert edges[0] == 0
    assert edges[-1] < 2
    assert stats.histogram(np.zeros(3), 4)[1].tolist() == [3, 0, 0, 0]
