"""Positions: list, look up, close one or all."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from core.kernel.kinds import OrderType, TimeInForce
from core.kernel.units import MICRO
from sim.alpaca.broker import Broker
from sim.alpaca.errors import ApiError, forbidden, invalid, not_found
from sim.alpaca.exchange import Exchange
from sim.alpaca.routes.common import At, Json, read_bool, read_micros
from sim.alpaca.routes.orders import cancel_all
from sim.alpaca.schemas import MultiStatus, OrderObject, PositionObject, answers
from sim.alpaca.text import dec
from sim.alpaca.ticket import Ticket

router = APIRouter(prefix="/v2", tags=["positions"])
ALL = 100 * MICRO


def position_body(broker: Broker, symbol: int, held: int) -> dict[str, Any]:
    """The Position object; short ones have negative quantity, value and cost. `held` are micros that exits hold."""
    ledger, position = broker.ledger, broker.ledger.positions[symbol]
    sign = 1 if position.qty > 0 else -1
    value, cost = ledger.value(symbol), sign * (position.cost // MICRO)
    day_cost = sign * (position.basis // MICRO)
    last, before = ledger.last[symbol], ledger.previous[symbol] or ledger.last[symbol]
    return {
        "asset_id": broker.asset_ids[symbol],
        "symbol": broker.symbols[symbol],
        "exchange": "NASDAQ",
        "asset_class": "us_equity",
        "asset_marginable": True,
        "avg_entry_price": dec(position.average),
        "qty": dec(position.qty),
        "qty_available": dec(sign * max(abs(position.qty) - held, 0)),
        "side": "long" if sign > 0 else "short",
        "market_value": dec(value),
        "cost_basis": dec(cost),
        "unrealized_pl": dec(value - cost),
        "unrealized_plpc": _ratio(value - cost, cost),
        "unrealized_intraday_pl": dec(value - day_cost),
        "unrealized_intraday_plpc": _ratio(value - day_cost, day_cost),
        "current_price": dec(last),
        "lastday_price": dec(before),
        "change_today": _ratio(last - before, before),
    }


def _ratio(part: int, whole: int) -> str:
    """A fraction as a decimal string with six places."""
    return dec(part * MICRO // abs(whole)) if whole else "0"


def _held(broker: Broker, symbol: int) -> int:
    """What live exits of a position hold, micros."""
    _, held = broker.world.account()
    return int(held[0 if broker.ledger.positions[symbol].qty < 0 else 1][symbol])


def _find(broker: Broker, symbol_or_id: str) -> int:
    symbol = broker.place(symbol_or_id)
    if symbol is None or broker.ledger.positions[symbol].qty == 0:
        raise not_found("position does not exist")
    return symbol


@router.get("/positions", summary="List positions", responses=answers(200, list[PositionObject]))
async def list_positions(at: At) -> Json:
    """Every position that is not flat."""
    broker = at.broker
    open_ = [s for s, position in enumerate(broker.ledger.positions) if position.qty]
    return Json([position_body(broker, s, _held(broker, s)) for s in open_])


@router.get("/positions/{symbol_or_asset_id}", summary="Look up a position", responses=answers(200, PositionObject))
async def position_of(at: At, symbol_or_asset_id: str) -> Json:
    """By symbol or asset id."""
    symbol = _find(at.broker, symbol_or_asset_id)
    return Json(position_body(at.broker, symbol, _held(at.broker, symbol)))


@router.delete("/positions/{symbol_or_asset_id}", summary="Close a position", responses=answers(200, OrderObject))
async def close_position(
    at: At, symbol_or_asset_id: str, qty: str | None = None, percentage: str | None = None
) -> Json:
    """A market order of the other side, for all of it, a quantity or a percentage. Not idempotent."""
    symbol = _find(at.broker, symbol_or_asset_id)
    wanted, share = read_micros("qty", qty), read_micros("percentage", percentage)
    if wanted is not None and share is not None:
        raise invalid("only one of qty or percentage is accepted")
    held = abs(at.broker.ledger.positions[symbol].qty)
    amount = held if wanted is None else wanted
    if share is not None:
        if not 0 < share <= ALL:
            raise invalid("percentage must be > 0 and <= 100")
        amount = held * share // ALL
    if amount <= 0:
        raise invalid("qty must be > 0")
    return Json(_close(at.broker, symbol, amount))


def _close(broker: Broker, symbol: int, qty: int) -> dict[str, Any]:
    side = -1 if broker.ledger.positions[symbol].qty > 0 else 1
    if qty > abs(broker.ledger.positions[symbol].qty):
        available = dec(max(abs(broker.ledger.positions[symbol].qty) - _held(broker, symbol), 0))
        text = f"insufficient qty available for order (requested: {dec(qty)}, available: {available})"
        raise forbidden(text, available=available, symbol=broker.symbols[symbol])
    ticket = Ticket(broker.symbols[symbol], side, OrderType.MARKET, TimeInForce.DAY, qty)
    return broker.body(broker.submit(ticket))


@router.delete("/positions", status_code=207, summary="Close all positions", responses=answers(207, list[MultiStatus]))
async def close_positions(at: At, cancel_orders: str | None = None) -> Json:
    """With `cancel_orders` what holds shares is cancelled first, at the broker itself and so at once."""
    if read_bool("cancel_orders", cancel_orders):
        await _clear_orders(at)
    broker, results = at.broker, []
    for symbol, position in enumerate(broker.ledger.positions):
        if position.qty == 0:
            continue
        try:
            body, status = _close(broker, symbol, abs(position.qty)), 200
        except ApiError as error:
            body, status = error.body, error.status
        results.append({"symbol": broker.symbols[symbol], "status": status, "body": body})
    return Json(results, 207)


async def _clear_orders(exchange: Exchange) -> None:
    cancel_all(exchange.broker, at_once=True)
    await exchange.advance(exchange.now)
