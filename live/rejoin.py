"""Coming back to a stream: what it brought goes to its listener, and somebody is told to ask for what was missed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from core.kernel.kinds import LaneFailure
from live.alpaca.messages import Update
from live.alpaca.stream import Listener
from live.alpaca.wire import Datum


class Rejoining:
    """Stands before a listener, and sets an event whenever everything asked for is being sent, the first time too."""

    def __init__(self, listener: Listener, rejoined: asyncio.Event) -> None:
        self._listener = listener
        self._rejoined = rejoined

    def ready(self) -> None:
        """Everything asked for is being sent."""
        self._listener.ready()
        self._rejoined.set()

    def lost(self, failure: LaneFailure, detail: str) -> None:
        """Nothing is being sent any more."""
        self._listener.lost(failure, detail)

    def heard(self, news: Sequence[Update | Datum], received: int) -> None:
        """What a frame brought."""
        self._listener.heard(news, received)

    def unreadable(self, problem: str, received: int) -> None:
        """A frame that cannot be read."""
        self._listener.unreadable(problem, received)
