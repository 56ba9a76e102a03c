"""Figures against values worked out by hand or by another route."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np

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


def test_histogram_gathers_its_tail_and_loses_nothing() -> None:
    values = np.append(np.linspace(0, 1, 200), [50.0, np.nan])
    edges, counts = stats.histogram(values, 10)
    assert counts.sum() == 201
    assert edges[0] == 0
    assert edges[-1] < 2
    assert stats.histogram(np.zeros(3), 4)[1].tolist() == [3, 0, 0, 0]
