"""Damaged and dishonest manifests and reference tables: each is refused by name."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.datasets import Dataset, convert
from core.errors import InputError
from tests.core.bad_data import (
    DAY,
    actions,
    auctions,
    content,
    copied,
    daily,
    good_columns,
    spoil,
    table_of,
)

# Manifests that do not tell the truth.


def edited(folder: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    target = copied(folder, tmp_path)
    manifest = json.loads((target / "manifest.json").read_text())
    change(manifest)
    (target / "manifest.json").write_text(json.dumps(manifest))
    return target


def put(*path: Any) -> Callable[[dict[str, Any]], None]:
    *way, last, value = path

    def change(manifest: dict[str, Any]) -> None:
        place: Any = manifest
        for key in way:
            place = place[key]
        place[last] = value

    return change


MANIFESTS = {
    "another schema": (put("schema", 2), "schema"),
    "an unknown key": (put("note", "x"), "note: Extra inputs"),
    "no feed": (put("feed", ""), "feed"),
    "no files": (put("files", []), "files"),
    "bars of 7 s": (put("bar_seconds", 7), "whole minutes"),
    "bars of 5 minutes": (put("bar_seconds", 300), "not the start of a bar of 300 s"),
    "bars of an hour": (put("bar_seconds", 3600), "divide half an hour"),
    "a symbol twice": (put("symbols", ["AAA", "AAA", "BBB"]), "symbols: each once"),
    "a symbol left out": (put("symbols", ["AAA"]), "does not list the symbol BBB"),
    "more rows than there are": (put("files", 0, "rows", 81), "has 80 rows and the manifest says 81"),
    "no rows": (put("files", 0, "rows", 0), "files.0.rows"),
    "a hash of something else": (put("files", 0, "sha256", "0" * 64), "its sha256 is"),
    "a hash that is none": (put("files", 0, "sha256", "x"), "files.0.sha256"),
    "a first time that is wrong": (put("files", 0, "first", 0), "first or last time"),
    "a last time that is wrong": (put("files", 0, "last", 0), "first or last time"),
    "a holiday": (put("files", 0, "session", "2025-11-27"), "not a session of the exchange"),
    "another session": (put("files", 0, "session", "2025-11-25"), "outside the trading hours"),
    "the year 9999": (put("files", 0, "session", "9999-01-04"), "files.0.session"),
    "a path outside": (put("files", 0, "path", "../bars.parquet"), "must stay inside"),
    "an absolute path": (put("files", 0, "path", "/etc/passwd"), "must stay inside"),
    "a file that is gone": (put("files", 0, "path", "sessions/x.parquet"), "cannot be read"),
    "quotes in the place of bars": (put("files", 0, "path", f"quotes/{DAY}.parquet"), "its sha256 is"),
}


@pytest.mark.parametrize("case", MANIFESTS)
def test_manifests_that_are_wrong_are_refused(case, folder, tmp_path):
    change, problem = MANIFESTS[case]
    target = edited(folder, tmp_path, change)
    with pytest.raises(InputError, match=problem):
        content(target)


def test_sessions_out_of_order_are_refused(folder, tmp_path):
    def change(manifest):
        manifest["files"].append(manifest["files"][0])

    with pytest.raises(InputError, match="in order, each once"):
        Dataset.open(edited(folder, tmp_path, change))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_manifest_is_refused(text, folder, tmp_path):
    target = copied(folder, tmp_path)
    (target / "manifest.json").write_bytes(text)
    with pytest.raises(InputError, match=r"manifest\.json"):
        Dataset.open(target)


def test_bad_rows_behind_a_right_hash_are_refused(folder, tmp_path):
    target = copied(folder, tmp_path)
    file = target / f"sessions/{DAY}.parquet"
    columns = good_columns()
    spoil("low", 0.0)(columns)
    pq.write_table(table_of(columns), file)
    manifest = json.loads((target / "manifest.json").read_text())
    manifest["files"][0]["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    (target / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=r"row 7 \(BBB .*low is 0.0"):
        content(target)


# Reference tables.

REFERENCES = {
    "daily volume negative": ("daily", daily(volume=-1), "row 0 .AAA.: volume is -1"),
    "daily volume NaN": ("daily", daily(volume=float("nan")), "volume is nan"),
    "daily volume as text": ("daily", daily(volume="many"), "column volume: its type is string"),
    "daily date as text": ("daily", daily(date="2025-11-25"), "column date: its type is string"),
    "daily symbol null": ("daily", daily(symbol=pa.scalar(None, pa.string())), "symbol is null"),
    "daily row twice": ("daily", pa.concat_tables([daily(), daily()]), "occurs twice"),
    "daily without volume": ("daily", daily().drop_columns(["volume"]), "lacks the column volume"),
    "auction price negative": ("auctions", auctions(close_price=-1.0), "impossible"),
    "auction volume infinite": ("auctions", auctions(open_volume=float("inf")), "impossible"),
    "auction row twice": ("auctions", pa.concat_tables([auctions(), auctions()]), "occurs twice"),
    "split without ratio": ("actions", actions(kind="split", ratio=""), "is not like 4/1"),
    "split by zero": ("actions", actions(kind="split", ratio="4/0"), "is not like 4/1"),
    "split by a float": ("actions", actions(kind="split", ratio="1.5"), "is not like 4/1"),
    "dividend negative": ("actions", actions(amount=Decimal("-1.5")), "is not positive"),
    "dividend too fine": ("actions", actions(amount=Decimal("0.0000001")), "at most 6 decimals"),
    "dividend as float": ("actions", actions(amount=0.25), "column amount: its type is double"),
    "dividend paid too early": ("actions", actions(pay_date=date(2025, 11, 25)), "pay date lies before"),
    "merger": ("actions", actions(kind="merger"), "neither split nor dividend"),
    "action twice": ("actions", pa.concat_tables([actions(), actions()]), "occurs twice"),
}


@pytest.mark.parametrize("case", REFERENCES)
def test_reference_tables_that_are_wrong_are_refused(case, plain, tmp_path):
    name, table, problem = REFERENCES[case]
    target = copied(plain, tmp_path)
    path = tmp_path / f"{name}.parquet"
    pq.write_table(table, path)
    with pytest.raises(InputError, match=f"{re.escape(str(path))}.*{problem}"):
        Dataset.open(target)


def test_a_conversion_of_bad_data_leaves_nothing(tmp_path):
    columns = good_columns()
    spoil("close", -1.0)(columns)
    source = tmp_path / "in/bars.parquet"
    source.parent.mkdir()
    pq.write_table(table_of(columns), source)
    with pytest.raises(InputError, match="row 7"):
        convert(source, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
