"""Requests that say how they went: a span, a count and a log line for every order and cancel that leaves.

The span belongs to the intent's trace, which the client order id names, so that it lies between `journal` and `ack`
of the same picture. What the broker said in words is in the journal; here stands which kind of outcome it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from core.kernel.kinds import Lane
from live.alpaca.endpoint import Endpoint
from live.alpaca.messages import Order
from live.alpaca.orders import Request
from live.alpaca.outcomes import Accepted, Outcome
from live.alpaca.rest import Rest
from live.telemetry import Telemetry

T = TypeVar("T")
_INTENT = re.compile(r"st-([0-9a-f]{16})-")


class TracedRest(Rest):
    """One account's trading routes, told to `telemetry`."""

    def __init__(self, endpoint: Endpoint, telemetry: Telemetry) -> None:
        super().__init__(endpoint)
        self._telemetry = telemetry

    def submit(self, request: Request) -> Outcome[Order]:
        """POST /v2/orders, once."""
        name = str(request.client_order_id)
        return self._told(Lane.SUBMIT, name, lambda: super(TracedRest, self).submit(request))

    def cancel(self, broker_id: str) -> Outcome[None]:
        """DELETE /v2/orders/{id}."""
        return self._told(Lane.CANCEL, broker_id, lambda: super(TracedRest, self).cancel(broker_id))

    def _told(self, lane: Lane, name: str, call: Callable[[], Outcome[T]]) -> Outcome[T]:
        found = _INTENT.match(name)
        intent, action = 0 if found is None else int(found[1], 16), lane.name.lower()
        with self._telemetry.span("http", intent, lane=action) as attributes:
            outcome = call()
            result = type(outcome).__name__.lower()
            attributes["outcome"] = result
        self._telemetry.count("seatrial.requests", lane=action, outcome=result)
        level = self._telemetry.log.info if isinstance(outcome, Accepted) else self._telemetry.log.warning
        level("request", lane=action, order=name, outcome=result)
        return outcome
