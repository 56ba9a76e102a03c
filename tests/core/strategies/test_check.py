"""The check finds what is planted, at its place, and passes what is sound."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from core.errors import InputError
from core.strategies.breakout import Breakout
from core.strategies.check import check
from core.strategies.contract import Signals
from core.strategies.mean_reversion import MeanReversion
from core.strategies.momentum import Momentum


@dataclass
class Dips:
    """A sound strategy in pandas: buys when the close falls below its mean by a share of its spread.

    The exit keeps a margin: prices on the cent grid can equal their mean but for its rounding.
    """

    name: str = "dips"
    model_version: str = "1"
    warmup: int = 40

    def measure(self, close: pd.DataFrame) -> pd.DataFrame:
        rolling = close.rolling(30, min_periods=20)
        return (close - rolling.mean()) / rolling.std()

    def signals(self, bars):
        close = bars.to_frames()["close"]
        measure = self.measure(close)
        probability = (0.5 - 0.02 * measure).where((measure < -2.0) & (measure > -20.0))
        return Signals.from_frames(bars, probability=probability, target=0.5, stop=0.5, exit=measure > 0.01)


class NextClose(Dips):
    def measure(self, close):
        return super().measure(close).shift(-1)


class WholeSample(Dips):
    def measure(self, close):
        return (close - close.mean()) / close.std() * 1.5


class Centred(Dips):
    def measure(self, close):
        return close - close.rolling(31, center=True, min_periods=16).mean() - 1.9


class LongMemory(Dips):
    def measure(self, close):
        mean = close.ewm(halflife=60).mean()
        return (close - mean) / close.rolling(30, min_periods=20).std()


class Drawn(Dips):
    def measure(self, close):
        return super().measure(close) + np.random.default_rng().normal(size=close.shape) * 1e-9


class Counting(Dips):
    calls = 0

    def measure(self, close):
        self.calls += 1
        return super().measure(close) - self.calls


class Writing(Dips):
    def signals(self, bars):
        made = super().signals(bars)
        bars.volume[:] = 0.0
        return made


class Boastful(Dips):
    def signals(self, bars):
        made = super().signals(bars)
        return replace(made, probability=made.probability * 3.0)


class Silent(Dips):
    def measure(self, close):
        return super().measure(close) * 0.0


@pytest.mark.parametrize(
    "strategy",
    [
        Dips(),
        Breakout(short=True),
        Momentum(short=True, memory=4.0),
        MeanReversion(short=True, memory=4.0),
        MeanReversion(memory=6.0, density=0.9, flat_close=0),
    ],
    ids=lambda s: s.name,
)
def test_sound_strategies_pass(strategy, noisy_bars):
    report = check(strategy, noisy_bars)
    assert report.passed, str(report)
    assert report.signals > 5
    assert report.cuts >= 8
    assert report.windows >= 8
    assert "passed: " in str(report)


@pytest.mark.parametrize(
    ("strategy", "promise"),
    [
        (NextClose(), "look-ahead"),
        (WholeSample(), "look-ahead"),
        (Centred(), "look-ahead"),
        (LongMemory(), "warm-up"),
        (Drawn(), "repeatable"),
        (Counting(), "repeatable"),
        (Writing(), "repeatable"),
        (Boastful(), "contract"),
        (Silent(), "silence"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Dips) else "",
)
def test_broken_promises_are_found(strategy, promise, noisy_bars):
    report = check(strategy, noisy_bars)
    assert not report.passed
    assert promise in {finding.promise for finding in report.findings}
    assert f"FAILED {promise}: " in str(report)


def test_look_ahead_is_found_at_its_place_with_both_values(noisy_bars):
    report = check(NextClose(), noisy_bars)
    (finding,) = [f for f in report.findings if f.promise == "look-ahead"]
    row = int(np.searchsorted(noisy_bars.time, finding.time))
    whole = NextClose().signals(noisy_bars)
    column = noisy_bars.symbols.index(finding.symbol)
    cut = NextClose().signals(noisy_bars.window(0, row + 1))
    first = (whole.probability[row, column], whole.exit[row, column])
    second = (cut.probability[row, column], cut.exit[row, column])
    assert str(first) != str(second)
    values = [str(pair[0 if "probability" in finding.problem else 1]) for pair in (first, second)]
    assert all(value in finding.problem for value in values)


def test_a_look_ahead_that_only_values_show_is_found_by_altering_the_future(noisy_bars):
    class Peeking(Dips):
        """Reads the last close of the window, but only when there are enough rows to hide a cut."""

        def measure(self, close):
            ahead = close.iloc[-1] / 1e6 if len(close) == len(noisy_bars.time) else 0.0
            return super().measure(close) * 0 - 3.0 - ahead

    (finding,) = [f for f in check(Peeking(), noisy_bars).findings if f.promise == "look-ahead"]
    assert "probability" in finding.problem


def test_a_warm_up_that_is_too_short_is_found_and_one_long_enough_is_not(noisy_bars):
    short = check(LongMemory(), noisy_bars)
    (finding,) = short.findings
    assert "with 40 bars before" in finding.problem
    enough = check(replace(LongMemory(), warmup=1200), noisy_bars)
    assert "warm-up" not in {finding.promise for finding in enough.findings}


def test_the_built_in_warm_up_is_needed(noisy_bars):
    class Hasty(Momentum):
        @property
        def bars_needed(self):
            return 45

    report = check(Hasty(memory=12.0, short=True, density=1.0, regime_bars=30), noisy_bars, truncations=40)
    assert "warm-up" in {finding.promise for finding in report.findings}


def test_the_given_bars_are_never_written_to(noisy_bars):
    before = noisy_bars.volume.copy()
    check(Writing(), noisy_bars)
    np.testing.assert_array_equal(noisy_bars.volume, before)


def test_too_few_bars_are_refused(noisy_bars):
    with pytest.raises(InputError, match="41 bars do not reach beyond its warm-up"):
        check(Dips(), noisy_bars.window(0, 41))
