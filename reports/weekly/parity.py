"""Parity with simulation and the haircut that live trading is expected to take: sections 15 and 16.

Both need replays, which `seatrial compare` makes. What it found lies as compare.json beside the run, and is read from
there; a run that was never compared has nothing to read, and the page says so with the command that changes it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.calendar import as_date
from core.comparison import FACTORS, SCHEMA, Attribution, Change, Outcome
from core.errors import InputError
from core.statistics.equivalence import Equivalence, equivalence
from reports import formats
from reports.charts import Canvas, Histogram, Mark, Point, draw_histogram, draw_scatter
from reports.columns import Floats
from reports.comparison.causes import bridge, changes, haircut_figure
from reports.page import HALF, Figure, Table, columns, figure
from reports.statistics import histogram, local_days
from reports.weekly.parts import Note, Pair, Part, Section, missing
from reports.weekly.summary import BREACHED, WITHIN
from reports.weekly.weeks import Week, WeekFacts

MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison that was made of the run: its document, the price gaps of the week's orders, and the verdict.

    The verdict is about all orders up to the week's end: a week alone has too few days for it.
    """

    document: dict[str, Any]
    gaps: Floats
    verdict: Equivalence

    @property
    def decisions(self) -> bool | None:
        """Whether replay gives the run's decisions again; None where it was not measured."""
        found = [item["identical"] for item in self.document["decision_parity"]]
        return False if False in found else None if None in found or not found else True

    @property
    def word(self) -> str:
        """within, breached or not measured: decisions first, then prices."""
        if self.decisions is False or self.verdict.verdict == "not shown":
            return BREACHED
        return WITHIN if self.decisions and self.verdict.verdict == "parity shown" else formats.NOT_MEASURED

    @property
    def sentence(self) -> str:
        """What stands behind the word."""
        first = self.document["decision_parity"][0]["sentence"] if self.document["decision_parity"] else "not measured"
        return f"decisions {first}; prices up to this week: {self.verdict.sentence}"


def compared(facts: WeekFacts) -> Compared | str:
    """The comparison that lies beside the run, or why there is none."""
    path = Path(facts.source.path) / "compare.json"
    command = f"seatrial report {facts.source.path} --compare makes it"
    if not path.exists():
        return f"the run has not been compared with its simulation; {command}."
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(str(path), f"is not JSON ({error})", "Remove it, or compare the run again.") from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        return f"compare.json beside the run is of another version; {command} anew."
    if document["run"]["run_id"] != facts.run["run_id"]:
        return f"compare.json beside the run is about {document['run']['run_id']}; {command} anew."
    return _in_week(document, facts.week)


def _in_week(document: dict[str, Any], week: Week) -> Compared:
    orders = document["orders"]
    time = np.array([_ns(order["run"]["time"]) for order in orders], np.int64)
    gap = np.array([_number(order["total_bp"]) for order in orders], np.float64)
    known = np.flatnonzero((time < week.span[1]) & np.isfinite(gap))
    known = known[np.argsort(time[known], kind="stable")]
    verdict = equivalence(gap[known], local_days(time[known]), float(document["verdict"]["margin"]))
    return Compared(document, gap[known][time[known] >= week.span[0]], verdict)


def _ns(text: str) -> int:
    return int(np.datetime64(text.removesuffix("Z"), "ns").astype(np.int64))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else np.nan


def parity(found: Compared | str) -> Section:
    """Section 15: decisions, then orders, then prices, then causes."""
    lead = "Whether the run’s own inputs give its decisions again, and whether its prices are those of its simulation."
    if isinstance(found, str):
        return Section(15, "parity", "Parity with simulation", lead, [missing(found)])
    document = found.document
    parts: list[Part] = [_decisions(document), Pair(_counts(document), _prices(found))]
    parts.append(
        Pair(
            _gaps(found) or missing("no order of this week filled in both.", "Price gaps"),
            _scatter(document) or missing("the runs have no sessions in common.", "Returns"),
        )
    )
    cause = _attribution(document)
    if cause is None:
        parts.append(missing("the difference could not be attributed.", "Causes"))
    else:
        parts += [bridge(cause), changes(cause)]
    parts.append(_curves(document))
    parts += [Note(words, "Not compared") for words in document["not_compared"]]
    figures = {"n": found.verdict.n, "mean_gap_bp": found.verdict.mean, "needed": found.verdict.needed}
    return Section(15, "parity", "Parity with simulation", lead, parts, figures)


def _decisions(document: dict[str, Any]) -> Table:
    words = {True: WITHIN, False: BREACHED, None: formats.NOT_MEASURED}
    rows = [(p["run_id"], p["decisions"], p["sentence"], words[p["identical"]]) for p in document["decision_parity"]]
    note = (
        "Over the whole run. A single difference is a breach: some input is hidden, or something is not deterministic."
    )
    return Table(columns("Run", "Decisions|count", "Finding", "Verdict|state"), rows, "Decision parity", note=note)


def _counts(document: dict[str, Any]) -> Table:
    titles = {
        "same_outcome": "In both, same outcome",
        "different_outcome": "In both, other outcome",
        "run_only": "In the run only",
        "simulation_only": "In the simulation only",
    }
    rows = [(title, document["matching"][key]) for key, title in titles.items()]
    return Table(columns("Trades", "Number|count"), rows, "What became of the same signals, whole run")


def _prices(found: Compared) -> Table:
    verdict = found.verdict
    interval = formats.NOT_MEASURED
    if np.isfinite(verdict.low):
        interval = f"{formats.bp(verdict.low, 2, plus=True)} to {formats.bp(verdict.high, 2, plus=True)}"
    rows = [
        ("Orders matched up to this week", formats.count(verdict.n)),
        ("Of this week", formats.count(len(found.gaps))),
        ("Mean gap", formats.bp(verdict.mean, 2, plus=True)),
        ("90 % interval, by day", interval),
        ("Margin", f"±{formats.bp(verdict.margin)}"),
        ("Orders needed", formats.count(verdict.needed)),
        ("Verdict", verdict.sentence),
    ]
    note = "Two one-sided tests by whole days (Schuirmann, 1987); they take at least ten days."
    return Table(columns("Equivalence", "Value|range"), rows, "Are the prices on a par?", note=note)


def _gaps(found: Compared) -> Figure | None:
    if not len(found.gaps):
        return None
    edges, counts = histogram(found.gaps, 24)
    shape = Histogram(
        edges, counts, "bp", (Mark(float(found.gaps.mean()), f"mean {formats.bp(float(found.gaps.mean()), 2)}", "ink"),)
    )
    rows = [(float(a), float(b), int(n)) for a, b, n in zip(edges, edges[1:], counts, strict=False) if n]
    table = Table(columns("From|bp", "To|bp", "Orders|count"), rows, "Price gaps of the week’s orders")
    canvas = Canvas("gaps", HALF, "Price gap by order, this week", f"Gaps of {len(found.gaps)} orders in basis points.")
    return figure(
        canvas, lambda c: draw_histogram(c, shape), table, "What the run paid beyond its simulation, basis points."
    )


def _scatter(document: dict[str, Any]) -> Figure | None:
    curves = document["curves"]
    rows = [
        (day, _number(b) * 1e4, _number(a) * 1e4)
        for day, a, b in zip(curves["sessions"], curves["run"], curves["simulation"], strict=True)
    ]
    if not rows:
        return None
    points = [Point(x, y, "s1", f"{day}: {formats.bp(x)} simulated, {formats.bp(y)} in the run") for day, x, y in rows]
    table = Table(columns("Session", "Simulation|bp", "Run|bp"), rows, "Returns by session")
    canvas = Canvas(
        "returns", HALF, "Returns by session, basis points", f"{len(rows)} sessions in the run and its simulation."
    )
    axes = ("simulation", "run")
    return figure(canvas, lambda c: draw_scatter(c, points, axes, [("s1", "a session")]), table)


def _attribution(document: dict[str, Any]) -> Attribution | None:
    """The causes of the whole run's difference, as they were found."""
    found = document["attribution"]
    if found is None:
        return None
    parts = [found["factors"][name] for name in FACTORS]
    values = {
        key: np.array([_micros(part[key]) for part in parts], np.int64)
        for key in ("share", "smallest_step", "largest_step")
    }
    return Attribution(
        tuple(Change(**change) for change in found["changes"]),
        np.array([_micros(value) for value in found["combinations"]], np.int64),
        values["smallest_step"],
        values["largest_step"],
        (None,),
        np.array([[_micros(found["simulation_profit"])], [_micros(found["run_profit"])]], np.int64),
        values["share"][:, None],
        (_micros(found["simulation_profit"]), _micros(found["run_profit"])),
        found["replays"],
    )


def _micros(dollars: float) -> int:
    return round(dollars * MICROS)


def _curves(document: dict[str, Any]) -> Table:
    curves = document["curves"]
    rows = [
        ("Correlation of session returns", formats.factor(curves["correlation"], 3)),
        ("Tracking error, a year", formats.percent(curves["tracking_error"])),
        ("Time-warped distance, a year (a diagnostic only)", formats.factor(curves["warped_distance"], 3)),
    ]
    return Table(columns("Measure", "Value|range"), rows, "How alike the curves are, whole run")


def haircut(found: Compared | str, facts: WeekFacts) -> Section:
    """Section 16: the same signals at the broker's paper rules and at what a live account would meet."""
    lead = "The run’s signals replayed under alpaca_paper and live_conservative; the band is what a bar does not tell."
    name, title = "haircut", "Expected live haircut"
    if isinstance(found, str):
        return Section(16, name, title, lead, [missing(found)])
    outcomes: Sequence[Outcome] = [
        Outcome(item["profile"], item["path"], _micros(item["profit"]), item["trades"])
        for item in found.document["haircut"]
    ]
    drawn = haircut_figure(outcomes)
    if drawn is None:
        return Section(16, name, title, lead, [missing("the run cannot be replayed.")])
    days = facts.whole.equity.days
    span = f"Over the whole run, {as_date(int(days[0])).isoformat()} to {as_date(int(days[-1])).isoformat()}."
    return Section(16, name, title, lead, [drawn, Note(span)])
