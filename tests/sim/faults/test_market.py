"""Faults of the market: bars that stay bars, levels that last, and what comes with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.bars import SessionBlock
from core.kernel.kinds import NoteKind
from sim.market import integer_bars
from tests.sim.faults.storm import TUESDAY, Storm, fault
from tests.sim.small_week import SYMBOLS, market

MINUTE = 60 * 10**9
ONE = {"symbols": ["AAA"]}


@pytest.fixture(scope="module")
def blocks() -> list[SessionBlock]:
    return market()


def weather(blocks: list[SessionBlock], *faults: dict[str, Any]) -> tuple[Storm, list[SessionBlock]]:
    storm = Storm(*faults)
    return storm, [storm.weather.session(block).block for block in blocks]


def minutes(block: SessionBlock) -> np.ndarray:
    return (block.bars.time - int(block.session["open"])) // MINUTE


def ratio(after: SessionBlock, before: SessionBlock, symbol: int = 0) -> np.ndarray:
    return after.bars.close[:, symbol] / before.bars.close[:, symbol]


@pytest.mark.parametrize(
    "given",
    [
        fault("price_gap", minute=10, length=None, parameters={"size": -0.1}),
        fault("flash_crash", minute=10, length="20m", parameters={"size": -0.3}),
        fault("volatility", minute=10, length="20m", parameters={"factor": 4}),
        fault("luld_chain", minute=10, length=None, scope=ONE, parameters={"pause": "3m"}),
        fault("split", minute=-60, length=None, scope=ONE, parameters={"new": 3, "old": 2}),
    ],
    ids=lambda given: given["kind"],
)
def test_a_bar_stays_a_bar(given, blocks):
    storm, changed = weather(blocks, given)
    assert storm.fired() > 0
    for block in changed:
        b = block.bars
        known = np.isfinite(b.close)
        assert (b.high[known] >= np.maximum(b.open, b.close)[known]).all()
        assert (b.low[known] <= np.minimum(b.open, b.close)[known]).all()
        assert (b.low[known] > 0).all()


def test_a_gap_is_for_good_and_one_with_a_length_is_not(blocks):
    _, changed = weather(blocks, fault("price_gap", minute=10, length=None, scope=ONE, parameters={"size": -0.1}))
    inside = minutes(blocks[0]) >= 10
    assert np.nanmax(np.abs(ratio(changed[0], blocks[0])[inside] - 0.9)) < 1e-3
    assert np.nanmax(np.abs(ratio(changed[0], blocks[0])[~inside] - 1)) == 0
    assert np.nanmax(np.abs(ratio(changed[1], blocks[1]) - 0.9)) < 1e-3
    assert np.nanmax(np.abs(ratio(changed[1], blocks[1], 1) - 1)) == 0
    _, back = weather(blocks, fault("price_gap", minute=10, length="5m", scope=ONE, parameters={"size": -0.1}))
    assert np.nanmax(np.abs(ratio(back[0], blocks[0])[minutes(blocks[0]) >= 15] - 1)) == 0
    assert back[1].bars.close is not None
    assert np.array_equal(back[1].bars.close, blocks[1].bars.close, equal_nan=True)


def test_a_flash_crash_comes_back(blocks):
    _, changed = weather(blocks, fault("flash_crash", minute=10, length="15m", scope=ONE, parameters={"size": -0.2}))
    moved = ratio(changed[0], blocks[0])
    at = minutes(blocks[0])
    assert np.nanmin(moved[(at >= 10) & (at < 25)]) == pytest.approx(0.8, abs=0.02)
    assert np.nanmax(np.abs(moved[at >= 25] - 1)) == 0


def test_pauses_have_no_bars_and_come_as_halts(blocks):
    given = fault(
        "luld_chain", minute=10, length=None, scope=ONE, parameters={"count": 2, "pause": "5m", "between": "3m"}
    )
    storm = Storm(given)
    day = storm.weather.session(blocks[0])
    at = minutes(blocks[0])
    silent = ((at >= 10) & (at < 15)) | ((at >= 18) & (at < 23))
    assert np.isnan(day.block.bars.close[silent, 0]).all()
    assert [(halt.symbol, halt.kind, halt.duration // MINUTE) for halt in day.halts] == [("AAA", "luld", 5)] * 2
    assert np.nanmax(np.abs(ratio(day.block, blocks[0])[at >= 23] - 0.95**2)) < 1e-3


def test_a_market_halt_is_of_everything(blocks):
    storm = Storm(fault("market_halt", minute=10, length="15m")).play(blocks)
    notes = storm.table("notes")
    assert set(notes["symbol"][notes["kind"] == NoteKind.HALT]) == {0, 1, 2}
    fills, opened = storm.table("fills"), int(blocks[0].session["open"])
    assert not np.any((fills["time"] > opened + 10 * MINUTE) & (fills["time"] < opened + 25 * MINUTE))


def test_volatility_raises_each_way_to_a_power(blocks):
    _, changed = weather(blocks, fault("volatility", minute=10, length="20m", scope=ONE, parameters={"factor": 2}))
    rows = np.flatnonzero((minutes(blocks[0]) >= 10) & (minutes(blocks[0]) < 30))
    opens = blocks[0].bars.open[rows, 0]
    anchor = opens[np.isfinite(opens)][0]
    before, after = blocks[0].bars.close[rows, 0], changed[0].bars.close[rows, 0]
    known = np.isfinite(before)
    assert after[known] / anchor == pytest.approx((before[known] / anchor) ** 2, abs=1e-3)


def test_a_split_moves_prices_volumes_and_the_books_alike(blocks):
    given = fault("split", TUESDAY, -60, None, scope=ONE, parameters={"new": 2, "old": 1})
    storm = Storm(given).play(blocks)
    before, after = blocks[1], storm.days[1].block
    known = np.isfinite(before.bars.close[:, 0])
    assert after.bars.close[known, 0] == pytest.approx(before.bars.close[known, 0] / 2, abs=0.01)
    assert after.bars.volume[known, 0] == pytest.approx(before.bars.volume[known, 0] * 2)
    assert after.adv[0] == before.adv[0] * 2
    assert [(a.symbol, a.kind, a.numerator, a.denominator) for a in after.actions] == [("AAA", "split", 2, 1)]
    assert len(storm.days[2].block.actions) == len(blocks[2].actions)
    assert storm.differences == [0, 0, 0]


def test_an_early_close_ends_the_session(blocks):
    _, changed = weather(blocks, fault("early_close", minute=30, length=None))
    block = changed[0]
    assert (int(block.session["close"]) - int(block.session["open"])) // MINUTE == 30
    assert block.session["early"] == 1
    assert block.bars.time[-1] + MINUTE == block.session["close"]
    assert changed[1].session["close"] == blocks[1].session["close"]


def test_a_wide_spread_is_what_the_venue_fills_at(blocks):
    storm = Storm(fault("wide_spread", minute=0, length="45m", parameters={"half_spread_bps": 50}))
    rows = integer_bars(blocks[0])
    storm.weather.receive(storm.weather.session(blocks[0]), rows)
    known = (rows["volume"] > 0) & (minutes(blocks[0]) >= 0)[:, None] & (minutes(blocks[0]) < 45)[:, None]
    assert rows["half_spread"][known] == pytest.approx(rows["open"][known] * 0.005, abs=100)
    assert not rows["half_spread"][~known].any()


def test_an_auction_prints_away_from_the_market(blocks):
    given = fault("auction_imbalance", minute=40, length=None, parameters={"auction": "close", "size": -0.03})
    _, changed = weather(blocks, given)
    for s in range(len(SYMBOLS)):
        regular = blocks[0].bars.close[blocks[0].bars.regular, s]
        last = regular[np.isfinite(regular)][-1]
        assert changed[0].auctions.close_price[s] == pytest.approx(last * 0.97, abs=0.006)
    assert np.isnan(changed[1].auctions.close_price).all()


def test_without_its_faults_the_market_is_what_it_was(blocks):
    _, changed = weather(blocks, fault("price_gap", "2026-03-04", 10, None))
    assert changed[0] is blocks[0]
