"""The envelope over time, the use of every limit, and exposure: sections 2, 3 and 5.

The throttle is that of Grossman and Zhou, "Optimal investment strategies for controlling drawdowns" (Mathematical
Finance 3, 1993): with D the largest drawdown allowed and d the present one, m(d) = (D - d) / (D (1 - d)).
"""

from __future__ import annotations

import numpy as np

from reports import formats
from reports.charts import Bar, Canvas, Line, Panel, Rule, Timeline, draw_bars, draw_timeline
from reports.charts.heat import HeatMap, draw_heat
from reports.columns import Codes, Floats, Times, floats, labels, times
from reports.facts import Facts
from reports.page import HALF, WIDE, Figure, Table, columns, figure
from reports.sections.equity import axis, bands, equity_panels, equity_section
from reports.sections.limits import UseSeries, use_series
from reports.sections.sizing import sizing_section
from reports.statistics import by_session, mean, ratio
from reports.weekly.parts import Note, Pair, Part, Section, missing
from reports.weekly.weeks import WeekFacts

ABOVE = (0.5, 0.8, 0.95)
LOOKS = ("neg", "s2", "mark", "s1", "s3")
PARTICIPATION = 0.10
MOST_NAMES = 10
NO_EQUITY = "the run has no equity in this week."


def envelope(facts: WeekFacts) -> Section:
    """Section 2: the account between its lines."""
    equity = facts.equity
    parts: list[Part] = [missing(NO_EQUITY)]
    if len(equity):
        table = equity_section(facts).equity
        assert table is not None
        panels = [*equity_panels(facts), *_throttle(facts)]
        canvas = Canvas(
            "envelope", WIDE, "The account in its envelope", "Equity, drawdown, the day's result and the throttle."
        )
        drawn = figure(
            canvas,
            lambda c: draw_timeline(c, Timeline(axis(equity), panels, bands(equity))),
            table.table,
            f"{table.note} Shaded stretches are safe modes.",
        )
        parts = [drawn]
    lead = "Equity under its high-water mark, the distance to the soft and hard lines, and how far size was throttled."
    return Section(2, "envelope", "Envelope over time", lead, parts)


def throttle(drawdown: Floats, allowed: float) -> Floats:
    """m(d) of float64 drawdowns, 1 at a new high, 0 at the limit and beyond."""
    return np.clip((allowed - drawdown) / (allowed * (1 - drawdown)), 0.0, 1.0)


def _throttle(facts: Facts) -> list[Panel]:
    allowed = facts.limit("max_drawdown")
    if not allowed > 0 or not facts.config.get("sizing", {}).get("throttle"):
        return []
    values = throttle(facts.equity.drawdown, allowed)
    title = "Throttle m(d), share of full size"
    return [Panel(title, [Line("", values, "s3", "area")], 70.0, "percent", (), (0.0, 1.0))]


def limit_use(facts: WeekFacts) -> Section:
    """Section 3: each limit by hour and over the week, and what bound each order."""
    series = use_series(facts)
    parts: list[Part] = []
    binding = sizing_section(facts).binding or missing("no signal was approved.", "What set the quantity")
    if series:
        parts += [_heat(series), _lines(facts, series), _above(series), Pair(binding, _held(facts))]
    else:
        parts.append(missing("no limit was measured in this week."))
    lead = (
        "Measured against the full limit: 100 % is the limit itself. Limits on a trade are measured on approved orders."
    )
    return Section(3, "limits", "Use of limits", lead, parts)


def hours_of(time: Times) -> Codes:
    """Hour of the New York day of each instant, int64."""
    offsets: dict[int, int] = {}
    found = []
    for hour in (time // 3_600_000_000_000).tolist():
        if hour not in offsets:
            offsets[hour] = formats.local(hour * 3_600_000_000_000).hour
        found.append(offsets[hour])
    return np.array(found, np.int64)


def _heat(series: list[UseSeries]) -> Figure:
    hours = [hours_of(item.time) for item in series]
    span = range(min(int(h.min()) for h in hours), max(int(h.max()) for h in hours) + 1)
    values = np.full((len(series), len(span)), np.nan)
    for i, (item, hour) in enumerate(zip(series, hours, strict=True)):
        for j, wanted in enumerate(span):
            inside = item.use[(hour == wanted) & np.isfinite(item.use)]
            values[i, j] = inside.max() if len(inside) else np.nan
    names = [f"{hour}:00" for hour in span]
    words = [[formats.share(v) if np.isfinite(v) else "–" for v in row] for row in values.tolist()]
    heat = HeatMap("Hour, New York", "Limit", names, [item.name for item in series], values, words)
    rows = [(item.name, *row) for item, row in zip(series, values.tolist(), strict=True)]
    table = Table(columns("Limit", *(f"{name}|share" for name in names)), rows, "Largest use by hour")
    canvas = Canvas("limit-heat", WIDE, "Largest use by hour of the day", "Largest use of each limit in each hour.")
    note = "The framed cell is the week’s largest use. A dash: not measured in that hour."
    return figure(canvas, lambda c: draw_heat(c, heat), table, note)


def _lines(facts: Facts, series: list[UseSeries]) -> Figure:
    equity = facts.equity
    minute = [item for item in series if item.every_minute]
    lines = [Line(item.name.lower(), item.use, LOOKS[i % len(LOOKS)]) for i, item in enumerate(minute)]
    rules = [Rule(facts.near, f"near {formats.share(facts.near)}", "soft"), Rule(1.0, "limit", "hard")]
    panel = Panel("Use of the limits on the account", lines, 180.0, "percent", rules, (0.0, 1.0))
    peaks = [by_session(item.use, equity.starts, "max").tolist() for item in minute]
    rows = list(zip((formats.day(int(day)) for day in equity.days), *peaks, strict=True))
    titles = columns("Session", *(f"{item.name}|share" for item in minute))
    canvas = Canvas("limit-lines", WIDE, "Limits on the account over time", "Use of each limit by the minute.")
    return figure(
        canvas,
        lambda c: draw_timeline(c, Timeline(axis(equity), [panel], bands(equity))),
        Table(titles, rows, "Largest use by session"),
    )


def _above(series: list[UseSeries]) -> Table:
    rows = []
    for item in series:
        known = item.use[np.isfinite(item.use)]
        shares = [float((known >= level).mean()) if len(known) else np.nan for level in ABOVE]
        middle, tail, top = (float(np.quantile(known, q)) if len(known) else np.nan for q in (0.5, 0.95, 1.0))
        rows.append((item.name, "minutes" if item.every_minute else "trades", len(known), middle, tail, top, *shares))
    titles = columns(
        "Limit",
        "Measured in",
        "Number|count",
        "Median|share",
        "95th percentile|share",
        "Largest|share",
        *(f"Above {level * 100:.0f}%|share" for level in ABOVE),
    )
    return Table(titles, rows, "How use is spread, and how often it was high")


def _held(facts: Facts) -> Table:
    """Checks that cut or refused, by how often."""
    acts = facts.acts
    acted = [acts.result.among(word) for word in ("reduce", "deny")]
    rows = [
        (formats.title(name), int((acted[0] & mine).sum()), int((acted[1] & mine).sum()))
        for name, _ in acts.check.counts(acted[0] | acted[1])
        for mine in [acts.check.among(name)]
    ]
    return Table(columns("Check", "Reduced|count", "Refused|count"), rows, "What the checks did", "No check acted.")


def exposure(facts: WeekFacts) -> Section:
    """Section 5: how much was at work, in which names, and how long it would take to leave."""
    section = equity_section(facts)
    parts: list[Part] = [section.exposure or missing(NO_EQUITY), section.summary]
    if len(facts.equity):
        parts.append(_overnight(facts))
    names = _names(facts)
    parts.append(
        Pair(_liquidity(facts) or missing("no held name has a known daily volume.", "Days to liquidate"), names)
    )
    parts.append(Note("Not measured: a run records neither an index nor sectors.", "Beta and sector"))
    lead = "Gross and net against their caps, what stayed overnight, and concentration at the close."
    return Section(5, "exposure", "Exposure", lead, parts)


def _overnight(facts: Facts) -> Table:
    equity = facts.equity
    closes, tops = by_session(equity.gross, equity.starts, "last"), by_session(equity.gross, equity.starts, "max")
    rows = [
        ("In the session, largest", float(np.nanmax(tops)), mean(tops)),
        ("Overnight, as of the close", float(np.nanmax(closes)), mean(closes)),
    ]
    return Table(
        columns("Gross exposure", "Largest|percent", "Mean of sessions|percent"), rows, "Overnight against intraday"
    )


def closing_book(facts: Facts) -> tuple[Times, list[str], Floats]:
    """Positions at session closes: time, symbol and market value as a share of equity, one a row."""
    table = facts.source.table("positions", ["time", "symbol", "market_value"])
    when, value = times(table, "time"), floats(table, "market_value")
    names = labels(table, "symbol")
    held = np.flatnonzero(value)
    when, value, names = when[held], value[held], names.take(held)
    rows = np.searchsorted(facts.equity.time, when, "right") - 1
    equity = (
        np.where(rows >= 0, facts.equity.equity[np.maximum(rows, 0)], np.nan) if len(facts.equity) else value * np.nan
    )
    return when, [names.at(i) for i in range(len(when))], np.sign(value) * ratio(np.abs(value), equity)


def _names(facts: Facts) -> Table:
    when, names, share = closing_book(facts)
    rows: list[tuple[object, ...]] = []
    for name in dict.fromkeys(names):
        mine = np.array([other == name for other in names])
        top = int(np.nanargmax(np.abs(share[mine])))
        rows.append((name, int(mine.sum()), float(share[mine][top]), int(when[mine][top])))
    rows.sort(key=lambda row: (-abs(float(str(row[2]))), str(row[0])))
    squares = [_concentration(np.abs(share[when == t])) for t in np.unique(when)]
    squares = [value for value in squares if np.isfinite(value)]
    note = (
        f"Concentration (Herfindahl) at the closes: largest {max(squares):.2f}; 1 is a single name." if squares else ""
    )
    titles = columns("Symbol", "Closes held|count", "Largest, of equity|percent", "When|time")
    return Table(titles, rows[:MOST_NAMES], "Largest positions at a close", "Nothing was held at a close.", note)


def _concentration(parts: Floats) -> float:
    """Sum of the squared shares of a book: 1 / n for n equal positions; NaN for an empty one."""
    total = float(np.nansum(parts))
    return float(np.nansum((parts / total) ** 2)) if total > 0 else np.nan


def _liquidity(facts: Facts) -> Figure | None:
    """Days to sell the largest closing position of each name at a tenth of its daily volume."""
    allowed = facts.limit("adv_share")
    decisions = facts.decisions
    if not allowed > 0:
        return None
    volume: dict[str, float] = {}
    for row in np.flatnonzero(decisions.opening & np.isfinite(decisions.caps["cap_liquidity"])).tolist():
        volume[decisions.symbol.at(row)] = float(decisions.caps["cap_liquidity"][row]) / allowed
    _, names, share = closing_book(facts)
    largest: dict[str, float] = {}
    for name, part in zip(names, share.tolist(), strict=True):
        largest[name] = max(largest.get(name, 0.0), abs(part))
    days = [
        (name, part / (PARTICIPATION * volume[name]), part / volume[name])
        for name, part in largest.items()
        if volume.get(name, 0) > 0
    ]
    days.sort(key=lambda item: (-item[1], item[0]))
    if not days:
        return None
    bars = [Bar(name, value, f"{value:.3f} d") for name, value, _ in days[:MOST_NAMES]]
    table = Table(
        columns("Symbol", "Days|fine", "Share of daily volume|percent"), days, "Days to liquidate at 10 % of volume"
    )
    canvas = Canvas("liquidate", HALF, "Days to liquidate", "Days to sell the largest closing position of each name.")
    return figure(
        canvas, lambda c: draw_bars(c, bars), table, "At a tenth of the average daily volume known at the last signal."
    )
