"""Why the two runs earned differently: the bridge between their profits, and the trades behind each cause."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from core.comparison import FACTORS, Attribution, Outcome, Place
from reports import formats
from reports.charts import Canvas, End, Span, Step, draw_bridge, draw_ranges
from reports.comparison.findings import Findings
from reports.page import WIDE, Figure, Table, columns, figure

MICRO = 1e6
MOST_TRADES = 15
BAND = ("adverse", "nearest", "favourable")

Linked = Callable[[Place], Markup]
"""The name of a trade, with a link to its story where it has one."""


@dataclass(frozen=True, slots=True)
class Causes:
    """The bridge, the inputs that differ, and the trades with the largest differences; None where not measured."""

    bridge: Figure | None
    changes: Table | None
    trades: Table | None
    reason: str


def causes(findings: Findings, linked: Linked) -> Causes:
    """The section of causes."""
    found = findings.replayed.attribution
    if found is None:
        return Causes(None, None, None, findings.replayed.reason)
    return Causes(bridge(found), changes(found), _trades(found, linked), "")


def bridge(found: Attribution) -> Figure:
    """From one profit to the other, cause by cause."""
    total, differing = found.total, {change.factor for change in found.changes}
    steps = [
        Step(name, share / MICRO, low / MICRO, high / MICRO, formats.money(share / MICRO, plus=True))
        for name, share, low, high in zip(FACTORS, total.tolist(), found.low.tolist(), found.high.tolist(), strict=True)
        if name in differing
    ]
    rest = (found.unexplained[1] - found.unexplained[0]) / MICRO
    if rest:
        steps.append(Step("not repeated", rest, rest, rest, formats.money(rest, plus=True)))
    simulation, run = (value / MICRO for value in found.recorded)
    rows: list[tuple[object, ...]] = [("Simulation", simulation, "", "", "")]
    for i, name in enumerate(FACTORS):
        values = (total[i] / MICRO, found.low[i] / MICRO, found.high[i] / MICRO)
        rows.append((formats.title(name), *values, "differ" if name in differing else "equal"))
    rows += [("Not repeated by replay", rest, "", "", "")] if rest else []
    rows.append(("Run", run, "", "", ""))
    table = Table(
        columns("", "Dollars|result", "Smallest step|result", "Largest step|result", "Inputs"),
        rows,
        f"Shares of the difference, from {formats.plural(found.replays, 'replay')}",
    )
    canvas = Canvas("bridge", WIDE, "From the simulation’s profit to the run’s", "Shares of five causes in dollars.")
    ends = (
        End("simulation", simulation, formats.money(simulation)),
        End("run", run, formats.money(run)),
    )
    note = (
        "Bars are Shapley shares and add up exactly. The line under a bar spans what the same cause contributes when "
        "the causes are changed in another order: a long line says that causes act together."
    )
    return figure(canvas, lambda c: draw_bridge(c, ends[0], steps, ends[1]), table, note)


def changes(found: Attribution) -> Table:
    """The inputs that differ, with both values."""
    rows = [(change.factor, change.key, change.simulation, change.run) for change in found.changes]
    titles = columns("Cause", "Input|code", "In the simulation|code", "In the run|code")
    return Table(titles, rows, "Inputs that differ", "All inputs of the two runs are equal.")


def _trades(found: Attribution, linked: Linked) -> Table:
    difference = found.profits[1] - found.profits[0]
    rows = np.argsort(-np.abs(difference), kind="stable")[:MOST_TRADES]
    listed = []
    for k in rows.tolist():
        if difference[k]:
            place = found.places[k]
            name = Markup("dividends, interest, adjustments") if place is None else linked(place)
            shares = (found.shares[i, k] / MICRO for i in range(len(FACTORS)))
            listed.append((name, difference[k] / MICRO, *shares))
    titles = columns("Trade|mark", "Difference|result", *(f"{formats.title(name)}|result" for name in FACTORS))
    left_out = int((difference != 0).sum()) - len(listed)
    note = f"{left_out:,} more trades with a smaller difference are in compare.json." if left_out else ""
    return Table(titles, listed, "Trades with the largest differences", "No trade earned differently.", note)


def haircut_figure(outcomes: Sequence[Outcome]) -> Figure | None:
    """What a run's signals earn at each venue profile, along each path through the bars."""
    if not outcomes:
        return None
    spans: list[Span] = []
    rows: list[tuple[object, ...]] = []
    found: list[list[float]] = []
    for profile in dict.fromkeys(outcome.profile for outcome in outcomes):
        by_path = {o.path: o.profit / MICRO for o in outcomes if o.profile == profile}
        trades = max(o.trades for o in outcomes if o.profile == profile)
        low, high, middle = min(by_path.values()), max(by_path.values()), by_path["nearest"]
        words = f"{formats.money(low, 0)} to {formats.money(high, 0)}"
        spans.append(Span(formats.words(profile), low, middle, high, words))
        rows.append((formats.words(profile), *(by_path[path] for path in BAND), high - low, trades))
        found.append([by_path[path] for path in BAND])
    haircut = [live - paper for paper, live in zip(*found, strict=True)]
    rows.append(("Difference", *haircut, "", ""))
    titles = columns("Venue", *(f"{formats.title(path)} path|result" for path in BAND), "Band|money", "Trades|count")
    table = Table(titles, rows, "The same signals at two venues")
    canvas = Canvas("haircut", WIDE, "Profit by venue", "Range of profit over paths within bars, by venue profile.")
    note = (
        f"At the central path the expected haircut from paper to live is {formats.money(haircut[1], plus=True)}. A bar "
        "does not say in which order its prices came; the band spans the assumptions about that."
    )
    return figure(canvas, lambda c: draw_ranges(c, spans), table, note)
