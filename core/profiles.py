"""Calibrated venue profiles: a file that names itself, what it was fitted from, and its numbers.

    schema = 1
    name = "alpaca_paper-v1"          reports print this
    profile = "alpaca_paper"          the profile that it began from
    fitted_from = ["breakout-4w-…"]   identities of the runs
    [venue]                           its numbers
    [fit.latency]                     orders, days, and the gain in likelihood out of sample, by part

`seatrial run --profile FILE` takes it; a run's config.toml then holds all the numbers and the name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import tomli_w

from core.errors import InputError
from core.settings.venue import PROFILES, Venue

SCHEMA = 1
KEYS = ("schema", "name", "profile", "fitted_from", "venue", "fit")
_REMEDY = "Give a file that `seatrial calibrate` has written."


@dataclass(frozen=True, slots=True)
class Profile:
    """A calibrated profile: `venue` holds its numbers, keys of [venue], `fit` how well each part is known."""

    name: str
    profile: str
    fitted_from: Sequence[str]
    venue: Mapping[str, Any]
    fit: Mapping[str, Mapping[str, Any]]

    def settings(self) -> dict[str, Any]:
        """The keys of [venue] that a run with this profile has."""
        return {"profile": self.profile, "calibration": self.name, **self.venue}


def read_profile(path: Path) -> Profile:
    """Read a profile file. Raises InputError, naming the key, when it is not one or a number is impossible."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except FileNotFoundError:
        raise InputError(str(path), "there is no such file", _REMEDY) from None
    except (OSError, ValueError) as error:
        raise InputError(str(path), f"cannot be read as TOML ({error})", _REMEDY) from None
    if document.get("schema") != SCHEMA:
        raise InputError(f"{path}: schema", f"is {document.get('schema')!r}, not {SCHEMA}", _REMEDY)
    for key in KEYS:
        if key not in document:
            raise InputError(f"{path}: {key}", "is missing", _REMEDY)
    if document["profile"] not in PROFILES:
        raise InputError(f"{path}: profile", f"is {document['profile']!r}", f"Use one of {', '.join(PROFILES)}.")
    for key in document["venue"]:
        if key not in Venue.model_fields or key in ("profile", "calibration"):
            raise InputError(f"{path}: venue.{key}", "is no number of a profile", "Remove it.")
    return Profile(*(document[key] for key in KEYS[1:]))


def write_profile(profile: Profile, path: Path) -> Path:
    """Write a profile file, whole or not at all. Raises InputError when there is one already."""
    if path.exists():
        raise InputError(str(path), "already exists", "Name another file with --out.")
    values = (SCHEMA, profile.name, profile.profile, list(profile.fitted_from), dict(profile.venue), dict(profile.fit))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(tomli_w.dumps(dict(zip(KEYS, values, strict=True))), encoding="utf-8")
    partial.rename(path)
    return path
