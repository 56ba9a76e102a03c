"""Equity, drawdown and exposure over trading time, with the limits drawn in and safe modes shaded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports import formats
from reports.charts import Axis, Band, Canvas, Line, Panel, Rule, Timeline, draw_timeline
from reports.columns import Codes, Floats
from reports.facts import Equity, Facts
from reports.page import WIDE, Figure, Table, columns, figure
from reports.statistics import by_session, group_starts, mean, quantile, stretches

_MOST_SESSIONS = 130  # a longer run is tabled by month
_SHOW_FROM = 0.25  # a limit joins the scale once a quarter of it is used; until then it is named at the edge


@dataclass(frozen=True, slots=True)
class EquitySection:
    """The two figures; None where the run has no equity rows."""

    equity: Figure | None
    exposure: Figure | None
    summary: Table


def equity_section(facts: Facts) -> EquitySection:
    """Figures of the account over time and the exposure's summary."""
    equity = facts.equity
    if not len(equity):
        return EquitySection(None, None, _summary(facts))
    tips, table = _tips(equity), _equity_table(equity)
    return EquitySection(
        figure(
            Canvas("equity", WIDE, "Equity, drawdown and the day's result", _describe(equity)),
            lambda canvas: draw_timeline(canvas, Timeline(axis(equity), equity_panels(facts), bands(equity), tips)),
            table,
            _band_note(equity),
        ),
        figure(
            Canvas(
                "exposure",
                WIDE,
                "Gross and net exposure",
                f"Gross exposure reaches {formats.percent(float(np.nanmax(equity.gross)), 1)} of equity.",
            ),
            lambda canvas: draw_timeline(canvas, Timeline(axis(equity), exposure_panels(facts), bands(equity), tips)),
            _exposure_table(equity),
        ),
        _summary(facts),
    )


def axis(equity: Equity) -> Axis:
    """The time axis of the equity table."""
    return Axis(equity.time, equity.starts, equity.days)


def equity_panels(facts: Facts) -> list[Panel]:
    """Equity with its high-water mark; drawdown; result since the previous close. Limits as rules."""
    equity = facts.equity
    drawdown, daily = facts.limit("max_drawdown"), facts.limit("daily_loss")
    return [
        Panel(
            "Equity",
            [Line("high-water mark", equity.high_water, "mark"), Line("equity", equity.equity, "s1")],
            210.0,
            "money",
        ),
        _loss_panel("Drawdown", -equity.drawdown, "neg", drawdown, facts.soft, 110.0),
        _loss_panel("Since the previous close", equity.day_return, "s2", daily, facts.soft, 110.0),
    ]


def exposure_panels(facts: Facts) -> list[Panel]:
    """Gross and net exposure as shares of equity, with their caps."""
    equity = facts.equity
    gross, net = facts.limit("gross_cap"), facts.limit("net_cap")
    return [
        Panel(
            "Gross exposure, share of equity",
            [Line("", equity.gross, "s1", "area")],
            130.0,
            "percent",
            _cap(gross, f"gross cap {formats.limit(gross)}"),
            (0.0, *_shown(gross, float(np.nanmax(equity.gross)))),
        ),
        Panel(
            "Net exposure, share of equity",
            [Line("", equity.net, "s2", "area")],
            130.0,
            "percent",
            [
                *_cap(net, f"net cap {formats.limit(net)}"),
                *_cap(-net, f"net cap {formats.limit(-net)}", bool(np.nanmin(equity.net) < 0)),
            ],
            (
                0.0,
                *_shown(net, float(np.nanmax(equity.net))),
                *(-value for value in _shown(net, float(-np.nanmin(equity.net)))),
            ),
        ),
    ]


def _loss_panel(title: str, values: Floats, kind: str, limit: float, soft: float, height: float) -> Panel:
    rules = []
    if limit > 0:
        rules = [
            Rule(-soft * limit, f"soft limit {formats.limit(soft * limit)}", "soft"),
            Rule(-limit, f"hard limit {formats.limit(limit)}", "hard"),
        ]
    worst = float(-np.nanmin(values, initial=0.0))
    return Panel(
        title,
        [Line("", values, kind, "area")],
        height,
        "percent",
        rules,
        (0.0, *(-v for v in _shown(limit, worst))),
    )


def _cap(value: float, words: str, wanted: bool = True) -> list[Rule]:
    return [Rule(value, words, "hard")] if wanted and not np.isnan(value) else []


def _shown(limit: float, used: float) -> tuple[float, ...]:
    """The limit, when it is close enough to the data to stand on the same scale."""
    return (limit,) if limit > 0 and used >= _SHOW_FROM * limit else ()


def bands(equity: Equity) -> list[Band]:
    """Rows in a mode other than normal, and rows with stale marks."""
    found = []
    for first, last, code in stretches(equity.mode.codes):
        name = equity.mode.names[code] if code >= 0 else "unknown"
        if name != "normal":
            found.append(Band(first, last, f"mode-{_css(name)}", formats.words(name)))
    for first, last, stale in stretches(equity.stale.astype(np.int64)):
        if stale:
            found.append(Band(first, last, "stale", "stale marks"))
    return found


def _css(name: str) -> str:
    known = ("reduced", "data_degraded", "broker_degraded", "risk_exit", "halted")
    return name.replace("_", "-") if name in known else "other"


def _describe(equity: Equity) -> str:
    top = float(np.nanmax(equity.drawdown)) if np.isfinite(equity.drawdown).any() else np.nan
    first, last = (formats.money(float(value)) for value in equity.equity[[0, -1]])
    return (
        f"Equity goes from {first} to {last} over {len(equity.starts)} sessions; "
        f"the largest drawdown is {formats.percent(top)}."
    )


def _band_note(equity: Equity) -> str:
    stale = float(equity.stale.mean())
    words = "Time runs in trading minutes: nights and weekends take no room."
    if stale:
        part = formats.share(stale)
        words += f" Marks were stale in {part} of them (hatched): equity there is the last known."
    return words


def _tips(equity: Equity) -> list[str]:
    closes = by_session(equity.equity, equity.starts, "last")
    results = by_session(equity.day_return, equity.starts, "last")
    return [
        f"{formats.day(day)}: closes at {formats.money(close)}, {formats.percent(result, plus=True)}"
        for day, close, result in zip(equity.days.tolist(), closes.tolist(), results.tolist(), strict=True)
    ]


def _periods(equity: Equity) -> tuple[str, list[str], Codes]:
    """The rows of the data tables: sessions, or months of a long run; what they are, their names, first rows."""
    if len(equity.days) <= _MOST_SESSIONS:
        return "Session", [formats.day(day) for day in equity.days.tolist()], equity.starts
    months = equity.days.astype("datetime64[D]").astype("datetime64[M]")
    first = group_starts(months.astype(np.int64))
    return "Month", [f"{month.astype(object):%b %Y}" for month in months[first]], equity.starts[first]


def _equity_table(equity: Equity) -> Table:
    period, names, starts = _periods(equity)
    size = np.diff(np.append(starts, len(equity)))
    before = equity.unit[starts] / (1 + equity.day_return[starts])
    abnormal = np.add.reduceat((~equity.mode.among("normal")).astype(np.int64), starts)
    stale = np.add.reduceat(equity.stale.astype(np.int64), starts)
    values = (
        by_session(equity.equity, starts, "last"),
        by_session(equity.unit, starts, "last") / before - 1,
        by_session(equity.day_return, starts, "min"),
        by_session(equity.drawdown, starts, "max"),
        abnormal / size,
        stale / size,
    )
    titles = columns(
        period,
        "Equity at close|money",
        "Result|change",
        "Lowest of a day|change",
        "Largest drawdown|percent",
        "Not normal mode|share",
        "Stale|share",
    )
    rows = list(zip(names, *(value.tolist() for value in values), strict=True))
    return Table(titles, rows, f"Equity by {period.lower()}")


def _exposure_table(equity: Equity) -> Table:
    period, names, starts = _periods(equity)
    values = (
        by_session(equity.gross, starts, "max"),
        by_session(equity.gross, starts, "last"),
        by_session(equity.net, starts, "max"),
        by_session(equity.net, starts, "min"),
    )
    titles = columns(
        period,
        "Largest gross|percent",
        "Gross at close|percent",
        "Highest net|percent",
        "Lowest net|percent",
    )
    rows = list(zip(names, *(value.tolist() for value in values), strict=True))
    return Table(titles, rows, f"Exposure by {period.lower()}")


def _summary(facts: Facts) -> Table:
    equity = facts.equity
    rows = []
    for name, values, cap in (
        ("Gross", equity.gross, facts.limit("gross_cap")),
        ("Net, either side", np.abs(equity.net), facts.limit("net_cap")),
    ):
        above = float((values >= facts.near * cap).mean()) if len(values) and cap > 0 else np.nan
        top = float(np.nanmax(values)) if np.isfinite(values).any() else np.nan
        rows.append((name, cap, mean(values), quantile(values, 0.95), top, above))
    near = formats.percent(facts.near, 0)
    titles = columns(
        "Exposure",
        "Cap|percent",
        "Mean|percent",
        "95th percentile|percent",
        "Largest|percent",
        f"Time above {near} of cap|share",
    )
    return Table(titles, rows if len(equity) else [], "Exposure against its caps")
