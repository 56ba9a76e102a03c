"""The simulated venue: [venue], its two profiles, and [[halts]].

`alpaca_paper` imitates the broker's paper engine: it fills what the quote reaches, at the quote and whatever
the size, one eligible order in ten in parts, without fees. `live_conservative` is what we believe a live
account would meet. A profile is a full set of numbers; each key given beside it replaces one of them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from core.settings.values import (
    SYMBOL,
    BasisPoints,
    Duration,
    Moment,
    Number,
    PositiveDuration,
    Section,
    Share,
    spelled,
)

PROFILES: dict[str, dict[str, Any]] = {
    "alpaca_paper": {
        "half_spread_bps": Decimal("1.0"),
        "slippage_bps": Decimal(0),
        "impact": Decimal(0),
        "participation": Decimal(0),
        "partial_probability": Decimal("0.10"),
        "fees": False,
        "touch_fills": True,
        "submit_latency": "250ms",
        "cancel_latency": "250ms",
        "ack_latency": "50ms",
        "fill_latency": "50ms",
        "feed_latency": "0ms",
    },
    "live_conservative": {
        "half_spread_bps": Decimal("2.0"),
        "slippage_bps": Decimal("0.5"),
        "impact": Decimal("1.0"),
        "participation": Decimal("0.025"),
        "partial_probability": Decimal(0),
        "fees": True,
        "touch_fills": False,
        "submit_latency": "400ms",
        "cancel_latency": "400ms",
        "ack_latency": "100ms",
        "fill_latency": "100ms",
        "feed_latency": "500ms",
    },
}
DEFAULT_PROFILE = "alpaca_paper"

CalibrationName = Annotated[
    str, spelled(r"[a-z0-9][a-z0-9_.-]*", "Write lower case, digits, hyphens and dots, such as alpaca_paper-v1.")
]
SymbolOrAll = Annotated[str, spelled(rf"\*|{SYMBOL}", 'Write a symbol in capitals, or "*" for all.')]


class Venue(Section):
    """[venue]"""

    profile: Literal["alpaca_paper", "live_conservative"] = Field(
        description="which set of numbers fills the keys that are not given; default alpaca_paper"
    )
    calibration: CalibrationName | None = Field(
        None, description="name of the calibrated profile whose numbers are given beside; default none"
    )
    path: Literal["adverse", "nearest", "ohlc", "olhc", "bridge", "favourable"] = Field(
        "adverse",
        description="order in which a bar's prices are visited; adverse takes the worse for the open orders, "
        "favourable the better, for the other end of the band",
    )
    use_quotes: bool = Field(True, description="whether recorded quotes, where there are any, set the spread")
    half_spread_bps: BasisPoints = Field(description="half-spread where no quote is known, basis points; by profile")
    slippage_bps: BasisPoints = Field(description="price given up beyond the spread, basis points; by profile")
    impact: Annotated[Number, Field(ge=0, le=10)] = Field(
        description="coefficient of daily volatility x sqrt(order / daily volume), the impact; by profile"
    )
    participation: Share = Field(
        description="most that our orders take of a bar's volume, share; 0 = no check of size; by profile"
    )
    partial_probability: Share = Field(
        description="chance that an eligible order fills in parts, share of orders; by profile"
    )
    fees: bool = Field(description="whether regulatory fees are charged on sells; by profile")
    touch_fills: bool = Field(
        description="whether a resting buy fills at ask <= limit (sells mirrored), or only beyond; by profile"
    )
    buy_stop_collar: bool = Field(
        True,
        description="whether buy stops become stop-limits, 4 % above the stop below $50 and 2.5 % from there",
    )
    halt_orders: Literal["queue", "reject"] = Field("queue", description="what happens to new orders in a halt")
    submit_latency: Duration = Field(description="from us to the venue, an order, duration; by profile")
    cancel_latency: Duration = Field(description="from us to the venue, a cancel, duration; by profile")
    ack_latency: Duration = Field(description="from the venue to us, an acknowledgement, duration; by profile")
    fill_latency: Duration = Field(description="from the venue to us, an execution, duration; by profile")
    feed_latency: Duration = Field(description="from the market to us, a bar or quote, duration; by profile")
    latency_jitter: Share = Field(
        Decimal("0.5"), description="how far a drawn delay lies from its base, share of it, either way"
    )
    sec_fee: Annotated[Number, Field(ge=0, le=1000)] = Field(
        Decimal("20.60"), description="SEC fee where fees are on, dollars per million of sales"
    )
    taf_fee: Annotated[Number, Field(ge=0, le=1)] = Field(
        Decimal("0.000195"), description="FINRA trading activity fee where fees are on, dollars a share sold"
    )
    taf_cap: Annotated[Number, Field(ge=0, le=100)] = Field(
        Decimal("9.79"), description="most that the trading activity fee takes of one execution, dollars"
    )

    @property
    def profile_name(self) -> str:
        """What reports call the profile: the calibration's name, where there is one."""
        return self.calibration or self.profile

    @model_validator(mode="before")
    @classmethod
    def _fill_from_profile(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        profile = given.get("profile", DEFAULT_PROFILE)
        numbers = PROFILES.get(profile, PROFILES[DEFAULT_PROFILE]) if isinstance(profile, str) else {}
        return {**numbers, **given, "profile": profile}


class Halt(Section):
    """[[halts]]: one stop of trading."""

    symbol: SymbolOrAll = Field(description='the symbol, or "*" for the whole market')
    at: Moment = Field(description="start, date and time with offset")
    duration: PositiveDuration = Field(alias="for", description="length, duration")
    kind: Literal["regulatory", "luld"] = Field("regulatory", description="kind of halt")
