"""Datasets: the same blocks from every layout, longer bars, what is refused, reading ahead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from core.calendar import MINUTE, as_date, sessions
from core.datasets import About, Dataset, SessionTables, convert, write_dataset
from core.errors import InputError
from tests.core.made_data import (
    END,
    START,
    SYMBOLS,
    action_table,
    assert_same_blocks,
    bar_rows,
    blocks,
    save,
)

real = Path(os.environ.get("SEATRIAL_MARKET_DATA", Path(__file__).parents[3] / "shared/data/us-minute-2013-10"))
needs_real_data = pytest.mark.skipif(not (real / "bars.parquet").exists(), reason="no recorded market data")


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
