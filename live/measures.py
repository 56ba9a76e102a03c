"""The metrics: how much is at risk, how long things take, what is wrong and for how long.

Names are lower case and dotted, units are the instrument's and not in the name, and no attribute is a symbol or an id:
a metric with a thousand series is one that nobody looks at. Gauges are set once a minute of the market, with the timer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from opentelemetry.metrics import Meter

from core.kernel.kinds import EventKind, Lane, Mode, NoteKind, OrderStatus
from core.kernel.units import MICRO, NANO, SECOND
from live.books import Books
from live.events import Step
from live.store.rows import names

Value = str | bool | int | float

GAUGES = {
    "seatrial.exposure.gross": ("{USD}", "gross exposure"),
    "seatrial.exposure.net": ("{USD}", "net exposure"),
    "seatrial.exposure.ratio": ("1", "gross exposure as a fraction of equity"),
    "seatrial.equity": ("{USD}", "equity"),
    "seatrial.drawdown": ("1", "drawdown from the guard's reference"),
    "seatrial.mode": ("1", "safe mode by number, 0 is normal"),
    "seatrial.breaker.state": ("1", "state of a lane's breaker by number, 0 is closed"),
    "seatrial.orders.working": ("{order}", "orders that can still fill"),
    "seatrial.orders.unknown": ("{order}", "orders whose fate is not known"),
    "seatrial.orders.unknown.age": ("s", "age of the oldest of them"),
    "seatrial.data.staleness": ("s", "age of the oldest newest bar of a symbol that has traded today"),
    "seatrial.unprotected": ("s", "share-seconds without a stop since the start"),
}
COUNTERS = {
    "seatrial.events": ("{event}", "events taken in"),
    "seatrial.orders.submitted": ("{order}", "orders handed to the router"),
    "seatrial.orders.rejected": ("{order}", "orders that the broker refused"),
    "seatrial.decisions": ("{decision}", "signals decided, by verdict"),
    "seatrial.fills": ("{fill}", "executions booked"),
    "seatrial.reconciliation.differences": ("{symbol}", "differences found by reconciliations"),
    "seatrial.alerts": ("{alert}", "alerts raised, by rule"),
    "seatrial.requests": ("{request}", "requests to the broker, by lane and outcome"),
}
LATENCY = "seatrial.order.latency"


class Measures:
    """The instruments of one process."""

    def __init__(self, meter: Meter) -> None:
        self._gauges = {name: meter.create_gauge(name, *about) for name, about in GAUGES.items()}
        self._counters = {name: meter.create_counter(name, *about) for name, about in COUNTERS.items()}
        self._latency = meter.create_histogram(LATENCY, "s", "time that a stage of an order's life takes")

    def count(self, name: str, attributes: Mapping[str, Value]) -> None:
        """Add one to a counter of COUNTERS."""
        self._counters[name].add(1, dict(attributes))

    def stage(self, name: str, length: int) -> None:
        """How long a stage took, ns."""
        self._latency.record(length / NANO, {"stage": name})

    def committed(self, steps: Sequence[Step], books: Books, elapsed: int) -> None:
        """What a transaction adds: counters at once, gauges with the minute's timer."""
        for step in steps:
            self._step(step)
            if step.event.kind is EventKind.TIMER:
                self._minute(books)
        if steps:
            self.stage("persist", elapsed)

    def _step(self, step: Step) -> None:
        kind = step.event.kind
        self.count("seatrial.events", {"kind": kind.name.lower()})
        if step.decision is not None:
            self.count("seatrial.decisions", {"verdict": str(step.decision["verdict"])})
        if step.booked:
            self.count("seatrial.fills", {"kind": kind.name.lower()})
            self.stage("fill", max(step.event.t_received - step.event.t_market, 0))  # their clock may be ahead
        if kind is EventKind.ORDER_REJECTED:
            self.count("seatrial.orders.rejected", {})
        for command in step.commands:
            if command.kind.name.startswith("SUBMIT"):
                self.count("seatrial.orders.submitted", {"verdict": command.verdict.value})
        for note in step.notes:
            if note.kind == NoteKind.RECONCILIATION and note.action == 0:
                self.count("seatrial.reconciliation.differences", {})

    def _minute(self, books: Books) -> None:
        gross, equity = books.account("gross"), books.account("equity")
        symbols = books.state["symbols"][0][: len(books.symbols)]
        values = {
            "seatrial.exposure.gross": gross / MICRO,
            "seatrial.exposure.net": books.account("value") / MICRO,
            "seatrial.exposure.ratio": gross / equity if equity > 0 else 0.0,
            "seatrial.equity": equity / MICRO,
            "seatrial.drawdown": books.account("drawdown") / NANO,
            "seatrial.mode": books.run("mode"),
            "seatrial.orders.working": books.run("working"),
            "seatrial.orders.unknown": books.run("unknown"),
            "seatrial.orders.unknown.age": self._unknown_age(books),
            "seatrial.data.staleness": self._staleness(books),
            "seatrial.unprotected": int(symbols["unprotected_time"].sum()) / (MICRO * SECOND),
        }
        for name, value in values.items():
            self._gauges[name].set(value, {"mode": names(Mode)[books.run("mode")]} if name.endswith(".mode") else {})
        for lane, record in zip(Lane, books.lanes(), strict=True):
            self._gauges["seatrial.breaker.state"].set(record["state"], {"lane": lane.name.lower()})

    def _unknown_age(self, books: Books) -> float:
        if not books.run("unknown"):
            return 0.0
        orders = books.state["orders"][0]
        since = orders["submitted"][orders["status"] == OrderStatus.UNKNOWN]
        return float(books.run("now") - since.min()) / SECOND

    def _staleness(self, books: Books) -> float:
        last = books.state["symbols"][0][: len(books.symbols)]["last_bar"]
        traded = last[last >= books.run("session_open")]
        return float(books.run("now") - np.min(traded)) / SECOND if len(traded) else 0.0
