"""Exchange weeks, and a run seen through one of them.

A week is an ISO week, Monday to Sunday, New York time, and its sessions are those of the exchange's calendar. A run
rarely fills it: it begins on a Wednesday, it is cut short, the exchange is closed on a Thursday. `Week` says which
sessions there should be; `WeekFacts` holds those that the run has.

A week is a window on the run. Only round trips need the past, because a position may be older than its week: they are
those of the whole run that were closed in this week.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from functools import cached_property

import numpy as np

from core.calendar import as_date, day_number, sessions
from core.errors import InputError
from reports import formats
from reports.columns import Codes, Labels
from reports.facts import Facts
from reports.trades import Trades
from reports.window import Window, midnight

_DAYS = 7
_FORM = re.compile(r"(\d{4})-W(\d{2})")


@dataclass(frozen=True, slots=True)
class Week:
    """An exchange week: its Monday, its first instant and the one after its last, ns UTC; `sessions` as dates."""

    monday: date
    sessions: tuple[date, ...]
    early: tuple[date, ...]

    @property
    def name(self) -> str:
        """ISO 8601: 2026-W46."""
        year, number, _ = self.monday.isocalendar()
        return f"{year}-W{number:02d}"

    @property
    def span(self) -> tuple[int, int]:
        """From midnight of Monday to the next one, New York time, ns UTC."""
        first = day_number(self.monday)
        return midnight(first), midnight(first + _DAYS)

    @property
    def holidays(self) -> tuple[date, ...]:
        """Weekdays on which the exchange is closed."""
        days = (self.monday + timedelta(days=i) for i in range(5))
        return tuple(day for day in days if day not in self.sessions)

    @property
    def before(self) -> Week:
        """The week before this one."""
        return week_of(self.monday - timedelta(days=_DAYS))


def week_of(day: date) -> Week:
    """The exchange week of a date."""
    monday = day - timedelta(days=day.weekday())
    rows = sessions(monday, monday + timedelta(days=_DAYS - 1))
    days = tuple(as_date(row) for row in rows["date"])
    return Week(monday, days, tuple(day for day, early in zip(days, rows["early"], strict=True) if early))


def week_named(text: str) -> Week:
    """The exchange week of a name such as 2026-W46. Raises InputError for anything else."""
    found = _FORM.fullmatch(text.strip().upper())
    try:
        assert found is not None
        return week_of(date.fromisocalendar(int(found[1]), int(found[2]), 1))
    except (AssertionError, ValueError):
        raise InputError(f"--week {text}", "is no ISO week", "Write year and number, such as 2026-W46.") from None


class WeekFacts(Facts):
    """A run in one week, read like a run of its own; `whole` is all of it."""

    def __init__(self, whole: Facts, week: Week) -> None:
        start, end = week.span
        source = whole.source
        super().__init__(Window.on(source, start, end))
        self.whole = whole
        self.week = week
        if len(self.equity):
            first = float(self.equity.equity[0] / (1 + self.equity.day_return[0]))
            known = {"start_cash": first, "equity": float(self.equity.equity[-1])}
            self.run = {**self.run, **known, "positions": {}, "invariants": source.run.get("invariants")}

    @cached_property
    def days(self) -> tuple[date, ...]:
        """The sessions that the run has in the week."""
        return tuple(as_date(int(day)) for day in self.equity.days)

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Those of the whole run, because trades point into them."""
        return self.whole.symbols

    @cached_property
    def _rows(self) -> Codes:
        """Rows of the whole run's trades that were closed in the week."""
        trades, (start, end) = self.whole.trades, self.week.span
        return np.flatnonzero(trades.closed & (trades.last >= start) & (trades.last < end))

    @cached_property
    def trades(self) -> Trades:
        """Round trips closed in the week, whenever they began."""
        whole = self.whole.trades
        return Trades(*(getattr(whole, f.name)[self._rows] for f in fields(Trades)))

    @cached_property
    def trade_strategy(self) -> Labels:
        """Strategy of each of these trades."""
        return self.whole.trade_strategy.take(self._rows)


def weeks_of(facts: Facts) -> list[Week]:
    """The weeks in which a run has equity, in order."""
    mondays = dict.fromkeys(day - timedelta(days=day.weekday()) for day in map(as_date, facts.equity.days.tolist()))
    return [week_of(monday) for monday in mondays]


def labels_of(facts: WeekFacts) -> list[str]:
    """What must be known of a week before its figures are read: holidays, early closes, what is missing."""
    week, found = facts.week, []
    if week.holidays:
        found.append(f"Holiday: the exchange was closed on {_days(week.holidays)}.")
    if week.early:
        found.append(f"Early close on {_days(week.early)}.")
    missing = [day for day in week.sessions if day not in facts.days]
    if missing:
        found.append(
            f"Partial week: the run has {len(facts.days)} of {len(week.sessions)} sessions, not {_days(missing)}."
        )
    cut = cut_short(facts)
    if cut:
        found.append(cut)
    return found


def cut_short(facts: WeekFacts) -> str:
    """Says so where the run's last session of the week ends before the exchange's close."""
    if not facts.days:
        return ""
    row = sessions(facts.days[-1], facts.days[-1])
    last = int(facts.equity.time[-1])
    if not len(row) or last >= int(row["close"][0]):
        return ""
    return f"Cut short: the last minute is {formats.moment(last)}, before that session's close."


def _days(days: Sequence[date]) -> str:
    return ", ".join(formats.day(day_number(day)) for day in days)
