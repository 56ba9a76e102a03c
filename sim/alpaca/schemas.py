"""The objects of the API as the OpenAPI page describes them; tests hold the real answers against these.

They describe and do not take part: answers are made as plain JSON by what knows their content.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Dec = Annotated[str, Field(pattern=r"^-?\d+(\.\d+)?$", description="decimal as a string")]
Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", description="RFC 3339")]
Uuid = Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")]


class Described(BaseModel):
    """What all have in common: further fields may come."""

    model_config = ConfigDict(extra="allow")


class Error(Described):
    """An error; `code` is missing where keys are refused."""

    code: int | None = None
    message: str


class OrderObject(Described):
    """An order."""

    id: Uuid
    client_order_id: str
    created_at: Time
    updated_at: Time
    submitted_at: Time
    filled_at: Time | None
    expired_at: Time | None
    expires_at: Time | None
    canceled_at: Time | None
    failed_at: Time | None
    replaced_at: Time | None
    replaced_by: Uuid | None
    replaces: Uuid | None
    asset_id: Uuid
    symbol: str
    asset_class: Literal["us_equity"]
    notional: Dec | None
    qty: Dec | None
    filled_qty: Dec
    filled_avg_price: Dec | None
    order_class: Literal["", "bracket", "oco", "oto"]
    type: Literal["market", "limit", "stop", "stop_limit", "trailing_stop"]
    side: Literal["buy", "sell"]
    time_in_force: Literal["day", "gtc", "opg", "cls", "ioc", "fok"]
    limit_price: Dec | None
    stop_price: Dec | None
    status: str
    extended_hours: bool
    legs: list[OrderObject] | None
    trail_percent: Dec | None
    trail_price: Dec | None
    hwm: Dec | None


Number = Annotated[float | str, Field(description="decimal, as a number or a string")]


class TakeProfit(BaseModel):
    """The target of a group."""

    limit_price: Number


class StopLoss(BaseModel):
    """The stop of a group; with a limit it is a stop-limit."""

    stop_price: Number
    limit_price: Number | None = None


class OrderRequest(BaseModel):
    """An order to be sent: qty or notional, and the prices that its type takes."""

    symbol: str
    qty: Number | None = None
    notional: Number | None = None
    side: Literal["buy", "sell"]
    type: Literal["market", "limit", "stop", "stop_limit", "trailing_stop"]
    time_in_force: Literal["day", "gtc", "opg", "cls", "ioc", "fok"]
    limit_price: Number | None = None
    stop_price: Number | None = None
    trail_price: Number | None = None
    trail_percent: Number | None = None
    extended_hours: bool | None = None
    client_order_id: Annotated[str, Field(max_length=128)] | None = None
    order_class: Literal["", "simple", "bracket", "oco", "oto"] | None = None
    take_profit: TakeProfit | None = None
    stop_loss: StopLoss | None = None
    position_intent: Literal["buy_to_open", "buy_to_close", "sell_to_open", "sell_to_close"] | None = None


class ReplaceRequest(BaseModel):
    """New terms for an order."""

    qty: Number | None = None
    time_in_force: Literal["day", "gtc"] | None = None
    limit_price: Number | None = None
    stop_price: Number | None = None
    trail: Number | None = None
    client_order_id: Annotated[str, Field(max_length=128)] | None = None


class AccountObject(Described):
    """The account; what only a margin regime has comes beside it."""

    id: Uuid
    account_number: str
    status: str
    currency: str
    cash: Dec
    equity: Dec
    last_equity: Dec
    buying_power: Dec
    multiplier: Literal["1", "2", "4"]
    initial_margin: Dec
    maintenance_margin: Dec
    long_market_value: Dec
    short_market_value: Dec
    trading_blocked: bool
    shorting_enabled: bool
    created_at: Time


class PositionObject(Described):
    """A position."""

    asset_id: Uuid
    symbol: str
    exchange: str
    asset_class: str
    avg_entry_price: Dec
    qty: Dec
    qty_available: Dec
    side: Literal["long", "short"]
    cost_basis: Dec
    market_value: Dec
    current_price: Dec
    unrealized_pl: Dec


class AssetObject(Described):
    """An asset."""

    id: Uuid
    asset_class: str = Field(alias="class")
    exchange: str
    symbol: str
    name: str | None
    status: Literal["active", "inactive"]
    tradable: bool
    marginable: bool
    shortable: bool
    easy_to_borrow: bool
    fractionable: bool


class ClockObject(Described):
    """The market's clock, New York time."""

    timestamp: Time
    is_open: bool
    next_open: Time
    next_close: Time


class CalendarDay(Described):
    """One session."""

    date: str
    open: Annotated[str, Field(pattern=r"^\d\d:\d\d$")]
    close: Annotated[str, Field(pattern=r"^\d\d:\d\d$")]
    session_open: str
    session_close: str
    settlement_date: str


class PortfolioHistoryObject(Described):
    """Equity over time: lists of one length, numbers."""

    timestamp: list[int]
    equity: list[float]
    profit_loss: list[float]
    profit_loss_pct: list[float]
    base_value: float
    timeframe: str


class WatchlistObject(Described):
    """A watchlist."""

    id: Uuid
    account_id: Uuid
    name: str
    created_at: Time
    updated_at: Time


class WatchlistRequest(BaseModel):
    """A watchlist's name and symbols."""

    name: str | None = None
    symbols: list[str] | None = None


class SymbolRequest(BaseModel):
    """A symbol to be added."""

    symbol: str


class ConfigurationsObject(Described):
    """The account's configurations."""

    fractional_trading: bool
    max_margin_multiplier: Literal["1", "2", "4"]
    no_shorting: bool
    suspend_trade: bool
    trade_confirm_email: Literal["all", "none"]
    ptp_no_exception_entry: bool


class MultiStatus(Described):
    """What became of one of many."""

    status: int
    body: dict[str, Any] | None = None


class Answer(Described):
    """An object whose keys depend on the question."""


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """The part of a route's description that says what its body holds."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions = schema.pop("$defs", {})
    return {"requestBody": {"content": {"application/json": {"schema": _inlined(schema, definitions)}}}}


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """A schema with the definitions that it refers to put in their places."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    reference = schema.get("$ref")
    if reference is not None:
        return _inlined(definitions[reference.rsplit("/", 1)[1]], definitions)
    return {key: _inlined(value, definitions) for key, value in schema.items()}


ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Error, "description": text}
    for status, text in (
        (400, "The request is malformed."),
        (401, "The keys are refused."),
        (403, "A rule of the account or the market forbids it."),
        (404, "There is no such thing."),
        (422, "The request is understood and cannot be."),
        (429, "Too many requests."),
    )
}


def answers(status: int, model: Any, description: str = "Done.") -> dict[int | str, dict[str, Any]]:
    """What a route may answer: the good case and every error."""
    good: dict[str, Any] = {"description": description}
    if model is not None:
        good["model"] = model
    return {**ERRORS, status: good}
