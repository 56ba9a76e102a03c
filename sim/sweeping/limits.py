"""A seed draws limits too: half of the seeds run the scenario as it is, the others with some of its limits moved.

Many a check refuses nothing because its limit is out of reach: a cap that no size comes near, a rule for small
accounts. So the limits are a swarm as well (draws.py): each of the entries below is on or off, and what is on is put
into the scenario, one after the other. One that contradicts the scenario, or an entry before it, is left out.

Nothing here touches data or strategies, so the signals in memory stay what they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from core.settings.scenario import Settings
from sim.sweeping.draws import HALF, Draws

ON = 0.15  # of the entries, in a seed that draws limits
LIMITS: tuple[Mapping[str, Any], ...] = (
    # accounts with rules of their own
    {"account.cash": Decimal(24_000), "account.regime": "legacy_pdt"},
    {"account.cash": Decimal(1_900)},
    {"account.multiplier": 1, "account.shorting": False, "account.regime": "none"},
    {"account.shorting": False},
    {"account.multiplier": 4, "account.maintenance": Decimal(1), "account.regime": "intraday_margin"},
    # what may be lost
    {"risk.daily_loss": Decimal("0.01")},
    {"risk.weekly_loss": Decimal("0.05")},
    {"risk.daily_loss": Decimal("0.01"), "risk.weekly_loss": Decimal("0.01"), "risk.max_drawdown": Decimal("0.02")},
    {"risk.trade_risk": Decimal("0.00001")},
    {"risk.trade_risk": Decimal("0.001"), "sizing.portfolio_risk": Decimal("0.001")},
    {"risk.rearm": "auto"},
    {"risk.hwm": "intraday"},
    # what may be held
    {"risk.symbol_cap": Decimal("0.5"), "risk.gross_cap": Decimal(1), "risk.adv_share": Decimal("0.05")},
    {"risk.gross_cap": Decimal(2), "risk.net_cap": Decimal(2), "sizing.kelly_fraction": Decimal(1)},
    {"risk.net_cap": Decimal("0.05")},
    {"risk.adv_share": Decimal("0.0000005")},
    {"risk.max_order_notional": Decimal(150)},
    {"risk.max_order_qty": Decimal(5)},
    {"sizing.lot": Decimal(10)},
    # how often
    {"risk.orders_per_minute": 1},
    {"risk.orders_per_minute": 1, "risk.orders_per_day": 3},
    {"risk.repeat_limit": 1},
    {"risk.day_trade_budget": 2},
    # how it gets in, out, and out of trouble
    {"orders.entry": "limit"},
    {"orders.tif": "day"},
    {"orders.flat_before_close": "20m"},
    {"risk.protect_within": "10s"},
    {"breaker.failures": 1, "breaker.half_open_orders": 1},
    {"breaker.slow_after": "5s", "breaker.silence": "3m"},
)


def limited(base: Settings, seed: int) -> Settings:
    """A scenario with the limits that a seed draws."""
    draws = Draws(seed)
    if draws.unit("class", "limits") < HALF:
        return base
    for number, entry in enumerate(LIMITS):
        if draws.unit("limit", number) < ON:
            try:
                base = base.changed(entry)
            except ValidationError:
                continue  # a contradiction
    return base
