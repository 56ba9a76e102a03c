"""From pydantic's errors to the one sentence that a person needs: where, what, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from core.errors import InputError
from core.settings.account import Account, Data
from core.settings.expect import MetricExpectation, PatternExpectation
from core.settings.faults import Fault, Scope
from core.settings.risk import Breaker, Risk, Sizing
from core.settings.scenario import Settings, StrategySettings
from core.settings.venue import Halt, Venue

SECTIONS: dict[str, tuple[type[BaseModel], ...]] = {
    "": (Settings,),
    "data": (Data,),
    "account": (Account,),
    "risk": (Risk,),
    "sizing": (Sizing,),
    "venue": (Venue,),
    "breaker": (Breaker,),
    "strategies": (StrategySettings,),
    "halts": (Halt,),
    "expect": (MetricExpectation, PatternExpectation),
    "faults": (Fault, Scope),
}
ENTRIES = ("halts", "expect", "faults")

WRITE = {
    "string_type": "text in quotes",
    "string_too_short": "at least one character",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "is_instance_of": "a number, without quotes",
    "finite_number": "a finite number",
    "date_type": "a date without quotes, such as 2026-03-02",
    "tuple_type": "a list in brackets",
    "dict_type": "a table",
    "model_type": "a table of keys",
    "too_short": "at least one entry",
}
BOUNDS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


def input_error(file: str, error: ValidationError) -> InputError:
    """The most telling problem of a validation: an unknown key before all that may follow from it."""
    problems = error.errors(include_url=False)
    first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    section, entry, keys = _locate(first["loc"])
    context: dict[str, Any] = first.get("ctx", {})
    if first["type"] == "refused":
        problem, remedy = context["problem"], context["remedy"]
        keys = [*keys, context["key"]] if context["key"] else keys
    elif first["type"] == "extra_forbidden":
        problem, remedy = "there is no such key", _nearest(section, keys[-1])
    else:
        problem, remedy = _explain(first, context)
        remedy += _meaning(section, keys)
    place = _place(section, entry, keys)
    return InputError(f"{file}: {place}" if place else file, problem, remedy)


def _locate(loc: Sequence[int | str]) -> tuple[str, int | None, list[str]]:
    """Section, number of the [[entry]] counted from 1, and the keys below."""
    section = str(loc[0]) if loc and loc[0] in SECTIONS else ""
    rest = list(loc[1:]) if section else list(loc)
    entry = None
    if section in ENTRIES and rest and isinstance(rest[0], int):
        entry = rest[0] + 1
        rest = rest[2:] if section == "expect" else rest[1:]  # [[expect]] adds the tag of its form
    return section, entry, [key for key in rest if isinstance(key, str) and key != "[key]"]


def _place(section: str, entry: int | None, keys: Sequence[str]) -> str:
    dotted = ".".join(keys)
    if entry is not None:
        return f"[[{section}]] no. {entry}" + (f": {dotted}" if dotted else "")
    return f"{section}.{dotted}".strip(".")


def _explain(error: ErrorDetails, context: dict[str, Any]) -> tuple[str, str]:
    """Problem and remedy, the latter without its full stop."""
    kind, value = error["type"], error["input"]
    if kind == "missing":
        return "is missing", "Add it"
    if kind in BOUNDS:
        bound, word = BOUNDS[kind]
        sort = "duration" if isinstance(value, str) else "number"
        return f"{_shown(value)} is not {word} {context[bound]}", f"Write a {sort} {word} {context[bound]}"
    if kind == "literal_error":
        return f"{_shown(value)} is not a choice", _choose(value, context["expected"])
    return f"{_shown(value)} does not fit", f"Write {WRITE[kind]}"


def _choose(value: object, choices: str) -> str:
    """The nearest of the choices, which pydantic lists as 'a', 'b' or 'c'; else all of them."""
    near = get_close_matches(str(value), re.findall(r"'([^']+)'", choices), n=1)
    return f'Did you mean "{near[0]}"' if near else f"Write {choices}"


def _shown(value: object) -> str:
    """A value as the file has it, as far as it fits a sentence."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a table"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _meaning(section: str, keys: Sequence[str]) -> str:
    """What the key at fault means, to end a remedy with; sections speak for themselves."""
    field = _field(section, keys)
    description = field.description if field is not None else None
    return f": {description}." if description else "."


def _field(section: str, keys: Sequence[str]) -> FieldInfo | None:
    path = [section] if section and not keys else list(keys)
    for model in SECTIONS[section] if keys else SECTIONS[""]:
        for name, field in model.model_fields.items():
            if path and (field.alias or name) == path[-1]:
                return field
    return None


def _keys(section: str) -> list[str]:
    return [f.alias or name for model in SECTIONS[section] for name, f in model.model_fields.items()]


def _nearest(section: str, key: str) -> str:
    """The remedy for an unknown key: the section that it belongs to, or the nearest of its own."""
    if key in _keys(section):
        return "An entry has either a metric with its bounds, or never or must; make two entries."
    for other in SECTIONS:
        if key in _keys(other):
            return f"It belongs to [{other}]." if other else "It belongs to the top of the file."
    near = get_close_matches(key, _keys(section), n=1)
    if near:
        return f"Did you mean {near[0]}?"
    return f"The keys here are {', '.join(dict.fromkeys(_keys(section)))}."
