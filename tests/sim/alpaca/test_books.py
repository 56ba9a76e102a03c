"""The broker's books agree with the venue's, and the margin regimes show what they must."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from core.config import load_settings
from core.kernel.kinds import CashKind, EventKind, OrderType, TimeInForce
from core.kernel.records import EVENT
from core.kernel.units import MICRO
from sim.alpaca.broker import Broker
from sim.alpaca.ledger import Ledger, Position
from sim.alpaca.news import Messages
from sim.alpaca.order import Order
from sim.alpaca.ticket import Ticket
from sim.world import World
from tests.sim.alpaca.conftest import QUIET, Caller, Make

BUY, SELL = 1, -1


def order(side: int, qty: int) -> Order:
    return Order(1, "id", "name", 1, 0, 0, side, OrderType.MARKET, TimeInForce.DAY, qty * MICRO, 0)


def test_the_books_are_the_venues_own_after_a_day_of_trading() -> None:
    """Cash to the micro-dollar and every share, under fees, partial fills and shorts."""
    changes = {
        "data.end": date(2025, 11, 11),
        "venue.fees": True,
        "venue.partial_probability": 0.5,
        "account.cash": 50_000,
    }
    broker = Broker(World(load_settings("breakout-4w", changes)))
    rng = np.random.default_rng(4)
    broker.advance(broker.world.start + (5 * 60 + 31) * 60 * 10**9)
    for _ in range(300):
        broker.advance(broker.now + 60 * 10**9)
        s = int(rng.integers(len(broker.symbols)))
        held = broker.ledger.positions[s].qty
        side = int(rng.choice((BUY, SELL)))
        qty = int(rng.integers(1, 20)) * MICRO
        if held * side < 0:
            qty = min(qty, abs(held))
        if not broker.live_of(s):
            broker.submit(Ticket(broker.symbols[s], side, OrderType.MARKET, TimeInForce.DAY, qty))
    broker.advance(broker.now + 600 * 10**9)
    venue = broker.world._desk.venue[0]
    assert len(broker.ledger.activities) > 300
    assert broker.ledger.cash - broker.ledger.pending_fees == int(venue["cash"])
    assert [p.qty for p in broker.ledger.positions] == venue["symbol"]["position"][: len(broker.symbols)].tolist()
    broker.world.close()


def test_average_price_and_result_of_the_day() -> None:
    position = Position()
    position.apply(BUY, 10 * MICRO, 100 * MICRO)
    position.apply(BUY, 10 * MICRO, 110 * MICRO)
    assert position.average == 105 * MICRO
    position.apply(SELL, 5 * MICRO, 200 * MICRO)
    assert (position.qty, position.average) == (15 * MICRO, 105 * MICRO)
    position.apply(SELL, 20 * MICRO, 90 * MICRO)
    assert (position.qty, position.average) == (-5 * MICRO, 90 * MICRO)


# The published examples of FINRA: B buys, S sells; figures are shares; the count of day trades at the end.
EXAMPLES = [
    ("one opening, one closing", "B250 S250", 1),
    ("two openings, one closing", "B250 B250 S500", 1),
    ("one opening, closed in parts", "B500 S250 S250", 1),
    ("opened and closed twice", "B250 S250 B250 S250", 2),
    ("a short the same way", "S100 B100", 1),
    ("through zero and back", "B100 S200 B100", 2),
]


@pytest.mark.parametrize(("story", "trades", "count"), EXAMPLES, ids=[e[0] for e in EXAMPLES])
def test_day_trades_are_counted(story: str, trades: str, count: int) -> None:
    ledger = Ledger(("AAA",), 10**12)
    for word in trades.split():
        side, qty = (BUY if word[0] == "B" else SELL), int(word[1:])
        ledger.fill(order(side, qty), "00000000-0000-8000-8000-000000000000", qty * MICRO, MICRO, 0, 1)
    assert sum(ledger.day_trades) == count


def test_selling_what_was_held_overnight_is_no_day_trade() -> None:
    ledger = Ledger(("AAA",), 10**12)
    ledger.fill(order(BUY, 100), "00000000-0000-8000-8000-000000000000", 100 * MICRO, MICRO, 0, 1)
    ledger.open_day()
    ledger.fill(order(SELL, 100), "00000000-0000-8000-8000-000000000000", 100 * MICRO, MICRO, 0, 1)
    assert sum(ledger.day_trades) == 0


def test_splits_and_dividends_reach_the_books() -> None:
    broker = Broker(World(load_settings("breakout-4w", {"data.end": date(2025, 11, 10)})))
    broker.ledger.positions[0] = Position(10 * MICRO, 10 * MICRO * 100 * MICRO)
    events = np.zeros(2, EVENT)
    events["kind"] = EventKind.SPLIT, EventKind.CASH_FLOW
    events["ratio"][0] = 4 * 10**9
    events["amount"][1], events["code"][1], events["t_market"][1] = 7_500_000, CashKind.DIVIDEND, broker.now
    broker.newsroom.hear(events, Messages())
    assert (broker.ledger.positions[0].qty, broker.ledger.positions[0].average) == (40 * MICRO, 25 * MICRO)
    assert broker.ledger.cash == 100_007_500_000
    flow = broker.ledger.activities[-1]
    assert (flow["activity_type"], flow["net_amount"], flow["symbol"]) == ("DIV", "7.5", broker.symbols[0])
    broker.world.close()


# -- regimes ------------------------------------------------------------------------------------------------------


def account_of(make: Make, regime: str, **account: object) -> Caller:
    given = QUIET | {"account.regime": regime} | {f"account.{name}": value for name, value in account.items()}
    caller = make(given)
    caller.advance("2025-11-10T15:00:00Z")
    return caller


def test_fields_of_the_old_rule_are_there_under_it_alone(make: Make) -> None:
    removed = {"pattern_day_trader", "daytrade_count", "daytrading_buying_power"}
    checks = {"dtbp_check", "pdt_check"}
    old, new = account_of(make, "legacy_pdt"), account_of(make, "intraday_margin")
    assert removed <= old.get("/v2/account").keys()
    assert checks <= old.get("/v2/account/configurations").keys()
    assert not removed & new.get("/v2/account").keys()
    assert not checks & new.get("/v2/account/configurations").keys()


def test_a_cash_account(make: Make) -> None:
    caller = account_of(make, "none", multiplier=1)
    account = caller.get("/v2/account")
    assert (account["multiplier"], account["shorting_enabled"]) == ("1", False)
    assert account["buying_power"] == account["cash"]
    assert caller.refusal(side="sell") == (403, 40310000, "account is not allowed to short")


def test_the_fourth_day_trade_of_a_small_account_is_refused(make: Make) -> None:
    caller = account_of(make, "legacy_pdt", cash=10_000)
    for _ in range(3):
        for side in ("buy", "sell"):
            assert caller.order(side=side, qty=1).status_code == 200
            caller.advance(bars=1)
    account = caller.get("/v2/account")
    assert (account["daytrade_count"], account["pattern_day_trader"]) == (3, False)
    text = "trade denied due to pattern day trading protection"
    assert caller.refusal(qty=1) == (403, 40310100, text)
    caller.call("PATCH", "/v2/account/configurations", {"pdt_check": "exit"})
    assert caller.order(qty=1).status_code == 200, "now the closing order is looked at"
    caller.advance(bars=1)
    assert caller.refusal(side="sell", qty=1) == (403, 40310100, text)
    large = account_of(make, "legacy_pdt", cash=30_000)
    for _ in range(4):
        for side in ("buy", "sell"):
            assert large.order(side=side, qty=1).status_code == 200
            large.advance(bars=1)
    assert large.get("/v2/account")["pattern_day_trader"] is True
