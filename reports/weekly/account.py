"""The margin regime and what changed: sections 19 and 21.

Under the intraday margin rule (FINRA Regulatory Notice 26-10) a deficit is what equity falls short of the maintenance
requirement; an older rule counts day trades. The run records buying power and the engine's findings of deficits, not
the broker's requirement by the minute.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.run_arrays import count_array
from reports import formats
from reports.charts import Canvas, Line, Panel, Timeline, draw_timeline
from reports.columns import Stored, floats, labels, records
from reports.configuration import config_changes
from reports.facts import Facts
from reports.page import WIDE, Figure, Table, columns, figure
from reports.sections.equity import axis, bands
from reports.statistics import by_session, ratio
from reports.weekly.parts import Note, Part, Section, missing
from reports.weekly.weeks import WeekFacts

MARGIN = ("margin_deficit", "buying_power_drift")
MARGIN_CODES = ("day_trades", "day_trade_budget", "margin_deficit", "margin_freeze", "equity_minimum", "buying_power")


def margin(facts: WeekFacts) -> Section:
    """Section 19: the regime in force, room left in the account, deficits and drift."""
    account = facts.config.get("account", {})
    rules = [
        ("Regime", str(account.get("regime", formats.NOT_MEASURED))),
        ("Multiplier", str(account.get("multiplier", formats.NOT_MEASURED))),
        ("Day-trade budget of the house", _budget(facts)),
    ]
    parts: list[Part] = [Table(columns("Rule", "Value|range"), rules, "Rules in force")]
    parts += [
        _room(facts) or missing("the run has no equity in this week.", "Buying power"),
        _events(facts),
        _refused(facts),
    ]
    parts.append(
        missing("a run does not record the broker’s maintenance requirement by the minute.", "Intraday margin level")
    )
    lead = "What the account’s rules allowed, how much of it was left, and what the broker counted otherwise."
    return Section(19, "margin", "Margin regime", lead, parts)


def _budget(facts: Facts) -> str:
    value = facts.limit("day_trade_budget")
    return "off" if value == 0 else formats.count(value)


def _room(facts: Facts) -> Figure | None:
    equity = facts.equity
    if not len(equity):
        return None
    room = ratio(floats(Stored(facts.source, "equity"), "buying_power"), equity.equity)
    panel = Panel("Buying power left, share of equity", [Line("", room, "s2", "area")], 120.0, "percent", (), (0.0,))
    rows = list(
        zip(
            (formats.day(int(day)) for day in equity.days),
            by_session(room, equity.starts, "min").tolist(),
            by_session(room, equity.starts, "last").tolist(),
            strict=True,
        )
    )
    table = Table(columns("Session", "Least|percent", "At the close|percent"), rows, "Buying power by session")
    canvas = Canvas("buying-power", WIDE, "Buying power", "Buying power left by the minute, as a share of equity.")
    return figure(canvas, lambda c: draw_timeline(c, Timeline(axis(equity), [panel], bands(equity))), table)


def _events(facts: Facts) -> Table:
    events = facts.risk_events
    rows = np.flatnonzero(labels(events, "kind").among(*MARGIN))
    listed = [
        (row["time"], formats.words(row["kind"]), row["value"], row["limit"] or np.nan, row["severity"], row["detail"])
        for row in records(events.take(count_array(rows)))
    ]
    titles = columns("When|time", "Event", "Measured|measure", "Limit|measure", "Severity|state", "What")
    return Table(
        titles, listed[:40], "Deficits and drift of buying power", "No deficit, and the broker’s figure agreed."
    )


def _refused(facts: Facts) -> Table:
    acts = facts.acts
    rows = [
        (formats.title(name), n)
        for name, n in acts.check.counts(acts.result.among("deny", "reduce") & acts.check.among(*MARGIN_CODES))
    ]
    return Table(
        columns("Check", "Signals held|count"), rows, "Signals that margin rules held", "No signal was held by them."
    )


def changes(facts: WeekFacts, line: Sequence[Facts]) -> Section:
    """Section 21: what was changed since the run before, and by whom."""
    before = _before(facts, line)
    parts: list[Part] = []
    if before is None:
        parts.append(Note("No earlier run was given, so there is nothing to compare the configuration with."))
    else:
        rows = config_changes(before.config, facts.config)
        caption = f"Configuration, changed since {before.run['run_id']}"
        parts.append(
            Table(columns("Key|code", "Before|code", "Now|code"), rows, caption, "The configuration is the same.")
        )
        same = [
            (title, str(before.run[key]), str(facts.run[key]))
            for title, key in (("Code", "code_version"), ("Fill profile", "profile"), ("Seed", "seed"))
            if before.run[key] != facts.run[key]
        ]
        parts.append(
            Table(columns("What", "Before|code", "Now|code"), same, "Versions", "Code, profile and seed are the same.")
        )
    parts.append(_operator(facts))
    lead = "Limits, strategies, versions and acts of people: what could make this week unlike the one before."
    return Section(21, "changes", "Changes", lead, parts)


def _before(facts: WeekFacts, line: Sequence[Facts]) -> Facts | None:
    """The run of the line that ends last before this one begins."""
    first = int(facts.whole.equity.days[0])
    earlier = [item for item in line if len(item.equity) and int(item.equity.days[-1]) < first]
    return max(earlier, key=lambda item: int(item.equity.days[-1]), default=None)


def _operator(facts: Facts) -> Table:
    table = facts.source.table("events", ["t_visible", "kind", "reason"])
    rows = np.flatnonzero(labels(table, "kind").among("operator"))
    listed = [(row["t_visible"], row["reason"] or "no reason given") for row in records(table.take(count_array(rows)))]
    return Table(columns("When|time", "Reason"), listed, "Acts of the operator", "Nobody intervened.")
