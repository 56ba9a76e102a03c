"""Simulated runs made to look as if they had been recorded elsewhere: every event journaled, the broker's rules unknown.

A simulation leaves the bulk of its market data out of the journal. Paper and rehearsal do not, so bars and timers are
put back here, each at the place in the total order that the run left free for it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.config import load_settings
from core.identities import OrderIndex
from core.kernel.kinds import PRIORITY, EventKind
from core.kernel.records import EVENT, ORDER
from core.kernel.units import MICRO, MINUTE
from core.run_tables import Names, events
from core.runs import Run
from sim import scenario


def run_scenario(out: Path, changes: Mapping[str, Any], name: str = "breakout-4w") -> Run:
    return Run.open(scenario.run(load_settings(name, changes), out).path)


def as_recorded(run: Run, out: Path, kind: str, config: Run | None = None) -> Run:
    """The run as one of another kind, with a whole journal; with `config` it claims the configuration of that run."""
    shutil.copytree(run.path, out)
    document = json.loads((out / "run.json").read_text())
    if config is not None:
        shutil.copy(config.path / "config.toml", out / "config.toml")
        document["config_hash"] = config.run["config_hash"]
    journal = whole_journal(run)
    pq.write_table(journal, out / "events.parquet")
    document["kind"] = kind
    document["counts"]["events"] = journal.num_rows
    (out / "run.json").write_text(json.dumps(document))
    return Run.open(out)


def cut_short(run: Run, out: Path, end: datetime) -> Run:
    """The run as it would be had its process ended at `end`: its tables hold nothing later."""
    shutil.copytree(run.path, out)
    document = json.loads((out / "run.json").read_text())
    limit = pa.scalar(end, pa.timestamp("ns", "UTC"))
    for path in out.glob("*.parquet"):
        table = pq.read_table(path)
        column = {"orders": "created_at", "events": "t_visible"}.get(path.stem, "time")
        table = table.filter(pc.less_equal(table[column], limit))
        pq.write_table(table, path)
        document["counts"][path.stem] = table.num_rows
    document["ended"] = end.isoformat()
    document["equity"] = float(pq.read_table(out / "equity.parquet")["equity"][-1].as_py())
    (out / "run.json").write_text(json.dumps(document))
    return Run.open(out)


def whole_journal(run: Run) -> pa.Table:
    """The journal with every bar and timer in it."""
    settings = load_settings(run.path / "config.toml")
    dataset = scenario.open_data(settings)
    table = run.table("events")
    known = np.frombuffer(b"".join(table["payload"].to_pylist()), EVENT)
    bulk = _bulk(dataset, known, settings.venue.feed_latency)
    free = np.setdiff1d(np.arange(1, len(known) + len(bulk) + 1), known["seq"])
    assert len(free) == len(bulk), "bars and timers fill what the journal leaves free"
    bulk["seq"] = free
    names = Names(dataset.symbols, tuple(settings.strategies))
    batch = events(bulk, OrderIndex.of(np.zeros(0, ORDER)), names)
    whole = pa.concat_tables([table, pa.Table.from_batches([batch]).select(table.column_names).cast(table.schema)])
    return whole.sort_by("sequence")


def _bulk(dataset: Any, known: np.ndarray, latency: int) -> np.ndarray:
    rows = []
    halts = known[np.isin(known["kind"], (EventKind.HALT, EventKind.RESUME))]
    assert not len(halts) or PRIORITY[EventKind.HALT] < 5
    for block in dataset.blocks():
        bars = block.bars
        for t, start in enumerate(bars.time.tolist()):
            now = start + MINUTE + latency
            for s in range(len(bars.symbols)):
                if bars.volume[t, s] > 0 and not _halted(halts, s, now):
                    row = np.zeros(1, EVENT)[0]
                    row["kind"], row["symbol"], row["t_market"] = EventKind.BAR, s, start
                    row["t_received"] = row["t_visible"] = now
                    for field, values in (
                        ("price", bars.close),
                        ("amount", bars.open),
                        ("target", bars.high),
                        ("stop", bars.low),
                    ):
                        row[field] = round(values[t, s] * MICRO)
                    row["qty"] = int(bars.volume[t, s]) * MICRO
                    rows.append(row)
            row = np.zeros(1, EVENT)[0]
            row["kind"], row["symbol"] = EventKind.TIMER, -1
            row["t_market"] = row["t_received"] = row["t_visible"] = now
            rows.append(row)
    return np.array(rows, EVENT)


def _halted(halts: np.ndarray, symbol: int, now: int) -> bool:
    mine = halts[(halts["symbol"] == symbol) & (halts["t_visible"] <= now)]
    return bool(len(mine)) and mine[-1]["kind"] == EventKind.HALT
