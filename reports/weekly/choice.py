"""Which of the given runs the page is about, which continue it, which are drills, and what cannot be set beside it.

The first run is the subject. Others of its kind and scenario continue it: their weeks stand beside this one. A run with
a fault schedule is a drill. Whatever cannot be used (another schema, a damaged table, other symbols, days that another
run has already) is named with its reason, and the rest is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from core.calendar import as_date
from core.errors import InputError
from core.runs import Run
from core.statistics.drawdowns import Sessions
from reports.columns import Codes, Floats
from reports.configuration import config_changes
from reports.facts import Equity, Facts
from reports.statistics import by_session
from reports.weekly.weeks import Week, WeekFacts, week_of, weeks_of

MOST_WEEKS = 12
IDENTITY = ("kind", "scenario")


@dataclass(frozen=True)
class Chosen:
    """The subject in its week, all runs of the subject by age, the drills, and what was left out with its reason."""

    facts: WeekFacts
    line: tuple[Facts, ...]
    drills: tuple[Facts, ...]
    left_out: tuple[str, ...]

    @property
    def week(self) -> Week:
        """The week of the page."""
        return self.facts.week

    @cached_property
    def history(self) -> tuple[WeekFacts, ...]:
        """The last twelve weeks up to this one that any run of the line has, oldest first."""
        found: dict[str, WeekFacts] = {}
        for facts in self.line:
            for week in weeks_of(facts):
                if week.monday <= self.week.monday and week.name not in found:
                    found[week.name] = WeekFacts(facts, week)
        found[self.week.name] = self.facts
        return tuple(sorted(found.values(), key=lambda item: item.week.monday)[-MOST_WEEKS:])

    @cached_property
    def sessions(self) -> tuple[Codes, Sessions]:
        """Every session of the line up to the end of the week: int64 days, and what each did to the account."""
        days: list[Codes] = []
        values: list[Sessions] = []
        for facts in self.line:
            kept = facts.equity.days <= _last_day(self.week)
            days.append(facts.equity.days[kept])
            values.append(_sessions(facts.equity).take(np.flatnonzero(kept)))
        joined, first = np.unique(np.concatenate(days), return_index=True)
        whole = Sessions(*(np.concatenate(parts) for parts in zip(*values, strict=True)))
        return joined, whole.take(first)

    @property
    def returns(self) -> tuple[Codes, Floats]:
        """The days of these sessions and their returns from close to close, fractions."""
        days, sessions = self.sessions
        return days, sessions.close


def _sessions(equity: Equity) -> Sessions:
    if not len(equity):
        return Sessions(*[np.zeros(0)] * 4)
    close, low, high = (by_session(equity.day_return, equity.starts, kind) for kind in ("last", "min", "max"))
    parts = np.split(equity.unit, equity.starts[1:])
    fall = np.array([float((1.0 - part / np.maximum.accumulate(part)).max()) for part in parts])
    return Sessions(close, low, high, fall)


def _last_day(week: Week) -> int:
    return (week.monday.toordinal() - as_date(0).toordinal()) + 6


def choose(paths: Sequence[Path], week: Week | None) -> Chosen:
    """Open the runs and sort them. Without a week it is the latest of the first run.

    Raises InputError when the first run cannot be read or has nothing in the week.
    """
    subject = Facts(Run.open(paths[0]))
    line, drills, left_out = [subject], list[Facts](), list[str]()
    for path, facts in _others(paths[1:], left_out):
        if len(facts.source.table("faults", ["time"])):
            drills.append(facts)
        elif why := _stranger(subject, facts):
            left_out.append(f"{path.name} is not part of this line of runs: {why}.")
        elif shared := _shared_days(line, facts):
            left_out.append(
                f"{path.name} has {shared} sessions that another run has already; those of the first count."
            )
            line.append(facts)
        else:
            line.append(facts)
    week = week or _latest(subject, paths[0])
    facts = _with_most(line, week)
    if not len(facts.equity):
        raise InputError(
            f"--week {week.name}", f"no run has a session in it; {_spans(line)}", "Name one of those weeks."
        )
    others = [item for item in line if item is not facts.whole]
    if len(facts.source.table("faults", ["time"])) and facts.whole not in drills:
        drills.insert(0, facts.whole)
    return Chosen(facts, (facts.whole, *others), tuple(drills), (*left_out, *_changed(facts.whole, others)))


def _others(paths: Sequence[Path], left_out: list[str]) -> Iterator[tuple[Path, Facts]]:
    for path in paths:
        try:
            yield path, Facts(Run.open(path))
        except InputError as error:
            left_out.append(f"{path.name} cannot be read: {error.place} {error.problem}. {error.remedy}")


def _stranger(subject: Facts, other: Facts) -> str:
    """Why another run is not the same undertaking; empty when it is."""
    for key in IDENTITY:
        if subject.run[key] != other.run[key]:
            return f"its {key} is {other.run[key]}, not {subject.run[key]}"
    if subject.run["bar_seconds"] != other.run["bar_seconds"]:
        return f"its bars last {other.run['bar_seconds']} s, not {subject.run['bar_seconds']} s"
    return ""


def _shared_days(line: Sequence[Facts], other: Facts) -> int:
    return sum(len(np.intersect1d(facts.equity.days, other.equity.days)) for facts in line)


def _latest(subject: Facts, path: Path) -> Week:
    days = subject.equity.days
    if not len(days):
        raise InputError(str(path), "has no equity, so it has no week", "Give a run that has at least one session.")
    return week_of(as_date(int(days[-1])))


def _with_most(line: Sequence[Facts], week: Week) -> WeekFacts:
    """The run with most sessions of the week; the first given of equals."""
    return max((WeekFacts(facts, week) for facts in line), key=lambda facts: len(facts.days))


def _spans(line: Sequence[Facts]) -> str:
    names = [week.name for facts in line for week in weeks_of(facts)]
    return f"the runs have {names[0]} to {names[-1]}" if names else "the runs have no sessions at all"


def _changed(subject: Facts, others: Sequence[Facts]) -> list[str]:
    """What makes the weeks beside this one not quite comparable."""
    found = []
    for other in others:
        name = other.source.path.name
        if other.run["config_hash"] != subject.run["config_hash"]:
            keys = ", ".join(key for key, _, _ in config_changes(other.config, subject.config)[:4])
            found.append(f"{name} ran with another configuration ({keys}): its figures were made under other terms.")
        if other.run["code_version"] != subject.run["code_version"]:
            found.append(f"{name} was made by version {other.run['code_version']}, not {subject.run['code_version']}.")
        mine, theirs = (set(item.decisions.symbol.names) for item in (subject, other))
        if mine and theirs and mine != theirs:
            found.append(f"{name} traded other symbols: {', '.join(sorted(mine ^ theirs))} only in one of the two.")
    return found
