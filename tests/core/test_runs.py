"""The run directory: what is written is what is read, and nothing is ever half written."""

import json
import shutil
from collections.abc import Callable
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import InputError
from core.run_arrays import (
    bytes_array,
    codes_list_array,
    count_array,
    factor_array,
    flag_array,
    money_array,
    names_array,
    time_array,
)
from core.run_schema import COLUMNS, KINDS, RUN_KEYS, TABLES
from core.runs import QUEUE_BATCHES, ROW_GROUP, Run, RunWriter

NAMES = ["one", "two", "three"]
CONFIG = '[account]\ncash = 100000.0\n\n[data]\nbars = "bars"\n'
BUILDERS: dict[str, Callable[[np.random.Generator, int], pa.Array]] = {
    "text": lambda draw, n: pa.array([f"id-{i}" for i in draw.integers(0, 10**9, n)], pa.string()),
    "name": lambda draw, n: names_array(draw.integers(0, 3, n), NAMES),
    "names": lambda draw, n: codes_list_array(draw.integers(0, 8, n), NAMES),
    "time": lambda draw, n: time_array(draw.integers(0, 2**62, n)),
    "money": lambda draw, n: money_array(draw.integers(-(10**12), 10**12, n)),
    "factor": lambda draw, n: factor_array(draw.random(n)),
    "count": lambda draw, n: count_array(draw.integers(0, 10**9, n)),
    "flag": lambda draw, n: flag_array(draw.integers(0, 2, n)),
    "bytes": lambda draw, n: bytes_array(draw.integers(0, 9, n)),
}


def batch(table: str, rows: int, seed: int = 0) -> pa.RecordBatch:
    """Random rows of a table; every third row of a nullable column is null."""
    draw = np.random.default_rng(seed)
    columns = {}
    for column in COLUMNS[table]:
        array = BUILDERS[column.kind](draw, rows)
        if column.nullable:
            array = pa.array([None if i % 3 == 0 else v for i, v in enumerate(array.to_pylist())], array.type)
        columns[column.name] = array
    return pa.RecordBatch.from_pydict(columns)


def plain(table: str, batches: list[pa.RecordBatch]) -> pa.Table:
    return pa.Table.from_batches(batches).cast(TABLES[table])


def description(**changes: Any) -> dict[str, Any]:
    known = {"schema", "counts", "config_hash"}
    return {key: key for key in RUN_KEYS if key not in known} | {"positions": {}} | changes


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "one"


@pytest.fixture
def finished(out: Path) -> Path:
    with RunWriter(out) as writer:
        writer.append("orders", batch("orders", 20))
        writer.append("fills", batch("fills", 30))
        writer.write_config(CONFIG)
        return writer.finish(description())


def test_every_table_reads_back_as_it_was_written(out: Path) -> None:
    batches = {table: [batch(table, rows, rows) for rows in (1, 50, 7)] for table in TABLES}
    with RunWriter(out) as writer:
        for i in range(3):
            for table in TABLES:
                writer.append(table, batches[table][i])
        writer.write_config(CONFIG)
        writer.finish(description())
    run = Run.open(out)
    for table, written in batches.items():
        assert run.table(table).equals(plain(table, written))
        assert run.table(table).schema.equals(TABLES[table])
    assert run.run["counts"] == dict.fromkeys(TABLES, 58)
    assert run.config["account"]["cash"] == 100_000
    assert run.path == out


def test_other_readers_see_the_published_types(finished: Path) -> None:
    """A reader that knows nothing of dictionaries and arrow metadata gets text and decimals."""
    orders = pq.read_table(finished / "orders.parquet")
    assert orders.schema.field("side").type == pa.string()
    assert orders.schema.field("qty").type == KINDS["money"]
    assert orders.schema.field("created_at").type == KINDS["time"]
    assert pq.read_schema(finished / "decisions.parquet").field("refusal_codes").type == KINDS["names"]


def test_small_batches_gather_into_large_row_groups(out: Path) -> None:
    rows, count = 4_000, 40
    with RunWriter(out) as writer:
        for i in range(count):
            writer.append("checks", batch("checks", rows, i))
        writer.close()
        metadata = pq.ParquetFile(writer.folder / "checks.parquet").metadata
        sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        assert sum(sizes) == rows * count
        assert all(ROW_GROUP <= size < ROW_GROUP + rows for size in sizes[:-1])
        assert metadata.row_group(0).column(0).compression == "ZSTD"
        expected = plain("checks", [batch("checks", rows, i) for i in range(count)])
        assert writer.table("checks").equals(expected)


def test_columns_may_come_in_any_order_with_extra_ones_behind(out: Path) -> None:
    given = batch("fills", 10)
    extra = given.append_column("venue_note", names_array(np.zeros(10, np.int64), ["x"]))
    shuffled = extra.select(sorted(extra.schema.names))
    with RunWriter(out) as writer:
        writer.append("fills", shuffled)
        writer.write_config(CONFIG)
        writer.finish(description())
    read = Run.open(out).table("fills")
    assert read.column_names == [*TABLES["fills"].names, "venue_note"]
    assert read.select(TABLES["fills"].names).equals(plain("fills", [given]))
    assert read["venue_note"].to_pylist() == ["x"] * 10
    assert read["venue_note"].type == pa.string()


def test_text_and_dictionary_batches_mix(out: Path) -> None:
    first, second = batch("fills", 5, 1), batch("fills", 5, 2)
    decoded = pa.RecordBatch.from_arrays(
        [c.dictionary_decode() if pa.types.is_dictionary(c.type) else c for c in second.columns],
        second.schema.names,
    )
    with RunWriter(out) as writer:
        for given in (first, decoded, first):
            writer.append("fills", given)
        writer.close()
        assert writer.table("fills").equals(plain("fills", [first, second, first]))


def test_chosen_columns_come_in_the_order_asked_for(finished: Path) -> None:
    run = Run.open(finished)
    assert run.table("fills", ["time", "qty"]).column_names == ["time", "qty"]
    assert run.table("fills", ["qty", "time"]).column_names == ["qty", "time"]
    with pytest.raises(KeyError, match="quantity"):
        run.table("fills", ["quantity"])


def test_run_json_holds_what_the_writer_knows(finished: Path) -> None:
    run = json.loads((finished / "run.json").read_text())
    assert list(run) == list(RUN_KEYS)
    assert run["schema"] == 1
    assert run["counts"] == {table: {"orders": 20, "fills": 30}.get(table, 0) for table in TABLES}
    assert run["config_hash"] == sha256((finished / "config.toml").read_bytes()).hexdigest()


def test_money_in_run_json_keeps_its_digits(out: Path) -> None:
    equity = Decimal("101234.560001")
    position = {"qty": Decimal("-37"), "average_cost": Decimal("12.345678"), "mark": np.float64(12.5)}
    with RunWriter(out) as writer:
        writer.write_config(CONFIG)
        writer.finish(description(equity=equity, positions={"AAA": position}, bars=np.int64(3), note="more"))
    run = json.loads((out / "run.json").read_text(), parse_float=Decimal)
    assert run["equity"] == equity
    assert run["positions"]["AAA"] == {"qty": -37, "average_cost": Decimal("12.345678"), "mark": 12.5}
    assert (run["bars"], run["note"]) == (3, "more")


def test_more_digits_than_json_keeps_are_refused(out: Path) -> None:
    with RunWriter(out) as writer:
        writer.write_config(CONFIG)
        with pytest.raises(AssertionError, match="more digits"):
            writer.finish(description(equity=Decimal("123456789012345.678901")))


def test_nothing_exists_until_the_run_is_finished(out: Path) -> None:
    with RunWriter(out) as writer:
        writer.append("orders", batch("orders", 5))
        writer.close()
        assert not out.exists()
        assert writer.folder.parent == out.parent
    assert list(out.parent.iterdir()) == []


def test_an_error_of_the_caller_leaves_no_trace(out: Path) -> None:
    def simulate() -> None:
        with RunWriter(out) as writer:
            writer.append("orders", batch("orders", 5))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        simulate()
    assert list(out.parent.iterdir()) == []


def test_a_finished_run_survives_the_end_of_the_block(finished: Path) -> None:
    assert [path.name for path in finished.parent.iterdir()] == ["one"]
    assert {path.name for path in finished.iterdir()} == {
        "run.json",
        "config.toml",
        *(f"{table}.parquet" for table in TABLES),
    }


def test_an_occupied_destination_is_refused(finished: Path) -> None:
    with pytest.raises(InputError, match=r"one: already exists\. Name another folder"):
        RunWriter(finished)
    assert Run.open(finished).run["counts"]["fills"] == 30


def test_a_destination_taken_meanwhile_is_refused(out: Path) -> None:
    with RunWriter(out) as writer:
        writer.write_config(CONFIG)
        out.mkdir()
        (out / "notes.txt").write_text("mine")
        with pytest.raises(InputError, match="already exists"):
            writer.finish(description())
    assert [path.name for path in out.parent.rglob("*")] == ["one", "notes.txt"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda b: b.drop_columns(["fee"]), "fills: the batch has no column fee"),
        (lambda b: b.set_column(4, "qty", pa.array([1.0] * 3)), "fills.qty is double, not decimal128"),
        (lambda b: b.set_column(7, "time", pa.array([1] * 3)), "fills.time is int64, not timestamp"),
    ],
)
def test_a_batch_that_breaks_the_schema_is_a_defect(
    out: Path, change: Callable[[pa.RecordBatch], pa.RecordBatch], complaint: str
) -> None:
    with RunWriter(out) as writer, pytest.raises(AssertionError) as error:
        writer.append("fills", change(batch("fills", 3)))
    assert complaint in str(error.value)


def test_a_null_where_none_may_be_is_a_defect(out: Path) -> None:
    given = batch("fills", 3)
    broken = given.set_column(2, "symbol", pa.array(["AAA", None, "BBB"]))
    with RunWriter(out) as writer:
        writer.append("fills", broken)
        with pytest.raises(AssertionError, match=r"fills\.symbol holds null"):
            writer.close()


def test_an_error_of_the_thread_reaches_the_caller(out: Path) -> None:
    """The folder vanishes under the writer; the caller hears of it and is not left waiting."""

    def keep_appending(writer: RunWriter) -> None:
        for _ in range(10 * QUEUE_BATCHES):
            writer.append("checks", rows)

    rows = batch("checks", 8_000)
    with RunWriter(out) as writer:
        shutil.rmtree(writer.folder)
        with pytest.raises(FileNotFoundError):
            keep_appending(writer)
        with pytest.raises(FileNotFoundError):
            writer.finish(description())
    assert not out.exists()


def test_a_closed_run_takes_no_rows(out: Path) -> None:
    with RunWriter(out) as writer:
        writer.close()
        with pytest.raises(AssertionError, match="closed"):
            writer.append("fills", batch("fills", 1))


def test_a_run_without_its_facts_is_a_defect(out: Path) -> None:
    with RunWriter(out) as writer:
        with pytest.raises(AssertionError, match="write_config"):
            writer.finish(description())
        writer.write_config(CONFIG)
        with pytest.raises(AssertionError, match=r"run\.json misses seed"):
            writer.finish({key: value for key, value in description().items() if key != "seed"})


def test_the_table_of_faults_may_be_absent(finished: Path) -> None:
    (finished / "faults.parquet").unlink()
    run = Run.open(finished)
    assert run.table("faults").schema.equals(TABLES["faults"])
    assert run.table("faults", ["kind"]).column_names == ["kind"]


def test_another_writers_encoding_of_text_is_read_as_text(finished: Path) -> None:
    """Large strings and dictionaries are text too."""
    path = finished / "fills.parquet"
    table = pq.read_table(path)
    large = table.set_column(0, "execution_id", table["execution_id"].cast(pa.large_string()))
    pq.write_table(large.set_column(2, "symbol", table["symbol"].dictionary_encode()), path)
    assert Run.open(finished).table("fills").equals(table.cast(TABLES["fills"]))


def rewrite(table: str, change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        path = folder / f"{table}.parquet"
        pq.write_table(change(pq.read_table(path)), path)

    return act


def edit(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        run = json.loads((folder / "run.json").read_text())
        change(run)
        (folder / "run.json").write_text(json.dumps(run))

    return act


@pytest.mark.parametrize(
    ("damage", "place", "problem"),
    [
        (shutil.rmtree, "one", "is not a run directory"),
        (lambda f: (f / "run.json").unlink(), "run.json", "is missing"),
        (lambda f: (f / "run.json").write_text("{"), "run.json", "is not JSON"),
        (lambda f: (f / "run.json").write_bytes(b"\xff"), "run.json", "is not JSON"),
        (lambda f: (f / "run.json").write_text("[]"), "run.json: schema", "is None"),
        (edit(lambda run: run.update(schema=2)), "run.json: schema", "is 2"),
        (edit(lambda run: run.pop("seed")), "run.json: seed", "is missing"),
        (
            edit(lambda run: run["counts"].update(fills=31)),
            "fills.parquet",
            "has 30 rows, run.json counts 31",
        ),
        (edit(lambda run: run.update(counts=3)), "run.json: counts", "is not a table of numbers"),
        (lambda f: (f / "config.toml").unlink(), "config.toml", "is missing"),
        (lambda f: (f / "config.toml").write_text("x = "), "config.toml", "is not TOML"),
        (lambda f: (f / "fills.parquet").unlink(), "fills.parquet", "is missing"),
        (lambda f: (f / "fills.parquet").write_bytes(b""), "fills.parquet", "is not readable parquet"),
        (
            lambda f: (f / "fills.parquet").write_text("no parquet"),
            "fills.parquet",
            "is not readable parquet",
        ),
        (rewrite("fills", lambda t: t.drop_columns(["fee"])), "fills.parquet: fee", "the column is missing"),
        (
            rewrite("fills", lambda t: t.set_column(4, "qty", t["qty"].cast(pa.float64()))),
            "fills.parquet: qty",
            "the column is double, not decimal128(20, 6)",
        ),
    ],
)
def test_a_damaged_run_is_refused_by_name(
    finished: Path, damage: Callable[[Path], Any], place: str, problem: str
) -> None:
    damage(finished)
    with pytest.raises(InputError) as error:
        Run.open(finished)
    assert error.value.place.endswith(place)
    assert error.value.problem.startswith(problem)
    assert error.value.remedy.endswith(".")


def test_damage_that_only_reading_shows_is_refused_too(finished: Path) -> None:
    path = finished / "fills.parquet"
    table = pq.read_table(path)
    pq.write_table(table.set_column(2, "symbol", pa.array([None] * 30, pa.string())), path)
    with pytest.raises(InputError, match="cannot be read as published"):
        Run.open(finished).table("fills")
