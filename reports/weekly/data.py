"""How far prices could be believed: section 14.

A journal that holds every bar as it came (those of rehearsal and paper do) shows what each correction changed. A
simulation leaves bulk market data out of its journal, so that only the corrections are known.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.run_arrays import count_array
from reports import formats
from reports.columns import Bools, floats, labels, records, times
from reports.comparison.revisions import RevisedBars, revision_figure
from reports.facts import Facts
from reports.formats import NEVER
from reports.page import Table, columns
from reports.weekly.incidents import counted
from reports.weekly.parts import Pair, Part, Section, missing
from reports.weekly.weeks import WeekFacts

DATA = {
    "stale_data": "Stale data",
    "bar_revision": "Bars revised after they were seen",
    "suspect_mark": "Prices that were not believed",
    "halt": "Halts",
    "corporate_action": "Corporate actions",
}
MOST = 40


def data_quality(facts: WeekFacts) -> Section:
    """Frozen marks, events about data, and corrected bars with the decisions that were made on them."""
    parts: list[Part] = []
    if len(facts.equity):
        parts.append(_stale(facts))
    parts.append(counted(facts, DATA, "Data in numbers", "No event about data was recorded."))
    bars = revised_bars(facts)
    if bars is not None and len(bars):
        shown = revision_figure(bars, "revisions", ("final, bp", "received, bp"))
        lacking = missing("no revised bar has one before it.", "Received against final")
        parts.append(Pair(shown or lacking, _summary(bars)))
    parts.append(_revisions(facts))
    if bars is None:
        parts.append(missing("this journal does not hold the bars as they came.", "Received against final"))
    feeds = ", ".join(str(item.get("feed")) for item in facts.run.get("data") or [])
    parts.append(missing(f"the run was made on one feed ({feeds}).", "Differences between feeds"))
    lead = (
        "Minutes with frozen marks, bars that were corrected after decisions were made on them, and outliers refused."
    )
    return Section(14, "data", "Data quality", lead, parts, _figures(bars))


def _stale(facts: Facts) -> Table:
    equity = facts.equity
    ends = np.append(equity.starts[1:], len(equity))
    rows = []
    for day, a, b in zip(equity.days.tolist(), equity.starts.tolist(), ends.tolist(), strict=True):
        part: Bools = equity.stale[a:b]
        rows.append((formats.day(day), b - a, int(part.sum()), float(part.mean())))
    return Table(columns("Session", "Minutes|count", "With a frozen mark|count", "Share|share"), rows, "Stale minutes")


def _revisions(facts: Facts) -> Table:
    events = facts.risk_events
    rows = np.flatnonzero(labels(events, "kind").among("bar_revision"))
    listed = [
        (row["time"], row["symbol"], row["value"], row["detail"])
        for row in records(events.take(count_array(rows[:MOST])))
        if row["time"] != NEVER
    ]
    titles = columns("When|time", "Symbol", "Close|money", "What")
    note = f"The first {MOST} of {len(rows):,}." if len(rows) > MOST else ""
    return Table(titles, listed, "Bars revised after they were seen", "No bar was revised.", note)


def _summary(bars: RevisedBars) -> Table:
    rows = [
        ("Bars revised", formats.count(len(bars))),
        ("Median revision", formats.bp(bars.median_bp)),
        ("Largest revision", formats.bp(bars.largest_bp)),
        ("Rises that became falls, or the other way", formats.count(int(bars.turned.sum()))),
        ("Bars that a trade was decided on", formats.count(int(bars.decided.sum()))),
    ]
    return Table(columns("What", "Value|range"), rows, "What corrections changed")


def _figures(bars: RevisedBars | None) -> dict[str, float | None]:
    if bars is None:
        return {"revised": None, "median_revision_bp": None, "decided_on_revised": None}
    upon = int(bars.decided.sum())
    return {"revised": len(bars), "median_revision_bp": bars.median_bp, "decided_on_revised": upon}


def revised_bars(facts: Facts) -> RevisedBars | None:
    """Bars that were corrected to another close, by time; None where the journal has corrections but no bars."""
    final = dict(_closes(facts, "bar_revision", None))
    step = int(facts.run["bar_seconds"]) * 1_000_000_000
    wanted = {time for _, time in final} | {time - step for _, time in final}
    first: dict[tuple[str, int], float] = {}
    for place, close in _closes(facts, "bar", wanted) if final else ():
        first.setdefault(place, close)
    if final and not first:
        return None
    chosen = sorted((p for p in final if p in first and first[p] != final[p]), key=lambda place: (place[1], place[0]))
    before = [(symbol, time - step) for symbol, time in chosen]
    upon = _decided_on(facts)
    return RevisedBars(
        [symbol for symbol, _ in chosen],
        np.array([time for _, time in chosen], np.int64),
        np.array([first[place] for place in chosen], np.float64),
        np.array([final[place] for place in chosen], np.float64),
        np.array([final.get(place, first.get(place, np.nan)) for place in before], np.float64),
        np.array([place in upon for place in chosen], np.bool_),
    )


def _closes(facts: Facts, kind: str, wanted: set[int] | None) -> Iterator[tuple[tuple[str, int], float]]:
    """(symbol, start of bar) and close of the journal's events of a kind, in order; of these bar times alone."""
    for part in facts.source.parts("events", ["kind", "symbol", "t_market", "price"]):
        rows = pc.equal(part["kind"], kind)
        if wanted is not None:
            starts = pa.array(sorted(wanted), pa.timestamp("ns", "UTC"))
            rows = pc.and_(rows, pc.is_in(part["t_market"], value_set=starts))
        found = part.filter(rows)
        names, starts_of, closes = labels(found, "symbol"), times(found, "t_market"), floats(found, "price")
        for row, (time, close) in enumerate(zip(starts_of.tolist(), closes.tolist(), strict=True)):
            yield (names.at(row), time), close


def _decided_on(facts: Facts) -> set[tuple[str, int]]:
    """(symbol, start of bar) of every signal that became a trade."""
    table = facts.source.table("decisions", ["symbol", "bar_time", "action", "verdict"])
    rows = np.flatnonzero(labels(table, "action").among("open") & labels(table, "verdict").among("approved"))
    names, starts = labels(table, "symbol"), times(table, "bar_time")
    return {(names.at(row), int(starts[row])) for row in rows.tolist()}
