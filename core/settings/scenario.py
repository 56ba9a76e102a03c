"""A whole scenario: its sections, and what must hold between them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PrivateAttr, model_validator

from core.errors import InputError
from core.settings.account import Account, Data
from core.settings.expect import Expectation
from core.settings.faults import Fault
from core.settings.risk import Breaker, Orders, Risk, Sizing
from core.settings.values import Section, Symbols, frozen_list, moment_of, refusal, spelled
from core.settings.venue import Halt, Venue

Name = Annotated[str, spelled(r"[a-z0-9]+(-[a-z0-9]+)*", "Write lower case, digits and hyphens, such as breakout-4w.")]
StrategyName = Annotated[
    str, spelled(r"[a-z][a-z0-9_]*", "Write lower case, digits and underscores, such as mean_reversion.")
]
ClassPath = Annotated[
    str,
    spelled(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", "Write package.module:Class."),
]


def _inexact(value: Any) -> Any:
    """A value with every Decimal in it as float."""
    if isinstance(value, list):
        return [_inexact(item) for item in value]
    if isinstance(value, dict):
        return {key: _inexact(item) for key, item in value.items()}
    return float(value) if isinstance(value, Decimal) else value


class StrategySettings(Section):
    """[strategies.NAME]: which strategy, and its own parameters, which are free."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    use: ClassPath = Field(description="package.module:Class of the strategy")
    symbols: Symbols | None = Field(None, description="symbols that it trades; default all of the data")

    @property
    def parameters(self) -> dict[str, Any]:
        """The free parameters, numbers as the int and float that a strategy computes with."""
        return {key: _inexact(value) for key, value in (self.model_extra or {}).items()}


class Settings(Section):
    """Everything that determines a run, beside the data itself."""

    schema_version: Literal[1] = Field(1, alias="schema", description="version of this format")
    name: Name = Field(description="name of the scenario: lower case, digits and hyphens")
    title: str | None = Field(None, description="title for reports; default the name")
    proves: str = Field(min_length=1, description="one sentence: what a passing run shows")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(1, description="seed of every random draw")
    data: Data = Field(description="[data]")
    account: Account = Field(default_factory=lambda: Account.model_validate({}), description="[account]")
    risk: Risk = Field(default_factory=lambda: Risk.model_validate({}), description="[risk]")
    sizing: Sizing = Field(default_factory=lambda: Sizing.model_validate({}), description="[sizing]")
    venue: Venue = Field(default_factory=lambda: Venue.model_validate({}), description="[venue]")
    orders: Orders = Field(default_factory=lambda: Orders.model_validate({}), description="[orders]")
    breaker: Breaker = Field(default_factory=lambda: Breaker.model_validate({}), description="[breaker]")
    strategies: dict[StrategyName, StrategySettings] = Field(min_length=1, description="[strategies.NAME]")
    halts: Annotated[tuple[Halt, ...], BeforeValidator(frozen_list)] = Field((), description="[[halts]]")
    expect: Annotated[tuple[Expectation, ...], BeforeValidator(frozen_list)] = Field((), description="[[expect]]")
    faults: Annotated[tuple[Fault, ...], BeforeValidator(frozen_list)] = Field((), description="[[faults]]")
    _places: tuple[Path, ...] = PrivateAttr(default=())

    @model_validator(mode="after")
    def _check(self) -> Settings:
        for key, impossible, problem, remedy in self._contradictions():
            if impossible:
                raise refusal(problem, remedy, key)
        for name, strategy in self.strategies.items():
            self._check_symbols(strategy.symbols, f"strategies.{name}.symbols")
        for i, halt in enumerate(self.halts, start=1):
            self._check_symbols((halt.symbol,) if halt.symbol != "*" else None, f"[[halts]] no. {i}: symbol")
            self._check_day(moment_of(halt.at).date(), f"[[halts]] no. {i}: at")
        for i, fault in enumerate(self.faults, start=1):
            self._check_symbols(fault.scope.symbols, f"[[faults]] no. {i}: scope.symbols")
            if fault.at is not None:
                self._check_day(moment_of(fault.at).date(), f"[[faults]] no. {i}: at")
        return self

    def _contradictions(self) -> tuple[tuple[str, bool, str, str], ...]:
        """Impossible pairs across sections: key at fault, whether it is, problem, remedy."""
        account, risk, sizing, venue = self.account, self.risk, self.sizing, self.venue
        largest = min(account.cash * risk.symbol_cap, risk.max_order_notional or account.cash * 4)
        return (
            (
                "risk.gross_cap",
                risk.gross_cap > account.multiplier,
                f"{risk.gross_cap} is more than account.multiplier, {account.multiplier}, can carry",
                "Lower risk.gross_cap or raise account.multiplier.",
            ),
            (
                "risk.trade_risk",
                0 < sizing.portfolio_risk < risk.trade_risk,
                f"{risk.trade_risk} is above sizing.portfolio_risk, {sizing.portfolio_risk}",
                "Lower risk.trade_risk or raise sizing.portfolio_risk.",
            ),
            (
                "sizing.min_notional",
                sizing.min_notional > largest,
                f"{sizing.min_notional} is above the largest order allowed, {largest}",
                "Lower sizing.min_notional or raise what caps orders: cash, symbol_cap, max_order_notional.",
            ),
            (
                "risk.max_order_qty",
                risk.max_order_qty is not None and risk.max_order_qty < sizing.lot,
                f"{risk.max_order_qty} is less than one lot, {sizing.lot}",
                "Raise risk.max_order_qty or lower sizing.lot.",
            ),
            (
                "sizing.reference_collar_bps",
                sizing.reference_collar_bps > risk.price_collar * 10_000,
                f"{sizing.reference_collar_bps} is beyond risk.price_collar, {risk.price_collar}",
                "Lower sizing.reference_collar_bps or raise risk.price_collar.",
            ),
            (
                "risk.signal_max_age",
                risk.signal_max_age <= venue.feed_latency,
                "every signal is older than this when it arrives, by venue.feed_latency",
                "Raise risk.signal_max_age above venue.feed_latency.",
            ),
            (
                "risk.stale_after",
                risk.stale_after <= venue.feed_latency,
                "all data is older than this when it arrives, by venue.feed_latency",
                "Raise risk.stale_after above venue.feed_latency.",
            ),
        )

    def _check_symbols(self, symbols: tuple[str, ...] | None, key: str) -> None:
        if self.data.symbols is None or symbols is None:
            return
        for symbol in symbols:
            if symbol not in self.data.symbols:
                raise refusal(f"{symbol} is not among data.symbols", "Add it there, or remove it here.", key)

    def changed(self, values: Mapping[str, Any]) -> Settings:
        """These settings with other values of sections, such as {"risk.daily_loss": Decimal("0.02")}.

        They are checked as those of a file: raises pydantic's ValidationError when they cannot be or go together.
        """
        sections: dict[str, dict[str, Any]] = {}
        for key, value in values.items():
            name, field = key.split(".")
            sections.setdefault(name, getattr(self, name).model_dump(by_alias=True))[field] = value
        document = {field.alias or name: getattr(self, name) for name, field in type(self).model_fields.items()}
        made = {name: type(getattr(self, name)).model_validate(section) for name, section in sections.items()}
        return type(self).model_validate(document | made).located(*self._places)

    def located(self, *places: Path) -> Settings:
        """These settings, which look for their bars in `places`, in this order."""
        located = self.model_copy()
        located._places = places
        return located

    def _check_day(self, day: date, key: str) -> None:
        first, last = self.data.start or date.min, self.data.end or date.max
        if not first <= day <= last:
            raise refusal(f"{day} is outside data.start and data.end", "Choose a time within the data.", key)

    def bars_path(self) -> Path:
        """Where the bars are: beside the scenario file, else among the bundled scenarios.

        Raises InputError, naming the places looked at.
        """
        for place in self._places:
            if (place / self.data.bars).exists():
                return place / self.data.bars
        looked = " or ".join(dict.fromkeys(str(place / self.data.bars) for place in self._places))
        remedy = "Give a folder or parquet file of bars, relative to the scenario file."
        raise InputError(f"{self.name}: data.bars", f"there is no {looked}", remedy)

    def with_feed(self, feed: str) -> Settings:
        """These settings with the feed that the data has; InputError when another one was demanded."""
        if self.data.feed not in (None, feed):
            problem = f"demands the feed {self.data.feed}, but the data is {feed}"
            raise InputError(f"{self.name}: data.feed", problem, "Change data.feed or data.bars.")
        return self.model_copy(update={"data": self.data.model_copy(update={"feed": feed})})
