"""What execution cost: implementation shortfall, spreads, markouts, and why two fills of one order differ.

Prices are dollars a share, `side` is +1 for a buy and -1 for a sale, all arrays float64 (n,). A positive cost hurts.

    shortfall   Perold, "The Implementation Shortfall", 1988, with the delay told apart:
                delay q (P_a - P_d), trading q (P_x - P_a), opportunity (Q - q)(P_e - P_d), and fees;
                Q intended, q filled, P at decision, arrival, execution and end, each times side
    spreads     effective 2 side (P_x - M_0), realised 2 side (P_x - M_tau)
    markout     side (M_tau - P_x) / P_x: what the position has earned by then
    gap         side (P_a - P_b) = side (M_a - M_b) + (h_a - h_b) + residual: the market moved between the two fills,
                the spread was another, and the rest is the fill model
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BP = 1e4


class Shortfall(NamedTuple):
    """Dollars by cause, each float64 (n,); their sum is the shortfall."""

    delay: Floats
    trading: Floats
    opportunity: Floats
    fees: Floats

    @property
    def total(self) -> Floats:
        """Dollars in all; NaN where a part is not measured."""
        return np.asarray(self.delay + self.trading + self.opportunity + self.fees)


class OrderPrices(NamedTuple):
    """The prices of a shortfall, each float64 (n,)."""

    decision: Floats
    arrival: Floats
    execution: Floats
    end: Floats


def implementation_shortfall(
    side: Floats, intended: Floats, filled: Floats, at: OrderPrices, fees: Floats
) -> Shortfall:
    """Shortfall of orders; a part whose shares are 0 is 0 whatever its price, known or not."""
    missed = intended - filled
    return Shortfall(
        _cost(side, filled, at.arrival - at.decision),
        _cost(side, filled, at.execution - at.arrival),
        _cost(side, missed, at.end - at.decision),
        fees,
    )


def _cost(side: Floats, qty: Floats, move: Floats) -> Floats:
    return np.where(qty == 0.0, 0.0, side * qty * move)


def spread_bp(side: Floats, price: Floats, mid: Floats) -> Floats:
    """Effective spread against the mid of then, realised spread against a later one; basis points of the mid."""
    return np.asarray(2.0 * side * (price - mid) / mid * BP)


def markout_bp(side: Floats, price: Floats, later: Floats) -> Floats:
    """Markout in basis points of the price."""
    return np.asarray(side * (later - price) / price * BP)


class Gap(NamedTuple):
    """Parts of a price gap in basis points, each float64 (n,); timing + spread + residual = total."""

    total: Floats
    timing: Floats
    spread: Floats
    residual: Floats


def price_gap(
    side: Floats, price: tuple[Floats, Floats], mid: tuple[Floats, Floats], half: tuple[Floats, Floats]
) -> Gap:
    """Why the first of two fills of one order cost more than the second, in basis points of the second's price."""
    unit = BP / price[1]
    total = side * (price[0] - price[1]) * unit
    timing = side * (mid[0] - mid[1]) * unit
    spread = (half[0] - half[1]) * unit
    return Gap(total, timing, spread, total - timing - spread)
