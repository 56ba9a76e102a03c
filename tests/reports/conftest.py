"""A run directory made up from a seed (made_book.py), written as a run writes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from core.run_arrays import count_array, factor_array, flag_array, money_array, time_array
from core.run_schema import COLUMNS
from core.runs import RunWriter
from tests.reports.made_book import (
    Book,
    Plan,
)


def batch(table: str, rows: list[dict[str, Any]]) -> pa.RecordBatch:
    """Rows as the table's published columns; what a row leaves out is null, or zero where null may not be."""
    arrays = []
    for column in COLUMNS[table]:
        values = [row.get(column.name) for row in rows]
        valid = np.array([value is not None for value in values], np.bool_)
        if column.kind in ("text", "name"):
            found = pa.array([v if v is not None or column.nullable else "" for v in values], pa.string())
        elif column.kind in ("names", "bytes"):
            found = pa.array(values, pa.list_(pa.string()) if column.kind == "names" else pa.binary())
        else:
            build: Any = {
                "money": money_array,
                "time": time_array,
                "count": count_array,
                "factor": factor_array,
            }
            kind = np.float64 if column.kind == "factor" else np.int64
            numbers = np.array([0 if value is None else value for value in values], kind)
            mask = valid if column.nullable else None
            found = flag_array(numbers) if column.kind == "flag" else build[column.kind](numbers, mask)
        arrays.append(found)
    return pa.RecordBatch.from_arrays(arrays, [column.name for column in COLUMNS[table]])


def run_json(plan: Plan, book: Book | None) -> dict[str, Any]:
    """run.json of a made-up run; `book` None means that nothing happened."""
    final = book.rows["equity"][-1]["equity"] / 1e6 if book else 100_000
    return {
        "run_id": "20260302-breakout-4w-s7",
        "kind": "sim",
        "scenario": plan.name,
        "title": plan.title,
        "seed": plan.seed,
        "profile": "live_conservative",
        "code_version": "0.1.0",
        "data": [{"folder": "data/us10-4w", "manifest_sha256": "5e" * 32, "feed": "sip", "adjustment": "raw"}],
        "started": "2026-03-02T14:30:00Z",
        "ended": "2026-03-27T20:00:00Z",
        "bar_seconds": 60,
        "mark_rule": "last_close",
        "start_cash": 100_000,
        "cash": final,
        "equity": final,
        "positions": {},
        "command_stream_hash": "c0" * 32,
        "final_state_hash": "f1" * 32,
        "events": 91_240 if book else 0,
        "bars": 78_000 if book else 0,
        "wall_seconds": {"load": 0.11, "signals": 0.42, "replay": 0.03, "report": 0.3},
        "invariants": plan.invariants,
        "expectations": plan.expectations,
        "repeat": f"seatrial run {plan.name} --seed {plan.seed}",
    }


def build_run(out: Path, plan: Plan, change: Callable[[Book], None] | None = None, traded: bool = True) -> Path:
    """Write a made-up run; `change` may alter the tables first; not `traded` leaves all of them empty."""
    book = Book(plan) if traded else None
    with RunWriter(out) as writer:
        writer.write_config(Path(__file__).with_name("config.toml").read_text(encoding="utf-8"))
        if book:
            book.trade()
            book.account()
            for table in ("orders", "fills"):
                book.rows[table].sort(key=lambda row: row.get("time") or row.get("created_at") or 0)
            if change:
                change(book)
            for table, rows in book.rows.items():
                if rows:
                    writer.append(table, batch(table, rows))
        return writer.finish(run_json(plan, book))


@pytest.fixture(scope="session")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A four-week run with drawdown, near misses, refusals and changes of mode."""
    return build_run(tmp_path_factory.mktemp("runs") / "month", Plan())


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Makes a run of three sessions; `change` may alter the book's rows, the rest are fields of Plan."""

    def make(change: Callable[[Book], None] | None = None, traded: bool = True, **plan: Any) -> Path:
        return build_run(tmp_path / "run", Plan(**{"sessions": 3, "losing": (1, 2), **plan}), change, traded)

    return make
