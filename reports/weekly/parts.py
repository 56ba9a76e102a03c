"""What a section of the weekly page is made of, and the same as plain data.

A section is a number, a title and a list of parts: tiles, figures, tables, cards, notes. The page draws them and the
document lists them, so that what stands on one stands in the other. A figure's numbers are those of its table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from core.calendar import as_date, utc_text
from core.statistics.missing import NotMeasured
from reports.formats import NEVER
from reports.page import Column, Figure, Table, Tile

_MOMENTS = frozenset({"time", "second"})


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence or two; `heading` names what was not measured, or is empty."""

    text: str
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Cards:
    """Events as cards, the weightiest first told."""

    cards: Sequence[Any]
    table: Table
    more: int


@dataclass(frozen=True, slots=True)
class Tiles:
    """Headline numbers."""

    tiles: Sequence[Tile]


@dataclass(frozen=True, slots=True)
class Modes:
    """A bar of the time in each mode, as (name, css class, share), with its table."""

    shares: Sequence[tuple[str, str, float]]
    table: Table


@dataclass(frozen=True, slots=True)
class Pair:
    """Two parts side by side where there is room."""

    left: Any
    right: Any


@dataclass(frozen=True, slots=True)
class Behind:
    """A long table that is unfolded when asked for."""

    table: Table


@dataclass(frozen=True, slots=True)
class Triple:
    """Small figures, three in a row."""

    figures: Sequence[Figure]


Part = Note | Cards | Tiles | Modes | Pair | Triple | Behind | Figure | Table


@dataclass(frozen=True, slots=True)
class Section:
    """One of the page's sections; `figures` are its named numbers for programs, NaN where not measured."""

    number: int
    name: str
    title: str
    lead: str
    parts: Sequence[Part]
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def measured(self) -> bool:
        """Whether it holds more than the word that nothing was measured."""
        return any((not isinstance(part, Note) and tables_of(part)) or isinstance(part, Tiles) for part in self.parts)


def kind_of(part: Part) -> str:
    """The name of a part's kind, for the template."""
    return type(part).__name__.lower()


def missing(what: str, heading: str = "") -> Note:
    """A note that something was not measured, and why."""
    return Note(f"Not measured: {what}", heading)


def tables_of(part: Part) -> list[Table]:
    """The tables of a part that have rows."""
    match part:
        case Table():
            found: list[Table | None] = [part]
        case Figure() | Cards() | Modes() | Behind():
            found = [part.table]
        case Pair(left=left, right=right):
            return [*tables_of(left), *tables_of(right)]
        case Triple(figures=figures):
            return [table for item in figures for table in tables_of(item)]
        case _:
            return []
    return [table for table in found if table is not None and table.rows]


def notes_of(part: Part) -> list[str]:
    """What a part says instead of numbers."""
    match part:
        case Note():
            return [": ".join(words for words in (part.heading, part.text) if words)]
        case Table(rows=rows) if not rows:
            return [f"{part.caption}: {part.empty}"]
        case Pair(left=left, right=right):
            return [*notes_of(left), *notes_of(right)]
        case _:
            return []


def section_document(section: Section) -> dict[str, Any]:
    """A section as what JSON knows."""
    return {
        "number": section.number,
        "name": section.name,
        "title": section.title,
        "measured": section.measured,
        "notes": [note for part in section.parts for note in notes_of(part)],
        "figures": plain(section.figures),
        "tables": [table_document(table) for part in section.parts for table in tables_of(part)],
    }


def table_document(table: Table) -> dict[str, Any]:
    """A table with raw values: fractions, dollars, seconds, times in UTC; columns that hold pictures are left out."""
    kept = [i for i, column in enumerate(table.columns) if column.kind != "mark"]
    return {
        "caption": table.caption,
        "columns": [{"title": table.columns[i].title, "kind": table.columns[i].kind} for i in kept],
        "rows": [[_cell(row[i], table.columns[i]) for i in kept] for row in table.rows],
    }


def _cell(value: object, column: Column) -> object:
    if column.kind in _MOMENTS:
        return moment(value) if isinstance(value, int) else None
    if column.kind == "day":
        return as_date(value).isoformat() if isinstance(value, int) and value != NEVER else None
    return plain(value)


def moment(value: int) -> str | None:
    """A time in ns UTC as text, None for `NEVER`."""
    return None if value == NEVER else utc_text(value)


def plain(value: Any) -> Any:
    """The same as JSON knows it: None for what is not a finite number or was not measured."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, NotMeasured):
        return None
    number = float(value)
    return number if math.isfinite(number) else None
