"""A scenario's [[faults]] at the edge: those kinds that requests, streams and the feed can show.

The names, times, scopes and chances are the scenario's. Parameters that both sides know by one name (how a request
fails, by how much a price is off) are taken over, a duration as seconds; waits stay those of the edge, which are real
time. What only the venue or the market can do is not an edge's business and is left to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core.kernel.units import MINUTE, SECOND
from core.settings.values import duration_text, moment_of, parse_duration
from sim.alpaca.faults.entries import Fault, read_fault
from sim.alpaca.faults.kinds import KINDS

SHARED = ("failure", "size", "field", "form", "ratio", "volume", "missing", "behind")
SESSION = 1440 * MINUTE
OF_ORDERS = frozenset(
    {"answer_lost"}
)  # meets every request at the edge, and in a scenario only those that bring an order


def edge_faults(entries: Iterable[Mapping[str, Any]], start: int) -> list[Fault]:
    """The faults of a scenario that the edge plays, from entries in their file's own keys.

    `start` is the first session's beginning, ns UTC: what repeats without a time repeats from there.
    """
    return [_fault(entry, start) for entry in entries if entry["kind"] in KINDS]


def _fault(entry: Mapping[str, Any], start: int) -> Fault:
    known = {key: entry[key] for key in ("kind", "at", "for", "times", "scope") if entry.get(key) is not None}
    known.setdefault("at", moment_of(start))
    if entry["kind"] in OF_ORDERS:
        known["scope"] = {**known.get("scope", {}), "lanes": ["submit"]}
    if (every := entry.get("every")) is not None:
        known["every"] = duration_text(SESSION) if every == "session" else every
    known["probability"] = float(entry.get("probability", 1))
    taken = KINDS[entry["kind"]].parameters
    given = entry.get("parameters", {})
    known["parameters"] = {name: _value(given[name], taken[name]) for name in SHARED if name in given and name in taken}
    return read_fault(known, start)


def _value(given: Any, default: Any) -> Any:
    """A parameter as the edge takes it: text as it is, and every number as a float."""
    if isinstance(default, str):
        return given
    return parse_duration(given) / SECOND if isinstance(given, str) else float(given)
