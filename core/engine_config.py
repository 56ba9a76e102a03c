"""Typed settings → the kernel's config record: decimals to micros and nanos, once, at the edge."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_DOWN, Decimal

import numpy as np

from core.kernel.kinds import Regime, TimeInForce
from core.kernel.records import CONFIG
from core.kernel.units import MICRO, NANO
from core.settings.scenario import Settings

BPS = Decimal(NANO) / 10_000
REGIMES = {"none": Regime.NONE, "legacy_pdt": Regime.LEGACY_PDT, "intraday_margin": Regime.INTRADAY_MARGIN}
QUERY_TRIES = 5
QUERY_STEP = 1_000_000_000  # ns until an order of unknown fate is asked for again, doubled each time
UNKNOWN_DEADLINE = 300_000_000_000  # ns after which its fate is a case for the operator
RECONCILE_WAIT = 60_000_000_000  # ns until a reconciliation is asked for again, doubled each time
CLOCK_LIMIT = 2_000_000_000  # ns that the clock may jump forward unpunished
DRIFT_TOLERANCE = Decimal("0.01")  # of equity, between our buying power and the broker's
REJECT_STORM = 5


def nanos(fraction: Decimal | None) -> int:
    """A fraction in nanos, rounded down; 0 for None, which switches a limit off."""
    return 0 if fraction is None else int((fraction * NANO).to_integral_value(ROUND_DOWN))


def micros(amount: Decimal | None) -> int:
    """Dollars or shares in micros, rounded down; 0 for None."""
    return 0 if amount is None else int((amount * MICRO).to_integral_value(ROUND_DOWN))


def bps(points: Decimal) -> int:
    """Basis points as a fraction in nanos."""
    return int((points * BPS).to_integral_value(ROUND_DOWN))


def engine_config(settings: Settings, symbols: int, day: date) -> np.void:
    """The kernel's CONFIG for `symbols` symbols; `day` (the first session) decides the margin regime of `auto`."""
    config = np.zeros(1, CONFIG)[0]
    account, breaker = settings.account, settings.breaker
    values: dict[str, int] = {
        "cash": micros(account.cash),
        "multiplier": account.multiplier,
        "regime": REGIMES[account.regime_on(day)],
        "shorting": account.shorting,
        "maintenance": nanos(account.maintenance),
        "market_collar": nanos(account.market_collar),
        "breaker_failures": breaker.failures,
        "breaker_window": breaker.window,
        "breaker_share": nanos(breaker.failure_share),
        "breaker_min": breaker.min_requests,
        "half_open_orders": breaker.half_open_orders,
        "backoff_base": breaker.base,
        "backoff_cap": breaker.cap,
        "trips_day": breaker.trips_per_day,
        "slow_after": breaker.slow_after,
        "silence": breaker.silence,
        "query_tries": QUERY_TRIES,
        "query_step": QUERY_STEP,
        "unknown_deadline": UNKNOWN_DEADLINE,
        "reconcile_wait": RECONCILE_WAIT,
        "clock_limit": CLOCK_LIMIT,
        "drift_tolerance": nanos(DRIFT_TOLERANCE),
        "reject_storm": REJECT_STORM,
        "seed": settings.seed,
        "symbols": symbols,
        **_risk(settings),
        **_sizing(settings),
    }
    for name, value in values.items():
        config[name] = int(value)
    return config  # type: ignore[no-any-return]


def _risk(settings: Settings) -> dict[str, int]:
    risk, orders = settings.risk, settings.orders
    fractions = (
        "trade_risk symbol_cap gross_cap net_cap daily_loss weekly_loss max_drawdown adv_share soft near "
        "price_collar stale_shock plausible_jump reentry_scale reentry_step"
    )
    return {name: nanos(getattr(risk, name)) for name in fractions.split()} | {
        "hwm_intraday": risk.hwm == "intraday",
        "max_order_notional": micros(risk.max_order_notional),
        "max_order_qty": micros(risk.max_order_qty),
        "orders_minute": risk.orders_per_minute,
        "orders_day": risk.orders_per_day,
        "repeat_limit": risk.repeat_limit,
        "day_trade_budget": risk.day_trade_budget,
        "stale_after": risk.stale_after,
        "stale_share": nanos(risk.stale_feed_share),
        "protect_within": risk.protect_within,
        "cool_off": risk.cool_off_sessions,
        "auto_rearm": risk.rearm == "auto",
        "exit_step": orders.exit_step,
        "exit_deadline": risk.exit_deadline,
        "signal_max_age": risk.signal_max_age,
        "flat_before_close": orders.flat_before_close,
        "entry_limit": orders.entry == "limit",
        "limit_offset": bps(orders.limit_offset_bps),
        "tif": TimeInForce.GTC if orders.tif == "gtc" else TimeInForce.DAY,
    }


def _sizing(settings: Settings) -> dict[str, int]:
    sizing = settings.sizing
    return {
        "portfolio_risk": nanos(sizing.portfolio_risk),
        "kelly": nanos(sizing.kelly_fraction),
        "observations": sizing.observations,
        "throttle": sizing.throttle,
        "cost": bps(sizing.cost_bps),
        "gap_loss": bps(sizing.gap_loss_bps),
        "min_edge": bps(sizing.min_edge_bps),
        "min_notional": micros(sizing.min_notional),
        "lot": micros(sizing.lot),
        "calibration_scale": nanos(sizing.calibration_scale),
        "reference_collar": bps(sizing.reference_collar_bps),
    }
