"""The verdict of equivalence: what it says when, and how often it is wrong.

Its error rates are measured on simulated pairs of runs: 120 of them here, 1 000 with SEATRIAL_THOROUGH=1. At a true gap
of exactly the margin, parity may be shown in 5 % of them; at a true gap of 0 and the number of orders that the
formula asks for, it must be shown in 80 %.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from core.statistics.equivalence import INSUFFICIENT, LEAST_DAYS, NOT_SHOWN, SHOWN, equivalence, orders_needed

PAIRS = 1000 if os.environ.get("SEATRIAL_THOROUGH") == "1" else 120


def share_shown(gap, seed, days=60, orders=137, sd=12.0, margin=3.0):
    rng = np.random.default_rng(seed)
    shown = 0
    for _ in range(PAIRS):
        shown += equivalence(rng.normal(gap, sd, orders), rng.integers(0, days, orders), margin).verdict == SHOWN
    return shown / PAIRS


def within_two_standard_errors(found, nominal):
    return abs(found - nominal) <= 2 * np.sqrt(nominal * (1 - nominal) / PAIRS)


@pytest.mark.parametrize("side", [1, -1])
def test_a_gap_of_the_margin_passes_one_time_in_twenty(side):
    assert within_two_standard_errors(share_shown(3.0 * side, seed=11 + side), 0.05)


def test_equal_runs_are_found_equal_four_times_in_five():
    assert within_two_standard_errors(share_shown(0.0, seed=21), 0.80)


@pytest.mark.parametrize("days", [LEAST_DAYS, 20])
def test_orders_that_share_their_day_do_not_make_it_overconfident(days):
    rng = np.random.default_rng(days)
    group = np.repeat(np.arange(days), 10)
    error = np.sqrt(16 / days + 36 / len(group))
    margin = 2 * 1.645 * error
    shown = 0
    for _ in range(PAIRS):
        values = margin + rng.normal(0, 4, days)[group] + rng.normal(0, 6, len(group))
        shown += equivalence(values, group, margin).verdict == SHOWN
    assert within_two_standard_errors(shown / PAIRS, 0.05)


def test_the_example_of_the_formula():
    assert orders_needed(12.0, 3.0) == 138  # 137.03
    assert orders_needed(12.0, 3.0, effect=2.0) == 275


def test_too_few_days_are_not_enough_whatever_they_say():
    found = equivalence(np.zeros(50), np.arange(50) % (LEAST_DAYS - 1), 3.0)
    assert found.verdict == INSUFFICIENT
    assert found.sentence == "insufficient data (have 50 matched orders over 9 days, need 10 days)"


def test_too_few_orders_and_what_is_needed():
    rng = np.random.default_rng(8)
    found = equivalence(rng.normal(0, 40, 30), np.arange(30) % 15, 3.0)
    assert found.verdict == INSUFFICIENT
    assert found.needed > 30
    assert found.sentence == f"insufficient data (have 30, need {found.needed})"


def test_enough_orders_and_a_gap_are_not_parity():
    rng = np.random.default_rng(9)
    found = equivalence(rng.normal(2.9, 10, 600), np.arange(600) % 40, 3.0)
    assert (found.verdict, found.sentence) == (NOT_SHOWN, "not shown")


def test_a_gap_that_is_plainly_too_wide_needs_no_more_orders():
    rng = np.random.default_rng(10)
    found = equivalence(rng.normal(60, 40, 30), np.arange(30) % 15, 3.0)
    assert found.needed > 30
    assert found.verdict == NOT_SHOWN


def test_identical_prices_are_parity():
    found = equivalence(np.zeros(40), np.arange(40) % 20, 3.0)
    assert (found.verdict, found.mean, found.deviation, found.needed) == (SHOWN, 0.0, 0.0, 0)


def test_nothing_is_insufficient():
    found = equivalence(np.zeros(0), np.zeros(0, np.int64), 3.0)
    assert found.verdict == INSUFFICIENT
    assert found.needed is None
