"""A run of a scenario with the stream of its commands: what the engine in the compiled loop sent to the venue, and when.

The engine's order records tell it: each order's terms and when it was submitted, and when a cancel was sent.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.config import load_settings
from core.kernel.kinds import CommandKind, Role
from core.kernel.records import ORDER
from core.runs import Run
from sim import scenario
from sim.journal import Journal
from sim.world import new_command


class Sent(NamedTuple):
    """A command, COMMAND of shape (1,), and when the engine sent it, ns UTC."""

    time: int
    command: np.ndarray


def record(name: str, folder: Path, changes: dict[str, Any], monkeypatch) -> tuple[Run, list[Sent]]:
    """Run a bundled scenario; the run and the commands that it sent, in order."""
    orders: dict[int, np.ndarray] = {}

    def keep(records: np.ndarray) -> None:
        for row in records:
            if row["id"]:
                orders[int(row["id"])] = np.array(row, ORDER.base)

    flush, finish = Journal.flush, Journal.finish

    def flushing(self, log, state):
        keep(log["orders"][: int(log["orders_n"])]["engine"])
        flush(self, log, state)

    def finishing(self, time, state, venues):
        keep(state["orders"][0])
        finish(self, time, state, venues)

    monkeypatch.setattr(Journal, "flush", flushing)
    monkeypatch.setattr(Journal, "finish", finishing)
    run = Run.open(scenario.run(load_settings(name, changes), folder).path)
    return run, commands_of(orders)


def commands_of(orders: dict[int, np.ndarray]) -> list[Sent]:
    """The commands that these orders, ORDER records by number, were sent and cancelled with."""
    sent = []
    for number in sorted(orders):
        o = orders[number]
        if o["submitted"] and not o["parent"] and not (o["sibling"] and o["role"] == Role.STOP):
            sent.append(Sent(int(o["submitted"]), _submission(o, orders)))
        if o["cancel_sent"]:
            cancel = new_command()
            cancel["kind"] = CommandKind.CANCEL
            for field in ("intent", "leg", "symbol", "side", "role", "type", "tif", "qty"):
                cancel[field] = o[field]
            cancel["order"] = o["id"]
            sent.append(Sent(int(o["cancel_sent"]), cancel))
    return sorted(sent, key=lambda item: item.time)


def _submission(o: np.ndarray, orders: dict[int, np.ndarray]) -> np.ndarray:
    c = new_command()
    for field in ("intent", "leg", "symbol", "side", "role", "type", "tif", "extended", "limit", "stop"):
        c[field] = o[field]
    c["order"], c["qty"], c["kind"] = o["id"], o["original"], CommandKind.SUBMIT
    legs = [leg for leg in orders.values() if leg["parent"] == o["id"]]
    if o["sibling"] and not legs:
        legs = [orders[int(o["sibling"])]]
        c["kind"], c["target"] = CommandKind.SUBMIT_OCO, o["limit"]
    elif legs:
        c["kind"] = CommandKind.SUBMIT_BRACKET
    for leg in legs:
        if leg["role"] == Role.STOP:
            c["stop_order"], c["stop"] = leg["id"], leg["stop"]
        else:
            c["target_order"], c["target"] = leg["id"], leg["limit"]
    return c
