"""What a report page is made of, and how it becomes one HTML file.

Tables and figures carry raw values; `cell` gives each its words by the column's kind. Pages bring their
styles along and load nothing: no script, no font, no picture from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from reports import formats
from reports.charts import Canvas

TEMPLATES = Path(__file__).parent / "templates"
WIDE, HALF, NARROW, THIRD = 960, 456, 372, 300

_FORMATS: dict[str, Callable[[Any], str]] = {
    "money": formats.money,
    "result": lambda value: formats.money(value, plus=True),
    "percent": formats.percent,
    "change": lambda value: formats.percent(value, plus=True),
    "share": formats.share,
    "bp": formats.bp,
    "count": formats.count,
    "factor": formats.factor,
    "fine": lambda value: formats.factor(value, 3),
    "exact": lambda value: formats.factor(value, 4),
    "measure": formats.measure,
    "quantity": formats.quantity,
    "duration": formats.duration,
    "time": formats.moment,
    "second": formats.second,
    "day": formats.day,
    "range": str,
}
_NUMBERS = frozenset(_FORMATS) - {"time", "second", "day"}


@dataclass(frozen=True, slots=True)
class Column:
    """A table's column; `kind` is a key of the formats, or text, code, state, or mark (markup made here)."""

    title: str
    kind: str = "text"

    @property
    def numeric(self) -> bool:
        """Whether cells are aligned to the right."""
        return self.kind in _NUMBERS


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns. `empty` is said instead of a table without rows, `note` below one that has some."""

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[object]]
    caption: str
    empty: str = "Not measured: the run has none."
    note: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with its data: `narrow` is the phone's drawing, if it differs; `table` holds what is drawn."""

    title: str
    chart: Markup
    narrow: Markup | None
    table: Table | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """One headline number, in words already."""

    label: str
    value: str
    note: str = ""
    tone: str = ""


def columns(*given: str) -> tuple[Column, ...]:
    """Columns from "Title" or "Title|kind"."""
    return tuple(Column(*text.split("|")) for text in given)


def figure(canvas: Canvas, draw: Callable[[Canvas], str], table: Table | None = None, note: str = "") -> Figure:
    """Draw a figure; one that is wider than a phone is drawn a second time for it."""
    narrow = None
    if canvas.width > NARROW:
        narrow = Markup(draw(replace(canvas, name=f"{canvas.name}-narrow", width=NARROW, look="narrow")))
        canvas = replace(canvas, look="wide")
    return Figure(canvas.title, Markup(draw(canvas)), narrow, table, note)


def cell(value: object, kind: str) -> Markup:
    """A table's cell: formatted by its kind, escaped, and marked where nothing was measured; "" stays empty."""
    if value == "":
        return Markup("")
    if kind == "mark":
        return Markup(value)
    if kind == "state":
        return Markup('<span class="state {}">{}</span>').format(str(value).replace(" ", "-"), value)
    words = _FORMATS[kind](value) if kind in _FORMATS else "" if value is None else str(value)
    if words == formats.NOT_MEASURED:
        return Markup('<span class="none">{}</span>').format(words)
    if kind == "code":
        return Markup("<code>{}</code>").format(words)
    if kind in ("result", "change") and isinstance(value, int | float):
        return Markup('<span class="{}">{}</span>').format("gain" if value > 0 else "loss" if value < 0 else "", words)
    return escape(words)


def css_text(words: object) -> Markup:
    """Words inside a string of a style sheet, which knows no HTML: all but letters and digits are given by number."""
    return Markup("".join(c if c.isalnum() else f"\\{ord(c):06x}" for c in str(words)))


@cache
def environment() -> Environment:
    """The template environment: everything is escaped, an unknown name is an error."""
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update({name: _FORMATS[name] for name in _FORMATS}, cell=cell, words=formats.words, css=css_text)
    return env


def chart_style() -> str:
    """The look of charts, for a picture that stands alone."""
    return (TEMPLATES / "chart.css").read_text(encoding="utf-8")


def render(template: str, **content: object) -> str:
    """A page's HTML."""
    return environment().get_template(template).render(**content)
