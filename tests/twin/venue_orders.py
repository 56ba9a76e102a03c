"""Orders of the second venue: what they are, when they are due on a path, and what they then get."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from core.kernel.kinds import CommandKind, OrderType, RejectReason, TimeInForce
from sim.records import Rule
from tests.twin.venue_path import NANO, SHARE, Path, mixed, portion, unit

CENT = 10_000
STOPS = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP)


@dataclass
class Order:
    """An order in the book; `state` is queued, held, working, triggered, or how it ended."""

    number: int
    intent: int
    leg: int
    side: int
    type: OrderType
    tif: TimeInForce
    extended: bool
    qty: int
    session: int
    arrived: int
    limit: int = 0
    stop: int = 0
    trail: int = 0
    trail_share: int = 0
    parent: int = 0
    sibling: int = 0
    entry: bool = True
    state: str = "queued"
    filled: int = 0
    fills: int = 0
    high: int = 0
    retry: int = 0
    triggered: int = 0
    ended: int = 0
    executions: list[tuple[int, ...]] = field(default_factory=list)  # time, quantity, price, fee, filled after it
    reason: RejectReason | None = None

    @property
    def rest(self) -> int:
        return self.qty - self.filled

    @property
    def alive(self) -> bool:
        return self.state in ("queued", "held", "working", "triggered")

    @property
    def bound(self) -> bool:
        """Whether it waits for its limit now."""
        return self.type == OrderType.LIMIT or (self.state == "triggered" and self.limit > 0)

    def better(self, a: int, b: int) -> int:
        return min(a, b) if self.side > 0 else max(a, b)

    def trigger(self, best: int) -> int:
        """Where a trailing stop with this best price would trigger."""
        return best + self.side * (self.trail + best * self.trail_share // NANO)


def group_of(c: Any, session: int, now: int) -> list[Order]:
    """The orders of a COMMAND, sleeping legs first."""
    number, kind = int(c["order"]), c["kind"]
    if kind == CommandKind.SUBMIT:
        return [order_of(c, session, now)]
    bracket = kind == CommandKind.SUBMIT_BRACKET
    target, stop, limit = (int(c["target_order"]) if bracket else number), int(c["stop_order"]), int(c["stop_limit"])
    leg = {"entry": False, "parent": number if bracket else 0, "side": int(c["side"]) * (-1 if bracket else 1)}
    stop_terms = leg | {
        "number": stop,
        "leg": int(c["leg"]) + (2 if bracket else 1),
        "sibling": target,
        "state": "held",
        "type": OrderType.STOP_LIMIT if limit else OrderType.STOP,
        "stop": int(c["stop"]),
        "limit": limit,
    }
    target_terms = leg | {
        "number": target,
        "sibling": stop,
        "type": OrderType.LIMIT,
        "limit": int(c["target"]),
        "stop": 0,
    }
    stop_leg = order_of(c, session, now, **stop_terms)
    if not bracket:
        return [stop_leg, order_of(c, session, now, **target_terms)]
    held = {"leg": int(c["leg"]) + 1, "state": "held"}
    return [order_of(c, session, now, **target_terms, **held), stop_leg, order_of(c, session, now)]


def order_of(c: Any, session: int, now: int, **terms: Any) -> Order:
    """An order by the terms that all of a command share, and some of its own."""
    common = {name: int(c[name]) for name in ("intent", "leg", "side", "qty", "limit")}
    kind, simple = OrderType(c["type"]), c["kind"] == CommandKind.SUBMIT
    own: dict[str, Any] = {"number": int(c["order"]), "type": kind, "tif": TimeInForce(c["tif"])}
    if simple and kind == OrderType.TRAILING_STOP:
        own |= {"trail": int(c["stop"]), "trail_share": int(c["target"])}
    elif simple:
        own["stop"] = int(c["stop"])
    extended = bool(c["extended"])
    return Order(**(common | own | {"extended": extended, "session": session, "arrived": now} | terms))


def worse_extreme(position: int, entry: Order | None, price: int) -> int:
    """+1 where the high hurts, -1 where the low does: there as well if nothing is open and no entry is there.

    For a position it is the extreme against it; for an entry the way to its stop, or away from its own price first.
    """
    if position:
        return 1 if position < 0 else -1
    if entry is None:
        return -1
    at_once = entry.type == OrderType.MARKET
    if entry.type == OrderType.LIMIT:
        at_once = entry.side * entry.limit >= entry.side * price
    elif entry.type in (OrderType.STOP, OrderType.STOP_LIMIT):
        at_once = entry.side * price >= entry.side * entry.stop
    return 1 if (entry.side > 0) != at_once else -1


# -- when ---------------------------------------------------------------------------------------------------------


def due(order: Order, path: Path, rules: Any, start: int) -> int | None:
    """When a working order next fills or triggers, from `start` on."""
    if order.bound:
        return _limit_due(order, path, rules, start)
    if order.type == OrderType.MARKET or order.state == "triggered":
        return start
    if order.type == OrderType.TRAILING_STOP:
        return _trail_due(order, path, start)
    return path.reaches(start, order.stop, order.side)


def _limit_due(order: Order, path: Path, rules: Any, start: int) -> int | None:
    if (rules.touch or _new(order, start)) and marketable(order, path, start):
        return start
    if rules.touch:
        return path.reaches(start, order.limit - order.side * path.half, -order.side)
    return path.reaches(start, order.limit, -order.side, beyond=True)


def _trail_due(order: Order, path: Path, start: int) -> int | None:
    """Stage by stage: the stop stands at one level from one point of the path to the next."""
    best = order.better(order.high, path.at(start))
    stages = [start, *(time for time, _ in path.points if time > start)]
    for begin, end in zip(stages, [*stages[1:], path.last], strict=True):
        hit = path.reaches(begin, order.trigger(best), order.side)
        if hit is not None and hit <= end:
            return hit
        best = order.better(best, path.at(end))
    return None


def _new(order: Order, time: int) -> bool:
    """Whether it meets the market for the first time."""
    return order.fills == 0 and time in (order.arrived, order.triggered)


def marketable(order: Order, path: Path, time: int) -> bool:
    """Whether the far side of the market is within its limit."""
    far = path.base(time) + order.side * path.half
    return order.side * far <= order.side * order.limit


# -- what ---------------------------------------------------------------------------------------------------------


def part(order: Order, rules: Any, qty: int) -> int:
    """A drawn part of the shares, with the drawn chance of being filled in parts."""
    if not rules.partial or qty < 2 * SHARE or order.tif == TimeInForce.FOK:
        return qty
    h = mixed(rules.seed, mixed(order.intent, order.leg), order.fills)
    if unit(h) * NANO >= rules.partial:
        return qty
    return (1 + int(unit(mixed(h, 1)) * (qty // SHARE - 1))) * SHARE


def price_of(order: Order, path: Path, rules: Any, liquidity: tuple[int, int], now: int, qty: int) -> tuple[int, Rule]:
    """Price and rule of an execution; `liquidity` is daily volume and volatility, 0 = not known."""
    if order.bound and not (order.triggered == now and order.type == OrderType.STOP):
        return _given(order, path, rules, now)
    return _taken(order, path, rules, liquidity, now, qty)


def _taken(order: Order, path: Path, rules: Any, liquidity: tuple[int, int], now: int, qty: int) -> tuple[int, Rule]:
    """Of an order that takes the market: base, half spread, slippage and impact; a collar holds."""
    base, (adv, sigma) = path.base(now), liquidity
    slip = portion(base, rules.slippage)
    if rules.impact and adv and sigma:
        slip += int(float(base) * (rules.impact / NANO) * (sigma / NANO) * math.sqrt(float(qty) / float(adv)))
    price = max(base + order.side * (path.half + slip), 1)
    if order.limit:
        price = min(price, order.limit) if order.side > 0 else max(price, order.limit)
    if order.type in STOPS:
        jumped = order.triggered == now and order.side * path.at(now) > order.side * order.stop
        return price, Rule.STOP_GAP if jumped else Rule.STOP
    if now > path.begin:
        return price, Rule.PATH
    return price, Rule.NBBO if path.middle else Rule.OPEN


def _given(order: Order, path: Path, rules: Any, now: int) -> tuple[int, Rule]:
    """Of an order at its limit, or better than it where it met the market or the market opened beyond it."""
    price = order.limit
    if rules.touch or _new(order, now):
        price = path.base(now) + order.side * path.half
    elif now in (path.begin, path.resumed):
        price = path.at(now)
    price = min(price, order.limit) if order.side > 0 else max(price, order.limit)
    return price, Rule.LIMIT_TOUCH if price == order.limit else Rule.LIMIT_IMPROVED


def fee_of(order: Order, rules: Any, qty: int, price: int) -> int:
    """Regulatory fees of a sale, each up to a whole cent."""
    if not rules.fees or order.side > 0:
        return 0
    value = math.floor(Fraction(qty * price, SHARE))
    return _cents(portion(value, rules.sec_rate)) + min(_cents(portion(qty, rules.taf_rate)), rules.taf_cap)


def _cents(amount: int) -> int:
    return math.ceil(Fraction(amount, CENT)) * CENT
