"""What happened to safety: breaches, refusals and availability. Sections 4, 11 and 13."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.run_arrays import count_array
from reports import formats
from reports.charts import Bar, Canvas, draw_bars
from reports.columns import labels, records, times
from reports.facts import Facts
from reports.page import HALF, Figure, Table, columns, figure
from reports.sections.events import events_section
from reports.sections.sizing import sizing_section
from reports.statistics import stretches
from reports.weekly.parts import Behind, Cards, Modes, Pair, Part, Section, missing
from reports.weekly.weeks import WeekFacts

SECOND = 1e9
AVAILABILITY = {
    "breaker_change": "Breaker moves",
    "reconciliation": "Differences found by reconciliation",
    "unknown_order": "Orders of unknown outcome",
    "unresolved_order": "Orders that stayed unresolved",
    "unprotected": "Positions without a stop",
    "exit_overdue": "Exits overdue",
    "reject_storm": "Reject storms",
    "operator": "Acts of the operator",
}
REPEATED = {
    "duplicate_fill": "Executions seen twice",
    "quarantine": "Messages that contradict the books",
    "unrecognised_news": "Messages of an unknown kind",
    "late_fill": "Fills after the order's end",
    "overfill": "Fills beyond the quantity",
    "double_exit": "Both legs of a bracket filled",
    "foreign_fill": "Fills of orders that are not ours",
}


def breaches(facts: WeekFacts) -> Section:
    """Section 4: event cards, what each breach led to, and passes that were close."""
    found, sizing = events_section(facts), sizing_section(facts)
    parts: list[Part] = []
    if found.cards:
        parts.append(Cards(found.cards, found.table, found.more))
    parts += [_answers(facts), sizing.near_misses]
    if sizing.near_list.rows:
        parts.append(Behind(sizing.near_list))
    lead = "Every event of weight with its state before and after, how soon the engine acted, and what that cost."
    return Section(4, "breaches", "Breaches and near misses", lead, parts)


def _answers(facts: Facts) -> Table:
    """Each breach: time until the engine acted and until nothing was held, signals refused and the exits' cost."""
    events = facts.risk_events
    rows = np.flatnonzero(labels(events, "kind").among("limit_breach"))
    listed = [_answer(facts, row) for row in records(events.take(count_array(rows)))]
    titles = columns(
        "Breach|time",
        "Limit",
        "Use|share",
        "Mode before",
        "Mode after",
        "Time to act|duration",
        "Time to flat|duration",
        "Signals refused|count",
        "Cost of exit|money",
    )
    note = "Cost of exit: exits and flattening orders until flat, against the mid at their decision, with fees."
    return Table(titles, listed, "What each breach led to", "No limit was breached.", note)


def _answer(facts: Facts, event: dict[str, Any]) -> tuple[object, ...]:
    equity, start = facts.equity, int(event["time"])
    row = int(np.searchsorted(equity.time, start, "left"))
    flat = np.flatnonzero(equity.gross[row:] == 0)
    end = int(equity.time[row + flat[0]]) if len(flat) else int(equity.time[-1]) if len(equity) else start
    before = equity.mode.at(min(max(row - 1, 0), len(equity) - 1)) if len(equity) else ""
    after = equity.mode.at(min(row, len(equity) - 1)) if len(equity) else ""
    exits = facts.orders.role.among("exit", "flatten") & (facts.orders.submitted >= start)
    sent = facts.orders.submitted[exits]
    act = (int(sent.min()) - start) / SECOND if len(sent) else np.nan
    decisions = facts.decisions
    refused = decisions.opening & ~decisions.approved & (decisions.time >= start) & (decisions.time <= end)
    return (
        start,
        formats.words(event["metric"]),
        event["use"],
        formats.words(before),
        formats.words(after),
        act,
        (end - start) / SECOND if len(flat) else np.nan,
        int(refused.sum()),
        _exit_cost(facts, start, end),
    )


def _exit_cost(facts: Facts, start: int, end: int) -> float:
    fills = facts.fills
    mine = facts.orders.role.take(fills.order).among("exit", "flatten") & (fills.time >= start) & (fills.time <= end)
    if not mine.any():
        return np.nan
    cost = fills.sign * fills.qty * (fills.price - fills.mid_decision) + fills.fee
    return float(np.nansum(cost[mine]))


def refusals(facts: WeekFacts) -> Section:
    """Section 11: own denials, the broker's rejects, and messages that came twice or contradicted."""
    own = sizing_section(facts).refusals
    rejects = _rejects(facts) or Table((), [], "Rejects by the broker", "The broker refused no order.")
    parts: list[Part] = [Pair(own or missing("no signal was refused.", "Why signals were refused"), rejects)]
    parts.append(
        counted(facts, REPEATED, "Executions and messages out of the ordinary", "Nothing of the kind in this week.")
    )
    lead = "Refused signals never left the process; rejected orders did, and the broker said no."
    return Section(11, "refusals", "Rejections and refusals", lead, parts)


def _rejects(facts: Facts) -> Figure | None:
    table = facts.source.table("orders", ["status", "reject_reason"])
    rejected = labels(table, "status").among("rejected")
    reasons = labels(table, "reject_reason")
    counts = reasons.counts(rejected)
    unnamed = int((rejected & (reasons.codes < 0)).sum())
    counts += [("no reason given", unnamed)] if unnamed else []
    if not counts:
        return None
    total = sum(n for _, n in counts)
    reached = np.cumsum([n for _, n in counts]) / total
    rows = [(name, n, n / total, float(c)) for (name, n), c in zip(counts, reached, strict=True)]
    bars = [Bar(name, n, f"{n:,}", "s3") for name, n in counts[:12]]
    data = Table(columns("Reason", "Orders|count", "Share|share", "Cumulative|share"), rows, "Rejects by reason")
    canvas = Canvas("rejects", HALF, "Rejects by the broker", f"{total} rejected orders by reason.")
    return figure(canvas, lambda c: draw_bars(c, bars), data)


def counted(facts: Facts, kinds: dict[str, str], caption: str, empty: str) -> Table:
    """Risk events of these kinds: how often, how grave, first and last."""
    events = facts.risk_events
    kind, severity, when = labels(events, "kind"), labels(events, "severity"), times(events, "time")
    rows: list[tuple[object, ...]] = []
    for name, title in kinds.items():
        mine = kind.among(name)
        if mine.any():
            worst = next(s for s in ("critical", "warning", "info") if (mine & severity.among(s)).any())
            rows.append((title, int(mine.sum()), worst, int(when[mine].min()), int(when[mine].max())))
    titles = columns("What", "Times|count", "Severity|state", "First|time", "Last|time")
    return Table(titles, rows, caption, empty)


def availability(facts: WeekFacts) -> Section:
    """Section 13: time in each mode, outages and how long they lasted, and what was unprotected."""
    found = events_section(facts)
    parts: list[Part] = []
    if found.mode_shares:
        parts += [Modes(found.mode_shares, found.modes), _outages(facts)]
    else:
        parts.append(missing("the run has no equity in this week."))
    parts += [
        _breakers(facts),
        counted(facts, AVAILABILITY, "Availability in numbers", "Nothing of the kind happened."),
    ]
    lead = "Whether the system was able to trade, what stopped it, and who let it go on."
    return Section(13, "availability", "Availability", lead, parts)


def _outages(facts: Facts) -> Table:
    """Stretches of each mode but normal: how many, how long, and the time between them."""
    equity, rows = facts.equity, []
    step = float(np.median(np.diff(equity.time))) / SECOND if len(equity) > 1 else np.nan
    whole = len(equity) * step
    for code, name in enumerate(equity.mode.names):
        spans = [(a, b) for a, b, value in stretches(equity.mode.codes) if value == code]
        if name != "normal" and spans:
            lengths = np.array([(b - a + 1) * step for a, b in spans])
            rows.append(
                (
                    formats.words(name),
                    len(spans),
                    *(float(v) for v in (lengths.mean(), lengths.max(), whole / len(spans))),
                )
            )
    titles = columns("Mode", "Times|count", "Mean length|duration", "Longest|duration", "Time between|duration")
    note = "In trading minutes. Mean length is the mean time to recover; time between, the mean time between failures."
    return Table(titles, rows, "Stretches outside the normal mode", "The mode was normal throughout.", note)


def _breakers(facts: Facts) -> Table:
    events = facts.risk_events
    rows = np.flatnonzero(labels(events, "kind").among("breaker_change", "operator"))
    listed = [
        (
            row["time"],
            formats.words(row["kind"]),
            formats.words(row["metric"]),
            formats.words(row["mode_from"] or ""),
            formats.words(row["mode_to"] or ""),
            row["detail"],
        )
        for row in records(events.take(count_array(rows)))
    ]
    titles = columns("When|time", "Event", "Lane", "From", "To", "Why")
    return Table(
        titles, listed, "Breaker trips, resets and acts of the operator", "No breaker moved and nobody intervened."
    )


def open_breakers(facts: Facts) -> list[str]:
    """Lanes whose breaker is not closed at the end of the week."""
    events = facts.risk_events
    kind, lane, state = (labels(events, name) for name in ("kind", "metric", "mode_to"))
    last: dict[str, str] = {}
    for row in np.flatnonzero(kind.among("breaker_change")).tolist():
        last[lane.at(row)] = state.at(row)
    return [name for name, reached in last.items() if reached not in ("closed", "")]
