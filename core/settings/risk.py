"""What may be lost and what may be held: [risk], [sizing] and [breaker].

Limits are shares of equity unless a key says otherwise. A limit that another limit makes unreachable is
refused: it would read as a protection and be none.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from core.settings.values import (
    UNIT_NS,
    BasisPoints,
    Count,
    Duration,
    Money,
    Number,
    PositiveCount,
    PositiveDuration,
    PositiveMoney,
    PositiveShare,
    Section,
    Share,
    duration_text,
    refusal,
)

MINUTE, SECOND = UNIT_NS["m"], UNIT_NS["s"]

Leverage = Annotated[Number, Field(gt=0, le=4)]


class Risk(Section):
    """[risk]"""

    trade_risk: PositiveShare = Field(
        Decimal("0.01"), description="most that one trade may lose at its stop, share of equity"
    )
    symbol_cap: Leverage = Field(Decimal("0.10"), description="most that one symbol may hold, share of equity")
    gross_cap: Leverage = Field(Decimal("1.0"), description="most long plus short value, share of equity")
    net_cap: Leverage = Field(Decimal("1.0"), description="most long minus short value, share of equity")
    daily_loss: PositiveShare = Field(
        Decimal("0.05"), description="loss since the previous session's close that ends the day, share"
    )
    weekly_loss: PositiveShare | None = Field(
        None, description="loss over five sessions that ends trading, share; default off"
    )
    max_drawdown: PositiveShare = Field(
        Decimal("0.15"), description="fall from the high-water mark that ends trading, share"
    )
    hwm: Literal["session_close", "intraday"] = Field("session_close", description="what raises the high-water mark")
    adv_share: Share = Field(Decimal("0.005"), description="largest order, share of the average daily volume; 0 = off")
    max_order_notional: PositiveMoney | None = Field(None, description="largest order, dollars; default off")
    max_order_qty: PositiveMoney | None = Field(None, description="largest order, shares; default off")
    price_collar: PositiveShare = Field(
        Decimal("0.05"), description="farthest that an order price may lie from the reference, share of price"
    )
    orders_per_minute: PositiveCount = Field(60, description="most orders in 60 s")
    orders_per_day: PositiveCount = Field(2_000, description="most orders in a session")
    repeat_limit: PositiveCount = Field(20, description="most openings of one symbol and side in a session")
    day_trade_budget: Count = Field(0, description="most day trades in five sessions; 0 = off")
    require_stop: bool = Field(True, description="whether every opening order needs a stop; it does")
    soft: PositiveShare = Field(
        Decimal("0.7"), description="share of a limit at which the engine starts to throttle and to alert"
    )
    near: PositiveShare = Field(Decimal("0.8"), description="share of a limit from which a check counts as a near miss")
    stale_after: PositiveDuration = Field(3 * MINUTE, description="age at which a symbol's data is stale, duration")
    stale_feed_share: PositiveShare = Field(
        Decimal("0.5"), description="share of symbols that must be stale before the feed counts as degraded"
    )
    stale_shock: Share = Field(
        Decimal("0.02"), description="loss assumed on a stale mark by the drawdown guards, share of price"
    )
    plausible_jump: PositiveShare = Field(
        Decimal("0.10"),
        description="largest move of a mark in one bar that is believed at once, share of price",
    )
    signal_max_age: PositiveDuration = Field(2 * MINUTE, description="age at which a signal is refused, duration")
    protect_within: PositiveDuration = Field(
        60 * SECOND, description="longest that a position may lack its stop, duration"
    )
    exit_deadline: PositiveDuration = Field(
        5 * MINUTE, description="longest that an exit may take before it escalates, duration"
    )
    cool_off_sessions: Count = Field(1, description="sessions without openings after a hard limit broke")
    rearm: Literal["operator", "auto"] = Field(
        "operator", description="who allows trading again after a hard limit broke"
    )
    reentry_scale: PositiveShare = Field(
        Decimal("0.5"), description="size of positions after re-arming, share of the normal size"
    )
    reentry_step: PositiveShare = Field(
        Decimal("0.25"), description="how much of the normal size each clean week gives back, share"
    )

    @model_validator(mode="after")
    def _check(self) -> Risk:
        if not self.require_stop:
            problem = "an entry is a bracket and its size follows from its stop, so there is none without a stop"
            raise refusal(problem, "Leave risk.require_stop at true.", "require_stop")
        for key, other in _NOT_ABOVE:
            value, bound = getattr(self, key), getattr(self, other)
            if value is not None and bound is not None and value > bound:
                problem = f"{value} is above risk.{other}, {bound}, so it can never act"
                raise refusal(problem, f"Lower risk.{key} or raise risk.{other}.", key)
        return self


_NOT_ABOVE = (
    ("symbol_cap", "gross_cap"),
    ("net_cap", "gross_cap"),
    ("trade_risk", "daily_loss"),
    ("daily_loss", "weekly_loss"),
    ("daily_loss", "max_drawdown"),
    ("weekly_loss", "max_drawdown"),
    ("orders_per_minute", "orders_per_day"),
)


class Sizing(Section):
    """[sizing]"""

    kelly_fraction: PositiveShare = Field(Decimal("0.25"), description="share of Kelly that is bet")
    observations: Count = Field(
        400,
        description="effective number of outcomes behind each probability, for shrinkage; 0 = no shrinkage",
    )
    throttle: bool = Field(True, description="whether size falls with the drawdown (Grossman and Zhou)")
    cost_bps: BasisPoints = Field(Decimal("2.0"), description="expected cost of a round trip, basis points")
    gap_loss_bps: BasisPoints = Field(Decimal(0), description="expected loss beyond the stop, basis points of price")
    min_edge_bps: BasisPoints = Field(Decimal(0), description="least expected gain of a trade, basis points of price")
    min_notional: Money = Field(Decimal(100), description="least order, dollars")
    lot: PositiveMoney = Field(Decimal(1), description="quantities are whole multiples of this, shares")
    calibration_scale: Share = Field(
        Decimal("1.0"), description="trust in the strategies' probabilities, factor on every size"
    )
    portfolio_risk: Share = Field(
        Decimal("0.06"), description="most that all stops together may lose, share of equity; 0 = off"
    )
    reference_collar_bps: BasisPoints = Field(
        Decimal(0), description="how far above the quote a market order is priced for sizing, basis points"
    )


class Orders(Section):
    """[orders]: what the engine sends for an approved decision, and how it gets out again."""

    entry: Literal["market", "limit"] = Field("market", description="type of an entry")
    limit_offset_bps: BasisPoints = Field(
        Decimal(5), description="how far a limit entry may reach through the reference price, basis points"
    )
    tif: Literal["day", "gtc"] = Field("gtc", description="time in force of a bracket and therefore of its legs")
    flat_before_close: Duration = Field(
        0, description="how long before the regular close everything is closed, duration; 0s = off"
    )
    exit_step: PositiveDuration = Field(
        60 * SECOND, description="how long one stage of a risk exit may work before the next, duration"
    )


class Breaker(Section):
    """[breaker]: the circuit breakers of the routes to the broker."""

    failures: PositiveCount = Field(5, description="failures in a row that open a breaker")
    window: PositiveDuration = Field(60 * SECOND, description="span over which failures are counted, duration")
    failure_share: PositiveShare = Field(
        Decimal("0.5"), description="share of failed requests in the window that opens a breaker"
    )
    min_requests: PositiveCount = Field(10, description="requests in the window before the share counts")
    half_open_orders: PositiveCount = Field(3, description="orders that must succeed before a breaker closes again")
    base: PositiveDuration = Field(SECOND, description="first wait between probes, duration")
    cap: PositiveDuration = Field(60 * SECOND, description="longest wait between probes, duration")
    trips_per_day: PositiveCount = Field(3, description="trips in a session that halt trading")
    slow_after: Duration = Field(
        0, description="latency that opens a breaker when 5 % of requests are above it in 3 windows, duration; 0s = off"
    )
    silence: Duration = Field(
        0, description="silence of the trade stream, with orders out in the session, that opens its breaker; 0s = off"
    )
    poll: Duration = Field(
        5 * MINUTE, description="how often our books are compared with the broker's, duration; 0s = only when asked"
    )

    @model_validator(mode="after")
    def _check(self) -> Breaker:
        if self.base > self.cap:
            problem = f"{duration_text(self.base)} is above breaker.cap, {duration_text(self.cap)}"
            raise refusal(problem, "Let waits start at or below their longest.", "base")
        return self
