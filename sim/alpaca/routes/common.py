"""What all routes share: the exchange that they speak for, reading a body, reading values of a query."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Depends, Request
from starlette.responses import JSONResponse

from sim.alpaca.errors import MALFORMED, ApiError, invalid
from sim.alpaca.exchange import Exchange
from sim.alpaca.text import parse_bool, parse_micros, parse_time

Value = TypeVar("Value")
MEDIA = "application/json; charset=UTF-8"


class Json(JSONResponse):
    """A JSON answer with Alpaca's content type."""

    media_type = MEDIA

    def render(self, content: Any) -> bytes:
        """Compact JSON, nothing for nothing; NaN is a defect."""
        if content is None:
            return b""
        return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()


async def exchange_of(request: Request) -> Exchange:
    """The exchange behind the application; async, or it would be called in a thread."""
    exchange: Exchange = request.app.state.exchange
    return exchange


async def json_of(request: Request) -> Any:
    """The request's body. Raises ApiError, 400, for what is not JSON."""
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError):
        raise ApiError(400, MALFORMED, "request body format is invalid") from None


At = Annotated[Exchange, Depends(exchange_of)]
Body = Annotated[Any, Depends(json_of)]


def read(name: str, text: str | None, parse: Callable[[str], Value], default: Value) -> Value:
    """A value of the query, or its default when it is not given. Raises ApiError, 422."""
    if text is None or text == "":
        return default
    try:
        return parse(text)
    except (ValueError, OverflowError):
        raise invalid(f"invalid {name}: {text[:60]}") from None


def read_bool(name: str, text: str | None, default: bool = False) -> bool:
    """A truth value of the query."""
    return read(name, text, parse_bool, default)


def read_time(name: str, text: str | None, default: int) -> int:
    """A time of the query, ns UTC."""
    return read(name, text, parse_time, default)


def read_micros(name: str, text: str | None) -> int | None:
    """A decimal of the query, micros; None when it is not given."""
    return read(name, text, parse_micros, None) if text else None


def read_int(name: str, text: str | None, default: int) -> int:
    """A whole number of the query."""
    return read(name, text, int, default)


def read_list(text: str | None) -> list[str]:
    """Values with commas between them."""
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def order_id_of(text: str) -> str:
    """An order's id in its usual form. Raises ApiError, 422, for what is no UUID."""
    try:
        return str(UUID(text))
    except ValueError:
        raise invalid("order_id is missing") from None
