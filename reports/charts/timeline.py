"""Charts over trading time: stacked panels on one axis in which every session follows the one before.

The axis counts rows, not hours: nights and weekends take no room, and each row of the equity table is one
step. Panels share the axis; bands (safe modes, stale marks) cross all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from reports.charts.scales import Scale, extent, thin, ticks
from reports.charts.svg import Canvas, Key, area, clean, legend, line, path, rect, shorten, tag, text, text_width
from reports.charts.tracks import Track, draw_tracks
from reports.formats import axis_labels, local

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

LEFT, RIGHT, GAP = 52.0, 8.0, 14.0
MOST_TIPS = 70


@dataclass(frozen=True, slots=True)
class Axis:
    """Rows in time: int64[n] ns UTC, and for each session int64[m] its first row and its date.

    `ticks` as (row, label) stand in place of dates where rows are no sessions of the past.
    """

    time: Rows
    starts: Rows
    days: Rows
    ticks: tuple[tuple[int, str], ...] = ()

    def marks(self, room: int) -> list[tuple[int, str]]:
        """At most `room` ticks as (row, label): hours in one session, else sessions, weeks, months, years."""
        if self.ticks:
            return list(self.ticks[:: -(-len(self.ticks) // room)])
        if len(self.starts) == 1:
            return self._hours(room)
        dates = self.days.astype("datetime64[D]")
        weeks = (self.days + 3) // 7
        months = dates.astype("datetime64[M]").astype(np.int64)
        groups = (self.days, weeks, months, months // 3, months // 12)
        firsts = [np.flatnonzero(np.diff(group, prepend=group[0] - 1)) for group in groups]
        level = next((i for i, first in enumerate(firsts) if len(first) <= room), len(firsts) - 1)
        pattern = ("day", "day", "month", "month", "year")[level]
        first = firsts[level][:: -(-len(firsts[level]) // room)]
        return [(int(self.starts[i]), _date_label(dates[i], pattern)) for i in first]

    def _hours(self, room: int) -> list[tuple[int, str]]:
        minutes = np.array([(w := local(int(t))).hour * 60 + w.minute for t in self.time.tolist()])
        for step in (30, 60, 120, 240):
            found = np.flatnonzero(minutes % step == 0)
            if len(found) <= room:
                break
        return [(int(i), f"{minutes[i] // 60}:{minutes[i] % 60:02d}") for i in found]


@dataclass(frozen=True, slots=True)
class Line:
    """One series of a panel: float64[n] by row, and how it is drawn (`line` or `area` from zero)."""

    name: str
    values: Floats
    kind: str
    shape: str = "line"


@dataclass(frozen=True, slots=True)
class Rule:
    """A horizontal reference line with its words."""

    value: float
    words: str
    kind: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot of the stack; `unit` names the axis labels, `include` the values that must be on the scale."""

    title: str
    lines: Sequence[Line]
    height: float
    unit: str
    rules: Sequence[Rule] = ()
    include: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Band:
    """Rows [first, last] shaded through all panels."""

    first: int
    last: int
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Pin:
    """A dot at a row's time that leads to a place in the page."""

    row: int
    kind: str
    tip: str
    link: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything that a time chart shows; `tips` is one sentence a session for the pointer, or empty."""

    axis: Axis
    panels: Sequence[Panel]
    bands: Sequence[Band] = ()
    tips: Sequence[str] = field(default=())
    tracks: Sequence[Track] = ()
    pins: Sequence[Pin] = ()


def draw_timeline(canvas: Canvas, chart: Timeline) -> str:
    """The stacked panels, their bands, the axis of sessions and a legend of the bands."""
    n = len(chart.axis.time)
    x = Scale(0.0, float(max(n - 1, 1)), LEFT, canvas.width - RIGHT)
    marks = chart.axis.marks(max(int((x.end - x.start) / 46), 2))
    pieces, bottom = [_hatch(canvas.name)], -GAP
    for panel in chart.panels:
        head, top = _head(panel, bottom + GAP, canvas.width)
        pieces += [head, _bands(canvas.name, chart.bands, x, top, panel.height)]
        pieces += [_sessions(chart.axis, marks, x, top, panel.height), _panel(panel, x, top, canvas.width)]
        bottom = top + panel.height
    if chart.tracks:
        drawn, bottom = draw_tracks(chart.tracks, x, bottom + 10)
        pieces.append(drawn)
    pieces.append(_mark_labels(marks, x, bottom))
    keys = list({band.kind: _band_key(canvas.name, band) for band in chart.bands}.values())
    swatches, foot = legend(keys, LEFT, bottom + 38, x.end) if keys else ("", bottom + 22)
    pieces += [swatches, _tips(chart, x, bottom)]
    pieces += [_pin(pin, x.at(float(pin.row)), bottom - 6) for pin in chart.pins]
    return canvas.picture(foot + 8, *pieces)


def _pin(pin: Pin, x: float, y: float) -> str:
    dot = tag("circle", tag("title", clean(pin.tip)), cx=x, cy=y, r=4.5, class_=f"dot {pin.kind}")
    return tag("a", dot, href=pin.link)


def _head(panel: Panel, y: float, width: float) -> tuple[str, float]:
    """Title and legend of a panel from `y` down, and where its plot begins."""
    title = text(0.0, y + 12, panel.title, "panel-title")
    named = [Key(f"line {item.kind}", item.name) for item in panel.lines if item.name]
    keys, last = legend(named, text_width(panel.title, 12.0) + 24, y + 12, width) if named else ("", y + 12)
    return title + keys, last + 10


def _panel(panel: Panel, x: Scale, top: float, width: float) -> str:
    low, high = _with_room(panel, *extent([item.values for item in panel.lines], panel.include))
    y = Scale(low, high, top + panel.height, top)
    steps = ticks(low, high, max(int(panel.height / 30), 2))
    pieces = []
    for value, words in zip(steps, axis_labels(panel.unit, steps.tolist()), strict=True):
        pieces.append(line(x.start, y.at(value), x.end, y.at(value), "zero" if value == 0 else "grid"))
        pieces.append(text(x.start - 6, y.at(value) + 4, words, "tick", "end"))
    pieces += [_series(item, x, y, width) for item in panel.lines]
    pieces.append(_rules(panel.rules, x, y))
    return "".join(pieces)


def _with_room(panel: Panel, low: float, high: float) -> tuple[float, float]:
    """The range of a panel, with room at its edges to name the rules that lie beyond."""
    line_height = 13 / panel.height * (high - low)
    below = sum(rule.value < low for rule in panel.rules)
    above = sum(rule.value > high for rule in panel.rules)
    return low - below * line_height, high + above * line_height


def _series(item: Line, x: Scale, y: Scale, width: float) -> str:
    rows = thin(item.values, min(1500, int(width * 1.5)))
    px, py = x.map(rows.astype(np.float64)), y.map(item.values[rows])
    shade = ""
    if item.shape == "area":
        base = y.at(min(max(0.0, y.low), y.high))
        shade = tag("path", d=area(px, py, base), class_=f"area {item.kind}")
    return shade + tag("path", d=path(px, py), class_=f"line {item.kind}")


def _rules(rules: Sequence[Rule], x: Scale, y: Scale) -> str:
    """Reference lines; one beyond the scale is named at its edge, the farthest outermost."""
    pieces: list[str] = []
    taken: list[float] = []
    for rule in sorted(rules, key=lambda rule: -abs(rule.value)):
        if y.holds(rule.value):
            at = y.at(rule.value)
            pieces.append(line(x.start, at, x.end, at, f"rule {rule.kind}"))
            label, words = at - 4 if at - 5 > y.end else at + 12, rule.words
        else:
            above = rule.value > y.high
            label = y.end + 12 if above else y.start - 5
            words = f"{rule.words} {'↑' if above else '↓'}"
        inward = 13.0 if label < (y.start + y.end) / 2 else -13.0
        while any(abs(label - other) < 13 for other in taken):
            label += inward
        taken.append(label)
        place = (x.end - 6, "end") if label - 9 < y.end else (x.start + 6, "start")  # the left is the title's
        words = shorten(words, x.end - x.start - 12)
        pieces.append(text(place[0], label, words, f"rule-label {rule.kind}", place[1]))
    return "".join(pieces)


def _bands(name: str, bands: Sequence[Band], x: Scale, top: float, height: float) -> str:
    """Shaded stretches; those of one kind that touch on the screen are drawn as one."""
    pieces = []
    for kind in dict.fromkeys(band.kind for band in bands):
        chosen = [band for band in bands if band.kind == kind]
        first = x.map(np.array([band.first - 0.5 for band in chosen]))
        last = np.maximum(x.map(np.array([band.last + 0.5 for band in chosen])), first + 1.0)
        new = np.flatnonzero(np.append(True, first[1:] - last[:-1] > 1.0))
        ends = last[np.append(new[1:], len(chosen)) - 1]
        look = {"class_": f"band {kind}", "style": _fill(name, kind)}
        for a, b in zip(first[new], ends, strict=True):
            left, right = max(float(a), x.start), min(float(b), x.end)
            pieces.append(tag("rect", x=left, y=top, width=right - left, height=height, **look))
    return "".join(pieces)


def _fill(name: str, kind: str) -> str | None:
    """Stale stretches are hatched, because colour already says the mode."""
    return f"fill:url(#{name}-hatch)" if kind == "stale" else None


def _band_key(name: str, band: Band) -> Key:
    return Key(f"band {band.kind}", band.name, "box", _fill(name, band.kind))


def _hatch(name: str) -> str:
    stroke = tag("path", d="M0 6L6 0", class_="hatch")
    return tag("defs", tag("pattern", stroke, id=f"{name}-hatch", width=6, height=6, patternUnits="userSpaceOnUse"))


def _sessions(axis: Axis, marks: list[tuple[int, str]], x: Scale, top: float, height: float) -> str:
    """Faint lines where sessions begin; in a long run only at the tick marks."""
    rows = axis.starts[1:].tolist() if 1 < len(axis.starts) <= MOST_TIPS else [row for row, _ in marks]
    places = [x.at(float(row)) for row in rows if row > 0]
    return "".join(line(at, top, at, top + height, "session") for at in places)


def _mark_labels(marks: list[tuple[int, str]], x: Scale, bottom: float) -> str:
    """Ticks and their labels; a label that has no room before the end or beside the one before is left out."""
    pieces, free = [], 0.0
    for row, words in marks:
        at = x.at(float(row))
        end = at + 3 + text_width(words, 10.5)
        pieces.append(line(at, bottom, at, bottom + 5, "axis"))
        if at >= free and end <= x.end + RIGHT:
            pieces.append(text(at + 3, bottom + 15, words, "tick"))
            free = end
    return line(x.start, bottom, x.end, bottom, "axis") + "".join(pieces)


def _tips(chart: Timeline, x: Scale, bottom: float) -> str:
    """Invisible columns, one a session, that carry a sentence for the pointer."""
    if not chart.tips or len(chart.tips) > MOST_TIPS:
        return ""
    edges = np.append(chart.axis.starts, len(chart.axis.time) - 1).astype(np.float64)
    px = x.map(edges)
    return "".join(
        rect(float(a), 0.0, float(b - a), bottom, "tip", words)
        for a, b, words in zip(px, px[1:], chart.tips, strict=False)
    )


def _date_label(date: np.datetime64, pattern: str) -> str:
    when = date.astype(object)
    if pattern == "day":
        return f"{when.day} {when:%b}"
    return f"{when:%b %y}" if pattern == "month" else f"{when:%Y}"
