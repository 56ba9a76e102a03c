"""From a configuration to a trader on Alpaca paper that may start.

    configuration   the scenario's dialect; cash, and where history begins, come from the account and the calendar
    time            the machine's, or that of a `seatrial serve` that goes at a speed
    checks          the account may trade, clocks agree, a new run is flat, each symbol is known, there are bars

Nothing is written before all of it has been seen to, but for bars into their cache. The lock, recovery and the streams
come after it (live.service), and what happens while it trades is in trading.py.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from time import monotonic_ns
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from core.calendar import as_date, sessions
from core.config import load_settings, to_toml
from core.datasets.dataset import Dataset
from core.engine_config import engine_config
from core.errors import InputError
from core.kernel.records import MAX_SYMBOLS
from core.kernel.state import new_state
from core.kernel.units import MICRO, SECOND
from core.settings.scenario import Settings
from live.alpaca.endpoint import Endpoint
from live.alpaca.market_data import MarketData
from live.alpaca.messages import Account
from live.alpaca.rest import Rest
from live.brief import Briefs, Needs, Sources, sessions_before
from live.cache import BarCache
from live.clock import Clock, ScaledClock, SystemClock
from live.keys import read_keys
from live.opening import SKEW, account_of, check_clock, check_flat, check_terms
from live.pace import Pace, RealPace
from live.service import Plan
from live.signals import Traded
from live.store import migrate, runs, status
from live.store.database import Database, open_engine
from live.store.runs import RunSpec
from sim.alpaca.text import parse_time
from sim.scenario import load_strategies, strategy_masks

BAR_SECONDS = 60  # what the data stream has
GRACE = 2 * SECOND  # after a minute's end, until its bars are taken to be in
LATENESS = 0.05  # real seconds of the same, at a speed
CALENDAR = timedelta(days=60), timedelta(days=400)  # back and ahead
TIMEOUT = 5.0
READINGS = 5  # of a server's clock

Sessions = npt.NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asked for. `run` and `bars` None: the configuration's own; `keys` None: the environment."""

    config: str
    endpoint: str
    database: str
    feed: str
    keys: Path | None = None
    run: str | None = None
    bars: Path | None = None
    quotes: bool = False
    changes: Mapping[str, Any] = field(default_factory=dict)


class Time(NamedTuple):
    """Which time it is traded in, and how many times as fast as the machine's it goes."""

    clock: Clock
    pace: Pace
    speed: float


@dataclass(frozen=True, slots=True)
class Prepared:
    """A trader that may start. `events` are those that the run has already; `notices` what could not be had."""

    settings: Settings
    endpoint: Endpoint
    time: Time
    database: Database
    rest: Rest
    data: MarketData
    cache: BarCache
    briefs: Briefs
    plan: Plan
    events: int
    notices: list[str]

    def close(self) -> None:
        """Let go of everything."""
        self.rest.close()
        self.data.close()
        self.database.dispose()


class _Before(NamedTuple):
    """A run that the database has already."""

    config: Mapping[str, Any]
    events: int
    last: int


def prepare(wish: Wish) -> Prepared:
    """See to everything that a trader needs. Raises InputError, with nothing written, for what is in the way."""
    draft = _draft(wish)
    strategies = load_strategies(draft)
    endpoint = Endpoint.at(wish.endpoint, read_keys(wish.keys, os.environ), wish.feed)
    time = time_of(endpoint)
    database = open_engine(wish.database, create=False)
    migrate.check(database)
    rest, data = Rest(endpoint), MarketData(endpoint)
    account = account_of(rest)
    check_terms(account, draft.account)
    check_clock(rest, time.clock, max(SKEW, int(LATENESS * time.speed * SECOND)))
    known = _known(database, wish.run or draft.name)
    if known is None:
        check_flat(rest)
    folder, symbols = _market(wish, draft)
    table, place = _calendar(time.clock.now())
    warmup = max(strategy.warmup for strategy in strategies)
    begun = _begun(account, known, sessions_before(table, table[place], warmup, BAR_SECONDS))
    settings = load_settings(
        wish.config,
        {**wish.changes, "data.bars": str(folder), "data.symbols": list(symbols), "data.end": None, **begun},
    )
    cache = BarCache(folder, symbols)
    needs = Needs(table, BAR_SECONDS, warmup, since=_lived(table, place, known))
    briefs = Briefs(Sources(rest, data, cache, time.clock), needs)
    notices = briefs.prepare(table[place])
    plan = Plan(
        name=settings.name,
        spec=_spec(wish, settings, account),
        genesis=new_state(engine_config(settings, len(symbols), as_date(table["date"][place]))),
        traded=[Traded(s, mask) for s, mask in zip(strategies, strategy_masks(settings, symbols), strict=True)],
        sessions=table[place:],
        day=briefs,
        bar_seconds=BAR_SECONDS,
        grace=max(GRACE, int(LATENESS * time.speed * SECOND)),
        quotes=wish.quotes,
        poll=int(settings.breaker.poll),
    )
    events = 0 if known is None else known.events
    return Prepared(settings, endpoint, time, database, rest, data, cache, briefs, plan, events, notices)


def time_of(endpoint: Endpoint) -> Time:
    """The machine's time; for a server of ours its virtual one. Raises InputError for a server in lockstep."""
    if not endpoint.loopback or _virtual_clock(endpoint.trading) is None:
        return Time(SystemClock(), RealPace(), 1.0)
    readings = [_reading(endpoint.trading) for _ in range(READINGS)]
    best = min(readings, key=lambda reading: reading.took)  # the one that says most exactly what time it is
    if best.mode == "lockstep":
        remedy = "Start it with --speed, or use `seatrial rehearse`."
        raise InputError(endpoint.trading, "is in lockstep: its clock waits until somebody moves it", remedy)
    speed = float(best.mode)
    return Time(ScaledClock(best.time, speed, best.at), RealPace(speed), speed)


class _Reading(NamedTuple):
    """A server's clock: which time it was, in which mode it goes, at which of our monotonic ns, and the ns it took."""

    time: int
    mode: str | float
    at: int
    took: int


def _reading(url: str) -> _Reading:
    """Read a server's clock, which it read half way between our question and its answer."""
    asked = monotonic_ns()
    said = _virtual_clock(url)
    took = monotonic_ns() - asked
    if said is None:
        raise InputError(url, "does not tell its time any more", "See whether it still runs.")
    return _Reading(parse_time(said["now"]), said["mode"], asked + took // 2, took)


def _virtual_clock(url: str) -> dict[str, Any] | None:
    """What `seatrial serve` says of its clock; None for every other server, and for none."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/sim/clock", timeout=TIMEOUT) as answer:
            found = json.loads(answer.read())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and {"mode", "now"} <= found.keys() else None


def _draft(wish: Wish) -> Settings:
    """The configuration as it is written."""
    if wish.run is not None and not re.fullmatch(r"\w[\w.-]{0,63}", wish.run):
        problem = "is no name for files and folders, too"
        raise InputError(f"--run {wish.run}", problem, "Write up to 64 letters, digits, dots, hyphens or underscores.")
    settings = load_settings(wish.config, wish.changes)
    for key, entries in (("faults", settings.faults), ("halts", settings.halts)):
        if entries:
            problem = "has entries, and on paper the market and the broker make their own"
            raise InputError(f"{settings.name}: {key}", problem, "Take them out; `seatrial rehearse` plays them.")
    return settings


def _market(wish: Wish, draft: Settings) -> tuple[Path, tuple[str, ...]]:
    """The folder of bars and the symbols; a folder that is not there yet will be made beside the configuration."""
    folder = wish.bars
    if folder is None:
        try:
            folder = draft.bars_path()
        except InputError:
            folder = Path(wish.config).resolve().parent / draft.data.bars
    folder, symbols = folder.resolve(), draft.data.symbols
    if symbols is None and folder.exists():
        symbols = Dataset.open(folder).symbols
    if symbols is None:
        raise InputError(f"{draft.name}: data.symbols", "is missing", "Name the symbols that are to be traded.")
    if len(symbols) > MAX_SYMBOLS:
        problem = f"{len(symbols)} symbols, and the engine holds {MAX_SYMBOLS}"
        raise InputError(f"{draft.name}: data.symbols", problem, "Name fewer.")
    return folder, symbols


def _calendar(now: int) -> tuple[Sessions, int]:
    """Exchange sessions around a time, and the place of the last one that has begun."""
    today = as_date(now // (86_400 * SECOND))
    table = sessions(today - CALENDAR[0], today + CALENDAR[1])
    return table, int(np.searchsorted(table["pre"], now, side="right")) - 1


def _known(database: Database, name: str) -> _Before | None:
    """A run of this name in the database."""
    with database.connect() as connection:
        found = runs.find(connection, name)
        if found is None:
            return None
        standing = status.read(connection, name)
    return _Before(tomllib.loads(found[1].config, parse_float=Decimal), standing.events, standing.last)


def _begun(account: Account, known: _Before | None, before: list[np.void]) -> dict[str, Any]:
    """What a run keeps from its beginning: its cash, and the sessions that warmed it up."""
    if known is not None:
        stored = known.config
        return {
            "account.cash": stored["account"]["cash"],
            "data.start": stored["data"]["start"],
            "data.warm_up_sessions": stored["data"]["warm_up_sessions"],
        }
    return {
        "account.cash": Decimal(int(account.cash)) / MICRO,
        "data.start": as_date(before[0]["date"]),
        "data.warm_up_sessions": len(before),
    }


def _lived(table: Sessions, place: int, known: _Before | None) -> int:
    """The date of the last session that the run has begun; for a new one that of the day before its first."""
    if known is None:
        return int(table["date"][place]) - 1
    last = int(np.searchsorted(table["pre"], known.last, side="right")) - 1
    return int(table["date"][max(last, 0)])


def _spec(wish: Wish, settings: Settings, account: Account) -> RunSpec:
    """What the run is, in the store: with another one of these it would be another run."""
    assert settings.data.symbols is not None
    return RunSpec(
        name=wish.run or settings.name,
        kind="paper",
        account=account.id,
        seed=settings.seed,
        config=to_toml(settings),
        symbols=settings.data.symbols,
        strategies=tuple(settings.strategies),
        code_version=version("seatrial"),
    )
