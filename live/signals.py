"""The strategies, minute by minute: what they want, as events for the engine.

A strategy sees a window: its `warmup` rows of history and the session so far. Only its word on the newest row counts,
and only about symbols that have a bar in it. An intent's identity is a hash of scenario, seed, strategy, model, symbol,
session and minute, so that the same signal has the same client order id in simulation, in rehearsal and on paper,
before a crash and after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.kernel.digest import text_hash
from core.kernel.kinds import EventKind
from core.kernel.units import MICRO, MINUTE, SECOND
from core.strategies.contract import Signals, Strategy
from core.strategies.loading import run_window
from live.events import Incoming
from live.history import History

SOURCE = "strategy"
_WORD = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Traded:
    """A strategy and the symbols that it trades, bool (S,)."""

    strategy: Strategy
    mask: npt.NDArray[np.bool_]


class Signaller:
    """All strategies of a run, in the order of their numbers, over one history."""

    def __init__(self, traded: Sequence[Traded], history: History, name: str, seed: int) -> None:
        self._traded = tuple(traded)
        self._history = history
        self._roots = [
            [text_hash(name, seed, t.strategy.name, t.strategy.model_version, symbol) for symbol in history.symbols]
            for t in traded
        ]

    def read(self, start: int, seen: int) -> list[Incoming]:
        """What is wanted on the minute that began at `start` and is seen at `seen`, ns UTC."""
        whole, past = self._history.look(start + self._history.bar_seconds * SECOND)
        last = len(whole.time) - 1
        if last < past or whole.time[last] != start:
            return []
        heard = np.flatnonzero(whole.volume[last] > 0)
        found: list[Incoming] = []
        for number, traded in enumerate(self._traded):
            known = min(traded.strategy.warmup, past)
            window = whole.window(past - known, len(whole.time))
            row = len(window.time) - 1
            places = heard[traded.mask[heard]]
            if row < traded.strategy.warmup or not len(places):
                continue
            signals = run_window(traded.strategy, window)
            session = int(whole.session[last])
            for place in places.tolist():
                close = int(np.rint(window.close[row, place] * MICRO))
                intent = _mix(_mix(self._roots[number][place], session), start // MINUTE) & (_WORD >> 1)
                base = {"symbol": place, "strategy": number, "price": close, "intent": intent}
                found += self._wishes(signals, row, base, (start, seen))
        return found

    def _wishes(self, signals: Signals, row: int, base: dict[str, int], times: tuple[int, int]) -> list[Incoming]:
        """A wish to leave, then one to enter; probabilities to 1e-6, distances to micros."""
        place, (start, seen) = base["symbol"], times
        found = []
        if signals.exit[row, place]:
            found.append(Incoming(EventKind.EXIT_SIGNAL, start, seen, base, source=SOURCE))
        if signals.probability[row, place] >= 0.0:
            horizon = signals.horizon[row, place]
            bar = self._history.bar_seconds * SECOND
            terms = {
                "code": int(signals.side[row, place]),
                "ratio": int(np.rint(signals.probability[row, place] * MICRO)),
                "target": int(np.rint(signals.target[row, place] * MICRO)),
                "stop": int(np.rint(signals.stop[row, place] * MICRO)),
                "amount": int(horizon) * bar if horizon >= 1.0 else 0,
            }
            found.append(Incoming(EventKind.SIGNAL, start, seen, base | terms, source=SOURCE))
        return found


def _mix(h: int, word: int) -> int:
    """core.kernel.digest.mix for plain integers, as an unsigned word."""
    z = ((h & _WORD) + 0x9E3779B97F4A7C15) & _WORD
    z = (z ^ (word & _WORD)) * 0xBF58476D1CE4E5B9 & _WORD
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _WORD
    return z ^ (z >> 31)
