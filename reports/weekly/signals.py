"""Sizing and calibration: sections 8 and 9."""

from __future__ import annotations

import numpy as np

from reports import formats
from reports.columns import floats
from reports.facts import Facts
from reports.page import Table, columns
from reports.sections.calibration import calibration_section, outcomes
from reports.sections.sizing import sizing_section
from reports.statistics import mean
from reports.weekly.parts import Behind, Note, Pair, Part, Section, Triple, missing
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


def traded_share(facts: Facts) -> str:
    """What is known of signals that were not traded."""
    known, _ = outcomes(facts)
    opening = facts.decisions.opening
    refused = int((opening & ~facts.decisions.approved).sum())
    return (
        f"{formats.plural(int(known.sum()), 'traded signal')} with outcome, {refused:,} refused. A run does not follow "
        "a refused signal to its barrier, so untraded signals have no outcome, and the sample is selected."
    )


def mean_forecasts(facts: Facts) -> Table:
    """Forecasts of traded against untraded signals: the one thing that is known of both."""
    decisions = facts.decisions
    rows = []
    for name, mine in (("Traded", decisions.approved), ("Refused", ~decisions.approved)):
        chosen = decisions.p[decisions.opening & mine & np.isfinite(decisions.p)]
        quartiles = [float(np.quantile(chosen, q)) if len(chosen) else np.nan for q in (0.25, 0.5, 0.75)]
        rows.append((name, len(chosen), mean(chosen), *quartiles))
    titles = columns("Signals", "Number|count", "Mean p|percent", "25%|percent", "Median|percent", "75%|percent")
    return Table(titles, rows, "Forecasts, traded against untraded")


def calibration(facts: WeekFacts, tests: list[Part]) -> Section:
    """Section 9: do the probabilities mean what they say? `tests` are those of the whole line of runs."""
    found = calibration_section(facts)
    parts: list[Part] = []
    if found.overall is not None:
        parts.append(Pair(found.overall, found.scores))
    else:
        parts += [Note(found.sample), found.scores]
    parts += [Triple(found.by_strategy)] if found.by_strategy else []
    parts += [*tests, mean_forecasts(facts), missing(traded_share(facts), "Outcomes of untraded signals")]
    return Section(9, "calibration", "Calibration", found.sample, parts)
