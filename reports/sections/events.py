"""What happened to the run's safety: modes, breaches, halts and other risk events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from core.run_arrays import count_array
from reports import formats
from reports.columns import Codes, Labels, Times, labels, records, times
from reports.facts import Facts
from reports.page import Table, columns
from reports.statistics import fraction

_MOST_CARDS = 12
_MOST_ROWS = 300
_QUIET = ("near_miss",)


@dataclass(frozen=True, slots=True)
class Card:
    """One risk event that deserves reading."""

    when: str
    kind: str
    severity: str
    subject: str
    detail: str
    mode_from: str
    mode_to: str
    measured: str


@dataclass(frozen=True, slots=True)
class EventsSection:
    """`more` is how many events of weight the cards leave out; the table behind has them."""

    cards: list[Card]
    more: int
    kinds: Table
    table: Table
    modes: Table
    mode_shares: list[tuple[str, str, float]]


def events_section(facts: Facts) -> EventsSection:
    """The weightiest risk events in order of time; near misses are counted, not told one by one."""
    events = facts.risk_events
    kind, severity = labels(events, "kind"), labels(events, "severity")
    told = kind.among("mode_change", "halt", "resume", "operator") | ~severity.among("info")
    heavy = np.flatnonzero(told & ~kind.among(*_QUIET))
    rank = np.where(severity.among("critical"), 0, np.where(severity.among("warning"), 1, 2))
    weightiest = heavy[np.sort(np.argsort(rank[heavy], kind="stable")[:_MOST_CARDS])]
    cards = [_card(row) for row in _rows(events, weightiest)]
    shares = _mode_shares(facts)
    return EventsSection(
        cards,
        len(heavy) - len(cards),
        _kinds(kind, severity, times(events, "time")),
        _table(_rows(events, heavy[:_MOST_ROWS])),
        Table(
            columns("Mode", "Share of time|share", "Minutes|count"),
            [(formats.words(name), part, minutes) for name, part, minutes in shares],
            "Time in each mode",
        ),
        [(formats.words(name), name.replace("_", "-"), part) for name, part, _ in shares],
    )


def _rows(events: pa.Table, rows: Codes) -> list[dict[str, Any]]:
    return records(events.take(count_array(rows)))


def _mode_shares(facts: Facts) -> list[tuple[str, float, int]]:
    equity = facts.equity
    rows = equity.mode.counts(np.ones(len(equity), np.bool_))
    return [(name, fraction(n, len(equity)), n) for name, n in rows]


def _card(row: dict[str, Any]) -> Card:
    subject = [row["symbol"], row["strategy"], formats.words(row["metric"])]
    return Card(
        formats.moment(row["time"]),
        formats.words(row["kind"]),
        row["severity"],
        " · ".join(part for part in subject if part),
        row["detail"],
        formats.words(row["mode_from"] or ""),
        formats.words(row["mode_to"] or ""),
        f"{formats.share(row['use'])} of the limit" if row["limit"] > 0 else "",
    )


def _kinds(kind: Labels, severity: Labels, time: Times) -> Table:
    rows = []
    for name, n in kind.counts(np.ones(len(time), np.bool_)):
        mine = kind.among(name)
        worst = next((s for s in ("critical", "warning", "info") if (mine & severity.among(s)).any()), "")
        rows.append((formats.words(name), n, worst, int(time[mine].min()), int(time[mine].max())))
    titles = columns("Event", "Times|count", "Severity|state", "First|time", "Last|time")
    return Table(titles, rows, "Risk events by kind", "No risk event was recorded.")


def _table(events: list[dict[str, Any]]) -> Table:
    rows = []
    for row in events:
        limited = row["limit"] > 0
        rows.append(
            (
                row["time"],
                formats.words(row["kind"]),
                row["severity"],
                row["symbol"],
                formats.words(row["metric"]),
                row["value"],
                row["limit"] if limited else np.nan,
                row["use"] if limited else np.nan,
                formats.words(row["action"]),
                row["detail"],
            )
        )
    titles = columns(
        "When|time",
        "Event",
        "Severity|state",
        "Symbol",
        "Measured",
        "Value|measure",
        "Limit|measure",
        "Use|share",
        "Action",
        "Detail",
    )
    return Table(titles, rows, "Events of weight", "None.")
