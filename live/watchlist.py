"""The watchlist of a session: the symbols that are liquid and dear enough to trade, the most traded first.

It is chosen before the session from what was known then: the closes and volumes of the sessions before it. A symbol
must have traded in each of them, at the least price and the least dollar volume that the rules ask for. Of equal dollar
volumes the alphabet decides, so that the same history gives the same list everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.bars import SessionBlock


@dataclass(frozen=True, slots=True)
class Rules:
    """What a symbol needs: dollars a share, mean dollars traded a session, over `sessions` sessions; at most `size`."""

    least_price: float = 5.0
    least_dollar_volume: float = 5_000_000.0
    sessions: int = 5
    size: int = 20


def choose(history: Sequence[SessionBlock], rules: Rules) -> tuple[str, ...]:
    """The watchlist of the session after `history`, which holds sessions in order; too short a history gives none."""
    recent = history[-rules.sessions :]
    if len(recent) < rules.sessions:
        return ()
    symbols = recent[-1].bars.symbols
    assert all(block.bars.symbols == symbols for block in recent)
    traded = np.array([np.nansum(block.bars.close * block.bars.volume, axis=0) for block in recent])
    last = _last_close(recent[-1])
    mean = traded.mean(axis=0)
    fit = (traded > 0).all(axis=0) & (last >= rules.least_price) & (mean >= rules.least_dollar_volume)
    order = sorted(np.flatnonzero(fit).tolist(), key=lambda place: (-mean[place], symbols[place]))
    return tuple(symbols[place] for place in order[: rules.size])


def _last_close(block: SessionBlock) -> np.ndarray:
    """float64 (S,): each symbol's last close of the session, 0 for one that did not trade."""
    close = block.bars.close
    found = ~np.isnan(close)
    row = close.shape[0] - 1 - np.argmax(found[::-1], axis=0)
    return np.where(found.any(axis=0), close[row, np.arange(close.shape[1])], 0.0)
