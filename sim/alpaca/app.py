"""The application: routes, sockets and the edge around one exchange.

`create_app` gives a plain ASGI application; serve.py runs it. Faults that break connections need the protocols of
transport.py and therefore uvicorn; everything else works under any ASGI server, and in a test without a socket.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from sim.alpaca.edge import Edge
from sim.alpaca.errors import INTERNAL, NOT_FOUND, ApiError
from sim.alpaca.exchange import Exchange
from sim.alpaca.routes import account, control, corporate_actions, market_data, orders, positions, reference, watchlists
from sim.alpaca.routes.common import Json

ABOUT = """An Alpaca-compatible server over a simulated market.

Trading REST v2, market data REST v2, the trading websocket `/stream` and the data websocket `/v2/{feed}`, with a
virtual clock and faults on demand under `/sim`. Send `APCA-API-KEY-ID` and `APCA-API-SECRET-KEY`; the control plane
needs no keys.
"""


def create_app(exchange: Exchange) -> Edge:
    """The whole application for one exchange."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        clock = asyncio.create_task(exchange.run())
        yield
        clock.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await clock

    app = FastAPI(
        title="seatrial",
        summary="Alpaca-compatible, simulated, and unreliable on request.",
        description=ABOUT,
        version="2",
        lifespan=lifespan,
        default_response_class=Json,
        redoc_url=None,
    )
    app.state.exchange = exchange
    for part in (orders, positions, account, reference, watchlists, market_data, corporate_actions, control):
        app.include_router(part.router)
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(Exception, _defect)
    _add_keys(app)
    _add_sockets(app, exchange)
    return Edge(app, exchange)


def _add_sockets(app: FastAPI, exchange: Exchange) -> None:
    @app.websocket("/stream")
    async def stream(socket: WebSocket) -> None:
        await exchange.trade_stream.serve(socket)

    @app.websocket("/v2/{feed}")
    async def data(socket: WebSocket, feed: str) -> None:
        await exchange.data_stream.serve(socket, feed)


def _add_keys(app: FastAPI) -> None:
    """Say on the OpenAPI page how to log in: by the two headers, a bearer token, or Basic."""
    describe = app.openapi

    def described() -> dict[str, Any]:
        page = describe()
        header = {"type": "apiKey", "in": "header"}
        page["components"]["securitySchemes"] = {
            "key": {**header, "name": "APCA-API-KEY-ID"},
            "secret": {**header, "name": "APCA-API-SECRET-KEY"},
            "bearer": {"type": "http", "scheme": "bearer"},
            "basic": {"type": "http", "scheme": "basic"},
        }
        for path, item in page["paths"].items():
            for operation in item.values():
                if not path.startswith("/sim"):
                    operation["security"] = [{"key": [], "secret": []}, {"bearer": []}, {"basic": []}]
        return page

    app.openapi = described  # type: ignore[method-assign]


async def _api_error(_: Request, error: Exception) -> Json:
    assert isinstance(error, ApiError)
    return Json(error.body, error.status)


async def _no_route(_: Request, error: Exception) -> Json:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return Json({"code": 40510000, "message": "method not allowed"}, 405, dict(error.headers or {}))
    return Json({"code": NOT_FOUND, "message": "endpoint not found."}, error.status_code)


async def _unreadable(_: Request, error: Exception) -> Json:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return Json({"code": 40010001, "message": f"invalid {first['loc'][-1]}"}, 422)


async def _defect(_: Request, error: Exception) -> Json:
    """A defect of ours: the client gets Alpaca's body, and the server's log the traceback."""
    return Json({"code": INTERNAL, "message": "internal server error occurred"}, 500)
