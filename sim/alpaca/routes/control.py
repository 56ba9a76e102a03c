"""The control plane: the clock, faults while running, and what the server has done. It asks for no keys.

It is no part of Alpaca's API and lies beside it under /sim; faults never touch it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from core.kernel.units import SECOND
from sim.alpaca.errors import invalid, not_found, unprocessable
from sim.alpaca.exchange import Exchange
from sim.alpaca.faults.entries import Fault, read_fault
from sim.alpaca.faults.kinds import KINDS
from sim.alpaca.routes.common import At, Body, Json, read_int
from sim.alpaca.schemas import Answer, answers, body_of
from sim.alpaca.text import dec, maybe_stamp, parse_time, stamp

router = APIRouter(prefix="/sim", tags=["control plane"])
MOST_BARS = 1_000_000


class AdvanceRequest(BaseModel):
    """So many bars further, or up to a time; one of the two."""

    bars: Annotated[int, Field(ge=1, le=MOST_BARS)] | None = None
    until: Annotated[str, Field(description="virtual time, RFC 3339")] | None = None
    to_news: Annotated[bool, Field(description="no further than the first moment at which anything is heard")] = False


class FlagsRequest(BaseModel):
    """Flags of the account."""

    trading_blocked: bool | None = None
    transfers_blocked: bool | None = None
    account_blocked: bool | None = None


def clock_body(at: Exchange) -> dict[str, Any]:
    """Where the virtual clock is."""
    return {
        "now": stamp(at.now),
        "start": stamp(at.world.start),
        "end": stamp(at.world.end),
        "mode": at.clock.mode,
        "finished": at.world.finished,
    }


@router.get("/clock", summary="The virtual clock", responses=answers(200, Answer))
async def clock(at: At) -> Json:
    """Now, the end of the data, lockstep or a speed, and whether it is over."""
    return Json(clock_body(at))


@router.post(
    "/advance", summary="Move the clock", responses=answers(200, Answer), openapi_extra=body_of(AdvanceRequest)
)
async def advance(at: At, body: Body) -> Json:
    """Answers when everything that it has caused has been handed to the sockets.

    `sent` counts the frames of each connection that is open, answers to the client included.
    """
    until = _until(at, body)
    events = await at.advance(until, bool(body.get("to_news")))
    at.clock.moved(at.now)
    sent = {"trading": at.trade_stream.sent, "data": at.data_stream.sent()}
    return Json({"now": stamp(at.now), "events": events, "finished": at.world.finished, "sent": sent})


def _until(at: Exchange, body: Any) -> int:
    if not isinstance(body, Mapping) or (body.get("bars") is None) == (body.get("until") is None):
        raise invalid("one of bars and until is required")
    bars, until = body.get("bars"), body.get("until")
    if until is not None:
        try:
            time = parse_time(until)
        except (ValueError, AttributeError, TypeError, OverflowError):
            raise invalid("until must be a time, such as 2025-11-10T15:00:00Z") from None
        if time < at.now:
            raise unprocessable(f"the clock is at {stamp(at.now)} already")
        return min(time, at.world.end + 120 * SECOND)
    if not isinstance(bars, int) or isinstance(bars, bool) or not 1 <= bars <= MOST_BARS:
        raise invalid(f"bars must be a whole number from 1 to {MOST_BARS}")
    return at.world.bars_ahead(bars)


@router.get("/faults", summary="Faults in force", responses=answers(200, list[Answer]))
async def faults(at: At) -> Json:
    """Every one with its number and how often it has struck."""
    return Json(at.faults.listing())


@router.get("/faults/kinds", summary="Kinds of fault", responses=answers(200, Answer))
async def kinds() -> Json:
    """What each meets, does and takes."""
    table = {
        name: {"meets": kind.meets, "does": kind.does, "parameters": kind.parameters} for name, kind in KINDS.items()
    }
    return Json(table)


@router.post("/faults", summary="Set a fault", responses=answers(200, Answer), openapi_extra=body_of(Fault))
async def add_fault(at: At, body: Body) -> Json:
    """An entry as in a scenario's [[faults]]; the answer has its number."""
    number = at.faults.add(read_fault(body, at.now))
    await at.enforce()
    return Json({"number": number})


@router.delete("/faults", summary="Take faults back", responses=answers(200, Answer))
async def remove_faults(at: At, number: str | None = None) -> Json:
    """One by its number, or all."""
    chosen = read_int("number", number, 0) or None
    removed = at.faults.remove(chosen)
    if chosen is not None and not removed:
        raise not_found(f"there is no fault {chosen}")
    return Json({"removed": removed})


@router.patch(
    "/account", summary="Set flags of the account", responses=answers(200, Answer), openapi_extra=body_of(FlagsRequest)
)
async def set_flags(at: At, body: Body) -> Json:
    """Block trading, transfers or the account, as the broker may."""
    names = set(FlagsRequest.model_fields)
    if not isinstance(body, Mapping) or set(body) - names:
        raise invalid(f"give some of {', '.join(sorted(names))}")
    given = {name: value for name, value in body.items() if value is not None}
    if not all(isinstance(value, bool) for value in given.values()):
        raise invalid("flags are true or false")
    at.broker.flags.update(given)
    return Json(at.broker.flags)


@router.get("/journal", summary="What the server has done", responses=answers(200, Answer))
async def journal(at: At) -> Json:
    """Every request with its outcome, every order with the venue's own times, every fill, every fault that struck."""
    broker = at.broker
    orders = []
    for order in broker.orders:
        record = broker.world.order(order.number)
        times = ("accepted", "activated", "triggered") if record is not None else ()
        orders.append(
            {
                "id": order.id,
                "client_order_id": order.client_order_id,
                "parent": order.parent.client_order_id if order.parent is not None else None,
                "symbol": broker.symbols[order.symbol],
                "status": order.status,
                "qty": dec(order.qty),
                "filled_qty": dec(order.filled),
                **{f"{name}_at": maybe_stamp(int(record[name])) for name in times if record is not None},
            }
        )
    struck = [{**row, "time": stamp(row["time"])} for row in at.faults.struck]
    fills = [row for row in broker.ledger.activities if row["activity_type"] == "FILL"]
    return Json({"requests": list(broker.journal), "orders": orders, "fills": fills, "faults": struck})
