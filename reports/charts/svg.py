"""SVG as text: elements, escaping and the canvas that every chart is drawn on.

Charts carry classes, not colours: `templates/chart.css` gives both the light and the dark look, so one
drawing serves both. Coordinates are CSS pixels. A chart is drawn for a width; where a page needs a phone's
and a desktop's drawing it asks twice, which keeps letters legible instead of shrinking them.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_NARROW, _WIDE = frozenset(" .,:;|!'()[]/·-ijlftrI"), frozenset("mwMW%@…×−+→")
_CONTROL = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 65534, 65535), "�")


def clean(value: object) -> str:
    """Text made safe for HTML and XML; characters that XML forbids become the replacement character."""
    return escape(str(value).translate(_CONTROL))


def number(value: object) -> str:
    """A coordinate with at most one decimal; anything but a float as it stands."""
    if not isinstance(value, float):
        return str(value)
    digits = f"{value:.1f}".removesuffix(".0")
    return "0" if digits == "-0" else digits


def tag(element: str, *children: str, **attributes: object) -> str:
    """One element. `class_` is written class, other underscores become hyphens; children are markup."""
    pairs = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{clean(number(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    inner = "".join(children)
    return f"<{element}{pairs}>{inner}</{element}>" if inner else f"<{element}{pairs}/>"


def text(x: float, y: float, words: str, kind: str = "tick", anchor: str = "start") -> str:
    """Words at a baseline; `anchor` start, middle or end."""
    return tag("text", clean(words), x=x, y=y, class_=kind, text_anchor=None if anchor == "start" else anchor)


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)


def rect(x: float, y: float, width: float, height: float, kind: str, tip: str = "") -> str:
    """A rectangle, with an optional tip for the pointer."""
    tips = tag("title", clean(tip)) if tip else ""
    return tag("rect", tips, x=x, y=y, width=max(width, 0.0), height=max(height, 0.0), class_=kind)


def path(x: Floats, y: Floats) -> str:
    """Path data through the points; a NaN breaks the line."""
    finite = np.isfinite(y)
    pieces: list[str] = []
    pen = "M"
    for px, py, drawn in zip(x.tolist(), y.tolist(), finite.tolist(), strict=True):
        if drawn:
            pieces.append(f"{pen}{px:.1f} {py:.1f}")
            pen = "L"
        else:
            pen = "M"
    return "".join(pieces)


def area(x: Floats, y: Floats, base: float) -> str:
    """Closed path data between the points and a base line; NaN counts as lying on the base."""
    if not len(x):
        return ""
    outline = path(x, np.where(np.isfinite(y), y, base))
    return f"{outline}L{x[-1]:.1f} {base:.1f}L{x[0]:.1f} {base:.1f}Z"


def text_width(words: str, size: float = 11.0) -> float:
    """Estimate of the width of a text in a sans-serif face, in pixels, rather too wide than too narrow."""
    return size * sum(
        0.34 if c in _NARROW else 0.92 if c in _WIDE else 0.72 if c.isupper() or ord(c) > 0x2E80 else 0.58
        for c in words
    )


def shorten(words: str, width: float, size: float = 11.0) -> str:
    """The text, cut with an ellipsis where it would be wider than `width`."""
    if text_width(words, size) <= width:
        return words
    while words and text_width(words + "…", size) > width:
        words = words[:-1]
    return words + "…"


@dataclass(frozen=True, slots=True)
class Canvas:
    """Where a chart is drawn: its name, unique in the page, its width, and what it tells a screen reader."""

    name: str
    width: int
    title: str
    description: str
    look: str = ""
    standalone: bool = False
    style: str = ""

    def picture(self, height: float, *children: str) -> str:
        """The finished svg element; a standalone one names its namespace and brings its style along."""
        title, description = f"{self.name}-title", f"{self.name}-desc"
        return tag(
            "svg",
            tag("title", clean(self.title), id=title),
            tag("desc", clean(self.description), id=description),
            f"<style>{self.style}</style>" if self.style else "",
            *children,
            xmlns="http://www.w3.org/2000/svg" if self.standalone else None,
            viewBox=f"0 0 {self.width} {number(float(height))}",
            width=self.width if self.standalone else None,
            height=float(height) if self.standalone else None,
            class_=f"chart {self.look}".rstrip(),
            role="img",
            aria_labelledby=f"{title} {description}",
        )


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of a legend: a swatch of a class, and its name."""

    kind: str
    name: str
    shape: str = "line"
    style: str | None = None


def legend(keys: list[Key], x: float, y: float, right: float) -> tuple[str, float]:
    """Swatches with names, flowing from `x`, wrapped before `right`; the markup and the last baseline."""
    pieces: list[str] = []
    left = x
    for key in keys:
        width = 20 + text_width(key.name)
        if left + width > right and left > x:
            left, y = x, y + 16
        if key.shape == "line":
            pieces.append(line(left, y - 4, left + 14, y - 4, key.kind))
        else:
            box = tag("rect", x=left, y=y - 9, width=14, height=10, class_=key.kind, style=key.style)
            pieces.append(box)
        pieces.append(text(left + 19, y, key.name, "key"))
        left += width + 12
    return "".join(pieces), y
