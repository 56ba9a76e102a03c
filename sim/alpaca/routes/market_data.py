"""Market data: bars, quotes and trades with paging, their newest, snapshots, and what the codes mean."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from core.kernel.units import MINUTE
from sim.alpaca.errors import MALFORMED, ApiError, invalid
from sim.alpaca.exchange import Exchange
from sim.alpaca.routes.common import At, Json, read_int, read_list, read_time
from sim.alpaca.schemas import Answer, answers
from sim.alpaca.tape import DAY, Rows, bar_body, interval_starts, quote_body, resample, trades_of
from sim.alpaca.text import parse_time

router = APIRouter(prefix="/v2/stocks", tags=["market data"])
MOST, USUAL = 10_000, 1_000
FEEDS = ("sip", "iex", "otc", "boats", "delayed_sip", "overnight")
UNITS = {"Min": 59, "T": 59, "Hour": 23, "H": 23, "Day": 1, "D": 1, "Week": 1, "W": 1, "Month": 12, "M": 12}
LONG = {"T": "Min", "H": "Hour", "D": "Day", "W": "Week", "M": "Month"}
ADJUSTMENTS = {"raw", "split", "dividend", "spin-off", "all"}

Item = tuple[int, dict[str, Any]]  # time, body


@dataclass(frozen=True, slots=True)
class Question:
    """What a historical route was asked for; times ns UTC."""

    symbols: list[str]
    start: int
    end: int
    limit: int
    newest_first: bool
    token: tuple[str, int] | None


def _question(at: Exchange, symbols: list[str], given: dict[str, str | None]) -> Question:
    if not symbols:
        raise invalid("symbols is required")
    limit = read_int("limit", given["limit"], USUAL)
    if limit > MOST:
        raise ApiError(400, MALFORMED, f"invalid limit: larger than the allowed maximum of {MOST}")
    if limit < 1:
        raise ApiError(400, MALFORMED, "invalid limit: must be positive")
    if given["sort"] not in (None, "", "asc", "desc"):
        raise invalid("invalid sort")
    _check_feed(given["feed"])
    start = read_time("start", given["start"], at.midnight())
    text = given["end"] or ""
    end = read_time("end", text, at.now) + (DAY - 1 if len(text) == 10 else 0)
    token = _read_token(given["page_token"])
    return Question(sorted(set(symbols)), start, min(end, at.now), limit, given["sort"] == "desc", token)


def _check_feed(feed: str | None) -> None:
    if feed and feed not in FEEDS:
        raise invalid("invalid feed")


def _read_token(text: str | None) -> tuple[str, int] | None:
    if not text:
        return None
    try:
        symbol, _, time = base64.urlsafe_b64decode(text.encode()).decode().partition("|")
        return symbol, int(time)
    except (binascii.Error, UnicodeError, ValueError):
        raise invalid("invalid page_token") from None


def _token(symbol: str, time: int) -> str:
    return base64.urlsafe_b64encode(f"{symbol}|{time}".encode()).decode()


def _pages(
    at: Exchange, question: Question, read: Callable[[int, int, int], list[Item]]
) -> tuple[dict[str, list[dict[str, Any]]], str | None]:
    """One page: `limit` items over all symbols, by symbol and then by time, and the token of the next one."""
    found: dict[str, list[dict[str, Any]]] = {}
    left = question.limit
    for name in question.symbols:
        place = at.broker.place(name)
        if place is None or (question.token is not None and name < question.token[0]):
            continue
        start, end = question.start, question.end
        if question.token is not None and name == question.token[0]:
            start, end = (start, question.token[1]) if question.newest_first else (question.token[1], end)
        items = read(place, start, end)
        if question.newest_first:
            items.reverse()
        if items and left == 0:
            return found, _token(name, items[0][0])
        if items:
            found[name] = [body for _, body in items[:left]]
        if len(items) > left:
            return found, _token(name, items[left][0])
        left -= len(items)
    return found, None


def _answer(kind: str, found: dict[str, Any], token: str | None, single: str | None) -> Json:
    if single is not None:
        return Json({kind: found.get(single, []), "symbol": single, "next_page_token": token})
    return Json({kind: found, "next_page_token": token})


def _timeframe(text: str | None) -> tuple[int, str]:
    match = re.fullmatch(r"(\d{1,2})?(Min|T|Hour|H|Day|D|Week|W|Month|M)", text or "")
    amount = int(match[1] or 1) if match is not None else 0
    if match is None or not 1 <= amount <= UNITS[match[2]]:
        raise invalid(f"invalid timeframe: {(text or '')[:20]}")
    unit = LONG.get(match[2], match[2])
    if unit == "Month" and amount not in (1, 2, 3, 4, 6, 12):
        raise invalid(f"invalid timeframe: {text}")
    return amount, unit


def _bars(at: Exchange, timeframe: str | None, adjustment: str | None) -> Callable[[int, int, int], list[Item]]:
    """A reader of bars of a length; daily bars and longer hold regular hours only."""
    amount, unit = _timeframe(timeframe)
    given = set(read_list(adjustment)) or {"raw"}
    if given - ADJUSTMENTS:
        raise invalid("invalid adjustment")
    adjusted = bool(given & {"split", "all"})

    def read(place: int, start: int, end: int) -> list[Item]:
        if (unit, amount) == ("Min", 1) and at.tape.bar_length == MINUTE:
            rows = at.tape.bars(place, start, end, adjusted)
        else:
            rows = at.tape.bars(place, 0, end, adjusted)
            if unit not in ("Min", "Hour"):
                rows = rows.take(rows.regular)
            if len(rows):
                rows = resample(rows, interval_starts(rows.time, amount, unit))
                rows = rows.take((rows.time >= start) & (rows.time <= end))
        return [(int(rows.time[i]), bar_body(rows, i)) for i in range(len(rows))]

    return read


def _timed(read: Callable[[int, int, int], list[dict[str, Any]]]) -> Callable[[int, int, int], list[Item]]:
    """A reader of bodies as one of bodies with their times."""
    return lambda place, start, end: [(parse_time(body["t"]), body) for body in read(place, start, end)]


def _given(**values: str | None) -> dict[str, str | None]:
    return values


async def _historical(
    at: Exchange, kind: str, symbols: list[str], single: str | None, given: dict[str, str | None]
) -> Json:
    question = _question(at, symbols, given)
    if kind == "bars":
        read = _bars(at, given["timeframe"], given["adjustment"])
    else:
        read = _timed(at.tape.trades if kind == "trades" else at.tape.quotes)
    found, token = _pages(at, question, read)
    return _answer(kind, found, token, single)


# -- the newest ---------------------------------------------------------------------------------------------------


def _latest(at: Exchange, kind: str, place: int) -> dict[str, Any] | None:
    rows = at.tape.last_bar(place)
    if not len(rows):
        return None
    if kind == "bars":
        return bar_body(rows, 0)
    if kind == "trades":
        return trades_of(rows, 0, at.tape.bar_length)[-1][1]
    start = int(rows.time[0])
    quotes = at.tape.quotes(place, start, at.now)
    if quotes:
        return quotes[-1]
    close = float(rows.close[0])
    return quote_body(start + at.tape.bar_length - 1, close, close)


def _latest_of(at: Exchange, kind: str, symbols: str | None, feed: str | None) -> dict[str, Any]:
    _check_feed(feed)
    names = read_list(symbols)
    if not names:
        raise invalid("symbols is required")
    found = {name: _latest(at, kind, place) for name in names if (place := at.broker.place(name)) is not None}
    return {name: body for name, body in found.items() if body is not None}


def _snapshot(at: Exchange, place: int) -> dict[str, Any]:
    """Newest trade, quote and minute bar; the day's bar so far and the last session's."""
    rows = at.tape.bars(place, at.now - 10 * DAY, at.now)
    rows = rows.take(rows.regular)
    days = resample(rows, interval_starts(rows.time, 1, "Day")) if len(rows) else rows
    today = [i for i in range(len(days)) if days.time[i] == at.midnight()]
    before = [i for i in range(len(days)) if days.time[i] < at.midnight()]
    return {
        "latestTrade": _latest(at, "trades", place),
        "latestQuote": _latest(at, "quotes", place),
        "minuteBar": _latest(at, "bars", place),
        "dailyBar": _last(days, today),
        "prevDailyBar": _last(days, before),
    }


def _last(rows: Rows, places: list[int]) -> dict[str, Any] | None:
    return bar_body(rows, places[-1]) if places else None


# -- routes -------------------------------------------------------------------------------------------------------

ONE = answers(200, Answer)


@router.get("/snapshots", summary="Snapshots", responses=ONE)
async def snapshots(at: At, symbols: str | None = None, feed: str | None = None) -> Json:
    """A bare map by symbol."""
    names = list(_latest_of(at, "bars", symbols, feed))
    return Json({name: _snapshot(at, at.broker.place(name) or 0) for name in names})


@router.get("/meta/exchanges", summary="Codes of exchanges", responses=ONE)
async def exchanges() -> Json:
    """One exchange, where all of the scenario's trades are."""
    return Json({"V": "IEX"})


@router.get("/meta/conditions/{tick_type}", summary="Codes of conditions", responses=ONE)
async def conditions(tick_type: str, tape: str | None = None) -> Json:
    """Of trades or of quotes."""
    if tick_type not in ("trade", "quote"):
        raise invalid("invalid ticktype")
    return Json({"@": "Regular Sale"} if tick_type == "trade" else {"R": "Regular Two Sided Open"})


@router.get("/{kind}/latest", summary="Newest of several symbols", responses=ONE)
async def latest(at: At, kind: str, symbols: str | None = None, feed: str | None = None) -> Json:
    """Bars, trades or quotes: the newest of each symbol."""
    return Json({_kind(kind): _latest_of(at, kind, symbols, feed)})


def _kind(text: str) -> str:
    if text not in ("bars", "trades", "quotes"):
        raise ApiError(404, 40410000, "endpoint not found.")
    return text


@router.get("/{kind}", summary="History of several symbols", responses=ONE)
async def several(
    at: At,
    kind: str,
    symbols: str | None = None,
    timeframe: str | None = None,
    start: str | None = None,
    end: str | None = None,
    limit: str | None = None,
    adjustment: str | None = None,
    asof: str | None = None,
    feed: str | None = None,
    sort: str | None = None,
    currency: str | None = None,
    page_token: str | None = None,
) -> Json:
    """Bars, trades or quotes; `limit` counts over all symbols."""
    given = _given(
        timeframe=timeframe,
        start=start,
        end=end,
        limit=limit,
        adjustment=adjustment,
        feed=feed,
        sort=sort,
        page_token=page_token,
    )
    return await _historical(at, _kind(kind), read_list(symbols), None, given)


@router.get("/{symbol}/snapshot", summary="Snapshot", responses=ONE)
async def snapshot(at: At, symbol: str, feed: str | None = None) -> Json:
    """Of one symbol."""
    if not _latest_of(at, "bars", symbol, feed):
        raise ApiError(404, 40410000, f"no snapshot found for {symbol}")
    return Json({"symbol": symbol, **_snapshot(at, at.broker.place(symbol) or 0)})


@router.get("/{symbol}/{kind}/latest", summary="Newest of one symbol", responses=ONE)
async def latest_of_one(at: At, symbol: str, kind: str, feed: str | None = None) -> Json:
    """Bars, trades or quotes: the newest."""
    found = _latest_of(at, _kind(kind), symbol, feed)
    if not found:
        raise ApiError(404, 40410000, f"no {kind[:-1]} found for {symbol}")
    return Json({"symbol": symbol, kind[:-1]: found[symbol]})


@router.get("/{symbol}/{kind}", summary="History of one symbol", responses=ONE)
async def one(
    at: At,
    symbol: str,
    kind: str,
    timeframe: str | None = None,
    start: str | None = None,
    end: str | None = None,
    limit: str | None = None,
    adjustment: str | None = None,
    asof: str | None = None,
    feed: str | None = None,
    sort: str | None = None,
    currency: str | None = None,
    page_token: str | None = None,
) -> Json:
    """Bars, trades or quotes of one symbol."""
    given = _given(
        timeframe=timeframe,
        start=start,
        end=end,
        limit=limit,
        adjustment=adjustment,
        feed=feed,
        sort=sort,
        page_token=page_token,
    )
    return await _historical(at, _kind(kind), [symbol], symbol, given)
