"""What a day may cost: section 6.

It needs more days than a week has. It takes every session of the line of runs up to the end of the week, and where that
is still too little it says how many there are and how many are needed.
"""

from __future__ import annotations

import numpy as np

from core.statistics.coverage import Coverage, Ratio, coverage
from core.statistics.missing import NotMeasured
from core.statistics.tails import TailRisk, filtered_risk, forecasts, historical_risk
from reports import formats
from reports.charts import Axis, Bar, Canvas, Line, Panel, Timeline, draw_diverging, draw_timeline
from reports.columns import Codes, Floats
from reports.facts import Facts
from reports.page import WIDE, Figure, Table, columns, figure
from reports.weekly.choice import Chosen
from reports.weekly.envelope import closing_book
from reports.weekly.parts import Part, Section, missing

LEVELS = (0.95, 0.99)


def tail_risk(chosen: Chosen) -> Section:
    """Section 6: what a day may cost, whether past forecasts of it were right, and what a shock would cost now."""
    days, returns = chosen.returns
    stress = _stress(chosen.facts) or missing("the run held nothing in this week.", "Stress")
    parts: list[Part] = [_tails(returns)]
    parts += [_against_var(days, returns) or missing("no forecast could be made yet.", "Results against value at risk")]
    parts += [_coverage(returns), stress]
    lead = f"What one session may cost, from {formats.plural(len(returns), 'session')} of these runs."
    figures = {f"{name}_{level * 100:.0f}": value for name, level, value in _named(returns)}
    return Section(6, "tail", "Tail risk", lead, parts, figures)


def _risks(returns: Floats) -> list[tuple[str, float, TailRisk | NotMeasured]]:
    methods = {"historical": historical_risk, "filtered": filtered_risk}
    return [(name, level, measure(returns, level)) for name, measure in methods.items() for level in LEVELS]


def _named(returns: Floats) -> list[tuple[str, float, float | None]]:
    found: list[tuple[str, float, float | None]] = []
    for name, level, risk in _risks(returns):
        found.append((f"var_{name}", level, risk.var if isinstance(risk, TailRisk) else None))
        found.append((f"es_{name}", level, risk.es if isinstance(risk, TailRisk) else None))
    return found


def _tails(returns: Floats) -> Table:
    rows = []
    for name, level, risk in _risks(returns):
        title = f"{formats.title(name)}, {level * 100:.0f}%"
        cells = (risk.var, risk.es, f"{risk.n} sessions") if isinstance(risk, TailRisk) else (np.nan, np.nan, risk.lack)
        rows.append((title, *cells))
    note = (
        "Loss that is exceeded on at most 5 % or 1 % of days, and the mean of those that exceed it. Filtered: "
        "past days at the volatility expected of the next one (Hull and White, 1998)."
    )
    titles = columns("Method and level", "VaR|percent", "ES|percent", "From")
    return Table(titles, rows, "Value at risk and expected shortfall, one session", note=note)


def _against_var(days: Codes, returns: Floats) -> Figure | None:
    var = forecasts(returns, LEVELS[0])
    known = np.isfinite(var)
    if not known.any():
        return None
    time = days * 86_400_000_000_000 + 64_800_000_000_000  # afternoon of the session, any zone's same date
    lines = [
        Line("result of the session", returns, "s1", "area"),
        Line("− VaR 95 %, forecast the day before", -var, "neg"),
    ]
    panel = Panel("Results against value at risk", lines, 130.0, "percent", (), (0.0,))
    axis = Axis(time, np.arange(len(days)), days)
    exceeded = known & (-returns > var)
    rows = [
        (formats.day(int(day)), float(result), float(limit), "exceeded" if over else "")
        for day, result, limit, over in zip(days, returns, var, exceeded, strict=True)
    ]
    titles = columns("Session", "Result|change", "VaR 95 %|percent", "")
    canvas = Canvas(
        "var", WIDE, "Results against value at risk", f"{int(exceeded.sum())} sessions exceeded their forecast."
    )
    table = Table(titles, rows, "Sessions and their forecasts")
    return figure(canvas, lambda c: draw_timeline(c, Timeline(axis, [panel])), table)


def _coverage(returns: Floats) -> Table:
    rows: list[tuple[object, ...]] = []
    for filtered in (False, True):
        for level in LEVELS:
            found = coverage(returns, forecasts(returns, level, filtered), level)
            name = f"{'Filtered' if filtered else 'Historical'}, {level * 100:.0f}%"
            rows.append((name, *_coverage_row(found)))
    titles = columns(
        "Forecast",
        "Days|count",
        "Exceeded|count",
        "Expected|factor",
        "Kupiec p|fine",
        "Christoffersen p|fine",
        "Power|share",
        "Finding",
    )
    note = (
        "Kupiec (1995): are exceptions as many as expected? Christoffersen (1998): and independent? Power: the chance "
        "that Kupiec’s test finds a VaR that is exceeded twice too often; below 80 % “not rejected” is no evidence."
    )
    if all(row[1] != row[1] for row in rows):
        rows = []
    empty = f"Not measured: {formats.plural(len(returns), 'session')} are too few to have been forecast and tested."
    return Table(titles, rows, "Were past forecasts right?", empty, note)


def _coverage_row(found: Coverage | NotMeasured) -> tuple[object, ...]:
    if isinstance(found, NotMeasured):
        return (np.nan, np.nan, np.nan, np.nan, np.nan, np.nan, f"not measured: {found.lack}")
    both = found.conditional.p if isinstance(found.conditional, Ratio) else np.nan
    word = "rejected: VaR is wrong" if found.kupiec.rejected else "not rejected"
    if found.low_power and not found.kupiec.rejected:
        word += "; low power, no evidence either way"
    return (found.days, found.exceptions, found.expected, found.kupiec.p, both, found.power, word)


def _stress(facts: Facts) -> Figure | None:
    """What named shocks would have cost at the worst moment of the week, as shares of equity."""
    equity = facts.equity
    if not len(equity) or not np.nanmax(equity.gross) > 0:
        return None
    gross, high, low = (float(v) for v in (np.nanmax(equity.gross), np.nanmax(equity.net), np.nanmin(equity.net)))
    _, _, closes = closing_book(facts)
    sizes = facts.decisions.notional[facts.decisions.opening & facts.decisions.approved]
    name = max([float(np.max(np.abs(v))) for v in (closes, sizes) if len(v)], default=np.nan)
    overnight = float(np.nanmax(np.abs(closes))) if len(closes) else 0.0
    shocks = [
        ("Every position gaps 5 % against us", -0.05 * gross),
        ("Market −10 % at beta 1, at the highest net", -0.10 * high),
        ("Market +10 % at beta 1, at the lowest net", 0.10 * low),
        ("Largest name halts, reopens 20 % worse", -0.20 * name),
        ("Largest overnight name gaps 30 %", -0.30 * overnight),
        ("Leaving everything at half a percent", -0.005 * gross),
    ]
    rows = [(title, value, value / facts.limit("max_drawdown")) for title, value in shocks if np.isfinite(value)]
    bars = [Bar(title, value, formats.percent(value, plus=True)) for title, value, _ in rows if value < 0]
    table = Table(
        columns("Shock", "Of equity|change", "Of the drawdown limit|share"), rows, "Stress at the week’s worst moment"
    )
    canvas = Canvas(
        "stress", WIDE, "Stress at the week’s worst moment", "Losses from named shocks as shares of equity."
    )
    note = "Positions at their largest of the week; a run records no betas, so the market shocks take 1."
    return figure(canvas, lambda c: draw_diverging(c, bars), table, note)
