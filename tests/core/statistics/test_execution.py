"""Costs of execution on worked examples: a buy and a sale, filled in part and not at all."""

from __future__ import annotations

import numpy as np
import pytest

from core.statistics.execution import OrderPrices, implementation_shortfall, markout_bp, price_gap, spread_bp


def one(*values):
    return np.array(values, np.float64)


def test_shortfall_of_a_buy_that_fills_in_part():
    """1,000 wanted at 10.00; 600 arrive at 10.02 and fill at 10.05; the rest is given up at 10.20; fees 1.50."""
    at = OrderPrices(one(10.00), one(10.02), one(10.05), one(10.20))
    found = implementation_shortfall(one(1), one(1000), one(600), at, one(1.5))
    assert found.delay == pytest.approx([12.0])
    assert found.trading == pytest.approx([18.0])
    assert found.opportunity == pytest.approx([80.0])
    assert found.total == pytest.approx([111.5])
    # the paper portfolio gains 200, the real one 600 * (10.20 - 10.05) - 1.50
    assert found.total == pytest.approx([1000 * 0.20 - (600 * 0.15 - 1.5)])


def test_shortfall_of_a_sale_that_never_fills_is_opportunity_alone():
    at = OrderPrices(one(10.00), one(np.nan), one(np.nan), one(9.90))
    found = implementation_shortfall(one(-1), one(500), one(0), at, one(0))
    assert (found.delay[0], found.trading[0]) == (0.0, 0.0)
    assert found.total == pytest.approx([50.0])


def test_an_unknown_end_is_not_measured_and_a_complete_fill_has_no_opportunity():
    at = OrderPrices(one(10, 10), one(10, 10), one(10, 10), one(np.nan, np.nan))
    found = implementation_shortfall(one(1, 1), one(100, 100), one(100, 60), at, one(0, 0))
    assert found.opportunity[0] == 0.0
    assert np.isnan(found.total[1])


def test_spreads_and_markouts():
    side, price, mid, later = one(1, -1), one(10.01, 9.98), one(10, 10), one(10.03, 10.03)
    assert spread_bp(side, price, mid) == pytest.approx([20.0, 40.0])
    assert spread_bp(side, price, later) == pytest.approx([-2 * 0.02 / 10.03 * 1e4, 2 * 0.05 / 10.03 * 1e4])
    assert markout_bp(side, price, later) == pytest.approx([0.02 / 10.01 * 1e4, -0.05 / 9.98 * 1e4])


def test_a_gap_is_timing_spread_and_rest():
    found = price_gap(
        one(1, -1), (one(10.06, 9.90), one(10, 10)), (one(10.03, 9.95), one(10, 10)), (one(0.02, 0.04), one(0.01, 0.01))
    )
    assert found.timing == pytest.approx([30.0, 50.0])
    assert found.spread == pytest.approx([10.0, 30.0])
    assert found.residual == pytest.approx([20.0, 20.0])
    assert found.total == pytest.approx([60.0, 100.0])
