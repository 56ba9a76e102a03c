"""Places where a test may kill the process: between any two writes, and before and after each message.

`point(name)` does nothing. With `SEATRIAL_KILL=name:n` in the environment the n-th visit of that place ends the process
by SIGKILL, as a power cut would: no handler runs, no buffer is flushed. A test kills at every place in POINTS and looks
whether anything is lost or doubled; another looks whether every place in the code is in POINTS.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

STARTING = ("after_lock", "after_epoch", "after_snapshot_load", "after_replay")
COMMITTING = (
    "before_inbox",
    "after_inbox",
    "after_step",
    "after_journal",
    "after_outbox",
    "after_projections",
    "after_intent_commit",
)
POINTS = (*STARTING, *COMMITTING, "after_snapshot")


def _nothing(name: str) -> None:
    """No test is running."""


def _armed(wanted: str, count: int) -> Callable[[str], None]:
    """A `point` that kills at the `count`-th visit of `wanted`."""
    left = count

    def visit(name: str) -> None:
        nonlocal left
        if name == wanted:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return visit


def _from(setting: str | None) -> Callable[[str], None]:
    if not setting:
        return _nothing
    name, _, count = setting.partition(":")
    assert name in POINTS, f"{name} is not a point"
    return _armed(name, int(count or 1))


_visit = _from(os.environ.get("SEATRIAL_KILL"))


def point(name: str) -> None:
    """One of the places is passed."""
    _visit(name)


def arm(name: str) -> None:
    """End this process at the next visit of a place: for rehearsals of the worst."""
    global _visit
    assert name in POINTS, f"{name} is not a point"
    _visit = _armed(name, 1)
