"""A scenario's market in memory: read once, replayed under as many schedules as one likes.

What a run costs beyond the compiled loop is reading parquet and computing signals. Both are the same for every
schedule, as long as no fault has changed the market or the strategies' view of it. So bars and signals of each
session are kept, and a replay takes them when it may: bars when the session's block is the one on disk, signals when
in addition everything that the strategies look back on is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from core.bars import SessionBlock
from core.settings.scenario import Settings
from core.strategies.contract import Strategy
from sim.market import SignalReader, View, integer_bars
from sim.scenario import Replay, Sink, load_strategies, open_data, strategy_masks


class Memory:
    """The data and signals of one scenario; in place of its Dataset."""

    def __init__(self, settings: Settings) -> None:
        """Read everything. Raises InputError for data or strategies that cannot be used."""
        dataset = open_data(settings)
        self.settings = settings.with_feed(dataset.feed)
        self.strategies: list[Strategy] = load_strategies(settings)
        self.symbols = dataset.symbols
        self.sessions = dataset.sessions
        self.feed = dataset.feed
        self.adjustment = dataset.adjustment
        self.bar_seconds = dataset.bar_seconds
        self.manifest_sha256 = dataset.manifest_sha256
        self._blocks = list(dataset.blocks())
        self.rows = [integer_bars(block) for block in self._blocks]
        self.signals = self._read_signals()
        self.number = {id(block): i for i, block in enumerate(self._blocks)}

    def blocks(self) -> Iterator[SessionBlock]:
        """The sessions in order."""
        return iter(self._blocks)

    @property
    def trading(self) -> np.ndarray:
        """SESSION rows in which the engine trades."""
        return self.sessions[self.settings.data.warm_up_sessions :]

    def _read_signals(self) -> list[np.ndarray]:
        reader = SignalReader(self.strategies, strategy_masks(self.settings, self.symbols))
        found = []
        for block in self._blocks:
            reader.restate(block.split_ratios)
            found.append(reader.read(block.bars))
        return found


class Remembered(Replay):
    """A replay that takes bars and signals from memory while they are what the data has."""

    def __init__(self, settings: Settings, memory: Memory, sink: Sink) -> None:
        super().__init__(settings, memory, memory.strategies, sink)
        self.memory = memory
        self.warmup = max(strategy.warmup for strategy in memory.strategies)
        self.unchanged = 2**62  # rows since a fault changed what strategies look back on

    def integer_bars(self, block: SessionBlock) -> np.ndarray:
        """A copy, because a wide spread is written into it."""
        number = self.memory.number.get(id(block))
        return integer_bars(block) if number is None else self.memory.rows[number].copy()

    def read_signals(self, block: SessionBlock, views: Sequence[View]) -> np.ndarray:
        """Those in memory if nothing that they rest on has changed; the history goes on either way."""
        number = self.memory.number.get(id(block))
        as_on_disk = len(views) == 1 and views[0].bars is block.bars
        if number is not None and as_on_disk and self.unchanged >= self.warmup:
            self.reader.remember(block.bars)
            self.unchanged += len(block.bars.time)
            return self.memory.signals[number]
        self.unchanged = len(block.bars.time) + self.unchanged if number is not None else 0
        return super().read_signals(block, views)
