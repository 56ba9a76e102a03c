"""Results by strategy and by symbol, from round trips, and how they add up to the change in equity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports import formats
from reports.charts import Bar, Canvas, draw_diverging, sparkline
from reports.columns import Bools, floats, labels
from reports.facts import Facts
from reports.page import HALF, Figure, Table, columns, figure
from reports.statistics import fraction, mean, profit_factor

_MOST_BARS = 20


@dataclass(frozen=True, slots=True)
class ResultsSection:
    """The tables and the figure of symbols (None without trades)."""

    strategies: Table
    symbols: Figure | None
    sums: Table


def results_section(facts: Facts) -> ResultsSection:
    """Who earned and who lost."""
    return ResultsSection(_strategies(facts), _symbols(facts), _sums(facts))


def _strategies(facts: Facts) -> Table:
    decisions, trades, strategy = facts.decisions, facts.trades, facts.trade_strategy
    order_strategy = decisions.strategy.take(facts.orders.decision)
    fill_strategy = order_strategy.take(facts.fills.order)
    rows: list[tuple[object, ...]] = []
    for name in sorted(decisions.strategy.names):
        signals = decisions.strategy.among(name) & decisions.opening
        mine = strategy.among(name)
        fills = fill_strategy.among(name)
        rows.append(
            (
                name,
                int(signals.sum()),
                int((signals & decisions.approved).sum()),
                int((signals & ~decisions.approved).sum()),
                *_results(facts, mine),
                mean(facts.fills.slippage_bp[fills], facts.fills.notional[fills]),
                sparkline(np.cumsum(np.nan_to_num(trades.profit[mine]))),
            )
        )
    unknown = strategy.codes < 0
    if unknown.any():
        rows.append(("no strategy", "", "", "", *_results(facts, unknown), "", ""))
    titles = columns(
        "Strategy",
        "Signals|count",
        "Approved|count",
        "Refused|count",
        "Trades|count",
        "Hit rate|percent",
        "Profit factor|factor",
        "Result|result",
        "Average hold|duration",
        "Slippage|bp",
        "Cumulative|mark",
    )
    note = (
        "A trade lasts from the opening fill until the symbol is flat. "
        "Hit rate and profit factor count closed trades, the result includes open ones at the last mark."
    )
    return Table(titles, rows, "Results by strategy", "The run has no signals.", note)


def _results(facts: Facts, mine: Bools) -> tuple[int, float, float, float, float]:
    """Closed trades, hit rate, profit factor, result with open trades, average hold in seconds."""
    trades = facts.trades
    closed = mine & trades.closed
    results = trades.profit[closed]
    return (
        len(results),
        fraction(float((results > 0).sum()), len(results)),
        profit_factor(results),
        float(trades.profit[mine].sum()) if mine.any() else np.nan,
        mean((trades.last[closed] - trades.opened[closed]) / 1e9),
    )


def _symbols(facts: Facts) -> Figure | None:
    trades = facts.trades
    found: list[tuple[str, int, float, float, float, float, float]] = []
    for code, name in enumerate(facts.symbols):
        mine = trades.symbol == code
        if mine.any():
            n, hits, factor, result, hold = _results(facts, mine)
            found.append((name, n, hits, factor, result, hold, float(trades.slippage[mine].sum())))
    found.sort(key=lambda row: (-np.nan_to_num(row[4]), row[0]))
    drawn = [row for row in found if np.isfinite(row[4])]
    if not drawn:
        return None
    note = ""
    if len(drawn) > _MOST_BARS:
        half = _MOST_BARS // 2
        note = f"The {half} best and the {half} worst of {len(drawn)} symbols; all stand in the table."
        drawn = drawn[:half] + drawn[-half:]
    bars = [
        Bar(row[0], row[4], formats.money(row[4], 0, plus=True), tip=f"{row[0]}: {formats.plural(row[1], 'trade')}")
        for row in drawn
    ]
    titles = columns(
        "Symbol",
        "Trades|count",
        "Hit rate|percent",
        "Profit factor|factor",
        "Result|result",
        "Average hold|duration",
        "Slippage cost|money",
    )
    canvas = Canvas("symbols", HALF, "Result by symbol", f"Profit and loss of {len(found)} symbols.")
    return figure(canvas, lambda c: draw_diverging(c, bars), Table(titles, found, "Results by symbol"), note)


def _sums(facts: Facts) -> Table:
    """Trades and other cash against the change in equity; what remains is shown, not hidden."""
    trades, events, run = facts.trades, facts.cash_events, facts.run
    rows: list[tuple[str, float]] = []
    if len(trades):
        rows.append(("Closed trades", float(trades.profit[trades.closed].sum())))
    if len(trades) and not trades.closed.all():
        rows.append(("Open trades at the last mark", float(trades.profit[~trades.closed].sum())))
    plain = floats(events, "qty_change") == 0
    kinds, amounts = labels(events, "kind"), floats(events, "amount")
    paid = plain & (amounts != 0)
    rows += [
        (formats.title(kind), float(amounts[paid & kinds.among(kind)].sum())) for kind, _ in sorted(kinds.counts(paid))
    ]
    start, final = run.get("start_cash"), run.get("equity")
    if rows and isinstance(start, int | float) and isinstance(final, int | float):
        change = float(final) - float(start)
        rest = change - sum(value for _, value in rows)
        if not abs(rest) < 0.005:  # NaN, an open trade without a mark, is not explained either
            rows.append(("Not explained by fills and cash", rest))
        rows.append(("Change in equity", change))
    return Table(
        columns("Source", "Dollars|result"),
        rows,
        "From trades to equity",
        "The run has no trades and no other cash.",
    )
