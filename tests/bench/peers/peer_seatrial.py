"""seatrial on the workload: risk agent, order management, venue, invariants and journal all on.

    python peer_seatrial.py DATASET

Two passes in the process, the second is reported, as for the peers. The replay is the strategy's signals and the
compiled loop, over bars that are already in the engine's own form; `loop_s` is the loop alone.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import workload

from core.config import load_settings
from core.datasets.dataset import Dataset
from core.kernel.units import MICRO
from core.settings.scenario import Settings
from sim import market, replay
from sim.market import Session, SignalReader
from sim.scenario import SETTLE, load_strategies
from sim.setup import Desk, brief_venue, new_desk

SCENARIO = Path(__file__).with_name("workload.toml")
COUNTERS = ("events_n", "fills_n", "decisions_n", "checks_n", "notes_n", "orders_n", "equity_n")


class Workload:
    """The workload's sessions, loaded once and replayed as often as asked."""

    def __init__(self, dataset: Path) -> None:
        self.settings: Settings = load_settings(SCENARIO, {"data.bars": str(dataset)})
        self.strategies = load_strategies(self.settings)
        self.blocks = list(Dataset.open(dataset).blocks())
        self.symbols = self.blocks[0].bars.symbols
        self.grids = [(market.integer_bars(block), market.minute_grid(block)) for block in self.blocks]
        self.calendar = [market.calendar_events(b, (), i == 0) for i, b in enumerate(self.blocks)]
        self.bars = sum(int(np.count_nonzero(bars["volume"])) for bars, _ in self.grids)

    def sessions(self) -> list[Session]:
        """The strategy's signals beside the bars, session by session."""
        reader = SignalReader(self.strategies, [np.ones(len(self.symbols), np.bool_)])
        return [
            Session.heard_in_full(*grid, reader.read(b.bars)) for grid, b in zip(self.grids, self.blocks, strict=True)
        ]

    def desk(self) -> Desk:
        """Fresh records."""
        return new_desk(self.settings, self.symbols, self.strategies, int(self.blocks[0].session["date"]))

    def replay(self, desk: Desk, sessions: list[Session]) -> int:
        """The compiled loop over all sessions; returns the number of fills."""
        log, fills = desk.log[0], 0
        for session, block, calendar in zip(sessions, self.blocks, self.calendar, strict=True):
            brief_venue(desk.venue, block, None)
            market.post_calendar(desk.queue, calendar)
            log["signal"] = 0
            done, end = 0, int(block.session["post"]) + SETTLE
            while done >= 0:
                arrays = (session.bars, session.feed, session.late, session.minutes, session.signals)
                done = replay.run_session(desk.state, desk.venue, desk.queue, desk.log, *arrays, done, end)
                fills += int(log["fills_n"])
                for counter in COUNTERS:
                    log[counter] = 0
        return fills


def main(dataset: Path) -> None:
    """Replay twice and report the second pass."""
    work = Workload(dataset)
    for _ in range(2):
        desk = work.desk()
        with workload.replaying() as watch:
            sessions = work.sessions()
            began = time.perf_counter()
            fills = work.replay(desk, sessions)
            loop = time.perf_counter() - began
    equity = int(desk.state[0]["account"]["equity"]) / MICRO
    workload.report("0.1.0", work.bars, watch.seconds, fills, equity, loop_s=loop)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
