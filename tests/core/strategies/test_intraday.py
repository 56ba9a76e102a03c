"""What the built-in strategies share: parameters, hours, warm-up, events, the logistic map."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from core.bars import FIELDS, Bars
from core.errors import InputError
from core.strategies import intraday
from core.strategies.breakout import Breakout
from core.strategies.contract import Strategy
from core.strategies.mean_reversion import MeanReversion
from core.strategies.momentum import Momentum

ALL = [Breakout(short=True), Momentum(short=True, memory=4.0), MeanReversion(short=True, memory=4.0)]
EASY = Breakout(lookback=5, range_bars=3, regime_bars=3, least_trend=0.0, density=1.0, quiet_close=30, short=True)


def signalled(strategy, bars):
    return np.argwhere(np.isfinite(strategy.signals(bars).probability))


@pytest.mark.parametrize("strategy", ALL, ids=lambda s: s.name)
def test_the_built_in_strategies_keep_the_contract(strategy, noisy_bars):
    assert isinstance(strategy, Strategy)
    signals = strategy.signals(noisy_bars)
    there = np.isfinite(signals.probability)
    assert 5 < there.sum() < there.size / 20
    assert ((signals.probability[there] > 0) & (signals.probability[there] < 1)).all()
    assert (signals.target[there] > 0).all()
    assert (signals.stop[there] > 0).all()
    assert set(signals.side[there]) == {-1, 1}
    assert (signals.horizon[there] >= 1).all()


def test_short_sales_are_left_out_by_default(noisy_bars):
    both, long_only = EASY.signals(noisy_bars), replace(EASY, short=False).signals(noisy_bars)
    kept = np.isfinite(long_only.probability)
    assert (long_only.side[kept] == 1).all()
    np.testing.assert_array_equal(kept, np.isfinite(both.probability) & (both.side == 1))


def test_nothing_is_signalled_near_the_close_and_everything_is_closed(noisy_bars):
    rows = signalled(EASY, noisy_bars)[:, 0] % 390
    assert 340 < rows.max() <= 359  # the bar that ends at 15:30
    leave = EASY.signals(noisy_bars).exit.reshape(5, 390, 3)
    assert leave[2:, 384:].all()  # the bars that end from 15:55 on, after the warm-up


def test_half_days_end_earlier(make_bars):
    day = date(2026, 11, 27)  # the Friday after Thanksgiving closes at 13:00
    rng = np.random.default_rng(1)
    bars = make_bars(100 + np.cumsum(rng.standard_normal(500) * 0.05), day=day)
    first_day = bars.session == bars.session[0]
    assert first_day.sum() == 210
    rows = signalled(EASY, bars)[:, 0]
    assert 150 < rows[rows < 210].max() <= 179  # the bar that ends at 12:30
    assert EASY.signals(bars).exit[204:210].all()


def test_the_horizon_ends_with_the_session(noisy_bars):
    signals = replace(EASY, horizon=100).signals(noisy_bars)
    for row, column in signalled(EASY, noisy_bars):
        left = 385 - (row % 390 + 1)  # minutes to 15:55 from the bar's end
        assert signals.horizon[row, column] == min(100, left)


def test_positions_may_stay_overnight(noisy_bars):
    overnight = replace(EASY, flat_close=0, quiet_close=0, horizon=500)
    signals = overnight.signals(noisy_bars)
    assert (signals.horizon[np.isfinite(signals.probability)] == 500).all()
    assert not signals.exit.reshape(5, 390, 3)[:, 389].all()


@pytest.mark.parametrize("strategy", ALL, ids=lambda s: s.name)
def test_extended_hours_are_not_looked_at(strategy, make_bars):
    rng = np.random.default_rng(5)
    whole = make_bars(100 + np.cumsum(rng.standard_normal(960 * 4) * 0.05), extended=True)
    bent = replace(whole, **{name: getattr(whole, name).copy() for name in FIELDS})
    for name in FIELDS:
        getattr(bent, name)[~whole.regular] *= 1.5
    assert len(signalled(strategy, whole)) > 0
    np.testing.assert_array_equal(strategy.signals(whole).probability, strategy.signals(bent).probability)
    inside = np.flatnonzero(whole.regular)
    only = replace(whole, **{n: getattr(whole, n)[inside] for n in (*FIELDS, "time", "regular", "session")})
    late = inside > strategy.warmup + 960
    np.testing.assert_allclose(
        strategy.signals(whole).probability[inside][late], strategy.signals(only).probability[late], atol=1e-6
    )


def test_a_thin_symbol_is_left_alone_whatever_its_history(noisy_bars):
    thin = np.array(noisy_bars.close)
    thin[::3, 0] = thin[1::3, 0] = np.nan
    fields = {name: np.where(np.isnan(thin), np.nan, getattr(noisy_bars, name)) for name in FIELDS}
    bars = replace(noisy_bars, **fields)
    dense = signalled(replace(EASY, density=0.8), bars)
    assert 0 not in dense[:, 1]
    assert {1, 2} <= set(dense[:, 1])
    assert 0 in signalled(replace(EASY, density=0.25), bars)[:, 1]


def test_symbols_do_not_know_of_each_other(noisy_bars):
    alone = Bars(
        symbols=("S1",),
        bar_seconds=60,
        time=noisy_bars.time,
        regular=noisy_bars.regular,
        session=noisy_bars.session,
        **{name: getattr(noisy_bars, name)[:, 1:2] for name in FIELDS},
    )
    np.testing.assert_array_equal(EASY.signals(noisy_bars).stop[:, 1:2], EASY.signals(alone).stop)


def test_an_empty_window_has_no_signals(noisy_bars):
    assert EASY.signals(noisy_bars.window(0, 0)).probability.shape == (0, 3)


def test_probabilities_follow_the_logistic_map(noisy_bars):
    strategy = replace(EASY, coefficients=(0.1, -0.2, 0.3, 0.4))
    evidence, signals = strategy.evidence(noisy_bars), strategy.signals(noisy_bars)
    for n in range(len(evidence.row)):
        constant, strength, trend, haste = evidence.terms[n]
        assert constant == 1.0
        assert 0.0 < strength <= intraday.STRENGTH_CAP
        assert 0.0 <= trend <= 1.0
        assert haste == 16.0 / evidence.horizon[n]
        odds = 0.1 - 0.2 * strength + 0.3 * trend + 0.4 * haste
        place = evidence.row[n], evidence.column[n]
        assert signals.probability[place] == pytest.approx(1 / (1 + math.exp(-odds)), rel=1e-12)


def test_compiled_and_interpreted_agree_to_the_bit(noisy_bars):
    bars = noisy_bars.window(0, 500)
    strategy = replace(EASY, density=0.8)
    left = intraday._seconds_to_close(bars)
    rule = intraday.Rule(1.0, strategy.warmup, strategy.history, strategy.bars_needed, 1800, 300)
    arguments = (bars.close, bars.session, np.arange(500), strategy.measure(bars), left, rule)
    kernel = intraday._decide
    for compiled, plain in zip(kernel(*arguments), getattr(kernel, "py_func", kernel)(*arguments), strict=True):
        assert compiled.any()
        np.testing.assert_array_equal(compiled, plain)
    terms = strategy.evidence(bars).terms
    coefficients = np.array([0.1, 0.2, 0.3, 0.4])
    logistic = intraday.logistic
    np.testing.assert_array_equal(
        logistic(terms, coefficients), getattr(logistic, "py_func", logistic)(terms, coefficients)
    )


def test_warm_up_holds_the_rows_it_promises_after_any_full_day():
    for needed in (1, 78, 390, 391, 700):
        regular = np.tile(np.r_[np.zeros(330, bool), np.ones(390, bool), np.zeros(240, bool)], 4)
        rows = intraday.warmup_rows(needed)
        assert min(regular[end - rows : end].sum() for end in range(rows, len(regular))) == needed


def test_the_model_version_names_every_parameter():
    base = Breakout()
    assert base.model_version == Breakout(name="other").model_version
    changed = [
        Breakout(lookback=61),
        Breakout(coefficients=(0.0, 0.0, 0.0, 0.0)),
        Breakout(target=4.5),
        Breakout(short=True),
    ]
    assert len({base.model_version, *(s.model_version for s in changed)}) == 5
    assert Breakout(target=4).model_version == base.model_version
    assert base.model_version.startswith("breakout-")


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"lookback": 1}, "breakout.lookback: 1 is not allowed. Use an integer from 2 to 10000"),
        ({"lookback": 60.5}, "60.5 is not allowed"),
        ({"lookback": "60"}, "'60' is not allowed"),
        ({"lookback": True}, "True is not allowed"),
        ({"target": math.nan}, "nan is not allowed. Use a number from 0.01 to 1000"),
        ({"coefficients": (1.0, 2.0)}, "Give 4 finite numbers: constant, strength, trend, haste"),
        ({"coefficients": (1.0, 2.0, 3.0, math.inf)}, "Give 4 finite numbers"),
        ({"short": "yes"}, "breakout.short: 'yes' is not allowed"),
        ({"quiet_close": 4, "flat_close": 5}, "breakout.quiet_close: it is shorter than flat_close"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, told):
    with pytest.raises(InputError) as caught:
        Breakout(**parameters)
    assert told in str(caught.value)
