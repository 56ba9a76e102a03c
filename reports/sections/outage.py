"""The outage report: each fault of the scenario, when it was in force, what the system did about it, and what it cost.

The timeline puts faults, safe modes and breakers under the account. The cost of a fault is measured against the same
run without any: what the account made there over the time of the fault, less what it made here. Faults whose times
overlap share one cost, which no difference of two runs can divide.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.settings.fault_table import KINDS
from reports import formats
from reports.charts import Canvas, Line, Panel, Stretch, Timeline, Track, draw_timeline
from reports.columns import Bools, Floats, Times, labels, records, times
from reports.facts import Facts
from reports.formats import NEVER
from reports.page import WIDE, Figure, Table, columns, figure
from reports.sections.equity import axis, bands
from reports.statistics import stretches

LOOK = {"data": "s3", "broker": "neg", "market": "s2", "operator": "ink"}
STATES = {"open": "bad", "ready": "warn", "half_open": "s2"}
MODES = {"reduced": "warn", "halted": "ink", "risk_exit": "bad"}
MOST_ACTIONS = 3
AFTER = 600_000_000_000  # what the engine does this long after a fault still counts as its answer
ACT = "operator_act"


@dataclass(frozen=True, slots=True)
class OutageSection:
    """The timeline, the answer to each fault, and what they cost."""

    figure: Figure | None
    answers: Table
    costs: Table


def outage_section(facts: Facts, clean: Facts | None) -> OutageSection | None:
    """The section, or None for a run without faults. `clean` is the same run without them."""
    faults = records(facts.source.table("faults"))
    if not faults:
        return None
    return OutageSection(_timeline(facts, clean, faults), _answers(facts, faults), _costs(facts, clean, faults))


def _timeline(facts: Facts, clean: Facts | None, faults: Sequence[dict[str, Any]]) -> Figure | None:
    equity = facts.equity
    if not len(equity):
        return None
    account = [Line("equity", equity.equity, "s1")]
    if clean is not None:
        account.insert(0, Line("without faults", _on(equity.time, clean), "mark"))
    panels = [
        Panel("Equity", account, 170.0, "money"),
        Panel("Gross exposure, share of equity", [Line("", equity.gross, "s1", "area")], 80.0, "percent", (), (0.0,)),
        Panel("Open orders", [Line("", equity.open_orders, "s2", "area")], 60.0, "plain", (), (0.0,)),
    ]
    tracks = [*_fault_tracks(faults, equity.time), _mode_track(facts), *_breaker_tracks(facts)]
    count = formats.plural(len(faults), "fault")
    return figure(
        Canvas(
            "outage", WIDE, "Faults, modes and breakers", f"{count} under the equity curve, with modes and breakers."
        ),
        lambda canvas: draw_timeline(canvas, Timeline(axis(equity), panels, bands(equity), (), tracks)),
        _track_table(tracks, equity.time),
        "A fault's bar spans the time from its first effect to its end; of one that is drawn by chance it is the span "
        "in which it could strike.",
    )


def _track_table(tracks: Sequence[Track], time: Times) -> Table:
    """What the tracks show, as rows."""
    rows = [
        (track.name, item.words, int(time[item.first]), int(time[item.last]))
        for track in tracks
        for item in track.stretches
    ]
    return Table(columns("Track", "What", "From|time", "To|time"), rows, "Faults, modes and breakers in time")


def _on(time: Times, clean: Facts) -> Floats:
    """The clean run's equity at the times of the other's rows; before its first row its start."""
    rows = np.searchsorted(clean.equity.time, time, "right") - 1
    return np.where(rows >= 0, clean.equity.equity[np.maximum(rows, 0)], np.nan)


def _rows(time: Times, start: int, end: int) -> tuple[int, int]:
    """First and last row of the axis from one instant to another, at least one."""
    first = int(np.searchsorted(time, start, "left"))
    last = max(int(np.searchsorted(time, end, "right")) - 1, first)
    return min(first, len(time) - 1), min(last, len(time) - 1)


def _fault_tracks(faults: Sequence[dict[str, Any]], time: Times) -> list[Track]:
    """One track a kind of fault, acts of the operator together."""
    tracks: dict[str, list[Stretch]] = {}
    for fault in faults:
        start, end = fault["time"], fault["until"] if fault["until"] != NEVER else fault["time"]
        name = formats.words(fault["kind"])
        words = f"{name}, {formats.moment(start)}: took effect {formats.count(fault['fired'])} times"
        tracks.setdefault(name, []).append(Stretch(*_rows(time, start, end), _look(fault["kind"]), words))
    return [Track(name, items) for name, items in tracks.items()]


def _look(kind: str) -> str:
    return LOOK[KINDS[kind].group] if kind in KINDS else "ink"


def _mode_track(facts: Facts) -> Track:
    """The safe modes other than normal."""
    mode = facts.equity.mode
    found = []
    for first, last, code in stretches(mode.codes):
        name = mode.names[code] if code >= 0 else "unknown"
        if name != "normal":
            found.append(Stretch(first, last, MODES.get(name, "s3"), f"mode {formats.words(name)}"))
    return Track("safe mode", found)


def _breaker_tracks(facts: Facts) -> list[Track]:
    """A track for each lane whose breaker ever moved: open, ready for the operator, half open."""
    events, time = facts.risk_events, facts.equity.time
    kind, lane, state = labels(events, "kind"), labels(events, "metric"), labels(events, "mode_to")
    when = times(events, "time")
    tracks = []
    moved = kind.among("breaker_change")
    for name in dict.fromkeys(lane.at(int(row)) for row in np.flatnonzero(moved)):
        rows = np.flatnonzero(moved & lane.among(name))
        ends = [*when[rows[1:]].tolist(), int(time[-1])]
        found = []
        for row, end in zip(rows.tolist(), ends, strict=True):
            if (reached := state.at(row)) in STATES:
                words = f"breaker {formats.words(name)} {formats.words(reached)} from {formats.moment(int(when[row]))}"
                found.append(Stretch(*_rows(time, int(when[row]), end), STATES[reached], words))
        tracks.append(Track(f"breaker {formats.words(name)}", found))
    return tracks


def _answers(facts: Facts, faults: Sequence[dict[str, Any]]) -> Table:
    """What each fault was, how soon it was seen and overcome, and what the engine did meanwhile."""
    rows = [
        (
            fault["time"],
            _between(fault["time"], fault["until"]) if fault["until"] != NEVER else "",
            formats.words(fault["kind"]),
            _scope(fault),
            fault["fired"],
            _between(fault["first_effect"], fault["detected_at"]),
            _between(fault["first_effect"], fault["recovered_at"]),
            _actions(facts, fault),
        )
        for fault in faults
    ]
    titles = columns(
        "From|time",
        "Lasts|duration",
        "Fault",
        "Whom",
        "Took effect|count",
        "Detected after|duration",
        "Recovered after|duration",
        "What the system did",
    )
    note = "Recovered means: the mode is normal and every breaker closed, once the fault is over."
    return Table(titles, rows, "Faults and answers", note=note)


def _scope(fault: dict[str, Any]) -> str:
    """Whom a fault met, in words."""
    scope = json.loads(fault["scope"])
    if fault["kind"] == ACT:
        return formats.words(str(json.loads(fault["parameters"]).get("act", "")))
    parts = [
        ", ".join(formats.words(str(item)) if key != "symbols" else str(item) for item in items)
        for key, items in scope.items()
    ]
    return "; ".join(parts) or "all"


def _actions(facts: Facts, fault: dict[str, Any]) -> str:
    """What the engine did most in the time of a fault, alarms first, and how many signals it refused."""
    start, end = _time_of(fault)
    events = facts.risk_events
    when = times(events, "time")
    inside = (when >= start) & (when <= end)
    alarms = inside & ~labels(events, "severity").among("info")
    inside = alarms if alarms.any() else inside
    done = [f"{words} ×{n}" if n > 1 else words for words, n in labels(events, "action").counts(inside)]
    refused = _refused(facts, start, end)
    told = done[:MOST_ACTIONS] + ([f"refused {formats.plural(refused, 'signal')}"] if refused else [])
    return "; ".join(told) or "nothing was called for"


def _refused(facts: Facts, start: int, end: int) -> int:
    decisions = facts.decisions
    inside: Bools = (decisions.time >= start) & (decisions.time <= end) & decisions.opening & ~decisions.approved
    return int(inside.sum())


def _time_of(fault: dict[str, Any]) -> tuple[int, int]:
    """From a fault's first effect to when it was overcome, or a while after its end."""
    start = fault["first_effect"] if fault["first_effect"] != NEVER else fault["time"]
    ends = [fault[name] for name in ("until", "recovered_at") if fault[name] != NEVER]
    return start, max([start, *ends]) + AFTER


def _costs(facts: Facts, clean: Facts | None, faults: Sequence[dict[str, Any]]) -> Table:
    """What each fault cost, by the close of the session in which it was over, against the run without any."""
    titles = columns("Fault", "From|time", "To|time", "Result here|result", "Without faults|result", "Cost|money")
    caption = "Cost against the run without faults"
    if clean is None or not len(facts.equity) or not len(clean.equity):
        return Table(titles, [], caption, "Not measured: run the scenario with --against-clean.")
    rows: list[tuple[object, ...]] = []
    for fault in faults:
        if fault["first_effect"] == NEVER or fault["kind"] == ACT:
            continue
        start, end = _time_of(fault)
        end = _close_after(facts, end)
        here, there = _result(facts, start, end), _result(clean, start, end)
        rows.append((formats.words(fault["kind"]), start, end, here, there, there - here))
    whole = facts.equity.time
    here, there = (_result(run, int(whole[0]), int(whole[-1])) for run in (facts, clean))
    rows.append(("all of them", int(whole[0]), int(whole[-1]), here, there, there - here))
    note = "Faults that overlap share one cost. A negative cost is luck: the trades that were missed would have lost."
    return Table(titles, rows, caption, note=note)


def _close_after(facts: Facts, time: int) -> int:
    """The last row of the session in which an instant lies, or of the one before it."""
    equity = facts.equity
    lasts = np.append(equity.starts[1:], len(equity)) - 1
    closes = equity.time[lasts]
    return int(closes[min(int(np.searchsorted(closes, time)), len(closes) - 1)])


def _result(facts: Facts, start: int, end: int) -> float:
    """What an account made from one instant to another, dollars."""
    time, equity = facts.equity.time, facts.equity.equity
    first = max(int(np.searchsorted(time, start, "right")) - 1, 0)
    last = max(int(np.searchsorted(time, end, "right")) - 1, 0)
    return float(equity[last] - equity[first])


def _between(first: int, second: int) -> float:
    """Seconds from one instant to another; NaN where one of them is not known."""
    return (second - first) / 1e9 if NEVER not in (first, second) else np.nan
