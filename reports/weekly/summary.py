"""A week in a dozen figures, for the head of its page and for the weeks beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports import formats
from reports.facts import Facts
from reports.page import Table, Tile, columns
from reports.sections.execution import shortfall_bp
from reports.sections.limits import LimitUse, limit_uses
from reports.statistics import by_session, fraction, mean, profit_factor
from reports.weekly.choice import Chosen
from reports.weekly.weeks import WeekFacts

WITHIN, NEAR, BREACHED = "within", "near", "breached"
SPANS = (4, 12)


@dataclass(frozen=True, slots=True)
class Word:
    """A verdict beside that of the limits, with what it rests on."""

    name: str
    word: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Figures:
    """One week's figures; fractions and counts, NaN where not measured."""

    week: str
    sessions: int
    expected: int
    result: float
    profit: float
    drawdown: float
    worst_day: float
    largest_use: float
    largest_limit: str
    near: int
    breaches: int
    word: str
    trades: int
    profit_factor: float
    entry_cost_bp: float
    refused: float
    not_normal: float


def week_figures(facts: WeekFacts) -> Figures:
    """The figures of one week."""
    equity, decisions = facts.equity, facts.decisions
    uses = limit_uses(facts)
    top = max((use for use in uses if np.isfinite(use.use)), key=lambda use: use.use, default=None)
    days = by_session(equity.day_return, equity.starts, "last") if len(equity) else np.zeros(0)
    opening = decisions.opening
    return Figures(
        facts.week.name,
        len(facts.days),
        len(facts.week.sessions),
        float(np.prod(1 + days) - 1) if len(days) else np.nan,
        float(facts.run["equity"]) - float(facts.run["start_cash"]) if len(days) else np.nan,
        float(np.nanmax(equity.drawdown)) if np.isfinite(equity.drawdown).any() else np.nan,
        float(np.nanmin(days)) if np.isfinite(days).any() else np.nan,
        top.use if top else np.nan,
        top.name if top else "",
        sum(use.near for use in uses),
        sum(use.breaches for use in uses),
        worst_word(uses),
        len(facts.trades),
        profit_factor(facts.trades.profit),
        _entry_cost(facts),
        fraction(int((opening & ~decisions.approved).sum()), int(opening.sum())),
        float((~equity.mode.among("normal")).mean()) if len(equity) else np.nan,
    )


def worst_word(uses: list[LimitUse]) -> str:
    """The verdict of all limits together: the worst of those that were measured."""
    words = {use.word for use in uses}
    return next((word for word in (BREACHED, NEAR, WITHIN) if word in words), formats.NOT_MEASURED)


def _entry_cost(facts: Facts) -> float:
    fills = facts.fills
    entries = facts.orders.role.take(fills.order).among("entry")
    return mean(shortfall_bp(fills, fills.mid_decision)[entries], fills.notional[entries])


def tiles(figures: Figures) -> list[Tile]:
    """The head's numbers."""
    tone = "gain" if figures.result > 0 else "loss" if figures.result < 0 else ""
    return [
        Tile(
            "Result of the week",
            formats.percent(figures.result, plus=True),
            formats.money(figures.profit, plus=True),
            tone,
        ),
        Tile("Largest use of a limit", formats.share(figures.largest_use), figures.largest_limit),
        Tile("Largest drawdown", formats.percent(figures.drawdown), "from the high-water mark"),
        Tile("Worst day", formats.percent(figures.worst_day, plus=True), "close to close"),
        Tile("Near misses", formats.count(figures.near), f"breaches: {figures.breaches:,}"),
        Tile(
            "Trades closed",
            formats.count(figures.trades),
            _known("profit factor {}", formats.factor(figures.profit_factor)),
        ),
        Tile("Entry cost", formats.bp(figures.entry_cost_bp, plus=True), "against the mid at the decision"),
        Tile("Signals refused", formats.share(figures.refused), "of the signals to open"),
        Tile("Not in normal mode", formats.share(figures.not_normal), "of the time"),
        Tile("Sessions", f"{figures.sessions} of {figures.expected}", "of the exchange's week"),
    ]


def _known(words: str, value: str) -> str:
    return "" if value == formats.NOT_MEASURED else words.format(value)


def history_table(chosen: Chosen) -> Table:
    """This week and those before it, one a row, and the means of the last 4 and 12."""
    found = [week_figures(facts) for facts in chosen.history]
    rows: list[tuple[object, ...]] = [_row(item) for item in found[::-1]]
    for span in SPANS:
        part = found[-span:]
        if len(part) > 1 and (span == SPANS[0] or len(found) > SPANS[0]):
            rows.append(
                _mean_row(f"Mean of the last {len(part)}" + ("" if len(part) == span else f" (of {span})"), part)
            )
    titles = columns(
        "Week",
        "Sessions",
        "Result|change",
        "Largest drawdown|percent",
        "Worst day|change",
        "Largest use|share",
        "of",
        "Near misses|measure",
        "Breaches|measure",
        "Trades|measure",
        "Entry cost|bp",
        "Refused|share",
        "Verdict|state",
    )
    return Table(titles, rows, "This week beside the last 4 and 12", note="Weeks that no run has are left out.")


def _row(item: Figures) -> tuple[object, ...]:
    sessions = f"{item.sessions} of {item.expected}"
    return (
        item.week,
        sessions,
        item.result,
        item.drawdown,
        item.worst_day,
        item.largest_use,
        item.largest_limit,
        item.near,
        item.breaches,
        item.trades,
        item.entry_cost_bp,
        item.refused,
        item.word,
    )


def _mean_row(name: str, part: list[Figures]) -> tuple[object, ...]:
    keys = ("result", "drawdown", "worst_day", "largest_use")
    counts = ("near", "breaches", "trades", "entry_cost_bp", "refused")
    means = [mean(np.array([getattr(item, key) for item in part], np.float64)) for key in (*keys, *counts)]
    return (name, str(sum(item.sessions for item in part)), *means[:4], "", *means[4:], "")
