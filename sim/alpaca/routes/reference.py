"""What everybody may know: assets, the clock, the calendar."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from typing import Any

from fastapi import APIRouter

from core.calendar import FIRST_YEAR, LAST_YEAR, as_date, day_number, sessions
from core.kernel.units import MINUTE
from sim.alpaca.broker import Broker
from sim.alpaca.errors import invalid, not_found
from sim.alpaca.routes.common import At, Json, read, read_list
from sim.alpaca.schemas import AssetObject, CalendarDay, ClockObject, answers
from sim.alpaca.text import eastern, parse_date

router = APIRouter(prefix="/v2", tags=["assets, clock, calendar"])


def asset_body(broker: Broker, symbol: int) -> dict[str, Any]:
    """The Asset object."""
    shortable = broker.regime.shorting
    return {
        "id": broker.asset_ids[symbol],
        "class": "us_equity",
        "exchange": "NASDAQ",
        "symbol": broker.symbols[symbol],
        "name": f"{broker.symbols[symbol]} Common Stock",
        "status": "active",
        "tradable": True,
        "marginable": broker.regime.multiplier > 1,
        "shortable": shortable,
        "easy_to_borrow": shortable,
        "borrow_status": "easy_to_borrow" if shortable else "hard_to_borrow",
        "fractionable": True,
        "maintenance_margin_requirement": round(broker.regime.maintenance_share * 100),
        "margin_requirement_long": str(round(broker.regime.maintenance_share * 100)),
        "margin_requirement_short": str(round(broker.regime.maintenance_share * 100)),
        "attributes": [],
        "cusip": None,
        "min_order_size": None,
        "min_trade_increment": None,
        "price_increment": None,
    }


@router.get("/assets", summary="List assets", responses=answers(200, list[AssetObject]))
async def list_assets(
    at: At,
    status: str | None = None,
    asset_class: str | None = None,
    exchange: str | None = None,
    attributes: str | None = None,
) -> Json:
    """The scenario's symbols."""
    found = [asset_body(at.broker, s) for s in range(len(at.broker.symbols))]
    wanted = ((status, "active"), (asset_class, "us_equity"), (exchange, "NASDAQ"))
    if any(given and given != there for given, there in wanted) or read_list(attributes):
        found = []
    return Json(found)


@router.get("/assets/{symbol_or_asset_id}", summary="Look up an asset", responses=answers(200, AssetObject))
async def asset(at: At, symbol_or_asset_id: str) -> Json:
    """By symbol or asset id."""
    symbol = at.broker.place(symbol_or_asset_id)
    if symbol is None:
        raise not_found(f"asset not found for {symbol_or_asset_id}")
    return Json(asset_body(at.broker, symbol))


@router.get("/clock", summary="The market's clock", responses=answers(200, ClockObject))
async def clock(at: At) -> Json:
    """Virtual time, in New York."""
    now = at.now
    today = as_date(now // (1440 * MINUTE))
    table = sessions(today - timedelta(days=5), today + timedelta(days=15))
    return Json(
        {
            "timestamp": eastern(now),
            "is_open": bool(((table["open"] <= now) & (now < table["close"])).any()),
            "next_open": eastern(int(table["open"][table["open"] > now][0])),
            "next_close": eastern(int(table["close"][table["close"] > now][0])),
        }
    )


@router.get("/calendar", summary="Sessions", responses=answers(200, list[CalendarDay]))
async def calendar(at: At, start: str | None = None, end: str | None = None, date_type: str | None = None) -> Json:
    """Sessions between two dates, both included; settlement is the next session."""
    if date_type not in (None, "", "TRADING", "SETTLEMENT"):
        raise invalid("invalid date_type")
    first = read("start", start, parse_date, as_date(at.now // (1440 * MINUTE)))
    last = read("end", end, parse_date, date(LAST_YEAR, 11, 30) if start else first + timedelta(days=30))
    first, last = max(first, date(FIRST_YEAR, 1, 15)), min(last, date(LAST_YEAR, 11, 30))
    if last < first:
        return Json([])
    table = sessions(first - timedelta(days=10) if date_type == "SETTLEMENT" else first, last + timedelta(days=10))
    found = []
    for day, following in itertools.pairwise(table):
        counts = following if date_type == "SETTLEMENT" else day
        if day_number(first) <= int(counts["date"]) <= day_number(last):
            found.append(_day(day, following))
    return Json(found)


def _day(day: Any, following: Any) -> dict[str, str]:
    clocks = {name: eastern(int(day[name]))[11:16] for name in ("pre", "open", "close", "post")}
    return {
        "date": as_date(int(day["date"])).isoformat(),
        "open": clocks["open"],
        "close": clocks["close"],
        "session_open": clocks["pre"].replace(":", ""),
        "session_close": clocks["post"].replace(":", ""),
        "settlement_date": as_date(int(following["date"])).isoformat(),
    }
