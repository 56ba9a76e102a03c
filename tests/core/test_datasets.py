"""Datasets: the same blocks from every layout, quotes in force, average volume, reading ahead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from core.bars import FIELDS, SessionBlock
from core.calendar import MINUTE, SECOND, as_date, day_number, sessions
from core.datasets import About, Dataset, SessionTables, convert, write_dataset
from core.errors import InputError

UTC_NS = pa.timestamp("ns", "UTC")
SYMBOLS = ("AAA", "BBB", "CCC")
START, END = date(2025, 11, 25), date(2025, 12, 1)  # three whole sessions around one that closes early

real = Path(os.environ.get("SEATRIAL_MARKET_DATA", Path(__file__).parents[3] / "shared/data/us-minute-2013-10"))
needs_real_data = pytest.mark.skipif(not (real / "bars.parquet").exists(), reason="no recorded market data")


def bar_rows(session: np.void, minutes: list[int], symbols=SYMBOLS, seed: int = 0) -> pa.Table:
    """Rows sorted by (timestamp, symbol) at these minutes from the open, every price different."""
    rng = np.random.default_rng([seed, int(session["date"])])
    count = len(minutes) * len(symbols)
    low = np.round(50 + 10 * rng.random(count), 2)
    middle = np.round(low + rng.random((2, count)), 2)
    return pa.table(
        {
            "symbol": pa.array(list(symbols) * len(minutes)),
            "timestamp": pa.array(np.repeat(session["open"] + np.array(minutes, np.int64) * MINUTE, len(symbols))).cast(
                UTC_NS
            ),
            "open": middle[0],
            "high": np.maximum(*middle) + 0.01,
            "low": low,
            "close": middle[1],
            "volume": rng.integers(0, 10_000, count),
        }
    )


@pytest.fixture(scope="module")
def calendar() -> np.ndarray:
    return sessions(START, END)


@pytest.fixture(scope="module")
def sparse(calendar) -> pa.Table:
    """Four sessions in the order of time: pre-market, missing minutes, late trading."""
    rng = np.random.default_rng(5)
    parts = []
    for session in calendar:
        length = int(session["post"] - session["open"]) // MINUTE
        rows = bar_rows(session, list(range(-10, length)))
        parts.append(rows.filter(pa.array(rng.random(rows.num_rows) < 0.7)))
    return pa.concat_tables(parts)


def blocks(path: Path, **choice) -> list[SessionBlock]:
    return list(Dataset.open(path, **choice).blocks())


def assert_same_blocks(left: list[SessionBlock], right: list[SessionBlock]) -> None:
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        assert one.session == other.session
        assert one.bars.symbols == other.bars.symbols
        for name in ("time", *FIELDS, "regular", "session"):
            np.testing.assert_array_equal(getattr(one.bars, name), getattr(other.bars, name), err_msg=name)
        np.testing.assert_array_equal(one.adv, other.adv)
        assert (one.bid is None) == (other.bid is None)
        if one.bid is not None:
            np.testing.assert_array_equal(one.bid, other.bid)
            np.testing.assert_array_equal(one.ask, other.ask)


def save(table: pa.Table, path: Path, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **options)
    return path


def test_every_regular_minute_and_the_extended_ones_with_a_bar(sparse, tmp_path):
    for block in blocks(save(sparse, tmp_path / "bars.parquet")):
        bars, session = block.bars, block.session
        regular = np.arange(session["open"], session["close"], MINUTE)
        np.testing.assert_array_equal(bars.time[bars.regular], regular)
        assert (np.diff(bars.time) > 0).all()
        extended = ~bars.regular
        assert extended.any()
        assert (~np.isnan(bars.close[extended])).any(axis=1).all()
        assert set(bars.session) == {session["date"]}
        assert bars.close.flags.c_contiguous
        assert bars.close.flags.writeable


def test_each_row_lands_in_its_cell(sparse, tmp_path):
    cells = {
        (time.value, symbol): (close, volume)
        for time, symbol, close, volume in zip(
            sparse["timestamp"],
            sparse["symbol"].to_pylist(),
            sparse["close"].to_pylist(),
            sparse["volume"].to_pylist(),
            strict=True,
        )
    }
    found = {}
    for block in blocks(save(sparse, tmp_path / "bars.parquet")):
        for row, column in zip(*np.nonzero(~np.isnan(block.bars.close)), strict=True):
            key = (int(block.bars.time[row]), block.bars.symbols[column])
            found[key] = (block.bars.close[row, column], block.bars.volume[row, column])
    assert found == cells


def test_layouts_give_the_same_blocks(sparse, tmp_path):
    sorted_by_time = blocks(save(sparse, tmp_path / "a/bars.parquet"))
    grouped = save(sparse.sort_by([("symbol", "descending"), ("timestamp", "ascending")]), tmp_path / "b.parquet")
    assert_same_blocks(blocks(grouped), sorted_by_time)
    small_groups = save(sparse, tmp_path / "c/bars.parquet", row_group_size=97)
    assert_same_blocks(blocks(small_groups), sorted_by_time)
    for symbol in SYMBOLS:
        save(sparse.filter(pc.field("symbol") == symbol), tmp_path / f"d/{symbol}.parquet")
    assert_same_blocks(blocks(tmp_path / "d"), sorted_by_time)
    for part in range(3):
        save(sparse.slice(part * 1000, 1000), tmp_path / f"e/{part}.parquet")
    save(sparse.slice(3000), tmp_path / "e/3.parquet")
    assert_same_blocks(blocks(tmp_path / "e"), sorted_by_time)


def test_types_that_pandas_and_others_write_are_read(sparse, tmp_path):
    expected = blocks(save(sparse, tmp_path / "bars.parquet"))
    schema = sparse.schema
    for name, kind in (
        ("timestamp", pa.timestamp("us", "UTC")),
        ("timestamp", pa.timestamp("s", "UTC")),
        ("symbol", pa.large_string()),
        ("symbol", pa.dictionary(pa.int8(), pa.string())),
        ("volume", pa.float64()),
        ("volume", pa.uint64()),
        ("volume", pa.int32()),
    ):
        column = schema.get_field_index(name)
        other = sparse.cast(schema.set(column, pa.field(name, kind)))
        assert_same_blocks(blocks(save(other, tmp_path / "other.parquet")), expected)


def test_converted_data_are_the_same_data(sparse, tmp_path):
    source = save(sparse.sort_by([("symbol", "ascending"), ("timestamp", "ascending")]), tmp_path / "bars.parquet")
    folder = convert(source, tmp_path / "out", feed="sip", adjustment="raw")
    assert_same_blocks(blocks(folder), blocks(source))
    dataset = Dataset.open(folder)
    assert (dataset.feed, dataset.adjustment, dataset.bar_seconds) == ("sip", "raw", 60)
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "sessions"]


def test_full_grids_take_the_short_way_to_the_same_blocks(calendar, tmp_path):
    dense = pa.concat_tables(
        bar_rows(session, list(range(-3, int(session["close"] - session["open"]) // MINUTE))) for session in calendar
    )
    folder = convert(save(dense, tmp_path / "bars.parquet"), tmp_path / "out")
    shuffled = save(dense.sort_by([("symbol", "descending"), ("timestamp", "ascending")]), tmp_path / "b.parquet")
    assert_same_blocks(blocks(folder), blocks(shuffled))
    choice = ["CCC", "AAA"]
    assert_same_blocks(blocks(folder, symbols=choice), blocks(shuffled, symbols=choice))
    assert len(blocks(folder)[0].bars.time) == 393


def test_chosen_symbols_come_in_the_order_asked_for(sparse, tmp_path):
    source = save(sparse, tmp_path / "bars.parquet")
    every, some = blocks(source), blocks(source, symbols=["CCC", "AAA"])
    for whole, part in zip(every, some, strict=True):
        assert part.bars.symbols == ("CCC", "AAA")
        rows = np.isin(whole.bars.time, part.bars.time)
        np.testing.assert_array_equal(part.bars.close, whole.bars.close[rows][:, [2, 0]])
        np.testing.assert_array_equal(part.adv, whole.adv[[2, 0]])
        traded = ~np.isnan(whole.bars.close[:, [2, 0]]).all(axis=1)
        np.testing.assert_array_equal(part.bars.time, whole.bars.time[traded | whole.bars.regular])


def test_a_span_is_part_of_the_whole_and_knows_the_volume_before_it(sparse, calendar, tmp_path):
    source = save(sparse, tmp_path / "bars.parquet")
    every = blocks(source)
    days = [as_date(day) for day in calendar["date"]]
    assert_same_blocks(blocks(source, start=days[1], end=days[2]), every[1:3])
    dataset = Dataset.open(source, start=days[2])
    assert dataset.sessions["date"].tolist() == calendar["date"][2:].tolist()
    assert_same_blocks(list(dataset.blocks(history=1)), every[1:])
    assert_same_blocks(list(dataset.blocks(history=9)), every)


def test_a_session_without_data_is_passed_over(sparse, calendar, tmp_path):
    whole = Dataset.open(save(sparse, tmp_path / "bars.parquet"))
    gone = pc.and_(
        pc.greater_equal(sparse["timestamp"].cast(pa.int64()), int(calendar["pre"][1])),
        pc.less(sparse["timestamp"].cast(pa.int64()), int(calendar["post"][1])),
    )
    holed = Dataset.open(save(sparse.filter(pc.invert(gone)), tmp_path / "holed.parquet"))
    assert holed.sessions["date"].tolist() == np.delete(whole.sessions["date"], 1).tolist()
    assert len(list(holed.blocks())) == 3


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


def daily_table(rows: list[tuple[str, date, int]]) -> pa.Table:
    symbols, days, volumes = zip(*rows, strict=True)
    return pa.table({"symbol": symbols, "date": pa.array(days, pa.date32()), "volume": volumes})


def action_table(rows: list[tuple]) -> pa.Table:
    schema = pa.schema(
        [
            ("symbol", pa.string()),
            ("ex_date", pa.date32()),
            ("kind", pa.string()),
            ("ratio", pa.string()),
            ("amount", pa.decimal128(20, 6)),
            ("pay_date", pa.date32()),
        ]
    )
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema)


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


def test_longer_bars_are_recognised(calendar, tmp_path):
    rows = pa.concat_tables(bar_rows(session, list(range(0, 210, 5))) for session in calendar)
    source = save(rows, tmp_path / "bars.parquet")
    (first, *_) = blocks(source)
    assert first.bars.bar_seconds == 300
    assert len(first.bars.time) == 78
    assert_same_blocks(blocks(convert(source, tmp_path / "out")), blocks(source))


@pytest.mark.parametrize("minutes", [[30, 90, 150, 210], [0]], ids=["hours", "days"])
def test_bars_longer_than_half_an_hour_are_refused(tmp_path, minutes):
    table = sessions(date(2025, 6, 1), date(2025, 9, 1))
    rows = pa.concat_tables(bar_rows(session, minutes) for session in table if not session["early"])
    with pytest.raises(InputError, match="minutes apart"):
        Dataset.open(save(rows, tmp_path / "bars.parquet"))


def test_what_is_not_there_is_refused_by_name(sparse, tmp_path):
    source = save(sparse, tmp_path / "bars.parquet")
    with pytest.raises(InputError, match=r"nowhere: there is no such file"):
        Dataset.open(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"has no ZZZ.*Choose among AAA, BBB, CCC"):
        Dataset.open(source, symbols=["AAA", "ZZZ"])
    with pytest.raises(InputError, match="names one twice"):
        Dataset.open(source, symbols=["AAA", "AAA"])
    with pytest.raises(InputError, match="covers 2025-11-25 to 2025-12-01"):
        Dataset.open(source, start=date(2026, 1, 1))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="neither a manifest nor parquet bars"):
        Dataset.open(tmp_path / "empty")


def test_splits_and_adjusted_prices_do_not_go_together(sparse, tmp_path):
    save(sparse, tmp_path / "bars.parquet")
    save(action_table([("AAA", END, "split", "2/1", None, None)]), tmp_path / "actions.parquet")
    folder = convert(tmp_path / "bars.parquet", tmp_path / "out", adjustment="split")
    with pytest.raises(InputError, match="already adjusted"):
        Dataset.open(folder)


def test_the_hash_names_the_data(sparse, tmp_path):
    source = save(sparse, tmp_path / "a/bars.parquet")
    copy = save(sparse, tmp_path / "b/bars.parquet")
    other = save(sparse.slice(1), tmp_path / "c/bars.parquet")
    names = [Dataset.open(path).manifest_sha256 for path in (source, copy, other)]
    assert names[0] == names[1] != names[2]
    folder = convert(source, tmp_path / "out")
    before = Dataset.open(folder).manifest_sha256
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"unknown"', '"sip"', 1))
    assert Dataset.open(folder).manifest_sha256 != before


def test_a_dataset_is_written_whole_or_not_at_all(sparse, calendar, tmp_path):
    out = tmp_path / "out"

    def failing():
        yield SessionTables(START, bar_rows(calendar[0], [0, 1]))
        raise RuntimeError("the power went")

    with pytest.raises(RuntimeError):
        write_dataset(out, About("made", "raw"), failing())
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="none to write"):
        write_dataset(out, About("made", "raw"), [])
    write_dataset(out, About("made", "raw"), [SessionTables(START, bar_rows(calendar[0], [0, 1]))])
    with pytest.raises(InputError, match="exists already"):
        convert(save(sparse, tmp_path / "bars.parquet"), out)
    assert json.loads((out / "manifest.json").read_text())["files"][0]["rows"] == 6


def test_only_one_session_is_read_ahead(sparse, tmp_path, monkeypatch):
    dataset = Dataset.open(convert(save(sparse, tmp_path / "bars.parquet"), tmp_path / "out"))
    read: list[int] = []
    original = Dataset._read
    monkeypatch.setattr(Dataset, "_read", lambda self, index: read.append(index) or original(self, index))
    stream = dataset.blocks()
    next(stream)
    assert set(read) <= {0, 1}
    next(stream)
    assert set(read) <= {0, 1, 2}
    stream.close()
    assert 3 not in read


def test_reading_imports_no_pandas(sparse, tmp_path):
    folder = convert(save(sparse, tmp_path / "bars.parquet"), tmp_path / "out")
    program = (
        "import sys\nfrom core.datasets import Dataset\n"
        f"for path in {[str(folder), str(tmp_path / 'bars.parquet')]!r}:\n"
        "    assert len(list(Dataset.open(path).blocks())) == 4\n"
        "assert 'pandas' not in sys.modules\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], check=True, cwd=root, timeout=60)


@needs_real_data
def test_recorded_data_of_three_sessions(tmp_path):
    found = blocks(real)
    assert [str(as_date(block.session["date"])) for block in found] == [
        "2013-10-04",
        "2013-10-07",
        "2013-10-08",
    ]
    assert found[0].bars.symbols == ("AIG", "BAC", "IBM", "SPY")
    table = pq.read_table(real / "bars.parquet")
    assert sum(int((~np.isnan(block.bars.close)).sum()) for block in found) == table.num_rows
    assert sum(float(np.nansum(block.bars.volume)) for block in found) == pc.sum(table["volume"]).as_py()
    for block in found:
        assert block.bars.regular.sum() == 390
        assert (block.ask >= block.bid)[~np.isnan(block.bid)].all()
        assert not np.isnan(block.bid[block.bars.regular]).any()
    assert_same_blocks(blocks(convert(real, tmp_path / "out")), found)
