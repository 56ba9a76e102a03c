"""What differs between two configurations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def config_changes(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Keys that differ between two configurations, with both values as text; "" where there is none."""
    old, new = dict(_flat("", before)), dict(_flat("", after))
    return [
        (key, old.get(key, ""), new.get(key, ""))
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def _flat(prefix: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else str(key), item)
    else:
        yield prefix, str(value)
