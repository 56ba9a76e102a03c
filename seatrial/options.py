"""What several commands take: the types of common options, and values given as key=value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from core.errors import InputError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Bars = Annotated[
    Path | None,
    typer.Option("--bars", metavar="DIR", help="Folder or parquet file of bars; default: the bundled four weeks."),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A parameter of the strategy; may be given several times."),
]

BUNDLED_BARS = "us10-4w"


def examples(*lines: str) -> str:
    """The epilog of a help text: commands to try, as they are."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def bundled_bars() -> Path:
    """The dataset that comes with the project."""
    import scenarios

    return Path(scenarios.__file__ or "").parent / "data" / BUNDLED_BARS


def assignments(pairs: Sequence[str] | None, option: str, number: Callable[[str], Any] = Decimal) -> dict[str, Any]:
    """The values of a repeated KEY=VALUE option, each read as TOML, and as text where it is none.

    `number` makes what is written with a decimal point. Raises InputError for what has no key or no value.
    """
    values = {}
    for pair in pairs or ():
        key, _, text = pair.partition("=")
        if not key or not text:
            remedy = f"Write {option} key=value, without spaces."
            raise InputError(f"{option} {pair}", "is no assignment", remedy)
        values[key.strip()] = value(text.strip(), number)
    return values


def grid(pairs: Sequence[str] | None) -> dict[str, list[Any]]:
    """The values of a repeated KEY=VALUE,VALUE option, as lists."""
    lists = {}
    for pair in pairs or ():
        key, _, texts = pair.partition("=")
        tried = [text.strip() for text in texts.split(",")]
        if not key or not all(tried):
            remedy = "Write --grid key=value,value, such as --grid lookback=20,40,60."
            raise InputError(f"--grid {pair}", "is no list of values", remedy)
        lists[key.strip()] = [value(text, float) for text in tried]
    return lists


def value(text: str, number: Callable[[str], Any]) -> Any:
    """A number, truth value, date or list as TOML writes it; anything else is text."""
    import tomllib

    try:
        document = tomllib.loads(f"value = {text}", parse_float=number)
    except tomllib.TOMLDecodeError:
        return text
    return document["value"] if len(document) == 1 else text
