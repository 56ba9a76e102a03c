"""A scenario from its file to its run directory: data, strategies, the compiled loop, the journal, the verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from core.bars import SessionBlock
from core.calendar import utc_text
from core.config import config_hash, to_toml
from core.datasets.dataset import Dataset
from core.errors import InputError
from core.kernel import invariants
from core.kernel.digest import state_digest
from core.kernel.kinds import Invariant
from core.kernel.records import MAX_STRATEGIES, MAX_SYMBOLS
from core.kernel.units import MICRO, decimal
from core.runs import Run, RunWriter
from core.settings.scenario import Settings
from core.strategies.contract import Strategy
from core.strategies.loading import load
from sim import replay
from sim.agreement import AGREEMENTS, disagreements
from sim.audit import PROMISES, audit
from sim.expectations import evaluate
from sim.faults.weather import Weather
from sim.journal import Journal
from sim.market import (
    DailySigma,
    Session,
    SignalReader,
    View,
    calendar_events,
    integer_bars,
    minute_grid,
    post_calendar,
)
from sim.setup import Desk, brief_venue, new_desk
from sim.unfinished import unfinished

MARK_RULE = "close of the newest bar; frozen when stale or when a jump is not yet confirmed"
SETTLE = 60_000_000_000  # how long after the day's end messages of the day are still delivered
Progress = Callable[[int, int, int], None]


@dataclass(slots=True)
class Clock:
    """Seconds of wall time by stage."""

    seconds: dict[str, float] = field(
        default_factory=lambda: {"load": 0.0, "faults": 0.0, "signals": 0.0, "replay": 0.0}
    )

    def add(self, stage: str, since: float) -> float:
        """Book the time since `since` on a stage; returns now."""
        now = time.perf_counter()
        self.seconds[stage] += now - since
        return now


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run has come to: its folder and the content of run.json."""

    path: Path
    run: dict[str, Any]

    @property
    def passed(self) -> bool:
        """Whether every invariant and expectation holds."""
        held = all(witness == "ok" for witness in self.run["invariants"].values())
        return held and all(e["ok"] for e in self.run["expectations"])


def load_strategies(settings: Settings) -> list[Strategy]:
    """The scenario's strategies, in the order of the file."""
    if len(settings.strategies) > MAX_STRATEGIES:
        place = f"{settings.name}: strategies"
        raise InputError(place, f"{len(settings.strategies)} strategies", f"Use at most {MAX_STRATEGIES}.")
    return [load(s.use, s.parameters, f"{settings.name}: strategies.{name}") for name, s in settings.strategies.items()]


def open_data(settings: Settings) -> Dataset:
    """The scenario's market data, with the scenario's own demands checked against it."""
    data = settings.data
    chosen = list(data.symbols) if data.symbols is not None else None
    dataset = Dataset.open(settings.bars_path(), chosen, data.start, data.end)
    if len(dataset.symbols) > MAX_SYMBOLS:
        problem = f"{len(dataset.symbols)} symbols, and the engine holds {MAX_SYMBOLS}"
        raise InputError(str(dataset.folder), problem, "Name the symbols to trade in data.symbols.")
    for name, strategy in settings.strategies.items():
        for symbol in strategy.symbols or ():
            if symbol not in dataset.symbols:
                place = f"{settings.name}: strategies.{name}.symbols"
                raise InputError(place, f"{symbol} is not in the data", f"Choose from {', '.join(dataset.symbols)}.")
    return dataset


def run(settings: Settings, out: Path, progress: Progress | None = None, repeat: str = "") -> Outcome:
    """Run a scenario and leave its run directory at `out`.

    `progress(done, sessions, bars)` is called after every session; `repeat` is the command that makes the run again,
    by default that of a bundled scenario. Raises InputError for anything in the scenario,
    the data or a strategy's answers that cannot be used; then nothing is left behind.
    """
    dataset = open_data(settings)
    settings = settings.with_feed(dataset.feed)
    strategies = load_strategies(settings)
    with RunWriter(out) as writer:
        writer.write_config(to_toml(settings))
        replayed = Replay(settings, dataset, strategies, Journal(writer, dataset.symbols, list(settings.strategies)))
        replayed.run(progress)
        if settings.faults:
            writer.append("faults", replayed.weather.rows(int(dataset.sessions["pre"][0])))
        writer.close()
        document = replayed.document()
        document["repeat"] = repeat or document["repeat"]
        document["expectations"] = evaluate(settings.expect, document, writer)
        path = writer.finish(document)
    return Outcome(path, Run.open(path).run)


class Sessions(Protocol):
    """Where a replay gets its market: a Dataset, or what is left of one in memory."""

    symbols: tuple[str, ...]
    feed: str
    adjustment: str
    bar_seconds: int
    manifest_sha256: str

    @property
    def sessions(self) -> np.ndarray:
        """SESSION rows."""
        ...

    def blocks(self) -> Iterator[SessionBlock]:
        """The sessions in order."""
        ...


class Sink(Protocol):
    """What becomes of the loop's log: the Journal writes it, others only count."""

    def flush(self, log: np.void, state: np.ndarray) -> None:
        """Take what is in the log, and empty it."""
        ...

    def close_session(self, time: int, log: np.void) -> None:
        """A session's regular close was at `time`."""
        ...

    def finish(self, time: int, state: np.ndarray, venues: np.ndarray) -> None:
        """The run is over."""
        ...


class Replay:
    """One pass of a scenario through the compiled loop, session by session."""

    def __init__(self, settings: Settings, dataset: Sessions, strategies: list[Strategy], journal: Sink) -> None:
        self.settings = settings
        self.dataset = dataset
        self.clock = Clock()
        self.desk = new_desk(settings, dataset.symbols, strategies, int(dataset.sessions["date"][0]))
        self.journal = journal
        self.sigma = DailySigma(len(dataset.symbols))
        self.reader = SignalReader(strategies, strategy_masks(settings, dataset.symbols))
        self.weather = Weather(settings, dataset.symbols, self.desk)
        self.ended = int(dataset.sessions["post"][-1])
        self.audited = 0  # fills of the log that have been
        self.broken: dict[str, str] = {}

    def run(self, progress: Progress | None) -> None:
        """Replay every session; stops after a session in which an invariant broke."""
        total = len(self.dataset.sessions)
        warm_up = self.settings.data.warm_up_sessions
        began = time.perf_counter()
        for done, block in enumerate(self.dataset.blocks()):
            began = self.clock.add("load", began)
            if done < warm_up:
                self._restate(block)
                self.reader.remember(block.bars)
                self.sigma.add(block.bars)
            else:
                self._session(block, done == warm_up)
            began = time.perf_counter()
            if progress is not None:
                progress(done + 1, total, int(self.desk.log[0]["bars"]))
            if self.broken:
                break
        self._remember()
        self.journal.flush(self.desk.log[0], self.desk.state)
        self.journal.finish(self.ended, self.desk.state, self.desk.venue)
        self.clock.add("replay", began)

    def _restate(self, block: SessionBlock) -> None:
        """What is remembered of earlier sessions, in the shares after this one's splits."""
        self.sigma.restate(block.split_ratios)
        self.reader.restate(block.split_ratios)

    def _session(self, block: SessionBlock, first: bool) -> None:
        """One session: prepare, replay, journal, check."""
        began = time.perf_counter()
        day = self.weather.session(block)
        block = day.block
        self._restate(block)
        bars = self.integer_bars(block)
        received = self.weather.receive(day, bars)
        began = self.clock.add("faults", began)
        signals = self.read_signals(block, received.views)
        began = self.clock.add("signals", began)
        session = Session(bars, minute_grid(block), signals, received.feed, received.late)
        brief_venue(self.desk.venue, block, self.sigma.nanos())
        self.weather.post(day, self.desk)
        post_calendar(self.desk.queue, calendar_events(block, (*self.settings.halts, *day.halts), first))
        post_calendar(self.desk.queue, received.connection)
        self._replay(self.desk, session, int(block.session["post"]))
        self.journal.close_session(int(block.session["close"]), self.desk.log[0])
        self.sigma.add(block.bars)
        self._check()
        self.ended = int(block.session["post"])
        self.clock.add("replay", began)

    def integer_bars(self, block: SessionBlock) -> np.ndarray:
        """BAR rows (T, S) of a session, which faults may change."""
        return integer_bars(block)

    def read_signals(self, block: SessionBlock, views: Sequence[View]) -> np.ndarray:
        """SIGNAL rows of a session as the strategies knew it."""
        return self.reader.read(block.bars, views)

    def _replay(self, desk: Desk, session: Session, end: int) -> None:
        """The compiled loop over one session, emptying the journal whenever it asks."""
        desk.log[0]["signal"] = desk.log[0]["late"] = 0
        records = (desk.state, desk.venue, desk.queue, desk.log)
        arrays = (session.bars, session.feed, session.late, session.minutes, session.signals)
        done = 0
        while True:
            done = replay.run_session(*records, *arrays, done, end + SETTLE)
            self._audit(session)
            if done < 0:
                return
            self._remember()
            self.journal.flush(desk.log[0], desk.state)
            self.audited = 0

    def _remember(self) -> None:
        """Let the weather know what the engine has noted, before the log is emptied."""
        log = self.desk.log[0]
        self.weather.remember(log["notes"][: log["notes_n"]])

    def _audit(self, session: Session) -> None:
        """Hold the fills that are new in the log against the market they were made in, and both sides' books."""
        log = self.desk.log[0]
        fills = log["fills"][self.audited : int(log["fills_n"])]
        self.audited = int(log["fills_n"])
        for name, when in audit(fills, session.bars, session.minutes["time"], self.desk.venue[0]).items():
            self.broken.setdefault(name, f"broken by a fill of {utc_text(when)}")
        tries = int(self.desk.state[0]["config"]["query_tries"])
        for name, when in disagreements(log, self.weather.table, tries).items():
            self.broken.setdefault(name, f"broken at {utc_text(when)}")

    def _check(self) -> None:
        """Look at what broke in the session, and rebuild the books from nothing."""
        run_state = self.desk.state[0]["run"]
        broken = int(run_state["broken"]) or int(invariants.broken(self.desk.state))
        if broken:
            sequence = int(run_state["broken_at"]) or int(run_state["seq"])
            name = Invariant(broken).name.lower()
            self.broken[name] = f"broken at event {sequence}, {utc_text(int(run_state['now']))}"

    def document(self) -> dict[str, Any]:
        """The content of run.json, expectations apart."""
        settings, dataset, state = self.settings, self.dataset, self.desk.state[0]
        names = [*(i.name.lower() for i in Invariant if i is not Invariant.HOLDS), *PROMISES, *AGREEMENTS]
        return {
            "run_id": self._identity(),
            "kind": "sim",
            "scenario": settings.name,
            "title": settings.title or settings.name,
            "seed": settings.seed,
            "profile": settings.venue.profile_name,
            "code_version": version("seatrial"),
            "data": [data_entry(settings, dataset)],
            "started": utc_text(int(dataset.sessions["pre"][0])),
            "ended": utc_text(self.ended),
            "bar_seconds": dataset.bar_seconds,
            "mark_rule": MARK_RULE,
            "start_cash": decimal(state["account"]["start_cash"]),
            "cash": decimal(state["account"]["cash"]),
            "equity": decimal(state["account"]["equity"]),
            "positions": self._positions(),
            "command_stream_hash": f"{int(state['run']['command_hash']) & (2**64 - 1):016x}",
            "final_state_hash": state_digest(self.desk.state),
            "events": int(state["run"]["seq"]),
            "bars": int(self.desk.log[0]["bars"]),
            "wall_seconds": {**{k: round(v, 6) for k, v in self.clock.seconds.items()}, "report": 0.0},
            "invariants": {name: self.broken.get(name, "ok") for name in names},
            "unfinished": unfinished(self.desk.state, self.desk.venue),
            "repeat": f"seatrial run {settings.name} --seed {settings.seed}",
        }

    def _identity(self) -> str:
        """Equal for equal configuration, data and code."""
        parts = (config_hash(self.settings), self.dataset.manifest_sha256, version("seatrial"))
        return f"{self.settings.name}-{sha256(' '.join(parts).encode()).hexdigest()[:12]}"

    def _positions(self) -> dict[str, dict[str, Decimal]]:
        """Open positions at the end."""
        table = self.desk.state["symbols"][0]
        result = {}
        for s, symbol in enumerate(self.dataset.symbols):
            qty = int(table["qty"][s])
            if qty:
                cost = abs(int(table["cost"][s])) * MICRO // abs(qty)
                result[symbol] = {
                    "qty": decimal(qty),
                    "average_cost": decimal(cost),
                    "mark": decimal(int(table["mark"][s])),
                }
        return result


def data_entry(settings: Settings, dataset: Sessions) -> dict[str, str]:
    """What run.json says of the market data."""
    return {
        "folder": settings.data.bars,
        "manifest_sha256": dataset.manifest_sha256,
        "feed": dataset.feed,
        "adjustment": dataset.adjustment,
    }


def strategy_masks(settings: Settings, symbols: tuple[str, ...]) -> list[np.ndarray]:
    """Which symbols each strategy trades, bool (S,)."""
    return [
        np.array([strategy.symbols is None or symbol in strategy.symbols for symbol in symbols])
        for strategy in settings.strategies.values()
    ]
