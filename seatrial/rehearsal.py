"""A rehearsal: a scenario's server, a database, and trading processes that may be killed, until the market is over.

The server lives in a thread of this process and the trader in a process of its own, so that it can die for real. What
dies is started again from the database, as on any day. At the end the run is exported from its journal and judged as a
simulated one is, and besides held against the books of the server, which has seen everything from the other side.
"""

from __future__ import annotations

import multiprocessing
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from core.calendar import utc_text
from core.errors import InputError
from core.kernel.units import MINUTE
from core.runs import RunWriter
from core.settings.scenario import Settings
from live import export
from live.books import Books
from live.export import Circumstances
from live.pace import first_of
from live.store import migrate, runs
from live.store.database import Database, open_engine
from seatrial.lockstep import PLACES, Control, Stage, trade
from seatrial.mishaps import NO_FAULT, Death, Mishaps, mishaps_of
from sim.alpaca import agreement
from sim.alpaca.exchange import Options
from sim.alpaca.faults.kinds import KINDS as EDGE
from sim.alpaca.serve import Running
from sim.expectations import evaluate, is_told
from sim.scenario import data_entry
from sim.unfinished import undone

LEAST_LIFE = 10 * MINUTE  # of virtual time: the host stays down when it is restarted a third time in that
BAD_INPUT = 2  # exit code of a trading process that has handed over why
LOOK = 0.2  # real seconds between two looks at how far it has come
Progress = Callable[[int, int, int], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """How a rehearsal is to be made.

    kill_every  mean virtual time between two deaths of the trading process, ns; 0 = none
    database    URL of the database, by default a file that is thrown away
    repeat      the command that makes it again
    """

    kill_every: int = 0
    database: str | None = None
    repeat: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A rehearsal that is over: its run directory, and the real seconds that it took."""

    path: Path
    seconds: float


def rehearse(settings: Settings, out: Path, wish: Wish, progress: Progress | None = None) -> Outcome:
    """Trade a scenario through the whole live stack and leave a run directory at `out`.

    `progress(done, sessions, bars)` is called after every session. Raises InputError for what cannot be used, in
    the scenario or in the database; then no run directory is left. `out` has to be free.
    """
    began = time.perf_counter()
    options = Options(refusals="by_stream", rate_limit=0)
    with _database(wish.database, out.name) as (engine, url), Running(settings, options) as server:
        life = _Life(settings, out.name, url, server, progress or _silent)
        life.live(wish.kill_every)
        seconds = time.perf_counter() - began
        path = _exported(engine, out, life, wish.repeat, seconds)
    return Outcome(path, seconds)


def _silent(_done: int, _sessions: int, _bars: int) -> None:
    """Nobody looks."""


@contextmanager
def _database(url: str | None, name: str) -> Iterator[tuple[Database, str]]:
    """A database for the run `name`: the one that is named, or a file for the time of the rehearsal."""
    with tempfile.TemporaryDirectory(prefix="seatrial-") as folder:
        chosen = url or f"sqlite:///{Path(folder) / 'rehearsal.db'}"
        engine = open_engine(chosen)
        try:
            if migrate.current(engine) is None:
                migrate.upgrade(engine)
            migrate.check(engine)
            with engine.connect() as connection:
                if runs.find(connection, name) is not None:
                    remedy = "Name another folder with --out: a rehearsal is called after it."
                    raise InputError(f"run {name}", "is in the database already", remedy)
            yield engine, chosen
        finally:
            engine.dispose()


class _Life:
    """The trading processes of one rehearsal, one after the other."""

    def __init__(self, settings: Settings, name: str, database: str, server: Running, progress: Progress) -> None:
        world = server.exchange.world
        traded = world.dataset.sessions[settings.data.warm_up_sessions :]
        self.settings = settings
        self.server = server
        self.mishaps: Mishaps = mishaps_of(settings, traded, world.symbols)
        self.died: list[Death] = []
        self._sessions, self._shown = len(traded), 0
        self._progress = progress
        self._stage = Stage(settings, name, database, server.url, others=self.mishaps.others)
        self._chance = random.Random(f"deaths of {settings.seed}")

    def live(self, kill_every: int) -> None:
        """Trade until the market is over."""
        start = self.server.exchange.now
        planned = sorted([*self.mishaps.deaths, *self._drawn(start, kill_every)], key=lambda death: death.at)
        while True:
            now = self.server.exchange.now
            ahead = [death for death in planned if death.at > now]
            stage = replace(self._stage, death=ahead[0] if ahead else None, since=now)
            if not self._process(stage):
                return
            assert stage.death is not None
            self.died.append(replace(stage.death, at=self.server.exchange.now))
            if stage.death.back > self.server.exchange.now:
                Control(self.server.url, stage.feed).advance(stage.death.back, to_news=False)

    def _drawn(self, start: int, kill_every: int) -> Iterator[Death]:
        """Deaths at random times, about `kill_every` apart and at least half of it, at random places."""
        at = start
        while kill_every and at < self.server.exchange.world.end:
            at += max(int(kill_every * self._chance.uniform(0.5, 1.5)), LEAST_LIFE)
            yield Death(at, self._chance.choice(PLACES))

    def _process(self, stage: Stage) -> bool:
        """One process to its end; returns whether it was killed as planned. Raises what it could not use."""
        context = multiprocessing.get_context("spawn")
        hears, says = context.Pipe(duplex=False)
        process = context.Process(target=_trade, args=(stage, says), daemon=True)
        process.start()
        says.close()
        try:
            while process.is_alive():
                self._show()
                process.join(LOOK)
        finally:
            process.kill()
            process.join()
        self._show()
        error = hears.recv() if process.exitcode == BAD_INPUT else None
        hears.close()
        if error is not None:
            raise error
        if process.exitcode == -signal.SIGKILL and stage.death is not None:
            return True
        assert process.exitcode == 0, f"the trading process ended with {process.exitcode}"
        return False

    def _show(self) -> None:
        world = self.server.exchange.world
        done = self._sessions if world.finished else world.sessions_done - 1
        if done != self._shown:
            self._progress(done, self._sessions, 0)
            self._shown = done


def _trade(stage: Stage, says: Connection) -> None:
    """The trading process; bad input is handed over to the one that started it."""
    try:
        trade(stage)
    except (InputError, ExceptionGroup) as failure:
        error = first_of(failure)
        if not isinstance(error, InputError):
            raise
        says.send(error)
        raise SystemExit(BAD_INPUT) from None


def _exported(engine: Database, out: Path, life: _Life, repeat: str, seconds: float) -> Path:
    """The run directory, judged."""
    world = life.server.exchange.world
    about = Circumstances(
        data=[data_entry(life.settings, world.dataset)],
        bar_seconds=world.dataset.bar_seconds,
        repeat=repeat,
        wall_seconds={"replay": round(seconds, 6)},
        judge=lambda document, books, writer: _judged(life, document, books, writer),
        noted=world.weather.remember,
    )
    with engine.connect() as connection:
        found = runs.find(connection, out.name)
        assert found is not None, "it has just been traded"
        return export.export(connection, found[0], out, about)


def _judged(life: _Life, document: Mapping[str, Any], books: Books, writer: RunWriter) -> dict[str, Any]:
    """What a simulation's run.json says too, and whether the broker agrees."""
    settings, exchange = life.settings, life.server.exchange
    if settings.faults:
        _count_faults(life)
        writer.append("faults", exchange.world.weather.rows(exchange.world.start))
    writer.close()
    left = undone(books.state)
    agreed = agreement.agreement(exchange.broker, books.state, writer)
    return {
        "invariants": {**document["invariants"], **agreed},
        "unfinished": left,
        "expectations": evaluate(filter(is_told, settings.expect), {**document, "unfinished": left}, writer),
        "unjudged": [expectation.text for expectation in settings.expect if not is_told(expectation)],
        "deaths": [{"time": utc_text(death.at), "place": death.place} for death in life.died],
    }


def _count_faults(life: _Life) -> None:
    """Bring the table of faults up to date with what the edge has done, and what has happened to us.

    A connection that is down is not counted by whom it meets: such a fault counts by its beginnings. A restart counts
    when the process has died of it; one that falls into the time that another keeps it down does not.
    """
    exchange, faults = life.server.exchange, life.settings.faults
    weather, now = exchange.world.weather, exchange.now
    struck = {i: [time for time in times if time <= now] for i, times in life.mishaps.begun.items()}
    for death in life.died:
        struck.setdefault(death.fault, []).append(death.at)
    struck.pop(NO_FAULT, None)
    played = [i for i, fault in enumerate(faults) if fault.kind in EDGE]
    for number, i in enumerate(played, start=1):
        hits = [int(row["time"]) for row in exchange.faults.struck if row["fault"] == number]
        stands = EDGE[faults[i].kind].meets.endswith("_socket") or faults[i].kind == "unauthorised"
        struck[i] = hits or ([o.begin for o in weather.schedule.happened[i] if o.begin <= now] if stands else [])
    for i, times in struck.items():
        row = weather.table[i]
        row["fired"], row["first"], row["last"] = len(times), min(times, default=0), max(times, default=0)
