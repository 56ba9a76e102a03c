"""The tables of docs/faults.md, made from the table of kinds; `python -m tests.core.settings.fault_page` prints them."""

from __future__ import annotations

from typing import Any

from pydantic_core import PydanticUndefined

from core.settings.fault_table import KINDS
from core.settings.values import Duration, duration_text

HEADS = {
    "data": "Data: what we receive of the market",
    "broker": "Broker: requests, news, and what it does with orders",
    "market": "Market: prices, volumes and hours that everybody sees",
    "operator": "Operator and our own process",
}


def shown(value: Any) -> str:
    """A parameter's default as the file has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def defaults(kind: str) -> dict[str, str]:
    """The parameters of a kind with their defaults as they are written; "" for one that must be given."""
    found = {}
    for name, field in KINDS[kind].parameters.model_fields.items():
        duration = any(item is Duration.__metadata__[1] for item in field.metadata)
        value = duration_text(field.default) if duration else field.default
        found[name] = "" if value is PydanticUndefined else shown(value)
    return found


def example(kind: str) -> list[str]:
    """The lines of a [[faults]] entry of a kind."""
    rule = KINDS[kind]
    lines = [f'kind = "{kind}"', "at = 2025-11-12T10:15:00-05:00"]
    if rule.lasts != "instant":
        lines.append('for = "12m"')
    if rule.example:
        return [*lines, rule.example]
    values = ", ".join(f"{name} = {value}" for name, value in defaults(kind).items())
    return [*lines, f"parameters = {{ {values} }}"] if values else lines


def row(kind: str) -> str:
    """A kind's line of the table."""
    rule = KINDS[kind]
    fields = rule.parameters.model_fields
    takes = "; ".join(
        f"`{name}`{f' = {value}' if value else ''}: {fields[name].description}"
        for name, value in defaults(kind).items()
    )
    scope = ", ".join(key.replace("!", " (needed)") for key in rule.scope) or "none"
    seen = ", ".join(rule.shown_by) or "nothing"
    code = "<br>".join(f"`{line}`" for line in example(kind)[1:])
    return f"| `{kind}` | {rule.does} | {rule.lasts} | {scope} | {takes or 'none'} | {seen} | {code} |"


def tables() -> str:
    """All groups, one table each."""
    parts = []
    for group, head in HEADS.items():
        parts += [f"## {head}", ""]
        parts += ["| kind | what goes wrong | lasts | scope | parameters | the engine notices by | example |"]
        parts += ["|---|---|---|---|---|---|---|"]
        parts += [row(kind) for kind, rule in KINDS.items() if rule.group == group]
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    print(tables())
