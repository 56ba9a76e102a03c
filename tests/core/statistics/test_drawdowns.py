"""Paths to come: against a plain simulation, against probabilities that are known, and the same each time."""

from __future__ import annotations

import numpy as np
import pytest

from core.statistics.drawdowns import AHEAD, BLOCK, DRAWS, Fan, Sessions, _rows, drawdown_fan, path_below
from core.statistics.missing import NotMeasured


def by_closes(returns):
    """Sessions whose only minute is their close."""
    close = np.asarray(returns, np.float64)
    return Sessions(close, close, close, np.zeros_like(close))


def fan(returns, drawdown=0.0, limit=0.1):
    found = drawdown_fan(by_closes(returns), drawdown, limit)
    assert isinstance(found, Fan)
    return found


def error_of(found):
    """Standard error of the share of paths, from drawing them."""
    return np.sqrt(found.reached * (1 - found.reached) / DRAWS)


def minutes(days=40, per_day=30, seed=8):
    """Unit values minute by minute, (days, per_day), and the sessions that they make."""
    draw = np.random.default_rng(seed)
    value = np.cumprod(1 + draw.normal(0.0, 0.004, days * per_day)).reshape(days, per_day)
    before = np.append(1.0, value[:-1, -1])[:, None]
    fall = (1 - value / np.maximum.accumulate(value, axis=1)).max(axis=1)
    rest = value / before - 1
    return value, Sessions(rest[:, -1], rest.min(axis=1), rest.max(axis=1), fall)


def test_marked_by_closes_the_path_is_that_of_every_minute():
    value, sessions = minutes()
    mark, deepest, close = 1.0, [], []
    for day in value:
        deepest.append(max((1 - day / mark).max(), 0.0))
        mark = max(mark, day[-1])
        close.append(1 - day[-1] / mark)
    found = path_below(sessions.marked_by_closes())
    np.testing.assert_allclose(found.deepest, deepest, atol=1e-14)
    np.testing.assert_allclose(found.close, close, atol=1e-14)


def test_marked_by_minutes_too():
    value, sessions = minutes()
    mark = np.maximum.accumulate(np.append(1.0, value.ravel()))[1:].reshape(value.shape)
    found = path_below(sessions)
    np.testing.assert_allclose(found.deepest, (1 - value / mark).max(axis=1), atol=1e-14)
    np.testing.assert_allclose(found.close, (1 - value / mark)[:, -1], atol=1e-14)


def test_a_session_that_wins_back_what_it_lost_still_counts():
    """Closes that never fall, after mornings 3 % under the close before: at closes nothing would ever be reached."""
    flat = np.full(30, 0.001)
    sessions = Sessions(flat, np.full(30, -0.03), flat, np.zeros(30))
    found = drawdown_fan(sessions, 0.0, 0.025)
    assert isinstance(found, Fan)
    assert found.reached == 1.0
    assert found.deepest == pytest.approx(0.03)
    assert fan(flat, limit=0.025).reached == 0.0


def test_the_chance_agrees_with_paths_drawn_minute_by_minute():
    """Independent days of 30 minutes: the chance of 15 % agrees with a plain simulation, and closes miss some."""
    value, sessions = minutes(days=3000)
    draw = np.random.default_rng(5)
    rest = value / np.append(1.0, value[:-1, -1])[:, None]
    touched = 0
    for _ in range(2000):
        path, mark, now = rest[draw.integers(0, 3000, AHEAD)], 1.0, 1.0
        for day in path:
            if (now * day).min() <= 0.85 * mark:
                touched += 1
                break
            now *= day[-1]
            mark = max(mark, now)
    found = drawdown_fan(sessions.marked_by_closes(), 0.0, 0.15)
    assert isinstance(found, Fan)
    assert found.reached == pytest.approx(touched / 2000, abs=4 * error_of(found) + 0.02)
    assert fan(sessions.close, limit=0.15).reached < found.reached - 0.01


def test_too_few_sessions_are_not_measured():
    found = drawdown_fan(by_closes(np.zeros(14)), 0.0, 0.1)
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
    assert found.reached == pytest.approx(plain, abs=4 * error_of(found) + 0.02)
