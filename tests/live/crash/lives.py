"""Killing the child and bringing it back, and what must be true afterwards."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import text

from tests.live.story import database

ROOT = Path(__file__).parents[3]
MINUTES = 40


def start(url: str, book: Path, kill: str = "", **extra: str) -> subprocess.Popen[str]:
    """A child, which dies at `kill`, `point:n`, if that is given. Interpreted: the same decisions, sooner there."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SEATRIAL_KILL": kill, "NUMBA_DISABLE_JIT": "1", **extra}
    command = [sys.executable, "-m", "tests.live.crash.child", url, str(book), str(MINUTES)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment, cwd=ROOT, text=True, **pipes)  # type: ignore[call-overload, no-any-return]


def killed(url: str, book: Path, kill: str = "", **extra: str) -> bool:
    """Run a child to its death; False when it never came to that place."""
    child = start(url, book, kill, **extra)
    _, errors = child.communicate(timeout=120)
    assert child.returncode in (0, -signal.SIGKILL), errors[-2000:]
    return child.returncode != 0


def killed_after(url: str, book: Path, seconds: float) -> None:
    """Kill a child from outside, at a moment that it cannot know."""
    child = start(url, book)
    time.sleep(seconds)
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=60)


def finished(url: str, book: Path) -> dict[str, Any]:
    """Run a child to its end; what it reports."""
    child = start(url, book)
    output, errors = child.communicate(timeout=240)
    assert child.returncode == 0, errors[-2000:]
    report: dict[str, Any] = json.loads(output.splitlines()[-1])
    return report


def check(url: str, report: dict[str, Any]) -> None:
    """Nothing lost, nothing doubled, and the journal tells it all."""
    assert report["replayed"] == report["digest"], "the journal replays to the state that traded"
    orders, posts = report["counts"]
    assert orders == posts, "no order was posted twice"
    assert report["held"] == report["book"], "our positions are the broker's"
    with database(url) as connection:

        def one(query: str) -> Any:
            return connection.execute(text(query)).scalar_one()

        assert one("SELECT count(*) FROM journal") == report["seen"] == one("SELECT max(seq) FROM journal")
        assert one("SELECT count(*) FROM fills") == one("SELECT count(DISTINCT execution_id) FROM fills")
        assert one("SELECT count(*) FROM outbox WHERE kind LIKE 'submit%' AND answered IS NULL") == 0
        submits = one("SELECT count(*) FROM outbox WHERE kind LIKE 'submit%'")
        assert submits >= orders, "every order has its intent"
        booked = connection.execute(
            text("SELECT symbol, sum(CASE side WHEN 'buy' THEN qty ELSE -qty END) FROM fills GROUP BY symbol")
        )
        positions = connection.execute(text("SELECT symbol, qty FROM positions"))
        sums, shown = ({s: int(q) for s, q in found} for found in (booked, positions))
        assert sums == shown, f"positions are the sum of executions: {sums} and not {shown}"


def moments(count: int, seed: int = 1) -> list[float]:
    """Seconds after the start at which to kill: mostly while it trades, now and then while it recovers."""
    rng = random.Random(seed)
    return [rng.uniform(0.9, 3.0) for _ in range(count)]
