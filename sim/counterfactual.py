"""Many worlds played in one pass over the data: what each earned, and which trade earned it.

Sessions are loaded once and signals computed once for all worlds that share them, so what a world costs is the compiled
loop alone, and worlds run side by side on the machine's cores. Memory holds one session, one state a world and one log
a core, however long the runs are. Nothing is written. A world with faults meets a market and a feed of its own, so it
reads alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from threading import local

import numpy as np

from core.bars import SessionBlock
from core.comparison import Place
from core.datasets.dataset import Dataset
from core.kernel.units import MICRO
from core.settings.venue import Halt
from sim import replay
from sim.faults.weather import Weather
from sim.market import DailySigma, Session, SignalReader, calendar_events, integer_bars, minute_grid, post_calendar
from sim.records import LOG
from sim.scenario import SETTLE, strategy_masks
from sim.setup import brief_venue, new_desk
from sim.worlds import World

Progress = Callable[[int, int, int], None]
TABLES = ("events", "fills", "decisions", "checks", "notes", "orders", "equity")
_LAYOUT = LOG.base.fields
assert _LAYOUT is not None
HEAD = _LAYOUT["events"][1]  # bytes of a log that go on from session to session; its tables follow


@dataclass(frozen=True, slots=True)
class Played:
    """What one world has come to: profit in micros, that of each trade by its place, and the number of decisions."""

    profit: int
    trades: dict[Place, int]
    decisions: int


def play(worlds: Sequence[World], sessions: int, progress: Progress | None = None) -> list[Played]:
    """Play worlds over the first `sessions` sessions of their data, which must be the same days in all of them."""
    feeds = _Feeds(worlds)
    runs = [_Replay(world, feeds) for world in worlds]
    bars = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, day in enumerate(feeds.days(sessions), start=1):
            for pending in [pool.submit(run.session, day) for run in runs]:
                pending.result()
            bars += len(runs) * int(np.isfinite(day.blocks[0].bars.close).sum())
            if progress is not None:
                progress(done, sessions, bars)
    return [run.result() for run in runs]


@dataclass(frozen=True, slots=True)
class _Day:
    """One session of data: blocks by dataset, and sessions ready for replay by reader of signals."""

    index: int
    blocks: Sequence[SessionBlock]
    ready: Sequence[_Ready | None]


@dataclass(frozen=True, slots=True)
class _Ready:
    """A session as a world meets it, with the market that its venue knows and what its faults bring."""

    session: Session
    block: SessionBlock
    sigma: np.ndarray
    halts: Sequence[Halt]
    connection: np.ndarray


class _Reader:
    """What the loop reads, session by session: one for all worlds without faults that share data and strategies."""

    def __init__(self, world: World, dataset: int, weather: Weather) -> None:
        symbols = world.dataset.symbols
        self.dataset = dataset
        self._weather = weather
        self._halts = world.settings.halts
        self._warm_up = world.settings.data.warm_up_sessions
        self._sigma = DailySigma(len(symbols))
        self._signals = SignalReader(world.strategies, strategy_masks(world.settings, symbols))

    def session(self, index: int, block: SessionBlock) -> _Ready | None:
        """The next session; None while indicators warm up."""
        ready = None
        if index < self._warm_up:
            self._restate(block)
            self._signals.remember(block.bars)
        else:
            day = self._weather.session(block)
            block = day.block
            self._restate(block)
            bars = integer_bars(block)
            received = self._weather.receive(day, bars)
            signals = self._signals.read(block.bars, received.views)
            session = Session(bars, minute_grid(block), signals, received.feed, received.late)
            self.day = day
            ready = _Ready(session, block, self._sigma.nanos(), (*self._halts, *day.halts), received.connection)
        self._sigma.add(block.bars)
        return ready

    def _restate(self, block: SessionBlock) -> None:
        self._sigma.restate(block.split_ratios)
        self._signals.restate(block.split_ratios)


class _Feeds:
    """What several worlds read, each thing once: datasets, and readers on them."""

    def __init__(self, worlds: Sequence[World]) -> None:
        self._datasets: dict[int, Dataset] = {}
        self._readers: dict[Hashable, _Reader] = {}
        for world in worlds:
            self._datasets.setdefault(id(world.dataset), world.dataset)

    def dataset_of(self, world: World) -> int:
        """Number of a world's dataset."""
        return list(self._datasets).index(id(world.dataset))

    def reader_of(self, world: World, weather: Weather) -> int | None:
        """Number of the reader that a world shares with others; None where faults give it one of its own."""
        if world.settings.faults:
            return None
        halts, warm_up = world.settings.halts, world.settings.data.warm_up_sessions
        key = (id(world.dataset), id(world.strategies), warm_up, halts)
        if key not in self._readers:
            self._readers[key] = _Reader(world, self.dataset_of(world), weather)
        return list(self._readers).index(key)

    def days(self, sessions: int) -> Iterator[_Day]:
        """The first sessions, one by one."""
        with ExitStack() as stack:
            datasets = self._datasets.values()
            streams = [stack.enter_context(closing(dataset.blocks())) for dataset in datasets]
            for index, blocks in enumerate(islice(zip(*streams, strict=False), sessions)):
                readers = self._readers.values()
                yield _Day(index, blocks, [reader.session(index, blocks[reader.dataset]) for reader in readers])


class _Replay:
    """One world on its way through the sessions."""

    def __init__(self, world: World, feeds: _Feeds) -> None:
        self.world = world
        symbols = world.dataset.symbols
        self._desk = new_desk(world.settings, symbols, world.strategies, int(world.dataset.sessions["date"][0]))
        self._weather = Weather(world.settings, symbols, self._desk)
        self._dataset = feeds.dataset_of(world)
        self._shared = feeds.reader_of(world, self._weather)
        self._own = _Reader(world, self._dataset, self._weather) if self._shared is None else None
        profile = self._desk.venue["profile"]
        profile["scripted_latency"] = world.scripted_latency
        profile["scripted_fills"] = world.scripted_fills
        self._head = self._desk.log.view(np.uint8)[:HEAD].copy()
        self._desk.log = _NO_LOG
        self._cash: list[np.ndarray] = []  # (2, n) intent and cash of executions
        self._begun: list[np.ndarray] = []  # (4, n) intent, strategy, symbol and bar time of approved openings
        self._decisions = 0

    def session(self, day: _Day) -> None:
        """Replay one session."""
        ready = self._ready(day)
        if ready is None:
            return
        desk, session, hours = self._desk, ready.session, ready.block.session
        brief_venue(desk.venue, ready.block, ready.sigma)
        if self.world.script is not None:
            self.world.script.load(desk.venue, int(hours["pre"]), int(hours["post"]))
        if self._own is not None:
            self._weather.post(self._own.day, desk)
        first = day.index == self.world.settings.data.warm_up_sessions
        post_calendar(desk.queue, calendar_events(ready.block, ready.halts, first))
        post_calendar(desk.queue, ready.connection)
        log = _log_of_thread()
        log.view(np.uint8)[:HEAD] = self._head
        log[0]["signal"] = log[0]["late"] = 0
        records = desk.state, desk.venue, desk.queue, log
        arrays = session.bars, session.feed, session.late, session.minutes, session.signals
        done = 0
        while done >= 0:
            done = replay.run_session(*records, *arrays, done, int(hours["post"]) + SETTLE)
            self._take(log[0])
        self._head = log.view(np.uint8)[:HEAD].copy()

    def _ready(self, day: _Day) -> _Ready | None:
        if self._own is not None:
            return self._own.session(day.index, day.blocks[self._dataset])
        assert self._shared is not None
        return day.ready[self._shared]

    def _take(self, log: np.void) -> None:
        """Keep what is needed of the log, and empty it."""
        fills = log["fills"][: int(log["fills_n"])]
        cash = _notional(-fills["side"] * fills["qty"], fills["price"]) - fills["fee"]
        self._cash.append(np.array([fills["intent"], cash]))
        decisions = log["decisions"][: int(log["decisions_n"])]
        opened = decisions[(decisions["action"] == 0) & (decisions["approved"] != 0)]
        self._begun.append(np.array([opened[name] for name in ("intent", "strategy", "symbol", "bar_time")]))
        self._decisions += len(decisions)
        for table in TABLES:
            log[f"{table}_n"] = 0

    def result(self) -> Played:
        """Profit so far, and by trade."""
        account, symbols = self._desk.state[0]["account"], self._desk.state["symbols"][0]
        held = np.flatnonzero(symbols["qty"])
        kept = np.array([symbols["intent"][held], symbols["value"][held]])
        intents, cash = np.concatenate([*self._cash, kept], axis=1)
        distinct, row = np.unique(intents, return_inverse=True)
        profits = np.zeros(len(distinct), np.int64)
        np.add.at(profits, row, cash)
        earned = dict(zip(distinct.tolist(), profits.tolist(), strict=True))
        names, strategies = self.world.dataset.symbols, tuple(self.world.settings.strategies)
        trades = {
            Place(strategies[strategy], names[symbol], time): earned[intent]
            for intent, strategy, symbol, time in np.concatenate(self._begun, axis=1).T.tolist()
            if intent in earned
        }
        return Played(int(account["equity"] - account["start_cash"]), trades, self._decisions)


_NO_LOG = np.zeros(0, LOG)
_threads = local()


def _log_of_thread() -> np.ndarray:
    """The log of this thread, shape (1,): what goes on between sessions is put in and taken out by each world."""
    if not hasattr(_threads, "log"):
        _threads.log = np.zeros(1, LOG)
    log: np.ndarray = _threads.log
    return log


def _notional(qty: np.ndarray, price: np.ndarray) -> np.ndarray:
    """core.kernel.units.notional of whole columns."""
    whole, part = np.divmod(qty, MICRO)
    return np.asarray(whole * price + part * price // MICRO)
