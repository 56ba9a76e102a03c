"""The faults of a scenario file strike the wire when and where the file says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal

from core.config import load_settings
from core.settings.values import parse_moment
from sim.alpaca.exchange import Options
from sim.alpaca.faults.scenario import edge_faults
from sim.alpaca.serve import Running
from tests.sim.alpaca.conftest import QUIET, Caller

START = parse_moment("2025-11-10T09:00:00+00:00")
OUTAGE = {
    "kind": "outage",
    "at": datetime.fromisoformat("2025-11-10T10:15:00-05:00"),
    "for": "12m",
    "scope": {"symbols": ["ALFA"], "lanes": ["submit"]},
    "probability": Decimal(1),
    "parameters": {"failure": "server_error", "timeout": "10s"},
}


def test_an_entry_keeps_its_words() -> None:
    (fault,) = edge_faults([OUTAGE], START)
    assert (fault.kind, fault.at, fault.duration) == ("outage", parse_moment("2025-11-10T15:15:00+00:00"), 720 * 10**9)
    assert (fault.scope.symbols, fault.scope.lanes) == (("ALFA",), ("submit",))
    assert fault.parameters == {"failure": "server_error", "timeout": 30.0}, "waits on the wire stay real time"


def test_what_the_venue_does_by_itself_is_left_to_it() -> None:
    assert (
        edge_faults([{"kind": "late_fill", "at": OUTAGE["at"]}, {"kind": "price_gap", "at": OUTAGE["at"]}], START) == []
    )


def test_repetition_without_a_time_begins_with_the_data() -> None:
    revision = {"kind": "bar_revision", "every": "session", "for": "5m", "parameters": {"size": Decimal("0.01")}}
    (fault,) = edge_faults([revision], START)
    day = 86_400 * 10**9
    assert [fault.during(START + t) for t in (0, 299 * 10**9, 301 * 10**9, day, day + 301 * 10**9)] == [
        True,
        True,
        False,
        True,
        False,
    ]
    assert fault.parameters == {"size": 0.01}


def test_a_lost_answer_is_that_of_an_order() -> None:
    (fault,) = edge_faults([{"kind": "answer_lost", "at": OUTAGE["at"], "scope": {"symbols": ["ALFA"]}}], START)
    assert (fault.scope.lanes, fault.scope.symbols) == (("submit",), ("ALFA",))


def test_a_scenario_strikes_by_itself() -> None:
    given = {"data.end": date(2025, 11, 10), "data.symbols": ["ALFA", "BRVO"], "faults": [OUTAGE]}
    settings = load_settings("breakout-4w", given)
    with Running(settings, Options(rate_limit=0)) as server:
        caller = Caller(server)
        found = []
        for time in ("15:14:59", "15:15:00", "15:26:59", "15:27:00"):
            caller.advance(f"2025-11-10T{time}Z")
            found.append([caller.order(s, type="limit", limit_price=1).status_code for s in ("ALFA", "BRVO")])
        assert found == [[200, 200], [503, 200], [503, 200], [200, 200]]


def test_conditions_of_the_venue_and_the_market_are_there_too() -> None:
    """An asset that cannot be traded for a while, and a price that jumps: the venue's own, met through the server."""
    untradable = {"kind": "untradable", "at": OUTAGE["at"], "for": "5m", "scope": {"symbols": ["ALFA"]}}
    jump = {"kind": "price_gap", "at": OUTAGE["at"], "parameters": {"size": Decimal("-0.2")}}
    given = {"data.end": date(2025, 11, 10), "data.symbols": ["ALFA", "BRVO"], "faults": [untradable, jump]}
    with Running(load_settings("breakout-4w", given), Options(rate_limit=0)) as server:
        caller = Caller(server)
        caller.advance("2025-11-10T15:15:00Z")
        before = caller.price("BRVO")
        assert caller.refusal(symbol="ALFA") == (422, 42210000, "asset ALFA is not tradable")
        assert caller.order("BRVO", type="limit", limit_price=1).status_code == 200
        caller.advance("2025-11-10T15:20:00Z")
        assert caller.order("ALFA", type="limit", limit_price=1).status_code == 200
        assert caller.price("BRVO") < 0.9 * before


# -- what the broker does wrong with an order of its own accord ----------------------------------------------------------


DAY = {"at": datetime.fromisoformat("2025-11-10T10:00:00-05:00"), "for": "4h"}
BRACKET = {"order_class": "bracket", "take_profit": {"limit_price": 900}, "stop_loss": {"stop_price": 1}}


@contextmanager
def wrong(kind: str, **parameters: object) -> Iterator[Caller]:
    """A broker without delays that does this wrong with every order of ALFA; time is 15:01 UTC."""
    entry = {"kind": kind, **DAY, "scope": {"symbols": ["ALFA"]}, "parameters": parameters}
    if kind == "account_reset":
        entry = {"kind": kind, "at": datetime.fromisoformat("2025-11-10T10:05:00-05:00")}
    given = QUIET | {"data.end": date(2025, 11, 10), "data.symbols": ["ALFA", "BRVO"], "faults": [entry]}
    with Running(load_settings("breakout-4w", given), Options(rate_limit=0)) as server:
        caller = Caller(server)
        caller.advance("2025-11-10T15:01:00Z")
        yield caller


def shares(caller: Caller, symbol: str = "ALFA") -> float:
    held = {p["symbol"]: float(p["qty"]) for p in caller.get("/v2/positions")}
    return held.get(symbol, 0.0)


def test_a_cancel_that_loses_the_race() -> None:
    with wrong("cancel_race") as caller:
        order = caller.order(type="limit", limit_price=1).json()
        caller.advance(bars=1)
        assert caller.call("DELETE", f"/v2/orders/{order['id']}").status_code == 204
        caller.advance(bars=1)
        assert caller.get(f"/v2/orders/{order['id']}")["status"] == "filled"
        assert shares(caller) == 10


def test_an_execution_after_the_cancel_was_confirmed() -> None:
    with wrong("late_fill", share=Decimal(1), delay="2s") as caller:
        order = caller.order(type="limit", limit_price=1).json()
        caller.advance(bars=1)
        caller.call("DELETE", f"/v2/orders/{order['id']}")
        caller.advance("2025-11-10T15:02:01Z")
        assert caller.get(f"/v2/orders/{order['id']}")["status"] == "canceled"
        assert shares(caller) == 0
        caller.advance(bars=1)
        late = caller.get(f"/v2/orders/{order['id']}")
        assert (late["status"], late["filled_qty"]) == ("canceled", "10"), "a terminal order does not reopen"
        assert shares(caller) == 10


def test_more_than_was_ordered() -> None:
    with wrong("overfill", share=Decimal("0.2")) as caller:
        order = caller.order(qty=10).json()
        caller.advance(bars=2)
        assert caller.get(f"/v2/orders/{order['id']}")["filled_qty"] == "12"
        assert shares(caller) == 12


def test_a_leg_that_is_gone_without_a_word() -> None:
    with wrong("leg_lost", leg="stop") as caller:
        order = caller.order(qty=10, **BRACKET).json()
        caller.advance(bars=1)
        legs = {leg["type"]: leg["status"] for leg in caller.get(f"/v2/orders/{order['id']}", nested="true")["legs"]}
        assert legs == {"limit": "new", "stop": "canceled"}


def test_an_account_that_begins_anew() -> None:
    with wrong("account_reset") as caller:
        before = caller.get("/v2/account")
        caller.order(qty=10)
        resting = caller.order("BRVO", type="limit", limit_price=1).json()
        caller.advance("2025-11-10T15:04:00Z")
        assert shares(caller) == 10
        caller.advance("2025-11-10T15:06:00Z")
        after = caller.get("/v2/account")
        assert after["id"] != before["id"]
        assert after["cash"] == before["cash"]
        assert caller.get("/v2/positions") == caller.get("/v2/account/activities/FILL") == []
        assert caller.get(f"/v2/orders/{resting['id']}")["status"] == "canceled"
        assert caller.order(qty=1).status_code == 200, "one trades on"
