"""Features against naive definitions, closed forms and themselves cut short."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import solve_discrete_are

from core import features
from core.errors import InputError

MEMORY = 8.0


class Market:
    """A random walk of two sessions and more, two symbols, the second with missing bars."""

    def __init__(self, rows: int = 500, seed: int = 3, missing: float = 0.15) -> None:
        rng = np.random.default_rng(seed)
        self.close = np.round(50 * np.exp(np.cumsum(rng.standard_normal((rows, 2)) * 1e-3, axis=0)), 2)
        self.high = self.close + np.round(rng.random((rows, 2)) * 0.1, 2)
        self.low = self.close - np.round(rng.random((rows, 2)) * 0.1, 2)
        gone = rng.random(rows) < missing
        for values in (self.close, self.high, self.low):
            values[gone, 1] = np.nan
        self.session = np.arange(rows, dtype=np.int64) // 200 + 20_000

    def cut(self, rows: int) -> Market:
        part = Market.__new__(Market)
        part.close, part.high, part.low = self.close[:rows], self.high[:rows], self.low[:rows]
        part.session = self.session[:rows]
        return part


def volatility(m: Market) -> np.ndarray:
    return features.ewma_volatility(features.log_price(m.close), m.session, MEMORY)


def trend(m: Market) -> features.Trend:
    return features.kalman_trend(features.log_price(m.close), volatility(m), m.session, MEMORY)


ALL = {
    "log": lambda m: features.log_price(m.close),
    "volatility": volatility,
    "level": lambda m: trend(m).level,
    "velocity": lambda m: trend(m).velocity,
    "level error": lambda m: trend(m).level_error,
    "velocity error": lambda m: trend(m).velocity_error,
    "score": lambda m: trend(m).score,
    "range": lambda m: features.average_true_range(m.high, m.low, m.close, m.session, 14),
    "upper": lambda m: features.donchian_channel(m.high, m.low, 20).upper,
    "lower": lambda m: features.donchian_channel(m.high, m.low, 20).lower,
    "efficiency": lambda m: features.efficiency_ratio(m.close, m.session, 20),
    "regime": lambda m: features.trend_confidence(features.efficiency_ratio(m.close, m.session, 20), 20),
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("rows", [1, 199, 201, 333])
def test_the_past_keeps_its_bits_whatever_follows(name, rows):
    market = Market()
    np.testing.assert_array_equal(ALL[name](market.cut(rows)), ALL[name](market)[:rows])


@pytest.mark.parametrize("name", ALL)
def test_a_missing_bar_is_as_if_it_had_never_been(name):
    market = Market()
    there = ~np.isnan(market.close[:, 1])
    dense = Market.__new__(Market)
    dense.close, dense.high, dense.low = (x[there, 1:] for x in (market.close, market.high, market.low))
    dense.session = market.session[there]
    values = ALL[name](market)[:, 1]
    np.testing.assert_array_equal(values[there], ALL[name](dense)[:, 0])
    assert np.isnan(values[~there]).all()
    assert np.isfinite(values[there][-1])


def steps(market: Market, symbol: int) -> list[tuple[int, float]]:
    """(row, change of the close) within sessions, missing bars left out."""
    made, before = [], None
    for row in np.flatnonzero(~np.isnan(market.close[:, symbol])):
        if before is not None and market.session[before] == market.session[row]:
            made.append((row, market.close[row, symbol] - market.close[before, symbol]))
        before = row
    return made


@pytest.mark.parametrize("symbol", [0, 1])
def test_average_true_range_is_the_mean_of_the_last_ranges(symbol):
    market = Market()
    close, high, low = market.close[:, symbol], market.high[:, symbol], market.low[:, symbol]
    expected, ranges, before = np.full(len(close), np.nan), [], None
    for row in np.flatnonzero(~np.isnan(close)):
        same = before is not None and market.session[before] == market.session[row]
        reach = [high[row], low[row]] + ([close[before]] if same else [])
        ranges.append(max(reach) - min(reach))
        if len(ranges) >= 14:
            expected[row] = np.mean(ranges[-14:])
        before = row
    np.testing.assert_allclose(ALL["range"](market)[:, symbol], expected, rtol=1e-12)


@pytest.mark.parametrize("bars", [1, 2, 7, 20])
def test_the_channel_is_the_extremes_of_the_bars_before(bars):
    market = Market()
    channel = features.donchian_channel(market.high, market.low, bars)
    for symbol in (0, 1):
        high, low = pd.Series(market.high[:, symbol]).dropna(), pd.Series(market.low[:, symbol]).dropna()
        upper = high.rolling(bars).max().shift().reindex(range(len(market.high)))
        lower = low.rolling(bars).min().shift().reindex(range(len(market.low)))
        np.testing.assert_array_equal(channel.upper[:, symbol], upper)
        np.testing.assert_array_equal(channel.lower[:, symbol], lower)


@pytest.mark.parametrize("symbol", [0, 1])
def test_efficiency_is_net_over_path(symbol):
    market = Market()
    expected = np.full(len(market.close), np.nan)
    made = steps(market, symbol)
    for row in np.flatnonzero(~np.isnan(market.close[:, symbol])):
        last = [change for at, change in made if at <= row][-20:]
        if len(last) == 20:
            expected[row] = abs(sum(last)) / sum(map(abs, last))
    np.testing.assert_allclose(ALL["efficiency"](market)[:, symbol], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("symbol", [0, 1])
def test_volatility_is_the_exponentially_weighted_mean_square(symbol):
    market = Market()
    logs = np.log(market.close[:, symbol])
    market.close[:, symbol] = logs
    rows, returns = zip(*steps(market, symbol), strict=True)
    decay = math.exp(-1 / (math.sqrt(2) * MEMORY))
    mean = pd.Series(np.square(returns)).ewm(alpha=1 - decay, adjust=True).mean()
    got = volatility(Market())[list(rows), symbol]
    np.testing.assert_allclose(got, np.sqrt(mean), rtol=1e-9)


def test_the_trend_is_the_textbook_kalman_filter():
    market = Market(missing=0.0)
    logs, sigma = np.log(market.close[:, 0]), volatility(market)[:, 0]
    transition, measure = np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[1.0, 0.0]])
    state, covariance = None, None
    got = trend(market)
    for row in range(2, len(logs)):
        noise = sigma[row - 1] ** 2 * MEMORY / (2 * math.sqrt(2))
        process = np.diag([0.0, noise / MEMORY**4])
        if state is None:
            state = np.array([logs[row], 0.0])
            covariance = np.diag([noise, sigma[row - 1] ** 2 + noise / MEMORY**4])
        elif market.session[row] != market.session[row - 1]:
            state = np.array([logs[row], state[1]])
            covariance = np.diag([noise, covariance[1, 1] + noise / MEMORY**4])
        else:
            state = transition @ state
            covariance = transition @ covariance @ transition.T + process
            spread = measure @ covariance @ measure.T + noise
            gain = covariance @ measure.T / spread
            error = logs[row] - state[0]
            state = state + gain[:, 0] * error
            covariance = (np.eye(2) - gain @ measure) @ covariance
            assert got.score[row, 0] == pytest.approx(error / math.sqrt(spread[0, 0]), rel=1e-6)
        assert got.level[row, 0] == pytest.approx(state[0], rel=1e-12)
        assert got.velocity[row, 0] == pytest.approx(state[1], rel=1e-6, abs=1e-12)
        assert got.level_error[row, 0] == pytest.approx(math.sqrt(covariance[0, 0]), rel=1e-6)
        assert got.velocity_error[row, 0] == pytest.approx(math.sqrt(covariance[1, 1]), rel=1e-6)


def test_the_uncertainty_settles_where_the_riccati_equation_says():
    rows, sigma = 600, 7e-4
    logs = np.zeros((rows, 1))
    steady = features.kalman_trend(logs, np.full((rows, 1), sigma), np.zeros(rows, np.int64), MEMORY)
    noise = sigma**2 * MEMORY / (2 * math.sqrt(2))
    transition, measure = np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[1.0, 0.0]])
    predicted = solve_discrete_are(transition.T, measure.T, np.diag([0.0, noise / MEMORY**4]), np.array([[noise]]))
    gain = predicted @ measure.T / (predicted[0, 0] + noise)
    filtered = (np.eye(2) - gain @ measure) @ predicted
    assert steady.level_error[-1, 0] ** 2 == pytest.approx(filtered[0, 0], rel=1e-9)
    assert steady.velocity_error[-1, 0] ** 2 == pytest.approx(filtered[1, 1], rel=1e-9)


def test_a_steady_climb_is_all_velocity():
    rows, slope = 400, 2e-4
    close = 80 * np.exp(slope * np.arange(rows, dtype=float))[:, None]
    session = np.zeros(rows, np.int64)
    logs = features.log_price(close)
    got = features.kalman_trend(logs, features.ewma_volatility(logs, session, 10.0), session, 10.0)
    assert got.velocity[-1, 0] == pytest.approx(slope, rel=1e-6)
    assert got.score[-1, 0] == pytest.approx(0.0, abs=1e-6)
    assert features.efficiency_ratio(close, session, 30)[-1, 0] == pytest.approx(1.0)


def test_on_a_random_walk_the_measures_have_their_stated_distributions():
    rng = np.random.default_rng(11)
    rows, memory = 40_000, 30.0
    close = 100 * np.exp(np.cumsum(rng.standard_normal((rows, 2)) * 5e-4, axis=0))
    session = np.zeros(rows, np.int64)
    logs = features.log_price(close)
    got = features.kalman_trend(logs, features.ewma_volatility(logs, session, memory), session, memory)
    ratio = got.velocity / got.velocity_error / features.null_velocity_ratio(memory)
    regime = features.trend_confidence(features.efficiency_ratio(close, session, 60), 60)
    assert np.nanstd(got.score) == pytest.approx(1.0, abs=0.06)
    assert np.nanstd(ratio) == pytest.approx(1.0, abs=0.06)
    np.testing.assert_allclose(np.nanquantile(regime, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.04)


def test_a_jump_overnight_is_in_no_feature():
    market, jumped = Market(missing=0.0), Market(missing=0.0)
    for values in (jumped.close, jumped.high, jumped.low):
        values[market.session > market.session[0]] *= 2.0
    for name in ("volatility", "velocity", "velocity error", "score"):
        np.testing.assert_allclose(ALL[name](jumped), ALL[name](market), rtol=1e-6, atol=1e-9)
    assert ALL["range"](jumped)[210, 0] < 3 * ALL["range"](market)[210, 0]


def test_a_price_that_does_not_move_has_no_trend_and_no_nan():
    market = Market(missing=0.0)
    for values in (market.close, market.high, market.low):
        values[:] = 10.0
    assert (ALL["efficiency"](market)[25:] == 0.0).all()
    assert (volatility(market)[1:] == 0.0).all()
    got = trend(market)
    np.testing.assert_allclose(got.velocity[2:], 0.0, atol=1e-15)
    assert (got.velocity_error[2:] > 0.0).all()


KERNELS = {
    "_log": lambda m: (m.close,),
    "_ewma_volatility": lambda m: (np.log(m.close), m.session, 0.9),
    "_kalman_trend": lambda m: (np.log(m.close), volatility(m), m.session, MEMORY),
    "_average_true_range": lambda m: (m.high, m.low, m.close, m.session, 14),
    "_efficiency_ratio": lambda m: (m.close, m.session, 14),
    "_donchian_channel": lambda m: (m.high, m.low, 14),
    "_erf": lambda m: (ALL["efficiency"](m).ravel(), 1.3),
}


@pytest.mark.parametrize("name", KERNELS)
def test_compiled_and_interpreted_agree_to_the_bit(name):
    kernel, arguments = getattr(features, name), KERNELS[name](Market())
    np.testing.assert_array_equal(kernel(*arguments), getattr(kernel, "py_func", kernel)(*arguments))


def test_column_major_arrays_serve_as_well():
    market, turned = Market(), Market()
    turned.close, turned.high, turned.low = map(np.asfortranarray, (market.close, market.high, market.low))
    np.testing.assert_array_equal(ALL["range"](turned), ALL["range"](market))


def test_lengths_and_shapes_are_checked():
    market = Market(rows=10)
    with pytest.raises(InputError, match="bars: 0 is below 1"):
        features.donchian_channel(market.high, market.low, 0)
    with pytest.raises(InputError, match="memory"):
        features.ewma_volatility(market.close, market.session, 0.5)
    with pytest.raises(InputError, match=r"\(10,\)"):
        features.log_price(market.close[:, 0])
