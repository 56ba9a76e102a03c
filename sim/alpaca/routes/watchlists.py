"""Watchlists, by id and by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter

from sim.alpaca.errors import invalid, not_found, unprocessable
from sim.alpaca.exchange import Exchange
from sim.alpaca.identity import drawn_uuid
from sim.alpaca.routes.common import At, Body, Json
from sim.alpaca.routes.reference import asset_body
from sim.alpaca.schemas import SymbolRequest, WatchlistObject, WatchlistRequest, answers, body_of
from sim.alpaca.text import stamp

router = APIRouter(prefix="/v2", tags=["watchlists"])
LONGEST_NAME = 64


def _body(at: Exchange, watchlist: dict[str, Any], assets: bool = True) -> dict[str, Any]:
    shown = {key: value for key, value in watchlist.items() if key != "symbols"}
    if assets:
        shown["assets"] = [asset_body(at.broker, symbol) for symbol in watchlist["symbols"]]
    return shown


def _by_id(at: Exchange, watchlist_id: str) -> dict[str, Any]:
    found = at.watchlists.get(watchlist_id)
    if found is None:
        raise not_found("watchlist not found")
    return found


def _by_name(at: Exchange, name: str | None) -> dict[str, Any]:
    for watchlist in at.watchlists.values():
        if watchlist["name"] == name:
            return watchlist
    raise not_found("watchlist not found")


def _symbols(at: Exchange, given: Any) -> list[int]:
    if not isinstance(given, list):
        raise invalid("symbols must be a list")
    found = []
    for name in given:
        symbol = at.broker.place(name) if isinstance(name, str) else None
        if symbol is None:
            raise unprocessable(f'asset "{name}" not found')
        if symbol not in found:
            found.append(symbol)
    return found


def _name(at: Exchange, body: Mapping[str, Any], own: dict[str, Any] | None = None) -> str:
    name = body.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
        raise invalid(f"watchlist name must have 1 to {LONGEST_NAME} characters")
    if any(watchlist["name"] == name and watchlist is not own for watchlist in at.watchlists.values()):
        raise invalid("watchlist name must be unique")
    return name


def _object(body: Any) -> Mapping[str, Any]:
    if not isinstance(body, Mapping):
        raise invalid("request body must be a JSON object")
    return body


def _update(at: Exchange, watchlist: dict[str, Any], body: Any) -> Json:
    given = _object(body)
    name = _name(at, given, watchlist) if given.get("name") is not None else watchlist["name"]
    symbols = _symbols(at, given["symbols"]) if given.get("symbols") is not None else watchlist["symbols"]
    watchlist |= {"name": name, "symbols": symbols, "updated_at": stamp(at.now)}
    return Json(_body(at, watchlist))


def _add(at: Exchange, watchlist: dict[str, Any], body: Any) -> Json:
    (symbol,) = _symbols(at, [_object(body).get("symbol")])
    if symbol in watchlist["symbols"]:
        raise unprocessable("duplicate symbol")
    watchlist |= {"symbols": [*watchlist["symbols"], symbol], "updated_at": stamp(at.now)}
    return Json(_body(at, watchlist))


LISTS = answers(200, WatchlistObject)


@router.get("/watchlists", summary="List watchlists", responses=answers(200, list[WatchlistObject]))
async def list_watchlists(at: At) -> Json:
    """Without their assets."""
    return Json([_body(at, watchlist, assets=False) for watchlist in at.watchlists.values()])


@router.post("/watchlists", summary="Make a watchlist", responses=LISTS, openapi_extra=body_of(WatchlistRequest))
async def create_watchlist(at: At, body: Body) -> Json:
    """Of a name and symbols."""
    given = _object(body)
    name, symbols = _name(at, given), _symbols(at, given.get("symbols") or [])
    identity, time = drawn_uuid("watchlist", name, at.now), stamp(at.now)
    watchlist = {
        "id": identity,
        "account_id": at.broker.account_id,
        "name": name,
        "created_at": time,
        "updated_at": time,
        "symbols": symbols,
    }
    at.watchlists[identity] = watchlist
    return Json(_body(at, watchlist))


@router.get("/watchlists:by_name", summary="Look up by name", responses=LISTS)
async def watchlist_by_name(at: At, name: str | None = None) -> Json:
    """With its assets."""
    return Json(_body(at, _by_name(at, name)))


@router.put("/watchlists:by_name", summary="Change by name", responses=LISTS, openapi_extra=body_of(WatchlistRequest))
async def update_by_name(at: At, body: Body, name: str | None = None) -> Json:
    """Name and symbols, each if given."""
    return _update(at, _by_name(at, name), body)


@router.post(
    "/watchlists:by_name", summary="Add a symbol by name", responses=LISTS, openapi_extra=body_of(SymbolRequest)
)
async def add_by_name(at: At, body: Body, name: str | None = None) -> Json:
    """One symbol more."""
    return _add(at, _by_name(at, name), body)


@router.delete("/watchlists:by_name", status_code=204, summary="Delete by name", responses=answers(204, None))
async def delete_by_name(at: At, name: str | None = None) -> Json:
    """Gone."""
    del at.watchlists[_by_name(at, name)["id"]]
    return Json(None, 204)


@router.get("/watchlists/{watchlist_id}", summary="Look up by id", responses=LISTS)
async def watchlist_by_id(at: At, watchlist_id: str) -> Json:
    """With its assets."""
    return Json(_body(at, _by_id(at, watchlist_id)))


@router.put(
    "/watchlists/{watchlist_id}", summary="Change by id", responses=LISTS, openapi_extra=body_of(WatchlistRequest)
)
async def update_by_id(at: At, watchlist_id: str, body: Body) -> Json:
    """Name and symbols, each if given."""
    return _update(at, _by_id(at, watchlist_id), body)


@router.post(
    "/watchlists/{watchlist_id}", summary="Add a symbol", responses=LISTS, openapi_extra=body_of(SymbolRequest)
)
async def add_by_id(at: At, watchlist_id: str, body: Body) -> Json:
    """One symbol more."""
    return _add(at, _by_id(at, watchlist_id), body)


@router.delete("/watchlists/{watchlist_id}", status_code=204, summary="Delete by id", responses=answers(204, None))
async def delete_by_id(at: At, watchlist_id: str) -> Json:
    """Gone."""
    del at.watchlists[_by_id(at, watchlist_id)["id"]]
    return Json(None, 204)


@router.delete("/watchlists/{watchlist_id}/{symbol}", summary="Remove a symbol", responses=LISTS)
async def remove_symbol(at: At, watchlist_id: str, symbol: str) -> Json:
    """One symbol less."""
    watchlist = _by_id(at, watchlist_id)
    number = at.broker.place(symbol)
    if number not in watchlist["symbols"]:
        raise not_found(f"asset not found for {symbol}")
    kept = [other for other in watchlist["symbols"] if other != number]
    watchlist |= {"symbols": kept, "updated_at": stamp(at.now)}
    return Json(_body(at, watchlist))
