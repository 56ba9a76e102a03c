"""Secrets: held so that they cannot be printed by accident, and struck out of whatever is printed all the same.

A `Secret` shows nothing of itself; whoever needs the text says `reveal()`, which a reviewer can search for. Each secret
that is made is remembered here, in the forms in which it could turn up in somebody else's log line: plain, quoted for a
URL, escaped for JSON, in base64, reversed. `redact` strikes them all. What is shorter than eight characters is not
looked for, because it would be found everywhere.
"""

from __future__ import annotations

import base64
import json
import re
from typing import NoReturn
from urllib.parse import quote

HIDDEN = "[secret]"
SHORTEST = 8

_known: dict[str, None] = {}
_pattern: re.Pattern[str] | None = None


class Secret:
    """A text that is nobody's business."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text
        remember(text)

    def reveal(self) -> str:
        """The text itself, for the one who must send it."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __str__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")


def remember(text: str) -> None:
    """Strike this text out of everything that `redact` sees from now on."""
    global _pattern
    if len(text) < SHORTEST:
        return
    for form in _forms(text):
        _known[form] = None
    longest_first = sorted(_known, key=len, reverse=True)
    _pattern = re.compile("|".join(map(re.escape, longest_first)))


def redact(text: str) -> str:
    """The text without any secret."""
    return text if _pattern is None else _pattern.sub(HIDDEN, text)


def _forms(text: str) -> set[str]:
    """How a secret can appear in a line that somebody else has written."""
    return {text, quote(text), quote(text, safe=""), json.dumps(text)[1:-1], text[::-1], *_base64(text)}


def _base64(text: str) -> set[str]:
    """What of it survives in base64 at each of the three alignments that it can have within a longer text."""
    found = set()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + text.encode()).decode().rstrip("=")
        first = -(-before * 8 // 6)
        stable = (before + len(text.encode())) * 8 // 6
        piece = encoded[first:stable]
        if len(piece) >= SHORTEST:
            found |= {piece, piece.replace("+", "-").replace("/", "_")}
    return found
