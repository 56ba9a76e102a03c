"""The account: its figures, its configurations, its equity over time, and what has happened in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter

from core.calendar import as_date
from sim.alpaca.errors import invalid
from sim.alpaca.exchange import Exchange
from sim.alpaca.history import portfolio_history
from sim.alpaca.regimes import MARGIN_EQUITY
from sim.alpaca.routes.common import At, Body, Json, read_int, read_list, read_time
from sim.alpaca.schemas import AccountObject, Answer, ConfigurationsObject, PortfolioHistoryObject, answers, body_of
from sim.alpaca.text import dec, parse_date, parse_time, stamp

router = APIRouter(prefix="/v2", tags=["account"])
MOST_ACTIVITIES = 100


def account_body(at: Exchange) -> dict[str, Any]:
    """The Account object."""
    broker, ledger, regime = at.broker, at.broker.ledger, at.broker.regime
    power, _ = broker.world.account()
    equity, maintenance = ledger.equity, regime.maintenance(ledger)
    largest = min(regime.multiplier, int(broker.configuration["max_margin_multiplier"]))
    multiplier = largest if equity >= MARGIN_EQUITY else 1
    reg_t = max(equity - regime.initial(ledger), 0) * min(multiplier, 2)
    return {
        "id": broker.account_id,
        "account_number": f"PA3{broker.account_id.replace('-', '')[:9].upper()}",
        "status": "ACTIVE",
        "crypto_status": "INACTIVE",
        "currency": "USD",
        "cash": dec(ledger.cash),
        "equity": dec(equity),
        "last_equity": dec(ledger.last_equity),
        "portfolio_value": dec(equity),
        "buying_power": dec(max(power, 0)),
        "regt_buying_power": dec(reg_t),
        "non_marginable_buying_power": dec(max(min(ledger.cash, power), 0)),
        "options_buying_power": "0",
        "multiplier": str(multiplier),
        "initial_margin": dec(regime.initial(ledger)),
        "maintenance_margin": dec(maintenance),
        "last_maintenance_margin": dec(ledger.last_maintenance),
        "long_market_value": dec(ledger.long_value),
        "short_market_value": dec(ledger.short_value),
        "sma": "0",
        "accrued_fees": "0",
        "pending_reg_taf_fees": dec(ledger.pending_fees),
        "intraday_adjustments": "0",
        "pending_transfer_in": None,
        "pending_transfer_out": None,
        "balance_asof": as_date(int(broker.world.session["date"])).isoformat(),
        "created_at": stamp(broker.world.start),
        "options_approved_level": 0,
        "options_trading_level": 0,
        "trading_blocked": False,
        "transfers_blocked": False,
        "account_blocked": False,
        "trade_suspended_by_user": broker.configuration["suspend_trade"],
        "shorting_enabled": regime.shorting and multiplier > 1 and not broker.configuration["no_shorting"],
        **regime.fields(ledger),
        **broker.flags,
    }


@router.get("/account", summary="The account", responses=answers(200, AccountObject))
async def account(at: At) -> Json:
    """Buying power is the very figure that orders are refused by."""
    return Json(account_body(at))


@router.get("/account/configurations", summary="Configurations", responses=answers(200, ConfigurationsObject))
async def configurations(at: At) -> Json:
    """What the account's owner may set."""
    return Json(at.broker.configuration)


CHOICES: dict[str, tuple[Any, ...]] = {
    "fractional_trading": (True, False),
    "max_margin_multiplier": ("1", "2", "4"),
    "no_shorting": (True, False),
    "suspend_trade": (True, False),
    "trade_confirm_email": ("all", "none"),
    "ptp_no_exception_entry": (True, False),
    "dtbp_check": ("both", "entry", "exit"),
    "pdt_check": ("both", "entry", "exit"),
    "max_options_trading_level": (0, 1, 2, 3),
    "disable_overnight_trading": (True, False),
}


@router.patch(
    "/account/configurations",
    summary="Change configurations",
    responses=answers(200, ConfigurationsObject),
    openapi_extra=body_of(ConfigurationsObject),
)
async def change_configurations(at: At, body: Body) -> Json:
    """Null leaves a field alone, and so does a field that is not there (any more)."""
    if not isinstance(body, Mapping):
        raise invalid("request body must be a JSON object")
    known = at.broker.configuration
    changes = {name: value for name, value in body.items() if value is not None and name in known}
    for name, value in changes.items():
        allowed = CHOICES[name]
        if not any(value == choice and type(value) is type(choice) for choice in allowed):
            raise invalid(f"invalid {name}")
    known.update(changes)
    return Json(known)


@router.get("/account/portfolio/history", summary="Equity over time", responses=answers(200, PortfolioHistoryObject))
async def history(
    at: At,
    period: str | None = None,
    timeframe: str | None = None,
    start: str | None = None,
    end: str | None = None,
    date_end: str | None = None,
    intraday_reporting: str | None = None,
    pnl_reset: str | None = None,
    extended_hours: str | None = None,
    cashflow_types: str | None = None,
) -> Json:
    """Numbers here, unlike in the account."""
    question = {
        "period": period,
        "timeframe": timeframe,
        "start": start,
        "end": end or date_end,
        "intraday_reporting": intraday_reporting,
        "pnl_reset": pnl_reset,
        "extended_hours": extended_hours,
        "cashflow_types": cashflow_types,
    }
    return Json(portfolio_history(at.broker.ledger, at.now, question))


@router.get("/account/activities", summary="Activities", responses=answers(200, list[Answer]))
async def activities(
    at: At,
    activity_types: str | None = None,
    category: str | None = None,
    date: str | None = None,
    until: str | None = None,
    after: str | None = None,
    direction: str | None = None,
    page_size: str | None = None,
    page_token: str | None = None,
) -> Json:
    """Newest first; page by the id of the last item seen."""
    rows = at.broker.ledger.activities
    if activity_types and category:
        raise invalid("only one of activity_types or category is accepted")
    if category not in (None, "", "trade_activity", "non_trade_activity"):
        raise invalid("invalid category")
    if category:
        rows = [row for row in rows if (row["activity_type"] == "FILL") == (category == "trade_activity")]
    if activity_types:
        kinds = read_list(activity_types)
        rows = [row for row in rows if row["activity_type"] in kinds]
    return Json(_page(rows, {"date": date, "until": until, "after": after}, direction, page_size, page_token))


@router.get("/account/activities/{activity_type}", summary="Activities of a type", responses=answers(200, list[Answer]))
async def activities_of_type(
    at: At,
    activity_type: str,
    date: str | None = None,
    until: str | None = None,
    after: str | None = None,
    direction: str | None = None,
    page_size: str | None = None,
    page_token: str | None = None,
) -> Json:
    """The same for one type."""
    rows = [row for row in at.broker.ledger.activities if row["activity_type"] == activity_type.upper()]
    return Json(_page(rows, {"date": date, "until": until, "after": after}, direction, page_size, page_token))


def _page(
    rows: list[dict[str, Any]], span: dict[str, str | None], direction: str | None, size: str | None, token: str | None
) -> list[dict[str, Any]]:
    """One page of activities, which are kept in the order in which they happened."""
    if direction not in (None, "", "asc", "desc"):
        raise invalid("invalid direction")
    date, until, after = span["date"], span["until"], span["after"]
    if date and (until or after):
        raise invalid("date excludes until and after")
    if date:
        try:
            day = parse_date(date).isoformat()
        except ValueError:
            raise invalid(f"invalid date: {date[:60]}") from None
        rows = [row for row in rows if _moment(row)[:10] == day]
    if after:
        first = read_time("after", after, 0)
        rows = [row for row in rows if parse_time(_moment(row)) > first]
    if until:
        last = read_time("until", until, 0)
        rows = [row for row in rows if parse_time(_moment(row)) < last]
    rows = list(rows) if direction == "asc" else rows[::-1]
    if token:
        places = [i for i, row in enumerate(rows) if row["id"] == token]
        if not places:
            raise invalid("invalid page_token")
        rows = rows[places[0] + 1 :]
    count = read_int("page_size", size, len(rows) if date else MOST_ACTIVITIES)
    if count < 1 and size:
        raise invalid("page_size must be > 0")
    return rows[: count if date else min(count, MOST_ACTIVITIES)]


def _moment(row: dict[str, Any]) -> str:
    moment: str = row.get("transaction_time") or row["created_at"]
    return moment
