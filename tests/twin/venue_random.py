"""Random rules, days and crowds for both venues."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

from sim.records import PathModel
from tests.sim.floor import CLOSE, POST, PRE
from tests.sim.floor import Bar as Row
from tests.sim.floor_orders import Order, buy, cancel, query, sell

UNKNOWN = 1_000  # an order that never was


def rules(random: Random) -> dict[str, Any]:
    """A [venue] section: each seed makes other rules bind."""
    profile = random.choice(("alpaca_paper", "live_conservative"))
    return {
        "profile": profile,
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
        "ack_latency": random.choice(("0ms", "50ms", "3s")),
        "fill_latency": random.choice(("0ms", "50ms", "3s")),
        "feed_latency": random.choice(("0ms", "0ms", "500ms")),
        "latency_jitter": random.choice((0, 0.5, 1)),
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


def halts(random: Random, close: int) -> list[tuple[int, int]]:
    """Up to two halts, as seconds since the open: around the open, the close, or in the night before."""
    found: list[tuple[int, int]] = []
    for begin in sorted(
        random.sample((*range(-60, 600, 7), *range(close - 400, close + 200, 13), -1_300), random.choice((0, 0, 1, 2)))
    ):
        if not found or begin > found[-1][1]:
            found.append((begin, begin + random.choice((random.randrange(2, 400), 60 - begin % 60))))
    return found


class Crowd:
    """Who sends orders in one seed: a few shapes of order, mostly of one side or of both, and a habit of cancelling."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.shapes = random.sample(sorted(SHAPES), random.randrange(1, len(SHAPES)))
        self.buys = random.choice((0.5, 0.5, 0.9, 0.1))
        self.cancels = random.choice((0, 0.1, 0.25))
        self.most = random.choice((8, 20, 40))

    def orders(self, price: float, first: int, close: int) -> list[Order]:
        """A day's orders, cancels and queries, at times that like to fall together."""
        random = self.random
        sent = []
        number = first
        old = max(first - 5, 1)
        for at in sorted(_moment(random, close) for _ in range(random.randrange(4, self.most))):
            if number > first and random.random() < self.cancels:
                ask = random.choice((cancel, query))
                sent.append(ask(random.choice((random.randrange(old, number), UNKNOWN)), at))
                continue
            order = self._order(price, at)
            if number > first and not order.legs and random.random() < 0.02:
                sent.append(replace(order, number=random.randrange(old, number)))
                continue
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
