"""Tail risk and drawdown: sections 6 and 7.

These need more days than a week has. They take every session of the line of runs up to the end of the week, and where
that is still too little they say how many there are and how many it takes.
"""

from __future__ import annotations

import numpy as np

from core.statistics.coverage import Coverage, Ratio, coverage
from core.statistics.drawdowns import AHEAD, QUANTILES, Fan, drawdown_fan
from core.statistics.missing import NotMeasured
from core.statistics.tails import TailRisk, filtered_risk, forecasts, historical_risk
from reports import formats
from reports.charts import Axis, Bar, Canvas, Line, Panel, Rule, Timeline, draw_diverging, draw_timeline
from reports.columns import Codes, Floats
from reports.facts import Facts
from reports.page import WIDE, Figure, Table, columns, figure
from reports.weekly.choice import Chosen
from reports.weekly.envelope import closing_book
from reports.weekly.parts import Part, Section, missing

LEVELS = (0.95, 0.99)
WORST = 5


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
        cells = (
            (risk.var, risk.es, f"{risk.n} sessions") if isinstance(risk, TailRisk) else (np.nan, np.nan, _lacks(risk))
        )
        rows.append((title, *cells))
    note = (
        "Loss that is exceeded on at most 5 % or 1 % of days, and the mean of those that exceed it. Filtered: "
        "past days at the volatility expected of the next one (Hull and White, 1998)."
    )
    titles = columns("Method and level", "VaR|percent", "ES|percent", "From")
    return Table(titles, rows, "Value at risk and expected shortfall, one session", note=note)


def _lacks(found: NotMeasured) -> str:
    return f"have {found.have:,} {found.of}, need {found.need:,}"


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
        return (np.nan, np.nan, np.nan, np.nan, np.nan, np.nan, f"not measured: {_lacks(found)}")
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


def drawdown(chosen: Chosen) -> Section:
    """Section 7: how deep, how long, and how likely the hard limit is at the present size."""
    days, returns = chosen.returns
    if not len(returns):
        return Section(7, "drawdown", "Drawdown", "", [missing("the runs have no sessions.")])
    unit = np.cumprod(1 + returns)
    under = unit / np.maximum.accumulate(np.maximum(unit, 1.0)) - 1
    parts: list[Part] = [_underwater(days, under, chosen.facts), _episodes(days, under)]
    fan = drawdown_fan(returns, float(-under[-1]), chosen.facts.limit("max_drawdown"))
    if isinstance(fan, Fan):
        parts.append(_fan(fan, chosen.facts))
    else:
        parts.append(missing(f"{_lacks(fan)}.", "Chance of the hard limit"))
    lead = f"By session closes, over {formats.plural(len(returns), 'session')} of these runs."
    chance = fan.reached if isinstance(fan, Fan) else None
    return Section(7, "drawdown", "Drawdown", lead, parts, {"chance_of_hard_limit": chance})


def _underwater(days: Codes, under: Floats, facts: Facts) -> Figure:
    time = days * 86_400_000_000_000 + 64_800_000_000_000
    limit = facts.limit("max_drawdown")
    rules = (
        [Rule(-facts.soft * limit, "soft limit", "soft"), Rule(-limit, f"hard limit {formats.limit(limit)}", "hard")]
        if limit > 0
        else []
    )
    panel = Panel(
        "Below the high-water mark, at closes", [Line("", under, "neg", "area")], 120.0, "percent", rules, (0.0,)
    )
    rows = [(formats.day(int(day)), float(value)) for day, value in zip(days, under, strict=True)]
    table = Table(columns("Session", "Below the mark|change"), rows, "Drawdown at closes")
    canvas = Canvas(
        "underwater", WIDE, "Underwater", f"The deepest close is {formats.percent(float(-under.min()))} below the mark."
    )
    return figure(canvas, lambda c: draw_timeline(c, Timeline(Axis(time, np.arange(len(days)), days), [panel])), table)


def _episodes(days: Codes, under: Floats) -> Table:
    """The deepest stretches below the mark: from the session after the top to the one that reached it again."""
    below = np.flatnonzero(under < 0)
    rows: list[tuple[object, ...]] = []
    for part in np.split(below, np.flatnonzero(np.diff(below) > 1) + 1) if len(below) else []:
        low = int(part[np.argmin(under[part])])
        over = int(part[-1]) + 1 < len(under)
        recovery = str(int(part[-1]) + 1 - low) if over else "not yet"
        rows.append((int(days[part[0]]), int(days[low]), float(-under[low]), len(part), recovery))
    rows.sort(key=lambda row: -float(str(row[2])))
    titles = columns("Began|day", "Deepest|day", "Depth|percent", "Sessions below|count", "Sessions to recover|range")
    return Table(titles, rows[:WORST], "Deepest drawdowns", "No session closed below the mark.")


def _fan(fan: Fan, facts: Facts) -> Figure:
    limit = facts.limit("max_drawdown")
    steps = np.arange(AHEAD)
    looks = ("mark", "s2", "s1", "s2", "mark")
    names = ("5 to 95 %", "25 to 75 %", "median", "", "")
    lines = [Line(name, -values, look) for name, values, look in zip(names, fan.drawdown, looks, strict=True)]
    rules = [Rule(-limit, f"hard limit {formats.limit(limit)}", "hard")] if limit > 0 else []
    panel = Panel(f"Drawdown over the next {AHEAD} sessions", lines, 130.0, "percent", rules, (0.0,))
    axis = Axis(steps, steps, steps, tuple((int(step), f"+{int(step)}") for step in steps[9::10]))
    rows = [(f"+{step + 1}", *(float(v) for v in fan.drawdown[:, step])) for step in range(4, AHEAD, 5)]
    titles = columns("Sessions ahead", *(f"{q * 100:.0f}%|percent" for q in QUANTILES))
    reached = f"{formats.percent(fan.reached, 1)} ± {formats.percent(1.96 * fan.error, 1)}"
    note = (
        f"Chance of touching the hard limit in {AHEAD} sessions at the present size: {reached}. The deepest drawdown "
        f"on the way: median {formats.percent(float(fan.deepest[2]))}, 95 % {formats.percent(float(fan.deepest[4]))}. "
        f"Paths are drawn from {fan.n} sessions in blocks (Politis and Romano, 1994): they know no worse days."
    )
    canvas = Canvas("fan", WIDE, "Drawdown to come, by bootstrap", f"Chance of the hard limit: {reached}.")
    return figure(
        canvas,
        lambda c: draw_timeline(c, Timeline(axis, [panel])),
        Table(titles, rows, "Quantiles of the drawdown to come"),
        note,
    )
