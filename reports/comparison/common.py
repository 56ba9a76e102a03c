"""The part of two runs that both have: their common sessions, up to the minute at which the first of them ends.

A trade of a day that the other run does not have says nothing about either. So both runs are looked at through one
window, and what lies outside is named. Runs without a common session keep all that they have: their trades cannot be
matched, but what execution costs each can still be set side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.calendar import as_date, sessions
from reports import formats
from reports.columns import Codes
from reports.facts import Facts
from reports.window import Window, midnight


@dataclass(frozen=True, slots=True)
class Common:
    """Both runs in their common window, its days, and a sentence for each thing that is left out."""

    run: Facts
    simulation: Facts
    days: Codes
    left_out: list[str]


def common_part(run: Facts, simulation: Facts) -> Common:
    """What two runs have in common."""
    a, b = run.equity, simulation.equity
    days = np.intersect1d(a.days, b.days)
    spans = f"the run {_span(run)} and the simulation {_span(simulation)}"
    if not len(days):
        told = f"No session is in both runs: {spans}. No trade can be matched; costs and delays are those of each run."
        return Common(run, simulation, days, [told])
    told = f"Only {formats.plural(len(days), 'session')} {'is' if len(days) == 1 else 'are'} in both runs: {spans}."
    left_out = [told] if len(days) < max(len(a.days), len(b.days)) else []
    end, ends = midnight(int(days[-1]) + 1), sorted({int(a.time[-1]), int(b.time[-1])})
    if len(ends) > 1 and ends[0] < _close(int(days[-1])):
        end, cut = ends[0] + 1, "run" if a.time[-1] < b.time[-1] else "simulation"
        told = f"The {cut} ends within a session, {formats.second(ends[0])}: nothing after that is compared"
        left_out.append(f"{told}, and causes and haircut stop at the close before it.")
    if not left_out:
        return Common(run, simulation, days, [])
    ours, theirs = (Facts(Window.on(facts.source, midnight(int(days[0])), end)) for facts in (run, simulation))
    return Common(ours, theirs, days, left_out)


def _close(day: int) -> int:
    rows = sessions(as_date(day), as_date(day))
    return int(rows["close"][0]) if len(rows) else 0


def _span(facts: Facts) -> str:
    days = facts.equity.days
    return f"has {formats.day(int(days[0]))} to {formats.day(int(days[-1]))}" if len(days) else "has none"
