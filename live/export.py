"""A run directory from the store: the journal replayed from before its first event, and written down as it goes.

The tables are those of a simulated run, made by the same code from the same records, so every report and comparison
reads them alike. Because the engine decides everything again on the way, an export is an audit too: it ends with the
state that the trading process had, or with an error that names the first event that differs.

What a broker does not tell stays what the engine saw: times of an order are those at which its news became visible, and
the mid price of a fill is the engine's mark at that moment.
"""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.calendar import utc_text
from core.kernel import invariants
from core.kernel.digest import state_digest
from core.kernel.kinds import Invariant
from core.kernel.units import MICRO, decimal
from core.runs import RunWriter
from live import recovery
from live.books import Books
from live.export_tables import Noted, Tables, ignored
from live.store import runs
from live.store.database import Transaction
from live.store.runs import RunSpec

MARK_RULE = "close of the newest bar; frozen when stale or when a jump is not yet confirmed"
STAGES = ("load", "signals", "replay", "report")


Judge = Callable[[Mapping[str, Any], Books, RunWriter], Mapping[str, Any]]


def _unjudged(_document: Mapping[str, Any], _books: Books, _writer: RunWriter) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a run's page says that the journal does not know; the keys are those of run.json.

    `bars` is a dataset's folder, which moves into the run's. `judge` is given that document, the books at the end and
    the writer, to which it may add a table; what it answers goes over the document. `noted` is shown what the engine
    noted, NOTE records in their order.
    """

    data: Sequence[Mapping[str, str]] = ()
    bar_seconds: int = 60
    repeat: str = ""
    wall_seconds: Mapping[str, float] = field(default_factory=dict)
    bars: Path | None = None
    judge: Judge = _unjudged
    noted: Noted = ignored


def export(connection: Transaction, run: int, out: Path, circumstances: Circumstances | None = None) -> Path:
    """Write the run directory of a run, finished or not, to `out`; returns `out`. Nothing is left half-written.

    Raises InputError when the journal is damaged or this engine does not decide as the one that wrote it, and when
    there is something at `out` already.
    """
    about = circumstances or Circumstances()
    spec = runs.by_number(connection, run)
    first = runs.load_snapshot(connection, run, first=True)
    books = Books(first.state, spec.symbols, spec.strategies)
    with RunWriter(out) as writer:
        if about.bars is not None:
            shutil.move(about.bars, writer.folder / "bars")
        writer.write_config(spec.config)
        tables = Tables(writer, books, dict(runs.broker_orders(connection, run)), about.noted)
        started = 0
        for step in recovery.steps(connection, run, first, books):
            started = started or int(step.event[0]["t_visible"])
            tables.step(step.event, step.before, step.entry.detail)
        tables.finish(books.run("now"))
        document = _document(spec, books, about) | {"started": utc_text(started), "bars": tables.bars}
        return writer.finish({**document, **about.judge(document, books, writer)})


def _document(spec: RunSpec, books: Books, about: Circumstances) -> dict[str, Any]:
    """The content of run.json but for what the tables know."""
    config = tomllib.loads(spec.config)
    broken = books.run("broken") or int(invariants.broken(books.state))
    witness = f"broken at event {books.run('broken_at') or books.seen()}"
    held = {kind.value: kind.name.lower() for kind in Invariant if kind is not Invariant.HOLDS}
    return {
        "run_id": spec.name,
        "kind": spec.kind,
        "scenario": config.get("name", spec.name),
        "title": config.get("title") or config.get("name", spec.name),
        "seed": spec.seed,
        "profile": config.get("venue", {}).get("profile", "alpaca_paper"),
        "code_version": spec.code_version,
        "data": [dict(entry) for entry in about.data],
        "ended": utc_text(books.run("now")),
        "bar_seconds": about.bar_seconds,
        "mark_rule": MARK_RULE,
        "start_cash": decimal(books.account("start_cash")),
        "cash": decimal(books.account("cash")),
        "equity": decimal(books.account("equity")),
        "positions": _positions(books),
        "command_stream_hash": f"{books.run('command_hash') & (2**64 - 1):016x}",
        "final_state_hash": state_digest(books.state),
        "events": books.seen(),
        "wall_seconds": {stage: float(about.wall_seconds.get(stage, 0.0)) for stage in STAGES},
        "invariants": {name: witness if number == broken else "ok" for number, name in held.items()},
        "expectations": [],
        "repeat": about.repeat,
    }


def _positions(books: Books) -> dict[str, dict[str, Any]]:
    """Open positions at the end."""
    found = {}
    for symbol, record in zip(books.symbols, books.state["symbols"][0], strict=False):
        qty = int(record["qty"])
        if qty:
            cost = abs(int(record["cost"])) * MICRO // abs(qty)
            found[symbol] = {"qty": decimal(qty), "average_cost": decimal(cost), "mark": decimal(int(record["mark"]))}
    return found
