"""What orders cost in each run, and order by order why one run's price was another than the other's.

Formulas and sources are in core.statistics.execution. The mid after a fill is the close of the newest bar that has
ended by then, so nothing shorter than a bar can be measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.statistics.execution import (
    Gap,
    OrderPrices,
    Shortfall,
    implementation_shortfall,
    markout_bp,
    price_gap,
    spread_bp,
)
from reports.columns import Codes, Floats
from reports.comparison.matching import LEGS, Intent, Leg, Match
from reports.comparison.prices import SECOND, Prices
from reports.formats import NEVER
from reports.statistics import local_days

STAGES = (
    "signal to decision",
    "decision to sent",
    "sent to acknowledged",
    "acknowledged to filled",
    "filled to known",
)
HORIZONS = {"1 s": 1, "10 s": 10, "1 min": 60, "5 min": 300, "close": 0}


@dataclass(frozen=True, slots=True)
class OrderGaps:
    """Orders that filled in both runs, by row: the match, its role, New York day, and the parts of the gap in bp."""

    match: list[Match]
    role: list[str]
    day: Codes
    delay: Floats  # seconds by which the run filled later
    gap: Gap

    def __len__(self) -> int:
        return len(self.match)

    def legs(self, row: int) -> tuple[Leg, Leg]:
        """The order in the run and in the simulation."""
        return self.match[row].run.legs[self.role[row]], self.match[row].simulation.legs[self.role[row]]


def order_gaps(matched: Sequence[Match]) -> OrderGaps:
    """Price gaps of all orders that filled in both runs, in the order of their fills."""
    rows = [
        (match, role)
        for match in matched
        for role in LEGS
        if all(role in side.legs and side.legs[role].filled for side in (match.run, match.simulation))
    ]
    rows.sort(key=lambda item: item[0].run.legs[item[1]].time)
    ours = [match.run.legs[role] for match, role in rows]
    theirs = [match.simulation.legs[role] for match, role in rows]
    time = np.array([leg.time for leg in ours], np.int64)
    gap = price_gap(
        _values(ours, "side"),
        (_values(ours, "price"), _values(theirs, "price")),
        (_values(ours, "mid"), _values(theirs, "mid")),
        (_values(ours, "half"), _values(theirs, "half")),
    )
    delay = (time - np.array([leg.time for leg in theirs], np.int64)) / SECOND
    return OrderGaps([m for m, _ in rows], [r for _, r in rows], local_days(time), delay, gap)


def _values(legs: Sequence[Leg], name: str) -> Floats:
    return np.array([getattr(leg, name) for leg in legs], np.float64)


@dataclass(frozen=True, slots=True)
class Costs:
    """Execution of one run's entries and exits; `spread` and `markouts` are means in bp by what they are of."""

    entries: int
    shortfall: Shortfall
    intended: Floats  # dollars intended, by entry
    effective: float
    realised: float
    markouts: dict[str, dict[str, float]]


def costs_of(intents: Sequence[Intent], prices: Prices | None) -> Costs:
    """Shortfall of a run's entries, and spreads and markouts of all its filled orders."""
    entries = [(intent.place.symbol, intent.legs["entry"]) for intent in intents if "entry" in intent.legs]
    filled = [
        (intent.place.symbol, leg) for intent in intents for leg in intent.legs.values() if leg.filled and leg.mid > 0
    ]
    side, price, mid = (_values([leg for _, leg in filled], name) for name in ("side", "price", "mid"))
    later = _later(filled, prices, HORIZONS["5 min"])
    return Costs(
        len(entries),
        _shortfall(entries, prices),
        np.array([leg.qty * _decision(symbol, leg, prices) for symbol, leg in entries]),
        _mean(spread_bp(side, price, mid)),
        _mean(spread_bp(side, price, later)),
        {
            "all fills": _markouts(filled, prices),
            "limit fills": _markouts([item for item in filled if item[1].kind == "limit"], prices),
        },
    )


def _shortfall(entries: Sequence[tuple[str, Leg]], prices: Prices | None) -> Shortfall:
    legs = [leg for _, leg in entries]
    decision = np.array([_decision(symbol, leg, prices) for symbol, leg in entries])
    end = np.array([prices.at(symbol, leg.ended) if prices is not None else np.nan for symbol, leg in entries])
    at = OrderPrices(decision, _values(legs, "mid_arrival"), _values(legs, "price"), end)
    names = ("side", "qty", "filled", "fees")
    side, qty, filled, fees = (_values(legs, name) for name in names)
    return implementation_shortfall(side, qty, filled, at, fees)


def _decision(symbol: str, leg: Leg, prices: Prices | None) -> float:
    """The mid at the decision; of an order without a fill, from the bars."""
    if leg.filled or prices is None:
        return leg.mid_decision
    return prices.at(symbol, leg.submitted)


def _markouts(filled: Sequence[tuple[str, Leg]], prices: Prices | None) -> dict[str, float]:
    """Mean markout in bp at each horizon."""
    legs = [leg for _, leg in filled]
    side, price = _values(legs, "side"), _values(legs, "price")
    return {name: _mean(markout_bp(side, price, _later(filled, prices, s))) for name, s in HORIZONS.items()}


def _later(filled: Sequence[tuple[str, Leg]], prices: Prices | None, seconds: int) -> Floats:
    """The mid `seconds` after each fill, 0 for the close; NaN for what is shorter than a bar or beyond the close."""
    if prices is None or 0 < seconds * SECOND < prices.bar_ns:
        return np.full(len(filled), np.nan)
    found = []
    for symbol, leg in filled:
        close = prices.close_of_day(leg.time)
        time = leg.time + seconds * SECOND if seconds else close
        found.append(prices.at(symbol, time) if time <= close else np.nan)
    return np.array(found, np.float64)


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


def latencies(intents: Sequence[Intent]) -> dict[str, tuple[Floats, Codes]]:
    """Seconds of each stage of the entries, with the New York day of each; a stage without both its times is left out.

    A signal is due when its bar ends. The venue's times are its own clock's, so that a stage between two clocks can be
    negative.
    """
    sent = [(intent, intent.legs["entry"]) for intent in intents if "entry" in intent.legs]
    times = np.array(
        [(i.due, i.decided, leg.submitted, leg.accepted, leg.time, leg.received) for i, leg in sent], np.int64
    ).reshape(-1, len(STAGES) + 1)
    found = {}
    for column, name in enumerate(STAGES):
        pairs = times[:, column : column + 2]
        pairs = pairs[(pairs != NEVER).all(axis=1)]
        pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
        found[name] = ((pairs[:, 1] - pairs[:, 0]) / SECOND, local_days(pairs[:, 0]))
    return found
