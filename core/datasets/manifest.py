"""The manifest of a dataset folder: which files hold which session, and the hash of each.

The hash of the manifest's bytes names the whole dataset, because the manifest names the hash of every file. A
run records it, so two runs on the same data can be told from two runs on different data.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.calendar import FIRST_YEAR, LAST_YEAR
from core.errors import InputError

SCHEMA = 1
NAME = "manifest.json"


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path:
        raise ValueError("the path must stay inside the folder")
    return path


def _bar_length(seconds: int) -> int:
    if seconds < 60 or seconds % 60 or 1800 % seconds:
        raise ValueError("bars must be whole minutes long and divide half an hour")
    return seconds


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileEntry(_Strict):
    """A file, its number of rows and the sha256 of its bytes."""

    path: Annotated[str, AfterValidator(_inside)]
    rows: int = Field(gt=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class SessionEntry(FileEntry):
    """A file of one session; `first` and `last` are the times of its first and last row, ns UTC."""

    session: date = Field(ge=date(FIRST_YEAR, 1, 1), le=date(LAST_YEAR, 12, 31))
    first: int
    last: int


class Manifest(_Strict):
    """The whole manifest; `feed` and `adjustment` are Alpaca's words where the data are Alpaca's."""

    schema_: Literal[1] = Field(alias="schema")
    feed: str = Field(min_length=1)
    adjustment: str = Field(min_length=1)
    bar_seconds: Annotated[int, AfterValidator(_bar_length)]
    symbols: tuple[str, ...] = Field(min_length=1)
    files: tuple[SessionEntry, ...] = Field(min_length=1)
    quotes: tuple[SessionEntry, ...] = ()
    daily: FileEntry | None = None
    actions: FileEntry | None = None
    auctions: FileEntry | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Manifest:
        for name, entries in (("files", self.files), ("quotes", self.quotes)):
            days = [entry.session for entry in entries]
            if any(later <= earlier for earlier, later in itertools.pairwise(days)):
                raise ValueError(f"{name}: sessions must be in order, each once")
        if len(set(self.symbols)) < len(self.symbols):
            raise ValueError("symbols: each once")
        return self

    def to_json(self) -> str:
        """The text of manifest.json."""
        content = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return json.dumps(content, indent=1) + "\n"


def read_manifest(folder: Path) -> tuple[Manifest, str]:
    """The manifest of a folder and the sha256 of its bytes. Raises InputError naming the file and the key."""
    path = folder / NAME
    remedy = "Write the dataset anew with `seatrial synth` or `write_dataset`"
    try:
        content = path.read_bytes()
        manifest = Manifest.model_validate_json(content)
    except OSError as error:
        raise InputError(str(path), f"it cannot be read ({error.strerror})", remedy) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path} {key}".rstrip(), first["msg"], remedy) from error
    return manifest, hashlib.sha256(content).hexdigest()


def read_checked(folder: Path, entry: FileEntry) -> tuple[bytes, str]:
    """The bytes of a listed file and its name. Raises InputError unless they have the listed hash."""
    path = folder / entry.path
    try:
        content = path.read_bytes()
    except OSError as error:
        problem = f"the manifest lists it and it cannot be read ({error.strerror})"
        raise InputError(str(path), problem, "Restore the file") from error
    found = hashlib.sha256(content).hexdigest()
    if found != entry.sha256:
        problem = f"its sha256 is {found[:12]}… and the manifest says {entry.sha256[:12]}…"
        raise InputError(str(path), problem, "Restore the file, or write the dataset anew")
    return content, str(path)
