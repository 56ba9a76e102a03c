"""A few short seeded sessions with more signals than any strategy would give, through the loop that real runs use.

`python -m tests.sim.small_week` prints the digest of all that such a run has journaled and of the state it ends in.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np

from core.bars import Auctions, Bars, CorporateAction, SessionBlock
from core.calendar import SESSION
from core.kernel import invariants
from core.kernel.digest import state_digest
from core.kernel.units import MINUTE, NANO
from core.settings.scenario import Settings
from sim import replay
from sim.market import NOTHING_LATE, calendar_events, integer_bars, minute_grid, post_calendar
from sim.records import HEADROOM, LOG_EVENTS, LOG_ROWS, SIGNAL
from sim.setup import brief_venue, new_desk

FIRST_DAY = 20_514  # 2026-03-02
SYMBOLS = ("AAA", "BBB", "CCC")
OPEN = 14 * 60 + 30  # minute of the day, UTC
LENGTH = 45  # minutes of a regular session
STRATEGIES = [SimpleNamespace(name=name, model_version="1") for name in ("one", "two")]
TABLES = ("events", "fills", "decisions", "checks", "notes", "orders", "equity")
SIZES = {"events": LOG_EVENTS, "checks": LOG_EVENTS}


def settings(seed: int, **venue: Any) -> Settings:
    return Settings.model_validate(
        {
            "name": "small-week",
            "proves": "The loop repeats itself.",
            "seed": seed,
            "data": {"bars": "none"},
            "venue": venue,
            "strategies": {strategy.name: {"use": "none:None"} for strategy in STRATEGIES},
            "halts": [{"symbol": "BBB", "at": "2026-03-03T14:40:00+00:00", "for": "7m30s", "kind": "luld"}],
        }
    )


def market(sessions: int = 3, seed: int = 5) -> list[SessionBlock]:
    """Sessions of seeded bars, with gaps, missing bars and extended hours; BBB splits and CCC pays on day three."""
    random = Random(seed)
    price = dict.fromkeys(SYMBOLS, 100.0)
    blocks = []
    for day in range(sessions):
        for symbol in SYMBOLS:
            price[symbol] = round(price[symbol] * (1 + random.gauss(0, 0.01)), 2)
        if day == 2:
            price["BBB"] = round(price["BBB"] / 2, 2)
        blocks.append(_session(day, price, random))
    return blocks


def _session(day: int, price: dict[str, float], random: Random) -> SessionBlock:
    start = (FIRST_DAY + day) * 24 * 60 + OPEN
    offsets = [-20, -10, *range(LENGTH), LENGTH + 5]
    fields = {
        name: np.full((len(offsets), len(SYMBOLS)), np.nan) for name in ("open", "high", "low", "close", "volume")
    }
    for row in range(len(offsets)):
        for column, symbol in enumerate(SYMBOLS):
            if random.random() < 0.1:
                continue
            begin = price[symbol] + random.choice((0.0, 0.0, 0.01, -0.02))
            end = begin + round(random.gauss(0, 0.12), 2)
            spread = [round(abs(random.gauss(0, 0.08)), 2) for _ in "hl"]
            values = (
                begin,
                max(begin, end) + spread[0],
                min(begin, end) - spread[1],
                end,
                random.randrange(200, 9_000),
            )
            for name, value in zip(fields, values, strict=True):
                fields[name][row, column] = value
            price[symbol] = end
    bars = Bars(
        symbols=SYMBOLS,
        time=np.array([(start + offset) * MINUTE for offset in offsets], np.int64),
        regular=np.array([0 <= offset < LENGTH for offset in offsets]),
        session=np.full(len(offsets), FIRST_DAY + day, np.int64),
        bar_seconds=60,
        **fields,
    )
    hours = np.zeros(1, SESSION)
    hours["date"] = FIRST_DAY + day
    for name, minute in (("pre", -330), ("open", 0), ("close", LENGTH), ("post", LENGTH + 240)):
        hours[name] = (start + minute) * MINUTE
    unknown = np.full(len(SYMBOLS), np.nan)
    actions = (
        CorporateAction("BBB", FIRST_DAY + 2, "split", 2, 1, 0, FIRST_DAY + 2),
        CorporateAction("CCC", FIRST_DAY + 2, "dividend", 1, 1, 250_000, FIRST_DAY + 2),
    )
    return SessionBlock(
        session=hours[0],
        bars=bars,
        bid=None,
        ask=None,
        adv=np.full(len(SYMBOLS), 2_000_000.0),
        actions=actions if day == 2 else (),
        auctions=Auctions(unknown, unknown, unknown, unknown),
    )


def signals(day: int, seed: int = 9) -> np.ndarray:
    """SIGNAL rows of a session: now and then somebody wants in, or out."""
    random = Random(f"{seed} {day}")
    rows = []
    for minute in range(2, LENGTH + 2):
        for symbol in range(len(SYMBOLS)):
            if random.random() < 0.25:
                side = random.choice((1, -1))
                distances = random.choice((150_000, 250_000)), random.choice((100_000, 200_000))
                horizon = random.choice((0, 5 * 60 * NANO))
                rows.append((minute, random.randrange(2), symbol, side, 700_000, *distances, horizon, 0))
            elif random.random() < 0.05:
                rows.append((minute, random.randrange(2), symbol, 0, 0, 0, 0, 0, 1))
    table = np.zeros(len(rows), SIGNAL)
    for i, row in enumerate(rows):
        table[i] = row
    return table


class Week:
    """A run over some sessions; `tables` holds all that it has journaled, as bytes of records."""

    def __init__(self, seed: int = 3, flush_often: bool = False, **venue: Any) -> None:
        self.settings = settings(seed, **venue)
        self.desk = new_desk(self.settings, SYMBOLS, STRATEGIES, FIRST_DAY)  # type: ignore[arg-type]
        self.flush_often = flush_often
        self.flushes = 0
        self.closings: list[np.ndarray] = []
        self._parts: dict[str, list[np.ndarray]] = {name: [] for name in TABLES}

    def play(self, blocks: Iterable[SessionBlock]) -> Week:
        for block in blocks:
            self.session(block, integer_bars(block))
        return self

    def session(self, block: SessionBlock, rows: np.ndarray) -> None:
        """One session on given BAR rows."""
        desk, log = self.desk, self.desk.log[0]
        day = int(block.session["date"]) - FIRST_DAY
        brief_venue(desk.venue, block, np.full(len(SYMBOLS), NANO // 50, np.int64))
        post_calendar(desk.queue, calendar_events(block, self.settings.halts, day == 0))
        log["signal"] = 0
        arrays = rows, rows, NOTHING_LATE, minute_grid(block), signals(day)
        done, end = 0, int(block.session["post"]) + MINUTE
        while done >= 0:
            self._empty()
            done = replay.run_session(desk.state, desk.venue, desk.queue, desk.log, *arrays, done, end)
            self._take()
        self.closings.append(log["closing"][: len(SYMBOLS)].copy())
        assert int(desk.state[0]["run"]["broken"]) == 0
        assert invariants.broken(desk.state) == 0

    def _empty(self) -> None:
        """Start the journal's tables anew, or so near their end that the first row asks for emptying."""
        for name in TABLES:
            size = SIZES.get(name, LOG_ROWS)
            margin = HEADROOM * (4 if name in SIZES else 1)
            self.desk.log[0][f"{name}_n"] = size - margin if self.flush_often else 0

    def _take(self) -> None:
        log = self.desk.log[0]
        for name in TABLES:
            size = SIZES.get(name, LOG_ROWS)
            margin = HEADROOM * (4 if name in SIZES else 1)
            first = size - margin if self.flush_often else 0
            self._parts[name].append(log[name][first : log[f"{name}_n"]].copy())
        self.flushes += 1

    def table(self, name: str) -> np.ndarray:
        return np.concatenate(self._parts[name])

    @property
    def digest(self) -> str:
        """Hash of every table and of the final state of both sides."""
        total = sha256(state_digest(self.desk.state).encode())
        for name in TABLES:
            total.update(self.table(name).tobytes())
        total.update(self.desk.venue["orders"].tobytes())
        total.update(self.desk.venue["cash"].tobytes())
        return total.hexdigest()


def without_future(rows: np.ndarray, minute: int) -> np.ndarray:
    """The rows of a session with nonsense after a minute."""
    changed = rows.copy()
    later = changed[minute + 1 :]
    for name in ("open", "high", "low", "close"):
        later[name] = later[name] * 3 // 2
    later["volume"] = later["volume"][::-1].copy()
    return changed


if __name__ == "__main__":
    print(Week().play(market()).digest)
