"""What a person or a machine sees: results on stdout, progress and errors on stderr.

With `--json` a command prints exactly one object on stdout, its errors included, and is otherwise silent.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import typer

from core.errors import InputError

WIDTH = 80
RULE = "─" * WIDTH
PLAIN_LINES = 10  # how often progress is told where there is no terminal

Advance = Callable[[int, int, int], None]


def show(*lines: str) -> None:
    """Print result lines."""
    for line in lines:
        typer.echo(line)


def say(text: str, quiet: bool = False) -> None:
    """Tell what is going on, on stderr."""
    if not quiet:
        typer.echo(text, err=True)


def show_json(document: Mapping[str, Any]) -> None:
    """Print one object; NaN becomes null, and money its digits."""
    typer.echo(json.dumps(plain(document), indent=2, allow_nan=False))


def show_error(error: InputError, as_json: bool) -> None:
    """Tell what is wrong with the input: one line, or one object."""
    if as_json:
        show_json({"error": {"place": error.place, "problem": error.problem, "remedy": error.remedy}})
    else:
        typer.echo(f"{error.place}: {error.problem}. {error.remedy}", err=True)


def pairs(left: Sequence[tuple[str, str]], right: Sequence[tuple[str, str]]) -> list[str]:
    """Lines with two columns of names and values, the values flush right."""
    half = WIDTH // 2 - 2
    rows = max(len(left), len(right))
    columns = [[_spread(*item, half) for item in column] for column in (left, right)]
    padded = [column + [" " * half] * (rows - len(column)) for column in columns]
    return [f"{a}    {b}".rstrip() for a, b in zip(*padded, strict=True)]


def facing(left: str, right: str) -> str:
    """A line with one text at each edge; where they do not fit, the right one follows below."""
    if len(left) + len(right) + 2 > WIDTH:
        return f"{left}\n{right:>{WIDTH}}" if right else left
    return _spread(left, right, WIDTH)


@contextmanager
def progress_of(title: str, unit: str = "sessions", quiet: bool = False) -> Iterator[Advance]:
    """A callback (done, total, bars) that shows how far something has come: a bar, or plain lines."""
    if quiet:
        yield lambda done, total, bars: None
    elif sys.stderr.isatty():
        with _bar(title, unit) as advance:
            yield advance
    else:
        yield _lines(title, unit)


@contextmanager
def stages_of(title: str, quiet: bool = False) -> Iterator[Callable[[str, int, int, int], None]]:
    """A callback (stage, done, total, bars) for work in several stages, each with a bar of its own."""
    with ExitStack() as stack:
        shown: dict[str, Advance] = {}

        def advance(stage: str, done: int, total: int, bars: int) -> None:
            if stage not in shown:
                stack.close()
                shown[stage] = stack.enter_context(progress_of(f"{title}: {stage}", quiet=quiet))
            shown[stage](done, total, bars)

        yield advance


@contextmanager
def _bar(title: str, unit: str) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(title), BarColumn(bar_width=16), MofNCompleteColumn(), TextColumn(unit))
    counted = (TextColumn("{task.fields[bars]}"), TimeElapsedColumn())
    with Progress(*columns, *counted, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(title, total=None, bars="")

        def advance(done: int, total: int, bars: int) -> None:
            shown.update(task, completed=done, total=total, bars=f"{bars:,} bars" if bars else "")

        yield advance


def _lines(title: str, unit: str) -> Advance:
    began = time.perf_counter()

    def advance(done: int, total: int, bars: int) -> None:
        if done * PLAIN_LINES // total > (done - 1) * PLAIN_LINES // total:
            counted = f", {bars:,} bars" if bars else ""
            say(f"{title}: {done}/{total} {unit}{counted}, {time.perf_counter() - began:.1f} s")

    return advance


def _spread(left: str, right: str, width: int) -> str:
    return left + right.rjust(width - len(left))


def plain(value: Any) -> Any:
    """The same as JSON knows it."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, str | bool | int) or value is None:
        return value
    number = float(value)
    return number if number == number and abs(number) != float("inf") else None
