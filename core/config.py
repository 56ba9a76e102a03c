"""Scenario files: reading one into Settings, and writing back the whole configuration that was in force.

A scenario is named by its path or, when it comes with the project, by its name alone. Everything that can be
wrong with a file is an InputError that says where and what to write instead. `to_toml` prints every key with
its effective value, defaults and the profile's numbers included, so that a run's config.toml answers every
question about the run and makes it again.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import tomli_w
from pydantic import ValidationError

from core.errors import InputError
from core.settings.problems import input_error
from core.settings.scenario import Settings

__all__ = ["BundledScenario", "Settings", "bundled", "config_hash", "load_settings", "to_toml"]


PLAIN_GROUP = "strategies"


class BundledScenario(NamedTuple):
    """A scenario that comes with the project; `group` is its folder, and "strategies" at the top."""

    group: str
    name: str
    path: Path
    proves: str


def load_settings(scenario: str | Path, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Settings of a scenario file, or of a bundled scenario by its name.

    `overrides` replaces keys by dotted name before anything is checked: {"seed": 7, "venue.slippage_bps":
    2.0}. Raises InputError, naming file and key, with the remedy.
    """
    path = _find(scenario)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(str(path), f"cannot be read ({error.strerror})", "Give a scenario file.") from None
    except UnicodeDecodeError as error:
        raise InputError(str(path), f"byte {error.start} is not UTF-8", "Save the file as UTF-8.") from None
    document = _parse(path.name, text)
    for key, value in (overrides or {}).items():
        _override(document, key, value)
    try:
        settings = Settings.model_validate(document)
    except ValidationError as error:
        raise input_error(path.name, error) from None
    return settings.located(path.resolve().parent, _bundle())


def to_toml(settings: Settings) -> str:
    """The whole effective configuration as TOML; reading it gives equal settings."""
    document = settings.model_dump(by_alias=True, exclude_none=True)
    return tomli_w.dumps({key: _plain(value) for key, value in document.items() if value != ()})


def config_hash(settings: Settings) -> str:
    """sha256 of the bytes of `to_toml`: equal for equal settings, wherever their file lies."""
    return sha256(to_toml(settings).encode()).hexdigest()


def bundled() -> list[BundledScenario]:
    """Every scenario that comes with the project, by group and name, with what it proves."""
    found = []
    for path in _bundle().rglob("*.toml"):
        document = _parse(path.name, path.read_text(encoding="utf-8"))
        group = PLAIN_GROUP if path.parent == _bundle() else path.parent.name
        found.append(BundledScenario(group, path.stem, path, str(document.get("proves", ""))))
    return sorted(found, key=lambda scenario: (scenario.group != PLAIN_GROUP, scenario.group, scenario.name))


def _bundle() -> Path:
    package = find_spec("scenarios")
    assert package is not None, "the scenarios package is not installed"
    assert package.origin is not None, "the scenarios package has no folder"
    return Path(package.origin).parent


def _find(scenario: str | Path) -> Path:
    """A path as it is given; anything that does not look like one is a bundled name."""
    path = Path(scenario)
    if isinstance(scenario, Path) or path.suffix == ".toml" or len(path.parts) > 1:
        return path
    paths = {found.stem: found for found in _bundle().rglob("*.toml")}
    if str(scenario) in paths:
        return paths[str(scenario)]
    near = get_close_matches(str(scenario), paths, n=1)
    hint = f"Did you mean {near[0]}?" if near else "`seatrial scenarios` lists them."
    raise InputError(str(scenario), "there is no bundled scenario of this name", hint + " A file is named by its path.")


def _parse(file: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        where = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
        line = (where and where[1]) or str(max(1, len(text.splitlines())))
        problem = message[: where.start()] if where else message
        raise InputError(f"{file}:{line}", problem, "Mend the TOML on this line or the one before.") from None


def _override(document: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    table = document
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise InputError(key, f"{section} is not a table", "Name a key as section.key.")
    table[last] = value


def _plain(value: Any) -> Any:
    """The same with each number in its shortest decimal form."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return Decimal(format(value.normalize(), "f")) if isinstance(value, Decimal) else value
