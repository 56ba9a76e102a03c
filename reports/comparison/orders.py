"""Order by order: what each paid in both runs, why they differ, and what execution cost in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from reports import formats
from reports.charts import Canvas, Histogram, Mark, Point, draw_histogram, draw_scatter
from reports.columns import Floats
from reports.comparison.causes import Linked
from reports.comparison.costs import HORIZONS, Costs, OrderGaps
from reports.comparison.findings import Findings
from reports.comparison.matching import LEGS, Intent, Leg
from reports.formats import NEVER
from reports.page import HALF, Figure, Table, columns, figure

RESTING = ("target", "stop")  # these fill at their own price, far from the mid at their arrival
MOST_ORDERS = 12
MOST_UNMATCHED = 12
MOST_POINTS = 1500
MOST_QUANTILES = 200
QUARTILE = NormalDist().inv_cdf(0.75)


@dataclass(frozen=True, slots=True)
class Orders:
    """Figures and tables of the section; None where no order filled in both runs."""

    scatter: Figure | None
    histogram: Figure | None
    quantiles: Figure | None
    parts: Table
    largest: Table
    outcomes: Table
    lonely: Table
    shortfall: Table
    markouts: Table


def orders(findings: Findings, linked: Linked) -> Orders:
    """The section of orders."""
    gaps = findings.gaps
    return Orders(
        _scatter(gaps),
        _histogram(gaps) if len(gaps) else None,
        _quantiles(gaps),
        _parts(gaps),
        _largest(gaps, linked),
        _outcomes(findings, linked),
        _lonely(findings, linked),
        _shortfall(findings.costs),
        _markouts(findings.costs),
    )


def _cost_bp(leg: Leg) -> float:
    """Price paid beyond the mid at the order's arrival, in bp of it."""
    return leg.side * (leg.price - leg.mid_arrival) / leg.mid_arrival * 1e4 if leg.mid_arrival > 0 else np.nan


def _scatter(gaps: OrderGaps) -> Figure | None:
    points, rows = [], []
    for row in range(len(gaps)):
        ours, theirs = gaps.legs(row)
        x, y = _cost_bp(theirs), _cost_bp(ours)
        place, entry = gaps.match[row].run.place, gaps.role[row] == "entry"
        if np.isfinite(x) and np.isfinite(y) and gaps.role[row] not in RESTING:
            tip = f"{place.symbol} {gaps.role[row]}, {formats.second(ours.time)}: {formats.bp(x)} and {formats.bp(y)}"
            points.append(Point(x, y, "s1" if entry else "s3", tip))
            rows.append((ours.time, place.symbol, gaps.role[row], x, y))
    if not points:
        return None
    titles = columns("Filled|second", "Symbol", "Role", "Simulation|bp", "Run|bp")
    shown = rows[:MOST_POINTS]
    note = "" if len(shown) == len(rows) else f"The first {len(shown):,} of {len(rows):,}; all are in compare.json."
    table = Table(titles, shown, "Cost against the mid at arrival", note=note)
    canvas = Canvas("scatter", HALF, "Cost of each order in both runs", "Basis points beyond the mid at arrival.")
    keys = [("s1", "entries"), ("s3", "exits")]
    axes = ("cost in the simulation, bp", "cost in the run, bp")
    note = "Targets and stops are left out: they wait, and fill at a price of their own."
    return figure(canvas, lambda c: draw_scatter(c, points[:MOST_POINTS], axes, keys), table, note)


def _histogram(gaps: OrderGaps) -> Figure:
    values = gaps.gap.total
    low, high = np.quantile(values, [0.01, 0.99])
    reach = max(abs(float(low)), abs(float(high)), 0.1)
    counts, edges = np.histogram(np.clip(values, -reach, reach), bins=30, range=(-reach, reach))
    mean = float(values.mean())
    shape = Histogram(edges, counts.astype(np.float64), "bp", (Mark(mean, f"mean {formats.bp(mean, 2)}", "ink"),))
    rows = [(float(a), float(b), int(n)) for a, b, n in zip(edges, edges[1:], counts, strict=False) if n]
    table = Table(columns("From, bp|factor", "To, bp|factor", "Orders|count"), rows, "Price gap of matched orders")
    canvas = Canvas("gaps", HALF, "Price gap, run less simulation", f"Histogram of {len(values)} orders.")
    note = "Positive: the run paid more or received less. The outermost bars hold the tails beyond 1 %."
    return figure(canvas, lambda c: draw_histogram(c, shape), table, note)


def _quantiles(gaps: OrderGaps) -> Figure | None:
    """Gaps against those of a normal distribution with their median and middle half; None where all are equal.

    Where more than half of the gaps are equal the middle half has no width, and the standard deviation takes its place.
    """
    values = np.sort(gaps.gap.total)
    n = len(values)
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75)) if n else (np.nan,) * 3
    width = float(high - low) / (2 * QUARTILE) if n and high > low else float(values.std()) if n else 0.0
    if not width > 0:
        return None
    rows = np.unique(np.linspace(0, n - 1, min(n, MOST_QUANTILES)).round().astype(np.int64))
    shares = ((rows + 0.5) / n).tolist()
    normal = [float(middle) + width * NormalDist().inv_cdf(share) for share in shares]
    drawn = list(zip(shares, normal, values[rows].tolist(), strict=True))
    points = [Point(x, y, "s1 fine", f"{share:.1%} of the gaps are below {formats.bp(y, 2)}") for share, x, y in drawn]
    titles = columns("Quantile|percent", "If normal|bp", "Gap|bp")
    table = Table(titles, drawn, f"Quantiles of {n:,} price gaps")
    canvas = Canvas("quantiles", HALF, "Price gaps against a normal distribution", f"Quantiles of {n:,} price gaps.")
    note = (
        "On the line, gaps would be normal with their own median and middle half. Ends that bend away are tails: few "
        "orders make the mean, and the interval by days is the one to trust."
    )
    axes = ("if gaps were normal, bp", "gap, run less simulation, bp")
    return figure(canvas, lambda c: draw_scatter(c, points, axes, []), table, note)


def _parts(gaps: OrderGaps) -> Table:
    rows = []
    for role in (*LEGS, "all"):
        mine = np.array([role in ("all", name) for name in gaps.role], np.bool_)
        if mine.any():
            parts = (float(values[mine].mean()) for values in gaps.gap)
            rows.append((role, int(mine.sum()), float(np.median(gaps.delay[mine])), *parts))
    titles = columns(
        "Orders", "Number|count", "Median delay, s|fine", "Gap|bp", "Timing|bp", "Spread|bp", "Residual|bp"
    )
    note = (
        "The gap is the market’s move between the two fills (timing), another half-spread (spread), and the rest, the "
        "fill model’s (residual); positive means that the run did worse. Delay is by how much it filled later."
    )
    return Table(titles, rows, "Why prices differ", "Not measured: no order filled in both runs.", note)


def _largest(gaps: OrderGaps, linked: Linked) -> Table:
    rows = []
    for row in np.argsort(-np.abs(gaps.gap.total), kind="stable")[:MOST_ORDERS].tolist():
        ours, theirs = gaps.legs(row)
        if gaps.gap.total[row]:
            parts = (float(values[row]) for values in gaps.gap)
            name = linked(gaps.match[row].run.place)
            rows.append((name, gaps.role[row], theirs.price, ours.price, float(gaps.delay[row]), *parts))
    titles = columns(
        "Trade|mark",
        "Order",
        "Simulation|money",
        "Run|money",
        "Delay, s|fine",
        "Gap|bp",
        "Timing|bp",
        "Spread|bp",
        "Residual|bp",
    )
    return Table(titles, rows, "Orders with the largest gaps", "Every order filled at the same price.")


def _outcomes(findings: Findings, linked: Linked) -> Table:
    differing = [match for match in findings.matching.matched if not match.same_outcome]
    rows = [(linked(m.run.place), _told(m.simulation), _told(m.run)) for m in differing[:MOST_UNMATCHED]]
    note = _left_out(len(differing))
    titles = columns("Trade|mark", "In the simulation", "In the run")
    return Table(titles, rows, "Trades with another outcome", "Every trade in both runs ended alike.", note)


def _told(intent: Intent) -> str:
    return f"{intent.outcome}, closed by {intent.closed_by}" if intent.closed_by != "open" else intent.outcome


def _lonely(findings: Findings, linked: Linked) -> Table:
    found = [(intent, "the run", why) for intent, why in findings.matching.run_only]
    found += [(intent, "the simulation", why) for intent, why in findings.matching.simulation_only]
    found.sort(key=lambda item: item[0].decided)
    rows = [(linked(intent.place), where, _told(intent), why) for intent, where, why in found[:MOST_UNMATCHED]]
    titles = columns("Trade|mark", "Only in", "Outcome", "In the other")
    return Table(titles, rows, "Trades in one run only", "Both runs made the same trades.", _left_out(len(found)))


def _left_out(total: int) -> str:
    return f"The first {MOST_UNMATCHED} of {total:,}; all are in compare.json." if total > MOST_UNMATCHED else ""


def _shortfall(costs: Sequence[Costs]) -> Table:
    rows = []
    names = {"delay": "Delay", "trading": "Trading", "opportunity": "Opportunity", "fees": "Fees"}
    intended = [_sum(cost.intended) for cost in costs]
    for name, title in (*names.items(), ("total", "Shortfall")):
        dollars = [_sum(getattr(cost.shortfall, name)) for cost in costs]
        parts = [amount / base * 1e4 if base else np.nan for amount, base in zip(dollars, intended, strict=True)]
        rows.append((title, dollars[1], parts[1], dollars[0], parts[0]))
    titles = columns("Part", "Simulation|money", "of intended|bp", "Run|money", "of intended|bp")
    note = "Entries, against the mid at the decision; positive costs. Opportunity is what unfilled shares missed."
    return Table(titles, rows, "Implementation shortfall", note=note)


def _sum(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.sum()) if len(known) else np.nan


def _markouts(costs: Sequence[Costs]) -> Table:
    rows: list[tuple[object, ...]] = [
        ("Effective spread", costs[1].effective, costs[0].effective),
        ("Realised spread, 5 min", costs[1].realised, costs[0].realised),
    ]
    for what in costs[0].markouts:
        rows += [(f"Markout {name}, {what}", *(cost.markouts[what][name] for cost in costs[::-1])) for name in HORIZONS]
    note = (
        "A markout is what the position has gained by then. Paper never waits in a queue, so that it understates "
        "adverse selection: look at the limit fills."
    )
    return Table(columns("Mean over fills", "Simulation|bp", "Run|bp"), rows, "Spreads and markouts", note=note)


def seconds_between(start: int, end: int) -> float:
    """Seconds from one time to another; NaN where one is not known."""
    return np.nan if NEVER in (start, end) else (end - start) / 1e9
