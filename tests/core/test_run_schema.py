"""The published page and the schema say the same, word for word."""

from enum import IntEnum
from pathlib import Path

import pytest

from core.kernel import kinds
from core.run_schema import COLUMNS, DICTIONARY, KINDS, RUN_KEYS, SCHEMA_VERSION, TABLES

PAGE = (Path(__file__).parents[2] / "docs" / "run-directory.md").read_text(encoding="utf-8")
SHOWN = {
    "name": "text",
    "names": "list of text",
    "count": "int64",
    "flag": "bool",
    "factor": "float64",
    "bytes": "binary",
}
ENUMERATIONS: list[tuple[str, type[IntEnum]]] = [
    ("`mode`, `mode_from`, `mode_to`", kinds.Mode),
    ("`mode_from`, `mode_to` of `breaker_change`", kinds.Breaker),
    ("`metric` of `breaker_change`", kinds.Lane),
    ("`binding`", kinds.Binding),
    ("`check`, `refusal_codes`, `reduce_codes`", kinds.Refusal),
    ("`result`", kinds.Result),
    ("orders `status`", kinds.OrderStatus),
    ("`role`", kinds.Role),
    ("`cause`", kinds.Cause),
    ("`type`", kinds.OrderType),
    ("`tif`", kinds.TimeInForce),
    ("cash_events `kind`", kinds.CashKind),
    ("risk_events `kind`", kinds.NoteKind),
    ("`severity`", kinds.Severity),
    ("events `kind`", kinds.EventKind),
]


def section(title: str) -> list[str]:
    """The table rows of one section of the page, without the head of the table."""
    _, _, rest = PAGE.partition(f"\n## {title}\n")
    assert rest, f"docs/run-directory.md has no section {title}"
    lines = rest.partition("\n## ")[0].splitlines()
    return [line for line in lines if line.startswith("|")][2:]


@pytest.mark.parametrize("table", COLUMNS)
def test_every_column_is_documented(table: str) -> None:
    expected = [
        f"| `{c.name}`{'?' if c.nullable else ''} | {SHOWN.get(c.kind, c.kind)} | {c.meaning} |" for c in COLUMNS[table]
    ]
    assert section(f"{table}.parquet") == expected


def test_every_key_of_run_json_is_documented() -> None:
    assert section("run.json") == [f"| `{key}` | {meaning} |" for key, meaning in RUN_KEYS.items()]


def test_every_enumeration_is_documented() -> None:
    expected = [
        f"| {title} | {', '.join(m.name.lower() for m in enumeration if m.name != 'NONE')} |"
        for title, enumeration in ENUMERATIONS
    ]
    assert section("Enumerations") == expected


def test_the_page_names_the_version() -> None:
    assert f"schema version {SCHEMA_VERSION};" in PAGE


@pytest.mark.parametrize("table", TABLES)
def test_schemas_follow_the_columns(table: str) -> None:
    columns, schema = COLUMNS[table], TABLES[table]
    assert schema.names == [c.name for c in columns]
    assert len(set(schema.names)) == len(columns)
    for column, field in zip(columns, schema, strict=True):
        assert field.type == KINDS[column.kind]
        assert field.nullable == column.nullable
    assert set(DICTIONARY[table]) == {c.name for c in columns if c.kind == "name"}
