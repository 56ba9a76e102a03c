"""Random days for both venues, side by side: the compiled one on the floor, and its twin.

python -m tests.twin.venue_days SEED    one seed again, with what led to a difference
"""

from __future__ import annotations

import sys
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np

from core.kernel.kinds import CommandKind, EventKind, OrderType, RejectReason, TimeInForce
from core.kernel.records import COMMAND, MAX_ORDERS
from core.kernel.units import MICRO, MINUTE, NANO, SECOND
from sim.records import PROFILE, PathModel, Rule
from tests.sim.floor import CLOSE, DAY, POST, PRE, Floor
from tests.sim.floor import Bar as Row
from tests.sim.floor_orders import Order, micros
from tests.twin.venue import TwinVenue
from tests.twin.venue_books import Books
from tests.twin.venue_market import Execution, Hours, Market
from tests.twin.venue_news import News
from tests.twin.venue_path import Bar
from tests.twin.venue_random import Crowd, bars, grid, halts, rules

DAYS = 3
FIELDS = ("order", "time", "qty", "price", "fee", "rule", "ambiguous")
ENDS = {"filled": "filled_at", "canceled": "canceled", "expired": "expired", "rejected": "rejected"}
NEVER_SAID = {RejectReason.OTHER, RejectReason.UNCONFIRMED, RejectReason.DUPLICATE_ID}
SAID = {
    EventKind.FILL,
    EventKind.ORDER_ACCEPTED,
    EventKind.ORDER_WORKING,
    EventKind.ORDER_HELD,
    EventKind.ORDER_TRIGGERED,
    EventKind.ORDER_CANCELED,
    EventKind.ORDER_EXPIRED,
    EventKind.ORDER_REJECTED,
    EventKind.ORDER_RESTATED,
    EventKind.ORDER_NOT_FOUND,
    EventKind.CANCEL_REJECTED,
}
REASONED = {EventKind.ORDER_REJECTED, EventKind.CANCEL_REJECTED}
GROUPS = {CommandKind.SUBMIT, CommandKind.SUBMIT_BRACKET, CommandKind.SUBMIT_OCO}
Marks = set[tuple[Any, ...]]
EVERYTHING: Marks = (
    {("rule", rule) for rule in Rule if rule is not Rule.FAULT}
    | {("end", end) for end in ENDS}
    | {("said", kind) for kind in SAID}
    | {("reason", reason) for reason in RejectReason if reason not in NEVER_SAID}
    | {("path", path) for path in PathModel}
    | {("filled type", kind) for kind in OrderType}
    | {("filled tif", tif) for tif in TimeInForce}
    | {("filled leg", leg) for leg in (0, 1, 2)}
    | {("sent", kind) for kind in GROUPS}
    | {("ambiguous", flag) for flag in (0, 1)}
    | {(what, True) for what in ("fee", "parts", "over night", "halt", "early close", "cents", "extended", "fraction")}
    | {(what, True) for what in ("split", "paid", "charged", "duplicate")}
)


class DisagreementError(AssertionError):
    """The two venues differ."""


class Pair:
    """Both venues through the same days."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        self.seed = seed
        self.crowd = Crowd(random)
        cash, multiplier = random.choice((999_999_999, 999_999_999, 30_000, 2_000)), random.choice((4, 4, 2, 1))
        self.floor = Floor(seed=seed % 1_000 + 1, cash=cash, multiplier=multiplier, **rules(random))
        record = self.floor.desk.venue[0]["profile"]
        self.rules = SimpleNamespace(**{name: int(record[name]) for name in PROFILE.names})
        self.twin = TwinVenue(self.rules, Books(micros(cash), multiplier))
        self.executions = self.said = 0
        self.marks: Marks = {("path", PathModel(self.rules.path))}

    def play(self) -> Marks:
        """Some days, compared after each; what they have reached."""
        price = self.random.choice((0.8, 12.0, 48.0, 100.0, 350.0))
        for day in range(DAYS):
            price = self._day(day, price)
            self._compare_executions()
            self._compare_news()
            self._compare_orders()
            self._compare_books()
        return self.marks

    def _day(self, day: int, price: float) -> float:
        """Play a day on both; returns the price at which the next begins."""
        random, floor = self.random, self.floor
        split = random.choice(((2, 1), (3, 2), (1, 4), (10, 1))) if random.random() < 0.1 else (1, 1)
        price *= split[1] / split[0]
        given: dict[str, Any] = {
            "close": random.choice((CLOSE, CLOSE, 210 * 60)),
            "dividend": (grid(price * 0.01), random.randrange(DAYS)) if random.random() < 0.2 else None,
            "open_print": grid(price * (1 + random.gauss(0, 0.002))) if random.random() < 0.5 else 0,
            "close_print": grid(price * (1 + random.gauss(0, 0.002))) if random.random() < 0.5 else 0,
            "adv": random.choice((0, 2_000_000)),
            "sigma": random.choice((0, 0.018)),
        }
        given["halts"] = halts(random, given["close"])
        rows = {minute: row for minute, row in bars(random, price) if row is not None}
        sent = self.crowd.orders(price, floor.next_number, given["close"])
        if random.random() < 0.02:
            self.twin.tradable = False
            floor.forbid()
        commands = self._records(sent, day)
        floor.day(rows, sent, split=split if split != (1, 1) else None, **given)
        self.twin.day(*self._told(rows, split, given), [(int(c["created"]), c) for c in commands])
        self.marks |= {("halt", bool(given["halts"])), ("early close", given["close"] < CLOSE), ("cents", price < 1)}
        self.marks |= {("split", split != (1, 1)), ("sent", CommandKind.SUBMIT)}
        return price

    def _records(self, sent: list[Order], day: int) -> np.ndarray:
        """The commands as the floor will number and stamp them, dtype COMMAND."""
        number, opens = self.floor.next_number, self.floor.opening(day)
        table = np.zeros(len(sent), COMMAND)
        for i, order in enumerate(sent):
            mine = order.number or number
            if order.kind == CommandKind.SUBMIT:
                number = max(number, mine + order.legs + 1)
                self.marks |= {("sent", order.kind_of_command), ("duplicate", order.number > 0)}
            table[i] = order.record(mine, opens + round(order.at * SECOND))[0]
        return table

    def _told(self, rows: dict[int, Row], split: tuple[int, int], given: dict[str, Any]) -> tuple[Hours, Market]:
        """The day as the twin gets it."""
        opens, close = self.floor.open, given["close"]
        post = opens + (close - CLOSE + POST) * SECOND
        hours = Hours(opens // DAY, opens + PRE * SECOND, opens, opens + close * SECOND, post)
        amount, days = given["dividend"] or (0, 0)
        return hours, Market(
            {opens + minute * MINUTE: _bar(rows.get(minute)) for minute in {0, *rows}},
            [(opens + begin * SECOND, opens + end * SECOND) for begin, end in given["halts"]],
            micros(given["open_print"]),
            micros(given["close_print"]),
            micros(given["adv"]),
            round(given["sigma"] * NANO),
            split[0] * NANO // split[1],
            (micros(amount), hours.pre + days * DAY),
        )

    # -- comparing ------------------------------------------------------------------------------------------------

    def _differ(self, where: str, venue: Any, twin: Any) -> None:
        if venue != twin:
            raise DisagreementError(f"seed {self.seed}, {where}: venue {venue}, twin {twin}")

    def _each(self, what: str, venue: list[Any], twin: list[Any]) -> None:
        for i in range(max(len(venue), len(twin))):
            self._differ(f"{what} {i}", venue[i] if i < len(venue) else None, twin[i] if i < len(twin) else None)

    def _compare_executions(self) -> None:
        rows = self.floor.rows[self.executions :]
        found = [Execution(*(int(row[name]) for name in FIELDS)) for row in rows]
        self._each("execution", found, self.twin.executions[self.executions :])
        self.executions += len(found)
        for execution in found:
            order = self.twin.orders[execution.order]
            self.marks |= {
                ("rule", Rule(execution.rule)),
                ("ambiguous", execution.ambiguous),
                ("fee", execution.fee > 0),
            }
            self.marks |= {("filled type", order.type), ("filled tif", order.tif), ("filled leg", order.leg)}
            self.marks |= {("parts", order.fills > 1), ("over night", order.session < self.twin.hours.date)}
            self.marks |= {("extended", order.extended), ("fraction", execution.qty % MICRO > 0)}

    def _compare_news(self) -> None:
        """Everything said; at one moment the two may say it in any order."""
        found = [News(*(int(row[name]) for name in News._fields)) for row in self.floor.heard[self.said :]]
        self._each("news", sorted(found), sorted(self.twin.wire.said[self.said :]))
        self.said += len(found)
        for news in found:
            self.marks.add(("said", EventKind(news.kind)))
            if news.kind in REASONED:
                self.marks.add(("reason", RejectReason(news.code)))

    def _compare_orders(self) -> None:
        """How and when each ended, and why; its quantity and what of it is filled."""
        for number, order in self.twin.orders.items():
            o = self.floor.desk.venue["orders"][0, number % MAX_ORDERS]
            end = next((end for end, field in ENDS.items() if o[field]), None)
            here = end, int(o["terminal"]), int(o["reason"]), int(o["qty"]), int(o["filled"])
            there = None if order.alive else order.state, order.ended, order.reason or 0, order.qty, order.filled
            self._differ(f"order {number}", here, there)
            self.marks.add(("end", end))

    def _compare_books(self) -> None:
        venue, books = self.floor.desk.venue[0], self.twin.books
        symbol = venue["symbol"][1]
        here = int(venue["cash"]), int(symbol["position"]), int(symbol["last"])
        self._differ("cash, position and last price", here, (books.cash, books.position, books.last))
        self.marks |= {
            ("paid", any(flow > 0 for flow in books.paid)),
            ("charged", any(flow < 0 for flow in books.paid)),
        }


def _bar(row: Row | None) -> Bar | None:
    """A bar in micros; none, and one without volume, are the same to the venue."""
    return Bar(*(micros(value) for value in row)) if row is not None and row.volume > 0 else None


def run(seed: int) -> Marks:
    """One seed; what it has reached. Raises DisagreementError with the seed, what differs and both values."""
    return Pair(seed).play()


def many(first: int, count: int) -> Marks:
    """Several seeds after each other, as one worker does them."""
    marks: Marks = set()
    for seed in range(first, first + count):
        marks |= run(seed)
    return marks


def tell(seed: int) -> None:
    """Print a seed's rules and what the twin did, to its end or to the first difference."""
    pair = Pair(seed)
    print(pair.rules)
    try:
        pair.play()
    finally:
        for line in (*pair.twin.executions, *pair.twin.wire.said, *pair.twin.orders.values(), pair.twin.books):
            print(line)


if __name__ == "__main__":
    tell(int(sys.argv[1]))
