"""The venue step by step: when things happen, and what exists for clients' sake: replacing, and groups with one exit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import numpy as np
import pytest

from core.config import load_settings
from core.kernel.kinds import CommandKind, EventKind, OrderType, RejectReason, Role
from core.kernel.units import MICRO, MINUTE, SECOND
from sim.records import Stand
from sim.world import World, new_command

QUIET = {
    "data.end": date(2025, 11, 11),
    "data.symbols": ["ALFA", "BRVO"],
    "venue.submit_latency": "0ms",
    "venue.cancel_latency": "0ms",
    "venue.ack_latency": "0ms",
    "venue.fill_latency": "0ms",
    "venue.partial_probability": 0,
}
TEN = 6 * 3600 * SECOND  # 10:00 New York time, from the start of the day at 04:00


class Desk:
    """A world at 10:00, and a hand that sends commands and hears the news of orders."""

    def __init__(self, changes: dict[str, Any]) -> None:
        self.world = World(load_settings("breakout-4w", QUIET | changes))
        self.news: list[np.void] = []
        self.number = 0
        self.go(self.world.start + TEN)

    def go(self, until: int) -> None:
        for batch in self.world.advance(until):
            self.news += [e for e in batch if e["order"] > 0]

    def send(self, kind=CommandKind.SUBMIT, qty=10, side=1, at=OrderType.MARKET, **fields) -> int:
        self.number += 1
        command = new_command()
        c = command[0]
        c["kind"], c["order"], c["intent"], c["symbol"] = kind, self.number, 10**6 + self.number, 0
        c["side"], c["type"], c["qty"] = side, at, qty * MICRO
        for name, value in fields.items():
            c[name] = value
        self.world.send(command)
        self.go(self.world.now)
        return self.number

    def told(self, number: int) -> list[EventKind]:
        return [EventKind(int(e["kind"])) for e in self.news if e["order"] == number]

    @property
    def price(self) -> int:
        return int(self.world.last_prices()[0]) // 10_000 * 10_000


Open = Callable[..., Desk]


@pytest.fixture
def open_desk() -> Iterator[Open]:
    """Opens desks; keyword arguments with `__` for a dot replace keys of the scenario."""
    desks: list[Desk] = []

    def opened(**changes: Any) -> Desk:
        desks.append(Desk({name.replace("__", "."): value for name, value in changes.items()}))
        return desks[-1]

    yield opened
    for desk in desks:
        desk.world.close()


def test_at_one_instant_the_market_moves_last(open_desk: Open) -> None:
    """An order without delay is heard at once and fills only when the clock goes on, at the price of its moment."""
    desk = open_desk()
    number = desk.send()
    assert desk.told(number) == [EventKind.ORDER_ACCEPTED]
    desk.go(desk.world.now)
    assert desk.told(number) == [EventKind.ORDER_ACCEPTED]
    sent = desk.world.now
    desk.go(sent + 1)
    assert desk.told(number) == [EventKind.ORDER_ACCEPTED, EventKind.FILL]
    assert desk.news[-1]["t_market"] == sent


def test_any_division_of_time_brings_the_same(open_desk: Open) -> None:
    """Many small steps and one large one end in the same news, to the nanosecond."""

    def news(steps: list[int]) -> list[bytes]:
        desk = open_desk(venue__submit_latency="250ms", venue__ack_latency="50ms", venue__partial_probability=0.9)
        desk.send(qty=500)
        desk.send(at=OrderType.LIMIT, limit=desk.price - 200_000, qty=300)
        for step in steps:
            desk.go(desk.world.now + step)
        return [e.tobytes() for e in desk.news]

    whole = news([40 * MINUTE])
    rng = np.random.default_rng(1)
    pieces = rng.integers(1, 7 * SECOND, 500).tolist()
    assert news([*pieces, 40 * MINUTE - sum(pieces)]) == whole
    assert len(whole) > 5


def test_the_clock_stops_at_the_end_of_the_data(open_desk: Open) -> None:
    desk = open_desk()
    desk.go(2**62)
    assert desk.world.finished
    assert desk.world.now == desk.world.end + MINUTE
    assert desk.world.sessions_done == 2
    desk.go(2**62)


def test_bars_ahead_reach_into_the_next_session(open_desk: Open) -> None:
    desk = open_desk()
    one = desk.world.bars_ahead(1)
    assert one == desk.world.now + MINUTE
    far = desk.world.bars_ahead(100_000)
    assert far == desk.world.end + MINUTE
    assert one < desk.world.bars_ahead(700) < far


# -- replacing ----------------------------------------------------------------------------------------------------


def resting(desk: Desk, qty: int = 10) -> int:
    return desk.send(at=OrderType.LIMIT, limit=desk.price - 20 * MICRO, qty=qty)


def test_new_terms_take_the_old_ones_place(open_desk: Open) -> None:
    desk = open_desk()
    old = resting(desk)
    new = desk.send(CommandKind.REPLACE, at=OrderType.LIMIT, limit=desk.price - 30 * MICRO, qty=7, target_order=old)
    assert desk.told(old)[-1] == EventKind.ORDER_REPLACED
    assert desk.told(new) == [EventKind.ORDER_ACCEPTED, EventKind.ORDER_WORKING]
    assert desk.world.order(old)["stand"] == Stand.DONE
    assert desk.world.order(new)["qty"] == 7 * MICRO


def test_what_has_filled_counts(open_desk: Open) -> None:
    desk = open_desk(venue__partial_probability=1)
    old = desk.send(at=OrderType.LIMIT, limit=desk.price + MICRO, qty=500)
    desk.go(desk.world.now + 1)
    filled = int(desk.world.order(old)["filled"])
    assert 0 < filled < 500 * MICRO
    new = desk.send(CommandKind.REPLACE, at=OrderType.LIMIT, limit=desk.price - MICRO, qty=700, target_order=old)
    assert int(desk.world.order(new)["qty"]) == 700 * MICRO - filled
    refused = desk.send(CommandKind.REPLACE, at=OrderType.LIMIT, limit=desk.price, qty=700, target_order=old)
    assert desk.told(old)[-1] == EventKind.REPLACE_REJECTED
    assert desk.world.order(refused) is None


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"qty": 10**6}, RejectReason.BUYING_POWER),
        ({"limit": 12_345_678}, RejectReason.PRICE_INCREMENT),
    ],
)
def test_terms_that_the_venue_refuses_leave_the_old_order(open_desk: Open, terms: dict, reason: RejectReason) -> None:
    desk = open_desk()
    old = resting(desk)
    fields = {"at": OrderType.LIMIT, "limit": desk.price - 30 * MICRO, "target_order": old} | terms
    desk.send(CommandKind.REPLACE, **fields)
    assert desk.told(old)[-1] == EventKind.REPLACE_REJECTED
    assert desk.news[-1]["code"] == reason
    assert desk.world.order(old)["stand"] == Stand.WORKING
    desk.send(CommandKind.CANCEL, order=old, at=OrderType.LIMIT)
    assert desk.told(old)[-1] == EventKind.ORDER_CANCELED


def test_a_leg_keeps_its_group(open_desk: Open) -> None:
    """The new stop belongs with the old target: either ends the other."""
    desk = open_desk()
    price = desk.price
    entry = desk.send(
        CommandKind.SUBMIT_BRACKET, target=price + 9 * MICRO, stop=price - 9 * MICRO, target_order=101, stop_order=102
    )
    desk.go(desk.world.now + SECOND)
    assert desk.told(entry)[-1] == EventKind.FILL
    new = desk.send(
        CommandKind.REPLACE, side=-1, at=OrderType.STOP, stop=price - 5 * MICRO, target_order=102, role=Role.STOP
    )
    assert desk.told(102)[-1] == EventKind.ORDER_REPLACED
    assert desk.world.order(101)["sibling"] == new
    desk.send(CommandKind.CANCEL, order=101, side=-1)
    assert desk.told(new)[-1] == EventKind.ORDER_CANCELED


# -- groups with one exit -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("field", "distance"), [("target", 1), ("stop", -1)])
def test_a_sole_exit_wakes_when_its_entry_has_filled(open_desk: Open, field: str, distance: int) -> None:
    desk = open_desk()
    price = desk.price + distance * 9 * MICRO
    entry = desk.send(CommandKind.SUBMIT_BRACKET, **{field: price, f"{field}_order": 101})
    desk.go(desk.world.now + SECOND)
    assert desk.told(entry)[-1] == EventKind.FILL
    assert desk.told(101) == [EventKind.ORDER_WORKING]
    assert (desk.world.order(101)["sibling"], desk.world.order(101)["side"]) == (0, -1)
