"""How deep, how long, and how likely the hard limit is at the present size: section 7.

The limit is judged by the minute against a mark that session closes raise (or every minute, where the configuration
says so). So depths are those of the deepest minute; how long a drawdown lasted is counted in closes.
"""

from __future__ import annotations

import numpy as np

from core.statistics.drawdowns import AHEAD, DRAWS, QUANTILES, Fan, Path, drawdown_fan, path_below
from core.statistics.scores import wilson
from reports import formats
from reports.charts import Axis, Canvas, Line, Panel, Rule, Timeline, draw_timeline
from reports.columns import Codes
from reports.facts import Facts
from reports.page import WIDE, Figure, Table, columns, figure
from reports.weekly.choice import Chosen
from reports.weekly.parts import Part, Section, missing

WORST = 5


def drawdown(chosen: Chosen) -> Section:
    """The section: the sessions that were, the deepest drawdowns, and the paths to come."""
    days, sessions = chosen.sessions
    if not len(days):
        return Section(7, "drawdown", "Drawdown", "", [missing("the runs have no sessions.")])
    if not _by_the_minute(chosen.facts):
        sessions = sessions.marked_by_closes()
    below = path_below(sessions)
    parts: list[Part] = [_underwater(days, below, chosen.facts), _episodes(days, below)]
    fan = drawdown_fan(sessions, float(below.close[-1]), chosen.facts.limit("max_drawdown"))
    if isinstance(fan, Fan):
        parts.append(_fan(fan, chosen.facts))
    else:
        parts.append(missing(f"{fan.lack}.", "Chance of the hard limit"))
    lead = f"Depth by the minute, as the limit is judged, over {formats.plural(len(days), 'session')} of these runs."
    figures = {
        "deepest": float(below.deepest.max()),
        "deepest_close": float(below.close.max()),
        "chance_of_hard_limit": fan.reached if isinstance(fan, Fan) else None,
    }
    return Section(7, "drawdown", "Drawdown", lead, parts, figures)


def _by_the_minute(facts: Facts) -> bool:
    """Whether every minute raises the high-water mark, not the session closes alone."""
    return bool(facts.config.get("risk", {}).get("hwm") == "intraday")


def _underwater(days: Codes, below: Path, facts: Facts) -> Figure:
    time = days * 86_400_000_000_000 + 64_800_000_000_000
    lines = [Line("deepest minute", -below.deepest, "neg", "area"), Line("close", -below.close, "mark")]
    panel = Panel("Below the high-water mark", lines, 120.0, "percent", _rules(facts), (0.0,))
    rows = [
        (formats.day(int(day)), -float(close), -float(deepest))
        for day, close, deepest in zip(days, below.close, below.deepest, strict=True)
    ]
    table = Table(columns("Session", "At the close|change", "Deepest minute|change"), rows, "Drawdown by session")
    deepest = formats.percent(float(below.deepest.max()))
    canvas = Canvas("underwater", WIDE, "Underwater", f"The deepest minute is {deepest} below the mark.")
    return figure(canvas, lambda c: draw_timeline(c, Timeline(Axis(time, np.arange(len(days)), days), [panel])), table)


def _rules(facts: Facts) -> list[Rule]:
    limit = facts.limit("max_drawdown")
    if not limit > 0:
        return []
    return [
        Rule(-facts.soft * limit, "soft limit", "soft"),
        Rule(-limit, f"hard limit {formats.limit(limit)}", "hard"),
    ]


def _episodes(days: Codes, below: Path) -> Table:
    """The deepest stretches below the mark: from the session after the top to the one that reached it again."""
    under = np.flatnonzero(below.close > 0)
    rows: list[tuple[object, ...]] = []
    for part in np.split(under, np.flatnonzero(np.diff(under) > 1) + 1) if len(under) else []:
        low = int(part[np.argmax(below.deepest[part])])
        end = int(part[-1]) + 1
        recovery = str(end - low) if end < len(days) else "not yet"
        depths = float(below.deepest[low]), float(below.close[part].max())
        rows.append((int(days[part[0]]), int(days[low]), *depths, len(part), recovery))
    rows.sort(key=lambda row: -float(str(row[2])))
    titles = columns(
        "Began|day",
        "Deepest|day",
        "Deepest minute|percent",
        "Deepest close|percent",
        "Sessions below|count",
        "Sessions to recover|range",
    )
    return Table(titles, rows[:WORST], "Deepest drawdowns", "No session closed below the mark.")


def _fan(fan: Fan, facts: Facts) -> Figure:
    limit = facts.limit("max_drawdown")
    steps = np.arange(AHEAD)
    looks = ("mark", "s2", "s1", "s2", "mark")
    names = ("5 to 95 %", "25 to 75 %", "median", "", "")
    lines = [Line(name, -values, look) for name, values, look in zip(names, fan.drawdown, looks, strict=True)]
    rules = [Rule(-limit, f"hard limit {formats.limit(limit)}", "hard")] if limit > 0 else []
    panel = Panel(f"Deepest minute of each of the next {AHEAD} sessions", lines, 130.0, "percent", rules, (0.0,))
    axis = Axis(steps, steps, steps, tuple((int(step), f"+{int(step) + 1}") for step in steps[9::10]))
    rows = [(f"+{step + 1}", *(float(v) for v in fan.drawdown[:, step])) for step in range(4, AHEAD, 5)]
    titles = columns("Sessions ahead", *(f"{q * 100:.0f}%|percent" for q in QUANTILES))
    low, high = wilson(np.array([fan.reached * DRAWS]), np.array([float(DRAWS)]))
    drawn = f"{formats.percent(float(low[0]), 1)} to {formats.percent(float(high[0]), 1)}"
    reached = f"{formats.percent(fan.reached, 1)} (by drawing {DRAWS:,} paths, {drawn})"
    note = (
        f"Chance of touching the hard limit in {AHEAD} sessions at the present size: {reached}. The deepest drawdown "
        f"on the way: median {formats.percent(float(fan.deepest[2]))}, 95 % {formats.percent(float(fan.deepest[4]))}. "
        f"Paths are drawn from {fan.n} sessions, each with its deepest minute, in blocks (Politis and Romano, 1994): "
        "they know no worse days."
    )
    canvas = Canvas("fan", WIDE, "Drawdown to come, by bootstrap", f"Chance of the hard limit: {reached}.")
    return figure(
        canvas,
        lambda c: draw_timeline(c, Timeline(axis, [panel])),
        Table(titles, rows, "Quantiles of the drawdown to come"),
        note,
    )
