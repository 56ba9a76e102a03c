"""A fill rule as a case: what it is tried on, and the executions and ends that it must lead to.

Most cases trade the bar WIDE, 100 → 103 → 97 → 101 in the path `ohlc`: up by $0.15 a second to 20 s, down by $0.30 to
40 s, up by $0.20 to the end. A time that does not come out even is the first nanosecond at which the price is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from sim.records import Rule
from tests.sim.floor import CLOSE, POST, Bar, Floor
from tests.sim.floor_orders import Order

WIDE = Bar(100, 103, 97, 101)
HALF = {"half_spread_bps": 10}  # ten cents at $100
OPEN, PATH, TOUCHED, IMPROVED = Rule.OPEN, Rule.PATH, Rule.LIMIT_TOUCH, Rule.LIMIT_IMPROVED
STOP, GAP, AUCTION, NBBO = Rule.STOP, Rule.STOP_GAP, Rule.AUCTION, Rule.NBBO
WAITS = "waits"
BRACKET = {"target": 102, "stop_loss": 98}


@dataclass(frozen=True)
class Case:
    """A rule, what it is tried on, and the executions and ends that it must lead to.

    Executions are (order, second, shares, price, rule); an order that is not named in `ends` must have filled, and one
    that is still there WAITS.
    """

    rule: str
    bars: Sequence[Bar | None] | Mapping[int, Bar]
    orders: Sequence[Order]
    fills: Sequence[tuple[int, float, float, float, Rule]]
    ends: Mapping[int, str] = field(default_factory=dict)
    day: Mapping[str, Any] = field(default_factory=dict)
    venue: Mapping[str, Any] = field(default_factory=dict)


def case(rule: str, bars: Any, orders: Any, *fills: Any, ends: Any = (), day: Any = (), **venue: Any) -> Case:
    bars = [bars] if isinstance(bars, Bar) else bars
    orders = [orders] if isinstance(orders, Order) else orders
    return Case(rule, bars, orders, fills, dict(ends), dict(day), venue)


def rule_of(value: object) -> str | None:
    """The rule names a case."""
    return value.rule if isinstance(value, Case) else value if isinstance(value, str) else ""


def play(case: Case) -> Floor:
    """One day on the floor by a case, which must come out as the case says."""
    floor = Floor(**case.venue).day(case.bars, case.orders, **case.day)
    fills = [(fill.order, fill.second, fill.qty, fill.price, fill.rule) for fill in floor.fills]
    assert fills == [
        (order, second, qty, pytest.approx(price, abs=1e-9), rule) for order, second, qty, price, rule in case.fills
    ]
    for number in range(1, floor.next_number):
        wanted = case.ends.get(number, "filled")
        end = floor.order(number).end
        waits = end is None or (end == "expired" and floor.ended(number)[1] in (CLOSE, POST))
        assert waits if wanted == WAITS else end == wanted, f"order {number} ended as {end}"
    return floor
