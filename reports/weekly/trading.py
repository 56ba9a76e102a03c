"""Execution and who earned what: sections 10 and 17.

Markouts are measured from the run's own data where they lie beside it (`bars/` in the run directory) or where the
command has opened them; without data they are not measured.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.calendar import as_date
from reports import formats
from reports.charts import Bar, Canvas, draw_diverging
from reports.columns import Floats, floats, labels, times
from reports.comparison.costs import HORIZONS, Costs, costs_of
from reports.comparison.matching import Intent, match_runs
from reports.comparison.prices import Prices
from reports.facts import Facts
from reports.page import HALF, Figure, Table, columns, figure
from reports.sections.execution import execution_section
from reports.sections.results import results_section
from reports.statistics import fraction
from reports.weekly.envelope import hours_of
from reports.weekly.parts import Behind, Note, Pair, Part, Section, Tiles, Triple, missing
from reports.weekly.weeks import WeekFacts

CAVEAT = (
    "A paper account never waits in a queue and meets no impact: what it reports is the best case. "
    "Judge limit fills by their markouts."
)
PARTS = {"delay": "Delay", "trading": "Trading", "opportunity": "Opportunity", "fees": "Fees"}
DECILES = 10


def intents_of(facts: WeekFacts) -> list[Intent]:
    """The approved wishes to open of the week, with their orders."""
    return [match.run for match in match_runs(facts.source, facts.source).matched]


def execution(facts: WeekFacts, intents: Sequence[Intent], prices: Prices | None) -> Section:
    """Section 10: what execution cost, split by where it arose."""
    if not len(facts.fills):
        return Section(10, "execution", "Execution quality", CAVEAT, [missing("nothing was filled in this week.")])
    found, costs = execution_section(facts), costs_of(intents, prices)
    parts: list[Part] = [Tiles(found.tiles), Pair(_shortfall(costs), _outcomes(intents))]
    if prices is not None and not prices.quoted:
        parts.append(
            Note("The data have none: a mid is the price of the bar’s path, a spread that of the profile.", "Quotes")
        )
    if found.histograms:
        parts.append(Triple(found.histograms))
    if found.constant:
        parts.append(Note(f"The same in every fill: {found.constant}.", "Slippage"))
    parts += [_markouts(costs, prices), found.by_rule, found.by_order, _by_hour(facts), Behind(found.largest)]
    return Section(10, "execution", "Execution quality", CAVEAT, parts)


def _shortfall(costs: Costs) -> Figure:
    intended = _sum(costs.intended)
    rows, bars = [], []
    for name, title in (*PARTS.items(), ("total", "Shortfall")):
        dollars = _sum(getattr(costs.shortfall, name))
        part = dollars / intended * 1e4 if intended else np.nan
        rows.append((title, dollars, part))
        if np.isfinite(part):
            bars.append(Bar(title, part, formats.bp(part, 2, plus=True)))
    table = Table(columns("Part", "Dollars|money", "Of intended|bp"), rows, "Implementation shortfall of the entries")
    canvas = Canvas(
        "shortfall", HALF, "Implementation shortfall, basis points", "Delay, trading, opportunity and fees."
    )
    note = "Against the mid at the decision; positive costs. Opportunity is what unfilled shares missed (Perold, 1988)."
    return figure(
        canvas, lambda c: draw_diverging(c, bars or [Bar("Shortfall", 0.0, formats.NOT_MEASURED)]), table, note
    )


def _outcomes(intents: Sequence[Intent]) -> Table:
    total = len(intents)
    counted = {
        word: sum(intent.outcome == word for intent in intents)
        for word in ("filled", "partial", "not filled", "not sent")
    }
    rows = [(formats.title(word), n, fraction(n, total)) for word, n in counted.items()]
    return Table(columns("Entries", "Number|count", "Share|share"), rows, "What became of approved entries")


def _sum(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.sum()) if len(known) else np.nan


def _markouts(costs: Costs, prices: Prices | None) -> Table:
    rows: list[tuple[object, ...]] = [
        ("Effective spread", costs.effective, ""),
        ("Realised spread, 5 min", costs.realised, ""),
    ]
    every, limits = (costs.markouts[name] for name in ("all fills", "limit fills"))
    rows += [(f"Markout {name}", every[name], limits[name]) for name in HORIZONS]
    note = "A markout is what the position has gained by then."
    note += "" if prices else " The run's data are not at hand, so that nothing after a fill is measured; see --bars."
    return Table(columns("Mean", "All fills|bp", "Limit fills|bp"), rows, "Spreads and markouts", note=note)


def _by_hour(facts: Facts) -> Table:
    fills = facts.fills
    hours, rows = hours_of(fills.time), []
    entries = facts.orders.role.take(fills.order).among("entry")
    cost = fills.sign * (fills.price - fills.mid_arrival) / fills.mid_arrival * 1e4
    for hour in np.unique(hours).tolist():
        mine = (hours == hour) & entries & np.isfinite(cost)
        weights = fills.notional[mine]
        rows.append(
            (
                f"{hour}:00",
                int(mine.sum()),
                float(np.average(cost[mine], weights=weights)) if weights.sum() > 0 else np.nan,
            )
        )
    return Table(columns("Hour, New York", "Fills|count", "Against mid at arrival|bp"), rows, "Cost of entries by hour")


def attribution(facts: WeekFacts) -> Section:
    """Section 17: the week's result by strategy, symbol, hour and probability, and what a drawdown was made of."""
    found = results_section(facts)
    by_symbol = _by_symbol(facts) or missing("the run has no equity in this week.", "By symbol")
    parts: list[Part] = [found.strategies, Pair(by_symbol, _costs(facts))]
    parts += [Pair(_grouped_by_hour(facts), _by_decile(facts))]
    parts.append(missing("a run records no index to measure a beta against.", "By factor"))
    lead = "Round trips closed in the week; the bars by symbol add up to the change in equity, open positions included."
    return Section(17, "attribution", "Attribution", lead, parts)


def _by_symbol(facts: WeekFacts) -> Figure | None:
    """Cash of the week's fills and actions, and the change in value of what is held: exact, by symbol."""
    if not len(facts.equity):
        return None
    result: dict[str, float] = {}
    fills, events = facts.fills, facts.cash_events
    flow = -fills.sign * fills.notional - fills.fee
    for row, amount in enumerate(flow.tolist()):
        name = fills.symbol.at(row)
        result[name] = result.get(name, 0.0) + amount
    names, amounts = labels(events, "symbol"), floats(events, "amount")
    for row, amount in enumerate(amounts.tolist()):
        name = names.at(row, "Cash of no symbol")
        result[name] = result.get(name, 0.0) + amount
    for sign, held in ((1.0, _held(facts, last=True)), (-1.0, _held(facts, last=False))):
        for name, value in held.items():
            result[name] = result.get(name, 0.0) + sign * value
    change = float(facts.run["equity"]) - float(facts.run["start_cash"])
    rest = change - sum(result.values())
    rows: list[tuple[str, float]] = sorted(result.items(), key=lambda item: (-item[1], item[0]))
    rows += [("Not explained", rest)] if abs(rest) >= 0.005 else []
    if not rows:
        return None
    bars = [Bar(name, value, formats.money(value, 0, plus=True)) for name, value in rows]
    table = Table(columns("Symbol", "Result|result"), [*rows, ("Change in equity", change)], "Result by symbol")
    canvas = Canvas("by-symbol", HALF, "Result by symbol", "The week's result by symbol, open positions included.")
    return figure(canvas, lambda c: draw_diverging(c, bars), table, f"Adds up to {formats.money(change, plus=True)}.")


def _held(facts: WeekFacts, last: bool) -> dict[str, float]:
    """Market value by symbol at the last close of the week, or at the last one before it."""
    table = facts.whole.source.table("positions", ["time", "symbol", "market_value"])
    when, names, values = times(table, "time"), labels(table, "symbol"), floats(table, "market_value")
    equity, start = facts.whole.equity.time, facts.week.span[0]
    rows = equity[equity < (facts.week.span[1] if last else start)]
    if not len(rows):
        return {}
    mine = np.flatnonzero(when == int(rows[-1]))
    return {names.at(int(row)): float(values[row]) for row in mine}


def _grouped_by_hour(facts: Facts) -> Table:
    trades = facts.trades
    hours = hours_of(trades.opened)
    rows = [_group(f"{hour}:00", trades.profit[hours == hour]) for hour in np.unique(hours).tolist()]
    return Table(columns("Hour opened", *_GROUP), rows, "By hour of the entry", "No round trip was closed.")


_GROUP = ("Trades|count", "Hit rate|percent", "Result|result")


def _group(name: str, profit: Floats) -> tuple[object, ...]:
    return (name, len(profit), fraction(int((profit > 0).sum()), len(profit)), float(profit.sum()))


def _by_decile(facts: WeekFacts) -> Table:
    """Closed trades by the probability that their signal had."""
    whole = facts.whole
    decision = np.append(whole.orders.decision, -1)[facts.trades.order]
    p = np.append(whole.decisions.p, np.nan)[decision]
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    rows = []
    for part in np.array_split(order, min(DECILES, max(len(order) // 5, 1))) if len(order) else []:
        name = f"{formats.percent(float(p[part].min()), 1)} to {formats.percent(float(p[part].max()), 1)}"
        rows.append(_group(name, facts.trades.profit[part]))
    return Table(
        columns("Probability", *_GROUP), rows, "By probability of the signal", "No closed trade has a probability."
    )


def _costs(facts: Facts) -> Table:
    fills = facts.fills
    slippage, fees = float(np.nansum(fills.slippage * fills.qty)), float(np.nansum(fills.fee))
    turnover = float(fills.notional.sum())
    rows = [(name, value, fraction(value, turnover) * 1e4) for name, value in (("Slippage", slippage), ("Fees", fees))]
    days = [as_date(int(day)).isoformat() for day in facts.equity.days[:1]]
    note = f"Turnover {formats.money(turnover, 0)}" + (f" since {days[0]}." if days else ".")
    return Table(
        columns("Cost", "Dollars|money", "Of turnover|bp"),
        rows if len(fills) else [],
        "Costs",
        "Nothing was traded.",
        note,
    )
