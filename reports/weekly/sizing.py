"""From full Kelly to shares: section 8."""

from __future__ import annotations

import numpy as np

from reports import formats
from reports.columns import floats
from reports.facts import Facts
from reports.page import Table, columns
from reports.sections.sizing import sizing_section
from reports.statistics import mean
from reports.weekly.parts import Behind, Pair, Part, Section, missing
from reports.weekly.weeks import WeekFacts


def sizing(facts: WeekFacts) -> Section:
    """Section 8: from full Kelly to shares, and what growth the signals promised."""
    found = sizing_section(facts)
    ladder = found.ladder or missing("no approved signal has a sizing chain.", "From full Kelly to the order")
    parts: list[Part] = [Pair(ladder, _growth(facts)), Behind(found.largest)]
    lead = "What cut each size: estimation error, the Kelly fraction, the throttle, the mode, the caps, whole lots."
    return Section(8, "sizing", "Sizing", lead, parts)


def _growth(facts: Facts) -> Table:
    """Growth that the bets promised by their own probabilities, against the log growth that came."""
    table = facts.source.table("decisions", ["gain", "loss"])
    gain, loss = floats(table, "gain"), floats(table, "loss")
    decisions = facts.decisions
    bet, p = decisions.notional, decisions.p
    rows = decisions.opening & decisions.approved & (bet > 0) & np.isfinite(p) & (bet * loss < 1)
    expected = float(
        np.sum(p[rows] * np.log1p(bet[rows] * gain[rows]) + (1 - p[rows]) * np.log1p(-bet[rows] * loss[rows]))
    )
    equity = facts.equity
    realised = float(np.log(equity.unit[-1] / (equity.unit[0] / (1 + equity.day_return[0])))) if len(equity) else np.nan
    listed = [
        ("Promised by the signals", expected if rows.any() else np.nan),
        ("Realised", realised),
        ("Bets", int(rows.sum())),
        ("Mean bet, of equity", mean(bet[rows]) if rows.any() else np.nan),
    ]
    cells = [
        (name, formats.count(value) if name == "Bets" else formats.percent(float(value), 3)) for name, value in listed
    ]
    note = "Log growth of the week; promised: the sum over bets of p ln(1 + f gain) + (1 - p) ln(1 - f loss)."
    return Table(columns("Growth", "Value|range"), cells, "Growth promised and realised", note=note)
