"""Corporate actions that have taken effect: splits and cash dividends, by their kind, in Alpaca's words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from fastapi import APIRouter

from core.bars import CorporateAction
from core.calendar import as_date, day_number
from core.kernel.units import MICRO
from sim.alpaca.errors import invalid
from sim.alpaca.identity import drawn_uuid
from sim.alpaca.routes.common import At, Json, read, read_int, read_list
from sim.alpaca.schemas import Answer, answers
from sim.alpaca.text import parse_date

router = APIRouter(prefix="/v1", tags=["market data"])
MOST = 1_000
FORWARD, REVERSE, CASH = "forward_split", "reverse_split", "cash_dividend"
KINDS = frozenset(
    "forward_split reverse_split unit_split stock_dividend cash_dividend spin_off cash_merger stock_merger "
    "stock_and_cash_merger redemption name_change worthless_removal rights_distribution".split()
)


@router.get("/corporate-actions", summary="Corporate actions", responses=answers(200, Answer))
async def corporate_actions(
    at: At,
    symbols: str | None = None,
    types: str | None = None,
    start: str | None = None,
    end: str | None = None,
    limit: str | None = None,
    sort: str | None = None,
    page_token: str | None = None,
    cusips: str | None = None,
    ids: str | None = None,
) -> Json:
    """Those whose ex-date lies between two dates, both included, and not after today; today by default."""
    today = as_date(int(at.world.session["date"]))
    first, last = read("start", start, parse_date, today), read("end", end, parse_date, today)
    kinds, wanted = set(read_list(types)), set(read_list(symbols))
    if kinds - KINDS:
        raise invalid("invalid types")
    if sort not in (None, "", "asc", "desc"):
        raise invalid("invalid sort")
    if not 1 <= read_int("limit", limit, MOST) <= MOST:
        raise invalid(f"invalid limit: from 1 to {MOST}")
    found: dict[str, list[dict[str, Any]]] = {}
    for block in at.world.history:
        for action in block.actions:
            kind = _kind(action)
            inside = day_number(first) <= action.ex_date <= day_number(last)
            if inside and (not wanted or action.symbol in wanted) and (not kinds or kind in kinds):
                found.setdefault(f"{kind}s", []).append(BODIES[kind](action) | _common(action, at.settings.seed))
    return Json({"corporate_actions": found, "next_page_token": None})


def _kind(action: CorporateAction) -> str:
    if action.kind == "dividend":
        return CASH
    return FORWARD if action.numerator > action.denominator else REVERSE


def _common(action: CorporateAction, seed: int) -> dict[str, Any]:
    """What every action has."""
    ex_date = as_date(action.ex_date).isoformat()
    identity = drawn_uuid("corporate action", seed, f"{action.kind} {action.symbol} {ex_date}")
    return {"id": identity, "symbol": action.symbol, "process_date": ex_date, "ex_date": ex_date}


def _forward(action: CorporateAction) -> dict[str, Any]:
    return {"cusip": "", "new_rate": action.numerator, "old_rate": action.denominator}


def _reverse(action: CorporateAction) -> dict[str, Any]:
    return {"old_cusip": "", "new_cusip": "", "new_rate": action.numerator, "old_rate": action.denominator}


def _cash(action: CorporateAction) -> dict[str, Any]:
    pay_date: date = as_date(action.pay_date)
    about = {"cusip": "", "special": False, "foreign": False}
    return {**about, "rate": action.amount / MICRO, "payable_date": pay_date.isoformat()}


BODIES: dict[str, Callable[[CorporateAction], dict[str, Any]]] = {FORWARD: _forward, REVERSE: _reverse, CASH: _cash}
