"""Shares add up to the last unit, and are those of the definition: the mean over all orders of change."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from math import factorial

import numpy as np
import pytest

from core.statistics.shapley import ladder_range, shapley_shares


def mean_over_orders(values, n):
    """The definition, by walking through all n! orders in exact fractions; and each factor's steps."""
    steps = [[] for _ in range(n)]
    for order in permutations(range(n)):
        members = 0
        for i in order:
            steps[i].append(int(values[members | 1 << i] - values[members]))
            members |= 1 << i
    return [Fraction(sum(of), factorial(n)) for of in steps], steps


@pytest.mark.parametrize("seed", range(20))
def test_shares_are_the_mean_over_all_orders_rounded_to_add_up(seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(-(10**13), 10**13, (32, 3))
    shares = shapley_shares(values)
    assert np.array_equal(shares.sum(axis=0), values[-1] - values[0])
    for k in range(3):
        exact, steps = mean_over_orders(values[:, k], 5)
        assert all(abs(int(shares[i, k]) - exact[i]) < 1 for i in range(5))
        found = ladder_range(values[:, k])
        assert found.low.tolist() == [min(of) for of in steps]
        assert found.high.tolist() == [max(of) for of in steps]


def test_a_factor_that_changes_nothing_gets_nothing():
    rng = np.random.default_rng(1)
    half = rng.integers(-(10**9), 10**9, 16)
    values = np.array([half[members & 15] for members in range(32)])[:, None]
    assert shapley_shares(values)[4, 0] == 0
    assert ladder_range(values[:, 0]).low[4] == ladder_range(values[:, 0]).high[4] == 0


def test_causes_that_only_work_together_share_alike_and_the_ladder_says_so():
    values = np.zeros((4, 1), np.int64)
    values[3] = 7
    assert shapley_shares(values)[:, 0].tolist() == [4, 3], "the odd unit goes to the earlier factor"
    found = ladder_range(values[:, 0])
    assert (found.low.tolist(), found.high.tolist()) == ([0, 0], [7, 7])


def test_a_loss_of_units_is_shared_like_a_gain():
    values = np.zeros((4, 1), np.int64)
    values[3] = -7
    assert shapley_shares(values)[:, 0].sum() == -7
