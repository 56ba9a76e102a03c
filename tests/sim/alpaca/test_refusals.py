"""Status, code and message of what is refused, as clients match on them."""

from __future__ import annotations

import pytest

from sim.alpaca.text import parse_time
from tests.sim.alpaca.conftest import QUIET, Caller, Make

INVALID, RULE, FORBIDDEN = (422, 40010001), (422, 42210000), (403, 40310000)
LIMIT = {"type": "limit", "limit_price": 100}
GROUP = {"order_class": "bracket", "take_profit": {"limit_price": 900}, "stop_loss": {"stop_price": 1}}

FIELDS = [
    (INVALID, "qty must be > 0", {"qty": 0}),
    (INVALID, "qty must be > 0", {"qty": "-3"}),
    (INVALID, "qty must be a decimal number", {"qty": "many"}),
    (INVALID, "limit price must be > 0", {"type": "limit", "limit_price": -1}),
    (INVALID, "stop price must be > 0", {"type": "stop", "stop_price": 0}),
    (INVALID, "limit orders require a limit price", {"type": "limit"}),
    (INVALID, "stop orders require a stop price", {"type": "stop"}),
    (INVALID, "stop limit orders require both stop and limit price", {"type": "stop_limit", "stop_price": 5}),
    (INVALID, "market orders require no stop or limit price", {"limit_price": 5}),
    (INVALID, "qty or notional is required", {"qty": None}),
    (INVALID, "only one of qty or notional is accepted", {"notional": 100}),
    (INVALID, "notional must be >= 1.00", {"qty": None, "notional": "0.5"}),
    (INVALID, "trailing stop orders must specify one of trail_price or trail_percent", {"type": "trailing_stop"}),
    (INVALID, "trail_percent must be >= 0.1", {"type": "trailing_stop", "trail_percent": 0.05}),
    (INVALID, "invalid order type", {"type": "hope"}),
    (INVALID, "invalid side", {"side": "hold"}),
    (INVALID, "invalid time_in_force", {"time_in_force": "gtd"}),
    (INVALID, "invalid order_class", {"order_class": "mleg"}),
    (INVALID, "client_order_id must be no more than 128 characters", {"client_order_id": "x" * 129}),
    (INVALID, "take_profit must be an object", {"take_profit": 5}),
    (INVALID, "extended_hours must be a boolean", {"extended_hours": "perhaps"}),
]
RULES = [
    (
        RULE,
        "invalid limit_price 290.123. sub-penny increment does not fulfill minimum pricing criteria",
        {"type": "limit", "limit_price": 290.123},
    ),
    (RULE, 'asset "NONE" not found', {"symbol": "NONE"}),
    (RULE, "fractional orders must be DAY orders", {"qty": 0.5, "time_in_force": "gtc"}),
    (RULE, "fractional orders must be simple orders", {"qty": 1.5, **GROUP}),
    (RULE, "fractional orders cannot be sold short", {"qty": 0.5, "side": "sell"}),
    (RULE, "extended hours order must be DAY or GTC limit orders", {"extended_hours": True}),
    (
        RULE,
        "stop orders are not eligible for extended hours trading",
        {"type": "stop", "stop_price": 900, "extended_hours": True},
    ),
    (RULE, "bracket orders require take_profit.limit_price", {"order_class": "bracket"}),
    (
        RULE,
        "take_profit.limit_price must be > stop_loss.stop_price",
        GROUP | LIMIT | {"take_profit": {"limit_price": 90}, "stop_loss": {"stop_price": 95}},
    ),
    (
        RULE,
        "take_profit.limit_price must be >= base_price + 0.01",
        GROUP | LIMIT | {"take_profit": {"limit_price": 100}},
    ),
    (RULE, "stop_loss.stop_price must be <= base_price - 0.01", GROUP | LIMIT | {"stop_loss": {"stop_price": 100}}),
    (RULE, "stop price must be greater than current price", {"type": "stop", "stop_price": 1}),
    (RULE, "stop price must be less than current price", {"type": "stop", "stop_price": 900, "side": "sell"}),
    (RULE, "oto orders require exactly one of take_profit or stop_loss", GROUP | {"order_class": "oto"}),
    (
        RULE,
        "position intent mismatch, inferred: buy_to_open, specified: buy_to_close",
        {"position_intent": "buy_to_close"},
    ),
    (FORBIDDEN, "insufficient buying power", {"qty": 100_000}),
]


@pytest.mark.parametrize(("kind", "message", "terms"), FIELDS + RULES, ids=lambda value: str(value)[:40])
def test_terms_that_are_refused(quiet: Caller, kind: tuple[int, int], message: str, terms: dict) -> None:
    assert quiet.refusal(**terms) == (*kind, message)
    assert quiet.get("/v2/orders") == [], "and nothing is left behind"


def test_what_stands_beside_the_message(quiet: Caller) -> None:
    body = quiet.order(qty=100_000).json()
    account = quiet.get("/v2/account")
    assert (body["message"], body["buying_power"]) == ("insufficient buying power", account["buying_power"])
    assert float(body["cost_basis"]) > float(body["buying_power"])
    body = quiet.order(**GROUP | LIMIT | {"stop_loss": {"stop_price": 100}}).json()
    assert body["base_price"] == "100"
    body = quiet.order(type="stop", stop_price=1).json()
    assert (body["stop_price"], float(body["market_price"])) == ("1", quiet.price())


def test_auction_windows(make: Make) -> None:
    caller = make(QUIET)
    caller.advance("2025-11-10T14:29:00Z")
    assert caller.refusal(time_in_force="opg")[1:] == (
        40310000,
        "opg orders must be submitted after 7:00pm and before 9:28am",
    )
    caller.advance("2025-11-10T20:52:00Z")
    assert caller.refusal(time_in_force="cls")[2] == "cls orders must be submitted after 7:00pm and before 3:50pm"
    caller.advance("2025-11-10T21:30:00Z")
    assert caller.order().json()["status"] == "accepted", "a day order after the close waits for the next session"
    assert caller.order().json()["expires_at"] == "2025-11-11T21:00:00Z"
    assert caller.refusal(time_in_force="ioc")[0] == 403


def test_a_client_order_id_is_used_once(quiet: Caller) -> None:
    order = quiet.order(client_order_id="once", **LIMIT).json()
    quiet.call("DELETE", f"/v2/orders/{order['id']}")
    assert quiet.refusal(client_order_id="once") == (*INVALID, "client_order_id must be unique")


def test_shares_that_are_held(quiet: Caller) -> None:
    quiet.order(qty=10)
    quiet.advance(bars=1)
    exit_ = quiet.order(side="sell", qty=8, type="limit", limit_price=900).json()
    body = quiet.order(side="sell", qty=5).json()
    assert body == {
        "code": 40310000,
        "message": "insufficient qty available for order (requested: 5, available: 2)",
        "available": "2",
        "existing_qty": "10",
        "held_for_orders": "8",
        "related_orders": [exit_["id"]],
        "symbol": "ALFA",
    }
    assert quiet.get("/v2/positions/ALFA")["qty_available"] == "2"
    crossing = quiet.order(qty=5, type="limit", limit_price=905).json()
    assert crossing["message"] == "potential wash trade detected. use complex orders"
    assert (crossing["existing_order_id"], crossing["reject_reason"]) == (
        exit_["id"],
        "opposite side limit order exists",
    )
    assert quiet.refusal(**GROUP) == (*RULE, "bracket orders must be entry orders")
    closing = quiet.call("DELETE", "/v2/positions/ALFA")
    assert (closing.status_code, closing.json()["code"]) == (403, 40310000)


def test_orders_under_way_count_as_if_they_had_arrived(make: Make) -> None:
    """Alpaca reserves shares and buying power with the request; in lockstep nothing arrives before the clock moves."""
    caller = make()  # with the delays of the line
    caller.advance("2025-11-10T15:00:00Z")
    price = caller.price()
    half = int(120_000 / price)
    power = float(caller.get("/v2/account")["buying_power"])
    assert caller.order(qty=half).status_code == 200
    left = float(caller.get("/v2/account")["buying_power"])
    assert left == pytest.approx(power - half * price, rel=0.01)
    assert caller.refusal(qty=half)[::2] == (403, "insufficient buying power")
    assert caller.refusal(side="sell", qty=1)[::2] == (403, "potential wash trade detected. use complex orders")
    caller.advance(bars=1)
    assert caller.order(side="sell", qty=half).status_code == 200
    answer = caller.order(side="sell", qty=1).json()
    assert (answer["available"], answer["held_for_orders"]) == ("0", str(half))
    assert caller.get("/v2/positions")[0]["qty_available"] == "0"
    caller.advance(bars=1)
    assert caller.get("/v2/positions") == [], "and nothing was sold twice"


def test_both_sides_of_an_opening(quiet: Caller) -> None:
    quiet.order(**LIMIT)
    assert quiet.refusal(side="sell", type="limit", limit_price=900) == (
        *FORBIDDEN,
        "cannot open a short sell while a long buy order is open",
    )


def test_the_state_of_an_order_decides_what_can_be_done(quiet: Caller) -> None:
    filled = quiet.order().json()["id"]
    quiet.advance(bars=1)
    path = f"/v2/orders/{filled}"
    assert quiet.call("DELETE", path).json() == {"code": 42210000, "message": 'order is already in "filled" state'}
    assert quiet.call("PATCH", path, {"qty": 3}).json()["message"] == "unable to replace order, order is not open"
    assert quiet.call("DELETE", "/v2/orders/not-an-id").json() == {"code": 40010001, "message": "order_id is missing"}


def test_bodies_that_cannot_be_read(quiet: Caller) -> None:
    answer = quiet.session.post(quiet.server.url + "/v2/orders", data="{")
    assert (answer.status_code, answer.json()["code"]) == (400, 40010000)
    for body in ([], 5, "text", None):
        assert quiet.call("POST", "/v2/orders", body).status_code in (400, 422)


def test_what_the_account_forbids(quiet: Caller) -> None:
    def configure(**changes):
        return quiet.call("PATCH", "/v2/account/configurations", changes)

    configure(suspend_trade=True)
    assert quiet.refusal() == (*FORBIDDEN, "new orders are rejected by user request")
    assert quiet.get("/v2/account")["trade_suspended_by_user"] is True
    configure(suspend_trade=False, no_shorting=True)
    assert quiet.refusal(side="sell") == (*FORBIDDEN, "account is not allowed to short")
    configure(no_shorting=False, fractional_trading=False)
    assert quiet.refusal(qty=0.5) == (*FORBIDDEN, "fractional trading is disabled for this account")
    assert configure(fractional_trading=True, dtbp_check=None).status_code == 200
    assert configure(max_margin_multiplier=2).json() == {"code": 40010001, "message": "invalid max_margin_multiplier"}
    quiet.call("PATCH", "/sim/account", {"trading_blocked": True})
    assert quiet.refusal() == (*FORBIDDEN, "account is not authorized to trade")
    quiet.call("PATCH", "/sim/account", {"trading_blocked": False})


def test_late_refusals_come_by_the_stream(make: Make) -> None:
    caller = make(refusals="by_stream")
    caller.advance("2025-11-10T15:00:00Z")
    order = caller.order(qty=100_000)
    assert (order.status_code, order.json()["status"]) == (200, "pending_new")
    caller.advance(bars=1)
    ended = caller.get(f"/v2/orders/{order.json()['id']}")
    assert (ended["status"], parse_time(ended["failed_at"]) > parse_time(ended["submitted_at"])) == ("rejected", True)
