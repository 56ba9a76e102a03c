"""Random days for both venues, side by side: the compiled one on the floor, and its twin.

python -m tests.twin.venue_days SEED    one seed again, with what led to a difference
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np

from core.kernel.kinds import RejectReason
from core.kernel.records import COMMAND, MAX_ORDERS
from core.kernel.units import MINUTE, SECOND
from sim.records import PROFILE, PathModel, Rule
from tests.sim.floor import CLOSE, FIRST_DAY, POST, PRE, Floor
from tests.sim.floor import Bar as Row
from tests.sim.floor_orders import Order, buy, cancel, micros, sell
from tests.twin.venue import Execution, Hours, Market, TwinVenue
from tests.twin.venue_path import Bar

DAYS = 2
FIELDS = ("order", "time", "qty", "price", "fee", "rule", "ambiguous")
ENDS = {"filled": "filled_at", "canceled": "canceled", "expired": "expired", "rejected": "rejected"}
UNREACHED = {  # by orders of a day on the floor; tests/sim/test_venue.py has them
    RejectReason.OTHER,
    RejectReason.BUYING_POWER,
    RejectReason.NOT_TRADABLE,
    RejectReason.ALREADY_FILLED,
    RejectReason.NOT_CANCELABLE,
    RejectReason.NOT_FOUND,
    RejectReason.DUPLICATE_ID,
    RejectReason.UNCONFIRMED,
}
Marks = set[tuple[str, Any]]
EVERYTHING: Marks = (
    {("rule", rule) for rule in Rule}
    | {("end", end) for end in ENDS}
    | {("reason", reason) for reason in RejectReason if reason not in UNREACHED}
    | {("path", path) for path in PathModel}
    | {("ambiguous", flag) for flag in (0, 1)}
    | {(what, True) for what in ("fee", "several parts", "over night", "halt", "early close", "cents")}
)


def rules(random: Random) -> dict[str, Any]:
    """A [venue] section: each seed makes other rules bind."""
    return {
        "path": random.choice(list(PathModel)).name.lower(),
        "half_spread_bps": random.choice((0, 1, 2, 10, 33)),
        "slippage_bps": random.choice((0, 0, 0.5, 7)),
        "impact": random.choice((0, 0, 1)),
        "participation": random.choice((0, 0, 0.025, 0.1)),
        "partial_probability": random.choice((0, 0, 0.1, 1)),
        "fees": random.random() < 0.5,
        "touch_fills": random.random() < 0.4,
        "buy_stop_collar": random.random() < 0.8,
        "halt_orders": random.choice(("queue", "queue", "reject")),
        "use_quotes": random.random() < 0.7,
    }


def grid(price: float) -> float:
    """A price on the increment of orders."""
    return max(round(price, 2 if price >= 1 else 4), 0.0001)


def bars(random: Random, price: float) -> Iterator[tuple[int, Row | None]]:
    """Minutes of a session and around it, with gaps, holes, dead minutes and flat ones; by minute since the open."""
    minutes = [-20, -3, *range(random.randrange(4, 14)), *sorted(random.sample(range(370, 396), 4))]
    for minute in minutes:
        price *= 1 + random.choice((0, 0, 0.0005, 0.002, 0.03)) * random.gauss(0, 1)
        if random.random() < 0.12:
            yield minute, None
            continue
        wild = price * random.choice((0, 0.0005, 0.003, 0.01))
        begin, end = grid(price), grid(price + random.gauss(0, 1) * wild)
        high = grid(max(begin, end) + abs(random.gauss(0, 0.7)) * wild)
        low = min(grid(min(begin, end) - abs(random.gauss(0, 0.7)) * wild), begin, end)
        volume = random.choice((0, 30, 400, 5_000, 20_000)) + random.randrange(50)
        bid = ask = 0.0
        if random.random() < 0.3:
            bid = grid(begin * (1 - random.random() * 0.002))
            ask = grid(max(bid, begin * (1 + random.random() * 0.002)))
        yield minute, Row(begin, max(high, begin, end), low, end, volume, bid, ask)
        price = end


class Crowd:
    """Who sends orders in one seed: a few shapes of order, mostly of one side or of both, and a habit of cancelling."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.shapes = random.sample(sorted(SHAPES), random.randrange(1, len(SHAPES)))
        self.buys = random.choice((0.5, 0.5, 0.9, 0.1))
        self.cancels = random.choice((0, 0.1, 0.25))
        self.most = random.choice((8, 20, 40))

    def orders(self, price: float, first: int, close: int) -> list[Order]:
        """A day's orders and cancels, at times that like to fall together."""
        random = self.random
        sent = []
        number = first
        for at in sorted(_moment(random, close) for _ in range(random.randrange(4, self.most))):
            if number > first and random.random() < self.cancels:
                sent.append(cancel(random.randrange(max(first - 5, 1), number), at))
                continue
            order = self._order(price, at)
            sent.append(order)
            number += order.legs + 1
        return sent

    def _order(self, price: float, at: float) -> Order:
        random = self.random
        make = buy if random.random() < self.buys else sell
        qty: float = random.choice((1, 3, 10, 50, 250, 400))
        if random.random() < 0.04:
            qty = random.choice((0.5, 2.25, 0))
        shape = random.choice(self.shapes)
        terms = {"at": at, "tif": random.choice(("day", "day", "gtc"))} | SHAPES[shape](
            random, price, 1 if make is buy else -1
        )
        if random.random() < 0.02:
            terms["tif"] = random.choice(("opg", "cls", "ioc"))
        return make(qty, **terms)


def _moment(random: Random, close: int) -> float:
    kind = random.random()
    if kind < 0.12:
        night = close - CLOSE + POST + 30
        evening = min(570 * 60, night - 60)
        return float(
            random.choice((PRE + 60, -3_600, -1_200, -121, -1, close - 601, close, close + 60, evening, night))
        )
    minute = random.choice((*range(-3, 12), *range(370, 392))) if kind < 0.8 else random.randrange(12)
    second = random.choice((0, 0, 20, 40, 59.999999999, random.random() * 60, random.randrange(60)))
    return minute * 60 + second


def near(random: Random, price: float, direction: float, spread: float = 0.01) -> float:
    """A price on one side of another, on the increment but for a few."""
    level = price * (1 + direction * abs(random.gauss(0, spread)))
    return grid(level) + (0.00013 if random.random() < 0.01 else 0)


def _market(random: Random, price: float, side: int) -> dict[str, Any]:
    return {"tif": random.choice(("day", "day", "ioc", "fok", "opg", "cls"))}


def _limit(random: Random, price: float, side: int) -> dict[str, Any]:
    tif = random.choice(("day", "gtc", "ioc", "fok", "opg", "cls"))
    return {
        "limit": near(random, price, random.choice((-side, side, 0))),
        "tif": tif,
        "extended": random.random() < 0.3,
    }


def _stop(random: Random, price: float, side: int) -> dict[str, Any]:
    return {"stop": near(random, price, side)}


def _stop_limit(random: Random, price: float, side: int) -> dict[str, Any]:
    return {"stop": near(random, price, side), "limit": near(random, price, random.choice((side, -side)))}


def _trail(random: Random, price: float, side: int) -> dict[str, Any]:
    if random.random() < 0.7:
        return {"trail": grid(price * random.choice((0.001, 0.004, 0.01)))}
    return {"trail_share": random.choice((0.001, 0.003, 0.02, 0.0005))}


def _exits(random: Random, price: float, out: int) -> dict[str, Any]:
    """Target and stop of a group whose exits have side `out`."""
    terms = {"target": near(random, price, -out, 0.006), "stop_loss": near(random, price, out, 0.006)}
    if random.random() < 0.3:
        terms["stop_limit"] = grid(terms["stop_loss"] + out * price * random.choice((0, 0.002, 0.01, -0.001)))
    return terms


def _bracket(random: Random, price: float, side: int) -> dict[str, Any]:
    entry = {"limit": near(random, price, -side, 0.003)} if random.random() < 0.4 else {}
    return _exits(random, price, -side) | entry


def _oco(random: Random, price: float, side: int) -> dict[str, Any]:
    return _exits(random, price, side) | {"oco": True}


SHAPES = {
    "market": _market,
    "limit": _limit,
    "stop": _stop,
    "stop limit": _stop_limit,
    "trail": _trail,
    "bracket": _bracket,
    "oco": _oco,
}


class DisagreementError(AssertionError):
    """The two venues differ."""


class Pair:
    """Both venues through the same days."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.seed = seed
        self.crowd = Crowd(self.random)
        self.floor = Floor(seed=seed % 1_000 + 1, cash=999_999_999, **rules(self.random))
        record = self.floor.desk.venue[0]["profile"]
        self.rules = SimpleNamespace(**{name: int(record[name]) for name in PROFILE.names})
        self.twin = TwinVenue(self.rules)
        self.compared = 0
        self.marks: Marks = {("path", PathModel(self.rules.path))}

    def play(self) -> Marks:
        """Some days, compared after each; what they have reached."""
        price = self.random.choice((0.8, 12.0, 48.0, 100.0, 350.0))
        for day in range(DAYS):
            self._day(day, price)
            self._compare()
        return self.marks

    def _day(self, day: int, price: float) -> None:
        random, floor = self.random, self.floor
        close = random.choice((CLOSE, CLOSE, 210 * 60))
        rows = dict(bars(random, price))
        sent = self.crowd.orders(price, floor.next_number, close)
        halts = [
            (begin, begin + random.randrange(2, 400))
            for begin in random.sample(range(-60, 600), random.choice((0, 0, 1)))
        ]
        prints = [grid(price * (1 + random.gauss(0, 0.002))) if random.random() < 0.5 else 0 for _ in range(2)]
        adv, sigma = random.choice((0, 2_000_000)), random.choice((0, 0.018))
        commands = _records(sent, floor, day)
        given = {"open_print": prints[0], "close_print": prints[1], "adv": adv, "sigma": sigma}
        traded = {minute: row for minute, row in rows.items() if row is not None}
        floor.day(traded, sent, halts=halts, close=close, **given)
        opens = floor.open
        hours = Hours(
            FIRST_DAY + day,
            opens + PRE * SECOND,
            opens,
            opens + close * SECOND,
            opens + (close - CLOSE + POST) * SECOND,
        )
        market = Market(
            {opens + minute * MINUTE: _bar(traded.get(minute)) for minute in {0, *traded}},
            [(opens + begin * SECOND, opens + end * SECOND) for begin, end in halts],
            *(micros(value) for value in prints),
            micros(adv),
            round(sigma * 10**9),
        )
        self.twin.day(hours, market, [(int(command["created"]), command) for command in commands])
        self.marks |= {("halt", True)} if halts else set()
        self.marks |= {("early close", True)} if close < CLOSE else set()
        self.marks |= {("cents", True)} if price < 1 else set()

    def _compare(self) -> None:
        """Every execution, then every order's end."""
        found = self.floor.rows[self.compared :]
        twin = self.twin.executions[self.compared :]
        for i in range(max(len(found), len(twin))):
            a = Execution(*(int(found[i][name]) for name in FIELDS)) if i < len(found) else None
            b = twin[i] if i < len(twin) else None
            if a != b:
                raise DisagreementError(f"seed {self.seed}, execution {self.compared + i}: venue {a}, twin {b}")
            if a is not None:
                self._mark(a)
        self.compared += len(found)
        for number, order in self.twin.orders.items():
            o = self.floor.desk.venue["orders"][0, number % MAX_ORDERS]
            end = next((end for end, field in ENDS.items() if o[field]), None)
            here = end, int(o["terminal"]), RejectReason(o["reason"]) if end == "rejected" else None, int(o["qty"])
            there = None if order.alive else order.state, order.ended, order.reason, order.qty
            if here != there:
                raise DisagreementError(f"seed {self.seed}, order {number}: venue {here}, twin {there}")
            self.marks |= {("end", end), ("reason", here[2])}

    def _mark(self, execution: Execution) -> None:
        order = self.twin.orders[execution.order]
        self.marks |= {("rule", Rule(execution.rule)), ("ambiguous", execution.ambiguous), ("fee", execution.fee > 0)}
        self.marks |= {("several parts", order.fills > 1), ("over night", order.session < self.twin.hours.date)}


def _records(sent: list[Order], floor: Floor, day: int) -> np.ndarray:
    """The commands as the floor will number and stamp them, dtype COMMAND."""
    number = floor.next_number
    opens = floor.opening(day)
    table = np.zeros(len(sent), COMMAND)
    for i, order in enumerate(sent):
        mine = order.number or number
        number = max(number, mine + order.legs + 1)
        table[i] = order.record(mine, opens + round(order.at * SECOND))[0]
    return table


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
        for execution in pair.twin.executions:
            print(execution)
        for order in pair.twin.orders.values():
            print(order)


if __name__ == "__main__":
    tell(int(sys.argv[1]))
