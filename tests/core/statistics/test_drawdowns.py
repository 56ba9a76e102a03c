"""Paths to come: against a plain simulation, against probabilities that are known, and the same each time."""

from __future__ import annotations

import numpy as np
import pytest

from core.statistics.drawdowns import AHEAD, BLOCK, DRAWS, Fan, _rows, drawdown_fan
from core.statistics.missing import NotMeasured


def fan(returns, drawdown=0.0, limit=0.1):
    found = drawdown_fan(np.asarray(returns, np.float64), drawdown, limit)
    assert isinstance(found, Fan)
    return found


def test_too_few_sessions_are_not_measured():
    found = drawdown_fan(np.zeros(14), 0.0, 0.1)
    assert found == NotMeasured(14, 15, "sessions")


def test_a_market_that_only_rises_never_reaches_the_limit():
    found = fan(np.full(30, 0.001))
    assert found.reached == 0.0
    assert found.deepest.max() == 0.0


def test_one_that_only_falls_reaches_it_for_certain():
    found = fan(np.full(30, -0.01))
    assert found.reached == 1.0
    assert found.drawdown[:, -1] == pytest.approx(1 - 0.99**AHEAD)


def test_a_path_begins_at_the_present_drawdown():
    found = fan(np.zeros(30), drawdown=0.04)
    assert found.drawdown == pytest.approx(0.04)
    assert fan(np.zeros(30), drawdown=0.12).reached == 1.0


def test_quantiles_are_in_order_and_the_same_each_time():
    returns = np.random.default_rng(3).normal(0.0005, 0.01, 250)
    found, again = fan(returns), fan(returns)
    assert (np.diff(found.drawdown, axis=0) >= 0).all()
    assert np.array_equal(found.drawdown, again.drawdown)
    assert found.error == pytest.approx(np.sqrt(found.reached * (1 - found.reached) / DRAWS))


def test_blocks_run_on_and_have_the_length_that_is_said():
    rows = _rows(40)
    went_on = (rows[:, 1:] - rows[:, :-1]) % 40 == 1
    expected = 1 - 1 / BLOCK + 1 / BLOCK / 40
    assert went_on.mean() == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / went_on.size))
    counts = np.bincount(rows.ravel(), minlength=40) / rows.size
    assert counts == pytest.approx(1 / 40, rel=0.1)


def test_independent_days_agree_with_a_plain_simulation():
    """Days of ±2 % at random: the chance of a fall of 20 % agrees with paths drawn day by day."""
    draw = np.random.default_rng(11)
    returns = draw.choice([-0.02, 0.02], 4000)
    value = np.cumprod(1 + draw.choice([-0.02, 0.02], (40_000, AHEAD)), axis=1)
    mark = np.maximum(np.maximum.accumulate(value, axis=1), 1.0)
    plain = float(((1 - value / mark).max(axis=1) >= 0.2).mean())
    found = fan(returns, limit=0.2)
    assert found.reached == pytest.approx(plain, abs=4 * found.error + 0.02)
