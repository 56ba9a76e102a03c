"""Alerts to a webhook: one JSON object a request, from a thread, with a few attempts, and never in anybody's way.

The address is a secret, because whoever has it can write to the channel behind it. What cannot be delivered is a log
line and a count; it stays in the store's table of alerts all the same.
"""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Sequence
from queue import Empty, Full, Queue
from typing import Any

import structlog

from core.errors import InputError
from live.alerts import Change
from live.books import Books
from live.events import Step
from live.secrets import Secret, redact

WAITING = 256
ATTEMPTS = 3
DEADLINE = 5.0  # seconds an attempt
PAUSE = 1.0  # seconds before the second attempt, twice that before the third
PATIENCE = 2.0  # seconds that the end waits


class Webhook:
    """An observer of the host that posts alerts. `lost` counts those that were never delivered."""

    def __init__(self, address: Secret, run: str, pause: float = PAUSE) -> None:
        """Raises InputError for an address that is not HTTP."""
        if not address.reveal().startswith(("https://", "http://")):
            raise InputError("the alerts' webhook", "is not an http or https address", "Copy it from the receiver.")
        self.lost = 0
        self._address = address
        self._run = run
        self._pause = pause
        self._queue: Queue[Change] = Queue(WAITING)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="alerts", daemon=True)
        self._thread.start()

    def committed(self, steps: Sequence[Step], changes: Sequence[Change], books: Books, elapsed: int) -> None:
        """Queue the alerts of a transaction."""
        for change in changes:
            try:
                self._queue.put_nowait(change)
            except Full:
                self.lost += 1

    def close(self) -> None:
        """Deliver what is left, for as long as PATIENCE."""
        self._over.set()
        self._thread.join(PATIENCE)

    def _work(self) -> None:
        while not (self._over.is_set() and self._queue.empty()):
            try:
                change = self._queue.get(timeout=0.1)
            except Empty:
                continue
            self._deliver(change)

    def _deliver(self, change: Change) -> None:
        """One alert, in up to ATTEMPTS attempts."""
        log: Any = structlog.get_logger()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._post(change)
                return
            except (OSError, ValueError) as error:
                problem = redact(f"{type(error).__name__}: {error}")
            if attempt < ATTEMPTS and not self._over.wait(self._pause * attempt):
                continue
        self.lost += 1
        log.error("an alert was not delivered", rule=change.rule, cause=change.cause, problem=problem)

    def _post(self, change: Change) -> None:
        content = {
            "text": f"[{change.severity}] {change.rule} ({change.cause}): {change.text}",
            "run": self._run,
            "rule": change.rule,
            "cause": change.cause,
            "severity": change.severity,
            "time": change.time,
            "over": change.over,
            "runbook": f"docs/runbooks/{change.rule}.md",
        }
        headers = {"Content-Type": "application/json", "User-Agent": "seatrial"}
        request = urllib.request.Request(self._address.reveal(), json.dumps(content).encode(), headers, method="POST")
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            answer.read(1024)
