"""Made market data: a seeded dataset of invented companies in the folder layout of `core.datasets`.

It can be given away, as recorded data cannot, and it has what a trial needs: quiet and wild hours, overnight
gaps, thin extended trading, missing minutes, a half day where the calendar has one, a split and a dividend.
The model is in `sim.synth_model`; the same spec gives the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa

from core.bars import CorporateAction, Ints
from core.calendar import Sessions, as_date, sessions
from core.datasets import About, SessionTables, write_dataset
from core.errors import InputError
from sim.synth_model import PROFILES, Day, Market, Profile

TIMESTAMP = pa.timestamp("ns", "UTC")
HISTORY = 30


@dataclass(frozen=True, slots=True)
class SynthSpec:
    """What to make: `symbols` of the invented companies over `sessions` exchange sessions from `start` on."""

    seed: int = 1
    symbols: int = 10
    start: date = date(2025, 11, 10)
    sessions: int = 20
    quotes: bool = False


def synthesize(out: Path, spec: SynthSpec, progress: Callable[[int, int], None] | None = None) -> Path:
    """Make a dataset and return its folder; `progress(done, sessions)` is told of each session, history included.

    One symbol splits 4/1 half-way through and one pays a dividend a third of the way, if there are at least
    three sessions. Daily history covers the 30 sessions before. Raises InputError when `out` exists or the
    spec asks for what there is not.
    """
    table, first = _calendar(spec)
    profiles = PROFILES[: spec.symbols]
    actions = _actions(profiles, table[first:])
    market = Market(spec.seed, profiles)
    told = progress or (lambda done, total: None)
    daily, auctions = list[pa.Table](), list[pa.Table]()
    for done, session in enumerate(table[:first], start=1):
        daily.append(_daily(profiles, session, market.trade(session, ())))
        told(done, len(table))

    def made() -> Iterator[SessionTables]:
        for done, session in enumerate(table[first:], start=first + 1):
            today = [action for action in actions if action.ex_date == session["date"]]
            day = market.trade(session, today)
            auctions.append(_auctions(profiles, session, day))
            quotes = _quotes(profiles, day) if spec.quotes else None
            yield SessionTables(as_date(session["date"]), _bars(profiles, day), quotes)
            told(done, len(table))

    def reference() -> dict[str, pa.Table]:
        tables = {"daily": pa.concat_tables(daily), "auctions": pa.concat_tables(auctions)}
        return tables | ({"actions": _action_table(actions)} if actions else {})

    return write_dataset(out, About("synthetic", "raw"), made(), reference)


def _calendar(spec: SynthSpec) -> tuple[Sessions, int]:
    """The sessions of the history and the dataset, and where the dataset begins."""
    if not 1 <= spec.symbols <= len(PROFILES):
        raise InputError(f"{spec.symbols} symbols", f"there are 1 to {len(PROFILES)}", "Ask for fewer")
    if spec.sessions < 1:
        raise InputError(f"{spec.sessions} sessions", "a dataset has at least one", "Ask for more")
    if spec.seed < 0:
        raise InputError(f"seed {spec.seed}", "it is negative", "Use 0 or more")
    # A year has at least 246 sessions, so 1.6 days a session reach far enough, holidays included.
    before = timedelta(days=2 * HISTORY)
    table = sessions(spec.start - before, spec.start + timedelta(days=int(1.6 * spec.sessions) + 10))
    first = int(np.searchsorted(table["date"], (spec.start - date(1970, 1, 1)).days))
    return table[first - HISTORY : first + spec.sessions], HISTORY


def _actions(profiles: Sequence[Profile], table: Sessions) -> list[CorporateAction]:
    days = [int(day) for day in table["date"]]
    if len(days) < 3:
        return []
    splitting = max(profiles, key=lambda profile: profile.price).symbol
    paying = max(profiles, key=lambda profile: profile.shares).symbol
    dividend, pay, split = days[len(days) // 3], days[len(days) * 2 // 3], days[len(days) // 2]
    return [
        CorporateAction(paying, dividend, "dividend", 1, 1, 180_000, pay),
        CorporateAction(splitting, split, "split", 4, 1, 0, split),
    ]


def _bars(profiles: Sequence[Profile], day: Day) -> pa.Table:
    row, column = np.nonzero(day.present)
    prices = {name: getattr(day, name)[row, column] for name in ("open", "high", "low", "close")}
    volume = day.volume[row, column].astype(np.int64)
    return pa.table({**_keys(profiles, day, row, column), **prices, "volume": volume})


def _quotes(profiles: Sequence[Profile], day: Day) -> pa.Table:
    """A quote at the start of every minute, its sizes in round lots that follow the minute's volume."""
    row, column = (index.reshape(-1) for index in np.indices(day.bid.shape))
    lots = np.maximum(100, day.volume[row, column] // 2000 * 100).astype(np.int64)
    values = {"bid_price": day.bid[row, column], "bid_size": lots}
    values |= {"ask_price": day.ask[row, column], "ask_size": np.roll(lots, len(profiles))}
    return pa.table({**_keys(profiles, day, row, column), **values})


def _keys(profiles: Sequence[Profile], day: Day, row: Ints, column: Ints) -> dict[str, pa.Array]:
    symbols = [profile.symbol for profile in profiles]
    return {
        "symbol": pa.DictionaryArray.from_arrays(column.astype(np.int32), symbols),
        "timestamp": pa.array(day.time[row]).cast(TIMESTAMP),
    }


def _daily(profiles: Sequence[Profile], session: np.void, day: Day) -> pa.Table:
    """A session as daily rows: volume of all hours, close of the closing auction."""
    volume = day.volume.sum(axis=0, where=day.present).astype(np.int64)
    return pa.table({**_dated(profiles, session), "volume": volume, "close": day.auctions[2]})


def _auctions(profiles: Sequence[Profile], session: np.void, day: Day) -> pa.Table:
    open_price, open_volume, close_price, close_volume = day.auctions
    return pa.table(
        {
            **_dated(profiles, session),
            "open_price": open_price,
            "open_volume": open_volume.astype(np.int64),
            "close_price": close_price,
            "close_volume": close_volume.astype(np.int64),
        }
    )


def _dated(profiles: Sequence[Profile], session: np.void) -> dict[str, pa.Array]:
    return {
        "symbol": pa.array([profile.symbol for profile in profiles]),
        "date": pa.array([as_date(session["date"])] * len(profiles), pa.date32()),
    }


def _action_table(actions: Sequence[CorporateAction]) -> pa.Table:
    amounts = [None if action.kind == "split" else Decimal(action.amount) / 1_000_000 for action in actions]
    ratios = [f"{action.numerator}/{action.denominator}" if action.kind == "split" else None for action in actions]
    return pa.table(
        {
            "symbol": pa.array([action.symbol for action in actions], pa.string()),
            "ex_date": pa.array([as_date(action.ex_date) for action in actions], pa.date32()),
            "kind": pa.array([action.kind for action in actions], pa.string()),
            "ratio": pa.array(ratios, pa.string()),
            "amount": pa.array(amounts, pa.decimal128(20, 6)),
            "pay_date": pa.array([as_date(action.pay_date) for action in actions], pa.date32()),
        }
    )
