"""Fills: what they cost against the rule's price and the decision's mid, by rule and by kind of order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports import formats
from reports.charts import Canvas, Histogram, Mark, draw_histogram
from reports.columns import Bools, Floats
from reports.facts import Facts, Fills
from reports.formats import NEVER
from reports.page import THIRD, Figure, Table, Tile, columns, figure
from reports.statistics import fraction, histogram, mean, quantile, ratio

_MOST_RULES = 6
_LARGEST = 10
_SAME_BP = 0.1  # slippage that differs by less, by rounding, reads the same


@dataclass(frozen=True, slots=True)
class ExecutionSection:
    """Tiles, histograms of slippage, and tables; `constant` names the rules with one slippage for all fills."""

    tiles: list[Tile]
    histograms: list[Figure]
    constant: str
    by_rule: Table
    by_order: Table
    largest: Table


def execution_section(facts: Facts) -> ExecutionSection:
    """How orders were filled."""
    fills = facts.fills
    histograms, constant = [], []
    for name, _ in fills.rule.counts(np.ones(len(fills), np.bool_))[:_MOST_RULES]:
        values = fills.slippage_bp[fills.rule.among(name)]
        if np.ptp(values) > _SAME_BP:
            histograms.append(_histogram(name, values))
        else:
            constant.append(f"{formats.words(name)} {formats.bp(mean(values))}")
    return ExecutionSection(
        _tiles(facts), histograms, ", ".join(constant), _by_rule(fills), _by_order(facts), _largest(fills)
    )


def shortfall_bp(fills: Fills, mid: Floats) -> Floats:
    """Price paid beyond a mid price (float64[n]), in basis points of it; positive is worse."""
    return np.asarray(fills.sign * ratio(fills.price - mid, mid) * 1e4)


def ambiguity(facts: Facts) -> tuple[int, int]:
    """Exits by stop or target whose bar reached both, and all exits by stop or target."""
    exits = facts.orders.role.take(facts.fills.order).among("stop", "target")
    return int((exits & facts.fills.ambiguous).sum()), int(exits.sum())


def _tiles(facts: Facts) -> list[Tile]:
    fills, orders = facts.fills, facts.orders
    ambiguous, exits = ambiguity(facts)
    pieces = np.bincount(fills.order[fills.order >= 0], minlength=len(orders))
    filled = int((pieces > 0).sum())
    short = int(((pieces > 0) & (orders.filled < orders.qty)).sum())
    waits = _waits(facts, orders.role.among("entry"))
    entries = orders.role.take(fills.order).among("entry")
    shortfall = mean(shortfall_bp(fills, fills.mid_decision)[entries], fills.notional[entries])
    synthetic = int(fills.synthetic.sum())
    return [
        Tile(
            "Entry cost",
            formats.bp(shortfall, plus=True),
            "against the mid at the decision, by value",
        ),
        Tile(
            "Median time to fill",
            formats.duration(quantile(waits, 0.5)),
            f"entries; 95%: {formats.duration(quantile(waits, 0.95))}" if len(waits) else "",
        ),
        Tile(
            "Filled in several parts",
            formats.share(fraction(int((pieces > 1).sum()), filled)),
            f"{short:,} of {filled:,} filled orders never completed" if filled else "",
        ),
        Tile(
            "Ambiguous exits",
            formats.share(fraction(ambiguous, exits)),
            f"{ambiguous:,} of {exits:,}: one bar reached stop and target" if exits else "",
        ),
        Tile(
            "Turnover",
            formats.money(float(fills.notional.sum()) if len(fills) else np.nan, 0),
            formats.plural(len(fills), "fill"),
        ),
        *(
            [Tile("Booked by reconciliation", formats.count(synthetic), "no execution report came")]
            if synthetic
            else []
        ),
    ]


def _waits(facts: Facts, rows: Bools) -> Floats:
    """Seconds from leaving us to the last fill, of the filled orders among `rows`."""
    orders = facts.orders
    known = rows & (orders.filled > 0) & (orders.filled_at != NEVER) & (orders.submitted != NEVER)
    return np.asarray((orders.filled_at[known] - orders.submitted[known]) / 1e9)


def _histogram(name: str, values: Floats) -> Figure:
    edges, counts = histogram(values, 24)
    average, tail = mean(values), quantile(values, 0.95)
    marks = (
        Mark(average, f"mean {formats.bp(average)}", "ink"),
        Mark(tail, f"95% {formats.bp(tail)}", "soft"),
    )
    words = formats.words(name)
    table = Table(
        columns("From, bp|factor", "To, bp|factor", "Fills|count"),
        [(float(a), float(b), int(n)) for a, b, n in zip(edges, edges[1:], counts, strict=False) if n],
        f"Slippage of {words} fills; the last bin holds the rest",
    )
    canvas = Canvas(
        f"slippage-{_slug(name)}",
        THIRD,
        words[:1].upper() + words[1:],
        f"Slippage in basis points of {len(values)} fills.",
    )
    shape = Histogram(edges, counts, "bp", marks)
    return figure(
        canvas, lambda c: draw_histogram(c, shape), table, f"{formats.plural(len(values), 'fill')}, basis points"
    )


def _slug(name: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in name)


def _by_rule(fills: Fills) -> Table:
    slippage, shortfall, rows = fills.slippage_bp, shortfall_bp(fills, fills.mid_fill), []
    for name, n in fills.rule.counts(np.ones(len(fills), np.bool_)):
        mine = fills.rule.among(name)
        rows.append(
            (
                formats.words(name),
                n,
                n / len(fills),
                mean(slippage[mine], fills.notional[mine]),
                quantile(slippage[mine], 0.5),
                quantile(slippage[mine], 0.95),
                mean(shortfall[mine], fills.notional[mine]),
                int(fills.ambiguous[mine].sum()),
            )
        )
    titles = columns(
        "Rule",
        "Fills|count",
        "Share|share",
        "Slippage, by value|bp",
        "Median|bp",
        "95%|bp",
        "Against mid at fill|bp",
        "Ambiguous|count",
    )
    note = (
        "Slippage is what a fill gave up against its rule's raw price. "
        "Against the mid at the fill, a limit that improved its price is negative."
    )
    return Table(titles, rows, "Fills by rule", "The run has no fills.", note)


def _by_order(facts: Facts) -> Table:
    orders, fills, rows = facts.orders, facts.fills, []
    names = [(role, kind) for role in orders.role.names for kind in orders.kind.names]
    sort = orders.role.codes * len(orders.kind.names) + orders.kind.codes
    fill_sort = np.append(sort, -1)[fills.order]
    for number, (role, kind) in enumerate(names):
        mine, theirs = sort == number, fill_sort == number
        if not mine.any():
            continue
        waits = _waits(facts, mine)
        whole = int((mine & (orders.filled > 0) & (orders.filled >= orders.qty)).sum())
        rows.append(
            (
                f"{formats.words(role)}, {formats.words(kind)}",
                int(mine.sum()),
                whole,
                int((mine & (orders.filled > 0)).sum()) - whole,
                int((mine & orders.status.among("rejected", "denied")).sum()),
                quantile(waits, 0.5),
                quantile(waits, 0.95),
                mean(fills.slippage_bp[theirs], fills.notional[theirs]),
                float(np.nansum(fills.fee[theirs])) if theirs.any() else np.nan,
            )
        )
    titles = columns(
        "Order",
        "Orders|count",
        "Filled|count",
        "In part|count",
        "Rejected|count",
        "Time to fill|duration",
        "95%|duration",
        "Slippage|bp",
        "Fees|money",
    )
    rows.sort(key=lambda row: -row[1])
    return Table(
        titles,
        rows,
        "Orders by role and type",
        "The run has no orders.",
        "Time to fill runs from leaving us to the last fill; a resting leg waits for its price.",
    )


def _largest(fills: Fills) -> Table:
    cost = fills.slippage * fills.qty
    rows = np.argsort(-np.nan_to_num(cost), kind="stable")[:_LARGEST]
    listed = [
        (
            int(fills.time[row]),
            fills.symbol.at(row),
            "buy" if fills.sign[row] > 0 else "sell",
            float(fills.qty[row]),
            float(fills.price[row]),
            formats.words(fills.rule.at(row)),
            float(fills.slippage_bp[row]),
            float(cost[row]),
        )
        for row in rows
        if cost[row] > 0
    ]
    titles = columns(
        "When|second", "Symbol", "Side", "Shares|quantity", "Price|money", "Rule", "Slippage|bp", "Cost|money"
    )
    return Table(titles, listed, "Costliest slippage", "No fill had slippage.")
