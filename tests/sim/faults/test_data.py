"""Faults of data: what engine and strategies receive, and that the venue goes on with the true market."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.kernel.kinds import EventKind, NoteKind
from sim.faults.data import Received
from sim.market import integer_bars
from tests.sim.faults.storm import MONDAY, Storm, fault
from tests.sim.small_week import market

MINUTE = 60 * 10**9
TEN = {"minute": 10, "length": "10m"}
ONE = {"scope": {"symbols": ["AAA"]}}


@pytest.fixture(scope="module")
def block():
    return market(1)[0]


def receive(block: Any, kind: str, **keys: Any) -> tuple[np.ndarray, Received, np.ndarray]:
    """True rows, what came of them, and the cells (T, S) that the fault should have met."""
    storm = Storm(fault(kind, MONDAY, **{**TEN, **ONE, **keys}))
    rows = integer_bars(block)
    received = storm.weather.receive(storm.weather.session(block), rows)
    begin = int(block.session["open"]) + 10 * MINUTE
    inside = (block.bars.time >= begin) & (block.bars.time < begin + 10 * MINUTE)
    cells = inside[:, None] & np.array([True, False, False]) & (rows["volume"] > 0)
    assert storm.fired() == int(cells.sum()) or kind in ("missing_symbol", "bad_print")
    return rows, received, cells


@pytest.mark.parametrize("kind", ["gap", "freeze", "late_bars", "reordered_bars", "feed_down", "clock_skew"])
def test_what_does_not_come_in_time_is_missing_for_both(kind, block):
    scope = {} if kind == "feed_down" else ONE
    rows, received, cells = receive(block, kind, scope=scope.get("scope", {})) if scope else (None, None, None)
    if rows is None:  # a connection has no symbols: everything is lost
        storm = Storm(fault(kind, MONDAY, **TEN))
        rows = integer_bars(block)
        received = storm.weather.receive(storm.weather.session(block), rows)
        begin = int(block.session["open"]) + 10 * MINUTE
        cells = ((block.bars.time >= begin) & (block.bars.time < begin + 10 * MINUTE))[:, None] & (rows["volume"] > 0)
        assert [(e["kind"], e["code"]) for e in received.connection] == [(EventKind.FEED, 0), (EventKind.FEED, 1)]
    assert not received.feed["volume"][cells].any()
    assert np.array_equal(received.feed[~cells], rows[~cells])
    assert np.isnan(received.views[0].bars.close[: len(cells)][cells[: len(received.views[0].bars.close)]]).all()


def test_after_a_repair_the_strategies_have_the_true_bars(block):
    _, received, cells = receive(block, "gap")
    first, second = received.views
    assert first.first == 0
    assert len(first.bars.time) == second.first == int(np.flatnonzero(cells.any(axis=1))[-1]) + 1
    assert np.array_equal(second.bars.close, block.bars.close, equal_nan=True)
    assert np.isnan(first.bars.close[cells[: second.first]]).all()


def test_late_bars_keep_their_time_and_come_later(block):
    rows, received, cells = receive(block, "late_bars", parameters={"delay": "3m"})
    late = received.late
    assert (late["kind"] == EventKind.BAR).all()
    assert sorted(late["t_market"]) == block.bars.time[cells.any(axis=1)].tolist()
    assert (late["t_visible"] == late["t_market"] + 4 * MINUTE).all()
    assert late["price"].tolist() == rows["close"][cells].tolist()


def test_a_frozen_feed_repeats_its_last_bar_with_its_old_time(block):
    rows, received, cells = receive(block, "freeze")
    first = int(np.flatnonzero(cells.any(axis=1))[0])
    before = int(np.flatnonzero(rows["volume"][:first, 0] > 0)[-1])
    assert set(received.late["t_market"].tolist()) == {int(block.bars.time[before])}
    assert set(received.late["price"].tolist()) == {int(rows["close"][before, 0])}
    assert len(received.late) == cells.sum()


def test_a_skewed_clock_says_an_older_time(block):
    _, received, _ = receive(block, "clock_skew", parameters={"behind": "7m"})
    assert (received.late["t_visible"] - received.late["t_market"] == 8 * MINUTE).all()


def test_a_revision_corrects_what_came_wrong(block):
    rows, received, cells = receive(block, "bar_revision", parameters={"size": 0.01, "delay": "30s"})
    wrong = received.feed["close"][cells] / rows["close"][cells]
    assert wrong == pytest.approx(np.full(int(cells.sum()), 1.01), abs=1e-4)
    assert (received.late["kind"] == EventKind.BAR_REVISION).all()
    assert received.late["price"].tolist() == rows["close"][cells].tolist()
    assert (received.feed["high"] >= received.feed["close"])[cells].all()


def test_a_bad_print_without_length_is_one_bar(block):
    rows, received, _ = receive(block, "bad_print", length=None, scope={}, parameters={"size": 0.4})
    changed = np.flatnonzero((received.feed["close"] != rows["close"]).any(axis=1))
    assert len(changed) == 1
    assert received.views[0].bars.close[changed[0]] == pytest.approx(
        block.bars.close[changed[0]] * 1.4, abs=0.01, nan_ok=True
    )


def test_impossible_quotes_are_told_beside_the_bars(block):
    rows, received, _ = receive(block, "bad_quotes", parameters={"form": "crossed"})
    assert np.array_equal(received.feed, rows)
    assert (received.late["kind"] == EventKind.QUOTE).all()
    assert (received.late["price"] > received.late["target"]).all()
    empty = receive(block, "bad_quotes", parameters={"form": "zero"})[1].late
    assert not empty["price"].any()
    assert not empty["target"].any()


def test_a_number_that_is_none_reaches_the_strategies_and_not_the_engine(block):
    _, received, cells = receive(block, "nan_edge", parameters={"field": "high"})
    bars = received.views[0].bars
    inside = cells[: len(bars.time)]
    assert np.isnan(bars.high[inside]).all()
    assert np.isfinite(bars.close[inside]).all()
    assert not received.feed["volume"][cells].any()


def test_volume_may_be_nothing_or_a_part(block):
    _, empty, cells = receive(block, "zero_volume")
    assert not empty.feed["volume"][cells].any()
    assert (empty.views[0].bars.volume[cells[: len(empty.views[0].bars.time)]] == 0).all()
    rows, thin, cells = receive(block, "feed_switch", parameters={"volume": 0.1, "missing": 0.0})
    assert thin.feed["volume"][cells] == pytest.approx(rows["volume"][cells] * 0.1, rel=0.05)
    assert np.array_equal(thin.feed["close"], rows["close"])


def test_a_wrong_adjustment_is_in_other_units(block):
    rows, received, cells = receive(block, "wrong_adjustment", parameters={"ratio": 0.5})
    assert received.feed["close"][cells] == pytest.approx(rows["close"][cells] / 2, abs=10_000)
    assert received.feed["volume"][cells] == pytest.approx(rows["volume"][cells] * 2, rel=0.01)


def test_a_draw_is_of_each_bar_by_itself(block):
    storm = Storm(fault("gap", MONDAY, minute=0, length="45m", probability=0.5))
    rows = integer_bars(block)
    received = storm.weather.receive(storm.weather.session(block), rows)
    lost = int((rows["volume"] > 0).sum() - (received.feed["volume"] > 0).sum())
    assert lost == storm.fired()
    assert 0.3 < lost / (rows["volume"] > 0).sum() < 0.7


def test_the_engine_freezes_its_marks_and_the_venue_goes_on():
    blocks = market()
    calm, storm = Storm().play(blocks), Storm(fault("gap", MONDAY, 5, "35m"), risk={"stale_after": "2m"}).play(blocks)
    assert NoteKind.STALE_DATA in storm.kinds()
    assert NoteKind.STALE_DATA not in calm.kinds()
    fills = storm.table("fills")
    opened = int(blocks[0].session["open"])
    silent = fills[(fills["time"] > opened + 6 * MINUTE) & (fills["time"] < opened + 40 * MINUTE)]
    for fill in silent:  # whatever still filled did so at prices of the true market
        row = np.searchsorted(blocks[0].bars.time, fill["bar_time"])
        bar = integer_bars(blocks[0])[row, fill["symbol"]]
        assert bar["low"] - fill["half_spread"] <= fill["price"] <= bar["high"] + fill["half_spread"]
