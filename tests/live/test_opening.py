"""What must hold before an account is traded: each obstacle is one sentence."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from core.errors import InputError
from core.kernel.units import SECOND
from core.settings.account import Account as AccountSettings
from live.alpaca.endpoint import Endpoint
from live.alpaca.messages import Account
from live.alpaca.rest import Rest
from live.alpaca.values import Money
from live.clock import SystemClock
from live.opening import account_of, check_clock, check_flat, check_terms
from tests.live.bottle import KEYS
from tests.live.exchange import Exchange
from tests.live.server import HttpServer


@dataclass
class Desk:
    exchange: Exchange
    http: HttpServer
    rest: Rest


@pytest.fixture
def desk() -> Iterator[Desk]:
    http = HttpServer(Exchange(time.time_ns))
    rest = Rest(Endpoint.at(f"http://127.0.0.1:{http.port}", KEYS))
    yield Desk(http.exchange, http, rest)
    rest.close()
    http.close()


def account(**changes: Any) -> Account:
    money = {name: Money(10**11) for name in ("cash", "equity", "buying_power")}
    return Account(**{"id": "a", "status": "ACTIVE", **money, **changes})


def settings(**changes: Any) -> AccountSettings:
    return AccountSettings.model_validate(changes)


def test_a_sound_account_may_begin(desk: Desk):
    assert account_of(desk.rest).id == desk.exchange.account
    check_clock(desk.rest, SystemClock())
    check_flat(desk.rest)
    check_terms(account(multiplier="4", shorting_enabled=True), settings())
    check_terms(account(multiplier="1", shorting_enabled=False), settings(multiplier=1))
    check_terms(account(), settings())  # what the broker does not say is no obstacle


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"status": "ACCOUNT_CLOSED"}, "takes no orders: status ACCOUNT_CLOSED"),
        ({"trading_blocked": True}, "status ACTIVE, trading blocked"),
        ({"account_blocked": True}, "status ACTIVE, trading blocked"),
        ({"trade_suspended_by_user": True}, "suspended by its owner"),
    ],
)
def test_an_account_that_takes_no_orders(changes: dict[str, Any], problem: str, desk: Desk):
    real = desk.exchange.handle

    def handle(method: str, path: str, query: dict[str, str], body: dict[str, Any] | None) -> tuple[int, Any]:
        status, answer = real(method, path, query, body)
        return status, {**answer, **changes}

    desk.exchange.handle = handle  # type: ignore[method-assign]
    with pytest.raises(InputError, match=problem):
        account_of(desk.rest)


@pytest.mark.parametrize(
    ("given", "wanted", "place"),
    [
        ({"multiplier": "1"}, {"multiplier": 2}, "account.multiplier"),
        ({"multiplier": "2"}, {"multiplier": 4}, "account.multiplier"),
        ({"shorting_enabled": False}, {}, "account.shorting"),
    ],
)
def test_terms_that_the_broker_does_not_give(given: dict[str, Any], wanted: dict[str, Any], place: str):
    with pytest.raises(InputError) as refused:
        check_terms(account(**given), settings(**wanted))
    assert refused.value.place == place


@pytest.mark.parametrize(("ahead", "word"), [(-60 * SECOND, "ahead of"), (60 * SECOND, "behind")])
def test_a_clock_that_is_not_the_brokers(ahead: int, word: str, desk: Desk):
    desk.exchange.now = lambda: time.time_ns() + ahead
    with pytest.raises(InputError, match=rf"the clock of this machine: is (59|60|61) s {word} the broker's"):
        check_clock(desk.rest, SystemClock())


def test_a_new_run_begins_flat(desk: Desk):
    desk.exchange.positions = {"AAA": Decimal(0), **{name: Decimal(1) for name in ("F", "E", "D", "C", "B", "A")}}
    with pytest.raises(InputError, match=r"holds A, B, C, D, E …, and a new run begins flat"):
        check_flat(desk.rest)
    desk.exchange.positions = {}
    desk.exchange.place("XYZ", "buy", 1)
    with pytest.raises(InputError, match="has open orders in XYZ"):
        check_flat(desk.rest)
