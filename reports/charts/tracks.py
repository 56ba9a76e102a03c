"""Tracks under a time chart: one line a subject, with a bar wherever something was the case.

A track is named above its line, so that the name has room on a phone; bars that touch on the screen are drawn as one,
and one that is shorter than a pixel is still seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.charts.scales import Scale
from reports.charts.svg import line, rect, shorten, text

HEIGHT, BAR, LEAST = 27.0, 8.0, 2.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows [first, last] of the time axis; `kind` is its look, `words` what the pointer is told."""

    first: int
    last: int
    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Track:
    """A subject and when it was the case."""

    name: str
    stretches: Sequence[Stretch]


def draw_tracks(tracks: Sequence[Track], x: Scale, top: float) -> tuple[str, float]:
    """The tracks from `top` down, and where they end."""
    pieces = []
    for i, track in enumerate(tracks):
        y = top + i * HEIGHT
        pieces.append(text(x.start, y + 11, shorten(track.name, x.end - x.start), "key"))
        pieces.append(line(x.start, y + 20, x.end, y + 20, "grid"))
        for item in track.stretches:
            left = max(x.at(item.first - 0.5), x.start)
            width = max(min(x.at(item.last + 0.5), x.end) - left, LEAST)
            pieces.append(rect(min(left, x.end - width), y + 16, width, BAR, f"bar {item.kind}", item.words))
    return "".join(pieces), top + len(tracks) * HEIGHT
