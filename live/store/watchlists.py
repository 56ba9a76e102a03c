"""Watchlists in the store: one for a session and kind (premarket, refresh), and the first one written stays."""

from __future__ import annotations

import json

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from live.store.models import Watchlist


def save(connection: Connection, session: int, kind: str, symbols: tuple[str, ...], now: int) -> bool:
    """Write the list of a session, days since 1970; False, and no change, when there is one. `now` ns UTC."""
    insert = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(Watchlist)
    row = {"session": session, "kind": kind, "made": now, "symbols": json.dumps(symbols)}
    made = connection.execute(insert.values(row).on_conflict_do_nothing().returning(Watchlist.session))
    return made.scalar_one_or_none() is not None


def load(connection: Connection, session: int, kind: str) -> tuple[str, ...] | None:
    """The list of a session, None when none was made."""
    query = select(Watchlist.symbols).where(Watchlist.session == session, Watchlist.kind == kind)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else tuple(json.loads(found))
