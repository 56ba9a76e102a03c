"""What a dataset knows beside bars: quotes in force, average volume, corporate actions, auction prints."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.calendar import MINUTE, SECOND, as_date, day_number, sessions
from core.datasets import convert
from core.errors import InputError
from tests.core.made_data import (
    START,
    UTC_NS,
    action_table,
    assert_same_blocks,
    bar_rows,
    blocks,
    daily_table,
    save,
)


def quotes_of(rows: list[tuple[str, int, float, float]]) -> pa.Table:
    symbols, times, bids, asks = zip(*rows, strict=True)
    size = [100] * len(rows)
    columns = {"symbol": symbols, "timestamp": pa.array(times, pa.int64()).cast(UTC_NS)}
    return pa.table({**columns, "bid_price": bids, "bid_size": size, "ask_price": asks, "ask_size": size})


@pytest.fixture
def with_quotes(calendar, tmp_path) -> Path:
    """One session of two symbols, with quotes before, at and between the starts of its bars."""
    session = calendar[0]
    source = tmp_path / "source"
    save(bar_rows(session, list(range(4)), ("AAA", "BBB")), source / "bars.parquet")
    opens = int(session["open"])
    rows = [
        ("AAA", opens - MINUTE, 10.0, 10.1),
        ("BBB", opens + SECOND, 20.0, 20.2),
        ("AAA", opens + MINUTE, 10.2, 10.3),
        ("BBB", opens + MINUTE + 1, 0.0, 20.3),
        ("AAA", opens + MINUTE + 5, 10.5, 10.4),
        ("AAA", opens + 2 * MINUTE - 1, 10.4, 10.4),
        ("AAA", opens + 2 * MINUTE - 1, 10.4, 10.5),
        ("BBB", opens + 3 * MINUTE, 20.4, 20.3),
        ("ZZZ", opens + 3 * MINUTE, 1.0, 2.0),
        ("AAA", int(session["post"]), 1.0, 2.0),
    ]
    save(quotes_of(rows), source / "quotes.parquet")
    return source


def test_a_quote_is_in_force_from_its_time_on(with_quotes):
    (block,) = blocks(with_quotes)
    none = np.nan
    np.testing.assert_array_equal(block.bid[:4], [[10, none], [10.2, 20], [10.4, none], [10.4, none]])
    np.testing.assert_array_equal(block.ask[:4], [[10.1, none], [10.3, 20.2], [10.5, 20.3], [10.5, none]])
    np.testing.assert_array_equal(block.bid[4:, 0], 10.4)


def test_quotes_survive_conversion_with_their_sizes(with_quotes, tmp_path):
    folder = convert(with_quotes / "bars.parquet", tmp_path / "out")
    assert_same_blocks(blocks(folder), blocks(with_quotes))
    (file,) = (folder / "quotes").iterdir()
    table = pq.read_table(file)
    assert table.num_rows == 9  # and not the one of ZZZ, which has no bars
    assert set(table["ask_size"].to_pylist()) == {100}


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (("AAA", 5, -1.0, 10.0), "is no price"),
        (("AAA", 5, float("nan"), 10.0), "is no price"),
        (("AAA", -2 * 60, 10.0, 10.1), "earlier than the one before it"),
    ],
)
def test_impossible_quotes_are_refused(with_quotes, calendar, row, problem):
    symbol, seconds, bid, ask = row
    path = with_quotes / "quotes.parquet"
    more = quotes_of([(symbol, int(calendar["open"][0]) + seconds * SECOND, bid, ask)])
    table = pa.concat_tables([pq.read_table(path), more.cast(pq.read_schema(path))])
    save(table, path)
    with pytest.raises(InputError, match=rf"quotes.parquet row 10 \(AAA.*{problem}"):
        blocks(with_quotes)


def test_average_volume_counts_twenty_sessions_before(sparse, tmp_path):
    before = sessions(date(2025, 10, 1), date(2025, 11, 24))["date"][-25:]
    history = [("AAA", as_date(day), 1000 + n) for n, day in enumerate(before)]
    history += [("AAA", START, 10**9), ("BBB", as_date(before[-1]), 500)]
    save(daily_table(history), tmp_path / "daily.parquet")
    save(sparse, tmp_path / "bars.parquet")
    found = blocks(tmp_path)
    volume = [np.nansum(block.bars.volume, axis=0) for block in found]
    aaa, bbb, ccc = found[0].adv
    assert aaa == np.mean(1000 + np.arange(5, 25))
    assert bbb == 500
    assert np.isnan(ccc)
    aaa, bbb, ccc = found[1].adv
    assert aaa == pytest.approx(np.mean([*(1000 + np.arange(6, 25)), volume[0][0]]))
    assert bbb == pytest.approx((500 + volume[0][1]) / 2)
    assert ccc == volume[0][2]


def test_actions_come_on_their_ex_date_and_restate_average_volume(sparse, calendar, tmp_path):
    second, third = (as_date(day) for day in calendar["date"][1:3])
    rows = [
        ("BBB", second, "dividend", None, Decimal("0.25"), third),
        ("AAA", second, "split", "4/1", None, None),
        ("ZZZ", second, "split", "2/1", None, None),
    ]
    plain = blocks(save(sparse, tmp_path / "plain/bars.parquet"))
    save(sparse, tmp_path / "bars.parquet")
    save(action_table(rows), tmp_path / "actions.parquet")
    found = blocks(tmp_path / "bars.parquet")
    assert [len(block.actions) for block in found] == [0, 2, 0, 0]
    split, dividend = found[1].actions
    assert (split.symbol, split.kind, split.numerator, split.denominator) == ("AAA", "split", 4, 1)
    assert (dividend.symbol, dividend.kind, dividend.amount) == ("BBB", "dividend", 250_000)
    assert (dividend.ex_date, dividend.pay_date) == (day_number(second), day_number(third))
    np.testing.assert_array_equal(found[1].adv, plain[1].adv * [4, 1, 1])
    first, second_volume = (np.nansum(block.bars.volume, axis=0) for block in plain[:2])
    np.testing.assert_allclose(found[2].adv, (first * [4, 1, 1] + second_volume) / 2)


def test_an_action_on_a_day_without_data_comes_with_the_next(sparse, tmp_path):
    thanksgiving = date(2025, 11, 27)
    save(sparse, tmp_path / "bars.parquet")
    save(action_table([("AAA", thanksgiving, "split", "1/8", None, None)]), tmp_path / "actions.parquet")
    assert [len(block.actions) for block in blocks(tmp_path / "bars.parquet")] == [0, 0, 1, 0]


def test_auction_prints_are_found_by_day_and_symbol(sparse, tmp_path):
    save(sparse, tmp_path / "bars.parquet")
    save(
        pa.table(
            {
                "symbol": ["CCC"],
                "date": pa.array([START], pa.date32()),
                "open_price": [50.5],
                "open_volume": [1000],
                "close_price": pa.array([None], pa.float64()),
                "close_volume": [2000],
            }
        ),
        tmp_path / "auctions.parquet",
    )
    first, second, *_ = blocks(tmp_path / "bars.parquet")
    np.testing.assert_array_equal(first.auctions.open_price, [np.nan, np.nan, 50.5])
    np.testing.assert_array_equal(first.auctions.close_price, [np.nan] * 3)
    np.testing.assert_array_equal(first.auctions.close_volume, [np.nan, np.nan, 2000])
    assert np.isnan(second.auctions.open_price).all()
