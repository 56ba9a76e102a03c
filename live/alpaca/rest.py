"""Alpaca's trading routes, each as a call with an outcome. alpaca-py makes the requests; transport.py sends them.

Calls block for at most their deadline and may be made from several threads. No call is ever repeated here: whether to
try again, when, and under which conditions is the dispatcher's to say. A call never raises for what the broker does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

from alpaca.trading.client import TradingClient

from core.kernel.kinds import LaneFailure
from live.alpaca.endpoint import Endpoint
from live.alpaca.messages import Account, Activity, Asset, Clock, Flow, Order, Position
from live.alpaca.orders import Request
from live.alpaca.outcomes import Accepted, Ambiguous, Outcome, judge, judge_status
from live.alpaca.transport import Reply, TransportError, exchange, new_session
from live.alpaca.wire import WireError, parse_list

T = TypeVar("T")
Listed = TypeVar("Listed", Activity, Flow)

ORDERS_PAGE, ACTIVITIES_PAGE, MAX_PAGES = 500, 100, 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds within which a whole exchange must end."""

    submit: float = 10.0
    cancel: float = 5.0
    read: float = 5.0


class _Client(TradingClient):
    """alpaca-py's client with our transport below it; what its methods return is a Reply."""

    def __init__(self, endpoint: Endpoint) -> None:
        key, secret = endpoint.keys.key.reveal(), endpoint.keys.secret.reveal()
        super().__init__(key, secret, paper=True, raw_data=True, url_override=endpoint.trading)
        self._retry = 0
        self._session = new_session(endpoint.loopback)
        self.deadlines = Deadlines()

    def _one_request(self, method: str, url: str, opts: dict[str, Any], retry: int) -> Any:
        limits = {"POST": self.deadlines.submit, "DELETE": self.deadlines.cancel}
        return exchange(self._session, method, url, limits.get(method, self.deadlines.read), opts)


class Rest:
    """One account's trading routes."""

    def __init__(self, endpoint: Endpoint, deadlines: Deadlines | None = None) -> None:
        self._client = _Client(endpoint)
        self._client.deadlines = deadlines or Deadlines()

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._client._session.close()

    def submit(self, request: Request) -> Outcome[Order]:
        """POST /v2/orders, once."""
        return self._order(lambda: self._client.submit_order(request))

    def cancel(self, broker_id: str) -> Outcome[None]:
        """DELETE /v2/orders/{id}: accepted means that the request was taken, not that the order is dead."""
        return cast("Outcome[None]", judge(self._send(lambda: self._client.delete(f"/orders/{broker_id}")), None))

    def order_by_client_id(self, client_order_id: str) -> Outcome[Order]:
        """GET /v2/orders:by_client_order_id, then by id for the legs, which the first does not promise."""
        found = self._order(lambda: self._client.get_order_by_client_id(client_order_id))
        if isinstance(found, Accepted) and found.value.order_class not in ("", "simple", None):
            return self.order_by_id(found.value.id)
        return found

    def order_by_id(self, broker_id: str) -> Outcome[Order]:
        """GET /v2/orders/{id} with its legs."""
        return self._order(lambda: self._client.get(f"/orders/{broker_id}", {"nested": True}))

    def account(self) -> Outcome[Account]:
        """GET /v2/account."""
        return self._get("/account", Account)

    def clock(self) -> Outcome[Clock]:
        """GET /v2/clock."""
        return self._get("/clock", Clock)

    def asset(self, symbol: str) -> Outcome[Asset]:
        """GET /v2/assets/{symbol}."""
        return self._get(f"/assets/{symbol}", Asset)

    def positions(self) -> Outcome[list[Position]]:
        """GET /v2/positions: flat symbols are not in it."""
        return self._list("/positions", {}, Position)

    def open_orders(self) -> Outcome[list[Order]]:
        """All open orders with their legs, whenever they were sent."""
        return self._orders({"status": "open"}, None)

    def orders_since(self, since: int) -> Outcome[list[Order]]:
        """All orders submitted after `since` (ns UTC) with their legs."""
        return self._orders({"status": "all"}, since)

    def fills_since(self, since: int) -> Outcome[list[Activity]]:
        """All executions after `since` (ns UTC), sorted by order and cumulative quantity."""
        found = self._activities("/account/activities/FILL", {"after": _time(since)}, Activity)
        if not isinstance(found, Accepted):
            return found
        return Accepted(sorted(found.value, key=lambda a: (a.order_id, a.cum_qty, a.id)))

    def flows_since(self, since: int) -> Outcome[list[Flow]]:
        """All movements of cash without a trade after `since` (ns UTC), in the order of the history."""
        terms = {"after": _time(since), "category": "non_trade_activity"}
        return self._activities("/account/activities", terms, Flow)

    def _activities(self, path: str, terms: dict[str, Any], form: type[Listed]) -> Outcome[list[Listed]]:
        """Page by page from the oldest, each item once."""
        found: dict[str, Listed] = {}
        terms |= {"direction": "asc", "page_size": ACTIVITIES_PAGE}
        for _ in range(MAX_PAGES):
            page = self._list(path, terms, form)
            if not isinstance(page, Accepted):
                return page
            found |= {item.id: item for item in page.value}
            if len(page.value) < ACTIVITIES_PAGE:
                return Accepted(list(found.values()))
            terms["page_token"] = page.value[-1].id
        return _endless("activities")

    def _orders(self, terms: dict[str, Any], since: int | None) -> Outcome[list[Order]]:
        """Page by page from the oldest. The cursor is exclusive and coarse, so pages overlap by a microsecond."""
        found: dict[str, Order] = {}
        terms |= {"limit": ORDERS_PAGE, "direction": "asc", "nested": True}
        for _ in range(MAX_PAGES):
            if since is not None:
                terms["after"] = _time(since)
            page = self._list("/orders", terms, Order)
            if not isinstance(page, Accepted):
                return page
            known = len(found)
            found |= {order.id: order for order in page.value}
            if len(page.value) < ORDERS_PAGE:
                return Accepted(list(found.values()))
            if len(found) == known:
                break
            since = max(order.submitted_at for order in page.value) - 1_000
        return _endless("orders")

    def _get(self, path: str, form: type[T]) -> Outcome[T]:
        return cast("Outcome[T]", judge(self._send(lambda: self._client.get(path)), form))

    def _list(self, path: str, terms: Mapping[str, Any], form: type[T]) -> Outcome[list[T]]:
        reply = self._send(lambda: self._client.get(path, dict(terms)))
        failed = judge(reply, None) if isinstance(reply, TransportError) else judge_status(reply)
        if failed is not None:
            return cast("Outcome[list[T]]", failed)
        assert isinstance(reply, Reply)
        try:
            return Accepted(parse_list(form, reply.body))
        except WireError as error:
            return Ambiguous(LaneFailure.UNPARSEABLE, f"{error} (request {reply.request_id})")

    def _order(self, call: Any) -> Outcome[Order]:
        return cast("Outcome[Order]", judge(self._send(call), Order))

    def _send(self, call: Any) -> Reply | TransportError:
        try:
            return cast("Reply", call())
        except TransportError as broken:
            return broken


def _endless(what: str) -> Ambiguous:
    return Ambiguous(LaneFailure.UNPARSEABLE, f"the list of {what} does not end")


def _time(nanos: int) -> str:
    """RFC 3339 text to the microsecond, rounded down: a cursor may be early and never late."""
    moment = _EPOCH + timedelta(microseconds=nanos // 1_000)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
