"""A run made again is the same to the last bit, and what is not the same is found at its first place."""

from __future__ import annotations

import json
import shutil
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.config import load_settings
from core.errors import InputError
from core.runs import Run
from sim import scenario
from sim.rerun import NEVER, compare_runs, rerun

DAYS = {"data.end": date(2025, 11, 12)}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded") / "run"
    return Run.open(scenario.run(load_settings("breakout-4w", DAYS), folder).path)


@pytest.fixture
def copy(recorded, tmp_path):
    """A function that copies the recorded run with one cell, or the number of rows, changed."""

    def changed(table, row=None, column=None, value=None, rows=None):
        folder = tmp_path / f"{table}-{row}-{column}-{rows}"
        shutil.copytree(recorded.path, folder)
        content = recorded.table(table)
        if rows is not None:
            content = content.slice(0, rows)
        if column is not None:
            cells = content[column].to_pylist()
            cells[row] = value
            place = content.column_names.index(column)
            content = content.set_column(place, content.schema.field(column), pa.array(cells, content[column].type))
        pq.write_table(content, folder / f"{table}.parquet")
        record = json.loads((folder / "run.json").read_text())
        record["counts"][table] = content.num_rows
        (folder / "run.json").write_text(json.dumps(record))
        return Run.open(folder)

    return changed


def test_a_run_made_again_is_identical(recorded, tmp_path):
    again = rerun(recorded, tmp_path / "again")
    assert recorded.run["counts"]["decisions"] > 20
    assert compare_runs(recorded, again) is None
    assert again.run["run_id"] == recorded.run["run_id"]


def test_another_seed_is_not_identical(recorded, tmp_path):
    other = scenario.run(load_settings("breakout-4w", DAYS | {"seed": 2}), tmp_path / "other")
    assert compare_runs(recorded, Run.open(other.path)) is not None


def test_a_changed_cell_is_found_with_both_values(recorded, copy):
    row = recorded.run["counts"]["decisions"] // 2
    found = compare_runs(recorded, copy("decisions", row, "qty", Decimal("12345.5")))
    assert (found.table, found.row, found.column) == ("decisions", row, "qty")
    assert found.recorded == str(recorded.table("decisions")["qty"][row].as_py())
    assert found.repeated == "12345.500000"
    assert str(found) == f"decisions.parquet row {row}, qty: recorded {found.recorded}, now 12345.500000"


def test_floats_are_compared_by_their_bits(recorded, copy):
    value = recorded.table("decisions")["kelly_full"][3].as_py()
    found = compare_runs(recorded, copy("decisions", 3, "kelly_full", value * (1 + 2**-52)))
    assert (found.row, found.column) == (3, "kelly_full")
    nan = copy("decisions", 5, "gain", float("nan"))
    assert compare_runs(nan, nan) is None


def test_a_null_differs_from_a_value(recorded, copy):
    orders = recorded.table("orders", ["filled_at"])
    row = next(i for i, value in enumerate(orders["filled_at"]) if value.is_valid)
    found = compare_runs(recorded, copy("orders", row, "filled_at", None))
    assert (found.table, found.row, found.column, found.repeated) == ("orders", row, "filled_at", None)


def test_lists_of_codes_are_compared(recorded, copy):
    found = compare_runs(recorded, copy("decisions", 0, "refusal_codes", ["mode_refuses", "stale_data"]))
    assert (found.column, found.repeated) == ("refusal_codes", "mode_refuses, stale_data")


def test_a_missing_row_is_named(recorded, copy):
    rows = recorded.run["counts"]["fills"] - 1
    shorter = copy("fills", rows=rows)
    found = compare_runs(recorded, shorter)
    assert (found.table, found.row, found.column) == ("fills", rows, "execution_id")
    assert found.recorded is not None
    assert found.repeated is None
    assert "now nothing" in str(found)
    longer = compare_runs(shorter, recorded)
    assert (longer.row, longer.recorded) == (rows, None)


def test_the_first_divergence_is_the_earliest_in_time(recorded, copy, tmp_path):
    """Equity is the last table looked at, but its first minute comes before the last fill."""
    last = recorded.run["counts"]["fills"] - 1
    both = copy("fills", last, "fee", Decimal(1))
    shutil.copy(copy("equity", 2, "cash", Decimal(1)).path / "equity.parquet", both.path / "equity.parquet")
    found = compare_runs(recorded, Run.open(both.path))
    assert (found.table, found.row, found.column) == ("equity", 2, "cash")
    assert found.time < recorded.table("fills", ["time"])["time"][last].cast(pa.int64()).as_py()


def test_an_order_counts_at_its_end(recorded, copy):
    """Its row is known only then; one that never ended comes after everything else."""
    orders = recorded.table("orders", ["terminal_at"])["terminal_at"]
    found = compare_runs(recorded, copy("orders", 0, "qty", Decimal(1)))
    assert found.time == orders[0].cast(pa.int64()).as_py()
    assert compare_runs(recorded, copy("orders", 0, "terminal_at", None)).time == found.time
    assert found.time < NEVER


@pytest.mark.parametrize("key", ["command_stream_hash", "final_state_hash"])
def test_equal_tables_with_another_hash_diverge_in_run_json(recorded, copy, key):
    other = copy("decisions")
    record = json.loads((other.path / "run.json").read_text()) | {key: "0000"}
    (other.path / "run.json").write_text(json.dumps(record))
    found = compare_runs(recorded, Run.open(other.path))
    assert (found.table, found.row, found.column, found.repeated) == ("run.json", None, key, "0000")
    assert str(found).startswith(f"run.json, {key}: recorded ")


def test_data_that_is_gone_is_asked_for(recorded, copy, tmp_path):
    moved = copy("decisions")
    config = moved.path / "config.toml"
    config.write_text(config.read_text().replace("data/us10-4w", "data/gone"))
    with pytest.raises(InputError, match="Say with --bars"):
        rerun(moved, tmp_path / "again")
    where = load_settings("breakout-4w").bars_path()
    assert compare_runs(recorded, rerun(moved, tmp_path / "again", where)) is None


def test_other_data_is_refused_by_its_hash(copy, tmp_path):
    run = copy("decisions")
    run.run["data"][0]["manifest_sha256"] = "0" * 64
    with pytest.raises(InputError, match="the run was made on 000000000000…"):
        rerun(run, tmp_path / "again")
    assert list(tmp_path.glob("*again*")) == []


def test_only_simulated_runs_can_be_made_again(copy, tmp_path):
    run = copy("decisions")
    run.run["kind"] = "paper"
    with pytest.raises(InputError, match="is a paper run"):
        rerun(run, tmp_path / "again")
