"""Every kind of fault that a scenario can schedule: one table, from which settings are checked and docs are written.

A kind says whom it can meet (`scope`), how long it lasts (`lasts`), what it takes (`parameters`) and what it does.
Numbers are stored in records and journals: they are never reused. Four groups act in four places:

    data      what the engine and the strategies receive; the market itself, and the venue, go on as they were
    broker    the requests to the broker, its news, and what it does with orders
    market    the prices, volumes and hours that everybody sees
    operator  a person's acts, and what happens to our own process
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from core.settings.values import UNIT_NS, Number, PositiveCount, PositiveDuration, PositiveShare, Section, Share

SECOND, MINUTE = UNIT_NS["s"], UNIT_NS["m"]

Size = Annotated[Number, Field(gt=-1, le=10)]
Factor = Annotated[Number, Field(gt=0, le=1000)]
Failure = Literal["timeout", "server_error", "connection", "unparseable"]
LANES = ("submit", "cancel", "query", "stream")


class Plain(Section):
    """A fault without parameters."""


class Delayed(Section):
    """Something comes late."""

    delay: PositiveDuration = Field(90 * SECOND, description="how late, duration")


class Repeated(Section):
    """Something comes again."""

    delay: PositiveDuration = Field(SECOND, description="how long after the first, duration")


class Revision(Section):
    """A bar is wrong at first."""

    size: Size = Field(Decimal("0.003"), description="by how much the first version is wrong, share of price")
    delay: PositiveDuration = Field(30 * SECOND, description="when the correction comes, duration")


class Jump(Section):
    """A price is off."""

    size: Size = Field(Decimal("0.25"), description="how far off, share of price, negative = too low")


class Quotes(Section):
    """Quotes are impossible."""

    form: Literal["crossed", "zero"] = Field("crossed", description="bid above ask, or nothing on either side")


class Edge(Section):
    """A number is none."""

    field: Literal["open", "high", "low", "close", "volume"] = Field("close", description="which number is missing")


class Thinner(Section):
    """A smaller part of the market is seen."""

    volume: PositiveShare = Field(Decimal("0.025"), description="share of the volume that the feed shows")
    missing: Share = Field(Decimal("0.3"), description="share of the minutes without a trade on this feed")


class Skew(Section):
    """A clock is behind."""

    behind: PositiveDuration = Field(5 * MINUTE, description="how far behind the feed's clock is, duration")


class Ratio(Section):
    """Prices are multiplied."""

    ratio: Factor = Field(Decimal("0.25"), description="wrong price / right price")


class Outage(Section):
    """Requests fail."""

    failure: Failure = Field("timeout", description="how a request fails")
    timeout: PositiveDuration = Field(10 * SECOND, description="when we give up waiting, duration")


class Slow(Section):
    """Requests and answers take longer."""

    delay: PositiveDuration = Field(20 * SECOND, description="how much longer, duration")


class Limited(Section):
    """The broker asks for patience."""

    retry_after: PositiveDuration = Field(30 * SECOND, description="when the same request may be sent again, duration")


class Late(Section):
    """An execution is told after a cancel was confirmed."""

    share: PositiveShare = Field(Decimal(1), description="how much of the rest executes, share")
    delay: PositiveDuration = Field(5 * SECOND, description="when it is told, after the cancel, duration")


class Excess(Section):
    """More is executed than was ordered."""

    share: PositiveShare = Field(Decimal("0.1"), description="the excess, share of the order")


class Leg(Section):
    """A leg of a bracket is lost."""

    leg: Literal["stop", "target"] = Field("stop", description="which leg is not there")


class Power(Section):
    """The broker counts buying power in its own way."""

    factor: PositiveShare = Field(Decimal("0.5"), description="the broker's buying power / ours")


class Gap(Section):
    """A price jumps."""

    size: Size = Field(Decimal("-0.08"), description="how far, share of price, negative = down")


class Pauses(Section):
    """A chain of volatility pauses."""

    count: PositiveCount = Field(3, description="how many pauses")
    pause: PositiveDuration = Field(5 * MINUTE, description="length of a pause, duration")
    between: PositiveDuration = Field(2 * MINUTE, description="trading between two pauses, duration")
    size: Size = Field(Decimal("-0.05"), description="move over each pause, share of price")


class Spread(Section):
    """A market is wide."""

    half_spread_bps: Annotated[Number, Field(gt=0, le=2000)] = Field(
        Decimal(100), description="half-spread while it lasts, basis points"
    )


class Volatility(Section):
    """Moves are larger."""

    factor: Factor = Field(Decimal(3), description="moves of a minute / usual moves")


class Auction(Section):
    """An auction prints away from the market."""

    auction: Literal["open", "close"] = Field("close", description="which auction")
    size: Size = Field(Decimal("-0.03"), description="how far from the market it prints, share of price")


class Split(Section):
    """A stock is split."""

    new: PositiveCount = Field(2, description="new shares")
    old: PositiveCount = Field(1, description="for so many old ones")


class Restart(Section):
    """Our process dies and comes back."""

    lose_commands: bool = Field(False, description="whether requests under way at that moment are lost too")


class ClockJump(Section):
    """Our clock jumps."""

    by: PositiveDuration = Field(10 * MINUTE, description="how far, duration")
    direction: Literal["forward", "back"] = Field("back", description="which way")


class KillSwitch(Section):
    """A person stops everything."""

    flatten: bool = Field(False, description="whether every position is closed too")


class Act(Section):
    """A person acts."""

    act: Literal["halt", "resume", "rearm", "reset_breaker", "flatten", "adopt", "clear_suspense", "cancel_all"] = (
        Field(description="what the operator does; adopt takes over what differs, cash included")
    )
    lane: Literal["submit", "cancel", "query", "trade_stream", "data"] = Field(
        "submit", description="whose breaker is reset"
    )


Group = Literal["data", "broker", "market", "operator"]
Lasts = Literal["span", "instant", "either"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault.

    `number` is the code in records; `scope` the keys of scope that it knows, a key with `!` is needed; `lasts` says
    whether it needs a length (span), has none (instant), or takes either; `shown_by` are the risk events by which the
    engine says that it has noticed.
    """

    number: int
    group: Group
    does: str
    lasts: Lasts = "span"
    scope: tuple[str, ...] = ("symbols",)
    parameters: type[Section] = Plain
    shown_by: tuple[str, ...] = ()
    example: str = ""

    def knows(self, key: str) -> bool:
        """Whether its scope may name this."""
        return key in self.scope or f"{key}!" in self.scope
