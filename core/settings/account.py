"""Where the bars come from and what the account may do: [data] and [account]."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field, model_validator

from core.settings.values import Count, PositiveMoney, PositiveShare, Section, Share, Symbols, refusal

INTRADAY_MARGIN_FROM = date(2026, 6, 4)

Regime = Literal["none", "legacy_pdt", "intraday_margin"]


class Data(Section):
    """[data]"""

    bars: str = Field(
        min_length=1,
        description="folder or file of bars, looked for beside the scenario file, then among the bundled",
    )
    feed: str | None = Field(
        None, min_length=1, description="feed that the bars must come from, such as sip or iex; default any"
    )
    symbols: Symbols | None = Field(None, description="symbols to load; default all that the data has")
    start: date | None = Field(None, description="first session, exchange date; default the first of the data")
    end: date | None = Field(None, description="last session, exchange date; default the last of the data")
    warm_up_sessions: Count = Field(0, description="sessions at the start that feed indicators but trade nothing")

    @model_validator(mode="after")
    def _check(self) -> Data:
        if self.start and self.end and self.start > self.end:
            problem = f"{self.start} is after data.end, {self.end}"
            raise refusal(problem, "Let the first session come before the last.", "start")
        return self


class Account(Section):
    """[account]"""

    cash: PositiveMoney = Field(Decimal(100_000), description="cash at the start, dollars")
    multiplier: Literal[1, 2, 4] = Field(
        2, description="buying power as a multiple of equity; 1 when the regime is none"
    )
    regime: Literal["auto", "none", "legacy_pdt", "intraday_margin"] = Field(
        "auto",
        description="margin rules: none = cash account, auto = legacy_pdt, from 2026-06-04 intraday_margin",
    )
    shorting: bool = Field(True, description="whether short positions may be opened; needs a multiplier above 1")
    maintenance: PositiveShare = Field(
        Decimal("0.30"), description="maintenance requirement, share of the market value of a position"
    )
    market_collar: Share = Field(
        Decimal("0.025"),
        description="how far above the price the broker values a market buy for buying power, share of price",
    )

    @model_validator(mode="before")
    @classmethod
    def _without_margin(cls, given: Any) -> Any:
        """A cash account has no leverage, and no leverage means no shorts, unless the file says otherwise."""
        if not isinstance(given, dict):
            return given
        multiplier = given.get("multiplier", 1 if given.get("regime") == "none" else 2)
        return {"shorting": multiplier != 1, **given, "multiplier": multiplier}

    @model_validator(mode="after")
    def _check(self) -> Account:
        if self.regime == "none" and self.multiplier != 1:
            problem = f"{self.multiplier} is leverage, which a cash account (regime none) does not have"
            raise refusal(problem, "Leave multiplier out, or choose a margin regime.", "multiplier")
        if self.shorting and self.multiplier == 1:
            problem = "an account with multiplier 1 cannot sell short"
            raise refusal(problem, "Set account.shorting = false, or account.multiplier = 2.", "shorting")
        return self

    def regime_on(self, day: date) -> Regime:
        """The margin rules on a day; FINRA Regulatory Notice 26-10 changed them on 2026-06-04."""
        if self.regime != "auto":
            return self.regime
        return "legacy_pdt" if day < INTRADAY_MARGIN_FROM else "intraday_margin"
