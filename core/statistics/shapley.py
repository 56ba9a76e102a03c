"""Shares of a difference between factors that add up exactly: the Shapley value, in integers.

Two runs differ in n factors. `values[A]` is what comes out when the factors of the set A are as in the second run and
the others as in the first. The share of factor i is its average contribution over all orders in which the factors
could be changed one after another (Shapley, "A Value for n-Person Games", 1953):

    share_i = sum over sets A without i of  |A|! (n - 1 - |A|)! / n!  *  (values[A + i] - values[A])

The shares of one column sum to `values[all] - values[none]`. All weights are whole multiples of 1 / n!, so the sums
are exact in integers; what is left over by the division goes, one unit each, to the factors with the largest
remainders, on a tie to the earlier one.
"""

from __future__ import annotations

from math import factorial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]


class Range(NamedTuple):
    """Smallest and largest contribution of each factor over all orders of change, int64 (n,)."""

    low: Int64s
    high: Int64s


def shapley_shares(values: Int64s) -> Int64s:
    """int64 (n, k) shares of int64 (2**n, k) values; bit i of a row's number says that factor i is in the set."""
    n = factor_count(values)
    scale = factorial(n)
    numerators = np.zeros((n, values.shape[1]), np.int64)
    for i in range(n):
        for members in range(1 << n):
            if not members >> i & 1:
                size = members.bit_count()
                weight = factorial(size) * factorial(n - 1 - size)
                numerators[i] += weight * (values[members | 1 << i] - values[members])
    shares, rest = np.divmod(numerators, scale)
    left = rest.sum(axis=0) // scale
    rank = np.argsort(np.argsort(-rest, axis=0, kind="stable"), axis=0, kind="stable")
    whole: Int64s = shares + (rank < left)
    assert np.array_equal(whole.sum(axis=0), values[-1] - values[0]), "the shares add up"
    return whole


def ladder_range(values: Int64s) -> Range:
    """How far a factor's contribution depends on when it is changed, for int64 (2**n,) values.

    A ladder changes the factors one after another; factor i then gets the step that it makes from those already
    changed. Over all n! ladders the steps are those over all sets without i.
    """
    n = factor_count(values)
    low, high = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for i in range(n):
        without = np.array([members for members in range(1 << n) if not members >> i & 1])
        steps = values[without | 1 << i] - values[without]
        low[i], high[i] = steps.min(), steps.max()
    return Range(low, high)


def factor_count(values: Int64s) -> int:
    """n of 2**n values."""
    n = len(values).bit_length() - 1
    assert len(values) == 1 << n, "one value for each set of factors"
    return n
