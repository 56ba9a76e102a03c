"""Made market data: the same for the same seed, whatever else is made, and shaped like a market."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from core.bars import FIELDS, Bars, SessionBlock
from core.calendar import MINUTE, as_date
from core.datasets import Dataset
from core.errors import InputError
from sim.synth import SynthSpec, synthesize
from sim.synth_model import PROFILES

SPEC = SynthSpec(seed=7)
BUNDLED = Path(__file__).parents[2] / "scenarios/data/us10-4w"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return synthesize(tmp_path_factory.mktemp("made") / "data", SPEC)


@pytest.fixture(scope="module")
def blocks(made) -> list[SessionBlock]:
    return list(Dataset.open(made).blocks())


@pytest.fixture(scope="module")
def returns(blocks) -> np.ndarray:
    """Log returns by minute within regular sessions, float64 (N, S); NaN where a bar is missing."""
    closes = (np.log(block.bars.close[block.bars.regular]) for block in blocks)
    return np.concatenate([np.diff(close, axis=0) for close in closes])


def test_the_same_spec_gives_the_same_files(tmp_path):
    spec = SynthSpec(seed=3, symbols=2, sessions=3, quotes=True)
    one, other = (synthesize(tmp_path / name, spec) for name in ("one", "other"))
    assert (one / "manifest.json").read_bytes() == (other / "manifest.json").read_bytes()
    third = synthesize(tmp_path / "third", replace(spec, seed=4))
    assert (third / "manifest.json").read_bytes() != (one / "manifest.json").read_bytes()


def test_more_symbols_and_sessions_change_no_other_bar(tmp_path):
    spec = SynthSpec(seed=3, symbols=2, sessions=2)
    few = list(Dataset.open(synthesize(tmp_path / "few", spec)).blocks())
    many = Dataset.open(synthesize(tmp_path / "many", replace(spec, symbols=3)), list(few[0].bars.symbols))
    for one, other in zip(few, many.blocks(), strict=True):
        for name in ("time", *FIELDS):
            np.testing.assert_array_equal(getattr(one.bars, name), getattr(other.bars, name))
        np.testing.assert_array_equal(one.adv, other.adv)
    longer = Dataset.open(synthesize(tmp_path / "longer", replace(spec, sessions=4)))
    assert len(longer.sessions) == 4
    first = next(longer.blocks())
    np.testing.assert_array_equal(first.bars.close, few[0].bars.close)


def test_four_weeks_with_one_half_day(blocks):
    assert len(blocks) == 20
    early = [block for block in blocks if block.session["early"]]
    assert [as_date(block.session["date"]) for block in early] == [date(2025, 11, 28)]
    assert early[0].bars.regular.sum() == 210
    assert early[0].bars.time[-1] < early[0].session["post"]


def test_prices_lie_on_the_penny_grid_at_many_levels(blocks):
    for block in blocks:
        for name in ("open", "high", "low", "close"):
            cents = getattr(block.bars, name) * 100
            np.testing.assert_allclose(cents, np.round(cents), rtol=0, atol=1e-6)
    first = blocks[0].bars.open[blocks[0].bars.regular][0]
    assert np.nanmin(first) < 15
    assert np.nanmax(first) > 300


def test_extended_hours_are_thinner_and_some_regular_minutes_are_missing(blocks):
    bars = Bars.concat([block.bars for block in blocks])
    traded = ~np.isnan(bars.close)
    regular, extended = traded[bars.regular].mean(axis=0), traded[~bars.regular].mean(axis=0)
    assert (extended < 0.8 * regular).all()
    assert (extended > 0.01).all()
    assert regular.min() < 0.99
    assert np.median(regular) > 0.995


def test_tails_are_fatter_than_normal(returns):
    for column in returns.T:
        known = column[~np.isnan(column)]
        kurtosis = ((known - known.mean()) ** 4).mean() / known.var() ** 2
        assert kurtosis > 4


def test_volume_and_volatility_are_u_shaped(blocks):
    whole = [block for block in blocks if not block.session["early"]]
    volume = np.stack([block.bars.volume[block.bars.regular] for block in whole])
    volume = np.nanmean(volume / np.nanmean(volume, axis=(0, 1)), axis=(0, 2))
    spread = np.stack([np.log(block.bars.high / block.bars.low)[block.bars.regular] for block in whole])
    spread = np.nanmean(spread / np.nanmean(spread, axis=(0, 1)), axis=(0, 2))
    for curve in (volume, spread):
        middle = curve[150:240].mean()
        assert curve[:15].mean() > 1.5 * middle
        assert curve[-15:].mean() > 1.15 * middle


def test_symbols_move_together_and_sectors_more_so(returns):
    known = returns[~np.isnan(returns).any(axis=1)]
    correlation = np.corrcoef(known.T)
    sectors = np.array([profile.sector for profile in PROFILES[: SPEC.symbols]])
    same = sectors[:, None] == sectors
    others = ~np.eye(len(sectors), dtype=bool)
    assert (correlation[others] > 0.05).all()
    assert correlation[same & others].mean() > correlation[~same].mean() + 0.05


def test_nights_are_gaps(blocks):
    gaps = []
    for before, after in pairwise(blocks):
        unchanged = [
            column
            for column, symbol in enumerate(after.bars.symbols)
            if symbol not in {action.symbol for action in after.actions}
        ]
        gap = np.log(after.auctions.open_price / before.auctions.close_price)
        gaps.extend(gap[unchanged])
    assert 0.004 < np.std(gaps) < 0.03


def test_stretches_of_trend_leave_something_to_trade(blocks):
    """After a strong half hour the next one goes the same way more often than not, by more than a spread."""
    gains = []
    for block in blocks:
        close = np.log(block.bars.close[block.bars.regular])
        step = np.nanstd(np.diff(close, axis=0), axis=0)
        for start in range(0, len(close) - 60, 10):
            past, future = close[start + 30] - close[start], close[start + 60] - close[start + 30]
            strong = np.abs(past) > 1.5 * step * np.sqrt(30)
            gains.extend((np.sign(past) * future)[strong])
    assert np.nanmean(gains) > 3e-4


def test_one_split_and_one_dividend(blocks):
    actions = [(block, action) for block in blocks for action in block.actions]
    assert sorted(action.kind for _, action in actions) == ["dividend", "split"]
    ((after, split),) = [pair for pair in actions if pair[1].kind == "split"]
    column = after.bars.symbols.index(split.symbol)
    before = blocks[[block is after for block in blocks].index(True) - 1]
    ratio = before.auctions.close_price[column] / after.auctions.open_price[column]
    assert split.numerator == 4
    assert ratio == pytest.approx(4, rel=0.1)
    volumes = [np.nansum(block.bars.volume[:, column]) for block in (before, after)]
    assert volumes[1] > 2 * volumes[0]
    assert after.adv[column] > 2 * before.adv[column]


def test_history_gives_average_volume_from_the_first_session_on(blocks, made):
    assert pq.read_table(made / "daily.parquet").num_rows == 30 * 10
    volume = np.nansum(blocks[0].bars.volume, axis=0)
    assert np.median(np.abs(np.log(blocks[0].adv / volume))) < 0.7


def test_auction_prints_are_near_the_bars(blocks):
    for block in blocks:
        first = block.bars.open[block.bars.regular][0]
        near = np.abs(np.log(block.auctions.open_price / first))
        assert (near[~np.isnan(near)] < 0.01).all()
        assert (block.auctions.close_volume > block.auctions.open_volume).mean() > 0.8


def test_quotes_stand_around_the_trades(tmp_path):
    folder = synthesize(tmp_path / "data", SynthSpec(symbols=3, sessions=1, quotes=True))
    (block,) = Dataset.open(folder).blocks()
    assert not np.isnan(block.bid).any()
    assert (block.bid < block.ask).all()
    traded = ~np.isnan(block.bars.open)
    middle = (block.bid + block.ask)[traded] / 2
    np.testing.assert_allclose(block.bars.open[traded], middle, rtol=0.003)


@pytest.mark.parametrize("change", [{"symbols": 0}, {"symbols": 13}, {"sessions": 0}, {"seed": -1}])
def test_what_cannot_be_made_is_refused(change, tmp_path):
    with pytest.raises(InputError):
        synthesize(tmp_path / "data", replace(SPEC, **change))


def test_the_bundled_data_are_what_their_readme_says():
    dataset = Dataset.open(BUNDLED)
    assert (dataset.feed, dataset.adjustment) == ("synthetic", "raw")
    assert dataset.symbols == tuple(profile.symbol for profile in PROFILES[:10])
    found = list(dataset.blocks())
    assert len(found) == 20
    assert as_date(found[0].session["date"]) == date(2025, 11, 10)
    assert as_date(found[-1].session["date"]) == date(2025, 12, 8)
    assert all((block.bars.time % MINUTE == 0).all() for block in found)
    assert not np.isnan(found[0].adv).any()


def test_the_bundled_data_can_be_made_again(tmp_path):
    """To the cent and the share: the last bit of an exponential may differ from one processor to another."""
    again = Dataset.open(synthesize(tmp_path / "data", SynthSpec(seed=1)))
    for one, other in zip(Dataset.open(BUNDLED).blocks(), again.blocks(), strict=True):
        np.testing.assert_allclose(one.bars.close, other.bars.close, rtol=0, atol=0.0101)
        np.testing.assert_allclose(one.bars.volume, other.bars.volume, rtol=0, atol=1)
