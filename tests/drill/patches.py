"""Planted defects as changes of text, and a copy of the sources that has all of them.

The project's own sources are never touched, and hold no switch for any of this. In the copy every change asks a field
of the engine's configuration whether its defect is the one that is switched on.
"""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name("defects.toml")
PACKAGES = ("core", "sim", "seatrial", "scenarios", "tests/drill")
QUESTION = "DRILL"
ANSWER = "(st.config.drill == {number})"


@dataclass(frozen=True, slots=True)
class Change:
    """One place in a source: `old` occurs there once, and `new` takes its place."""

    file: str
    old: str
    new: str

    def apply(self, text: str) -> str:
        """The text after the change. Raises ValueError when `old` is not there exactly once."""
        if (count := text.count(self.old)) != 1:
            raise ValueError(f"{self.file}: {count} times, not once:\n{self.old}")
        return text.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Defect:
    """A defect by its number in the copy, which begins at 1; 0 is none."""

    number: int
    name: str
    harm: str
    changes: tuple[Change, ...]


def defects() -> tuple[Defect, ...]:
    """The table of defects, in its order."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))["defect"]
    return tuple(
        Defect(number, row["name"], row["harm"], tuple(_changes(row["change"], number)))
        for number, row in enumerate(table, start=1)
    )


def switch() -> tuple[Change, ...]:
    """What brings the number of the defect that is switched on into the copy."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return tuple(_changes(table["switch"], 0))


def _changes(rows: Sequence[dict[str, str]], number: int) -> Iterator[Change]:
    for row in rows:
        new = row["new"] if not number else row["new"].replace(QUESTION, ANSWER.format(number=number))
        yield Change(row["file"], row["old"], new)


def plant(folder: Path, planted: Sequence[Defect]) -> None:
    """A copy of the sources in an empty folder, with these defects in it, each of them asleep."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for change in [*switch(), *(change for defect in planted for change in defect.changes)]:
        path = folder / change.file
        path.write_text(change.apply(path.read_text(encoding="utf-8")), encoding="utf-8")
