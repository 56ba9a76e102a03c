"""Streams of events through the engine alone, and what became of them: for the same streams under other circumstances.

    python -m tests.twin.replay FOLDER

prints, for each recorded stream in the folder, a digest of the state and the command hash every thousand events,
whether compiled or interpreted.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numba
import numpy as np

from core.kernel import engine
from core.kernel.digest import state_digest
from core.kernel.records import CONFIG, EVENT, STATE
from core.kernel.state import new_state
from tests.twin.engine import Engine
from tests.twin.kernel import BASE, config
from tests.twin.world import World

EVERY = 1000


def record(seed: int, events: int, path: Path) -> None:
    """Write a world's configuration and events; the twin alone decides how the world goes on."""
    world = World(seed)
    twin = Engine(BASE | world.config)
    rows = np.zeros(events, EVENT)
    words = rows.view(np.int64).reshape(events, -1)
    for i in range(events):
        event = world.next(twin)
        twin.apply(event)
        words[i] = event
    np.savez(path, config=config(**world.config).view(np.int64), events=words)


class View:
    """A record as the interpreter reads it fast: nested records as attributes, fields straight from the words.

    numpy's own record attributes are thirty times slower; the numbers and where they lie are the same.
    """

    def __init__(self, words: np.ndarray, dtype: np.dtype) -> None:
        offsets = {}
        for name, (kind, offset, *_) in dtype.fields.items():
            part = words[offset // 8 : (offset + kind.itemsize) // 8]
            if kind.fields:
                self.__dict__[name] = View(part, kind)
            elif kind.subdtype and kind.base.fields:
                rows = part.reshape(kind.shape[0], -1)
                self.__dict__[name] = [View(row, kind.base) for row in rows]
            elif kind.subdtype:
                self.__dict__[name] = part
            else:
                offsets[name] = offset // 8
        self.__dict__.update(_words=words, _offsets=offsets)

    def __getattr__(self, name: str) -> np.int64:
        return self._words[self._offsets[name]]

    def __setattr__(self, name: str, value: int) -> None:
        self._words[self._offsets[name]] = value


def digests(path: Path) -> list[str]:
    """State digest and command hash after every thousand events."""
    with np.load(path) as stored:
        settings = stored["config"].view(CONFIG)
        events = np.ascontiguousarray(stored["events"]).view(EVENT).reshape(-1)
    state, lines = new_state(settings[0]), []
    view = View(state.view(np.int64), STATE) if numba.config.DISABLE_JIT else None
    for i in range(len(events)):
        if view:
            engine.step(view, View(events[i : i + 1].view(np.int64), EVENT))
        else:
            engine.apply(state, events[i : i + 1])
        if (i + 1) % EVERY == 0 or i + 1 == len(events):
            lines.append(f"{i + 1} {state_digest(state)} {int(state[0].run.command_hash)}")
    return lines


if __name__ == "__main__":
    print("\n".join(line for path in sorted(Path(sys.argv[1]).iterdir()) for line in digests(path)))
