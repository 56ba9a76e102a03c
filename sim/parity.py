"""Decision parity: whether a run's own inputs give its own decisions again, bit for bit.

A difference here is never the market's or the broker's: their part is among the inputs. It means that the engine saw
something that was not recorded, or does not repeat itself, and then no other comparison of the run means anything.

A rehearsal or paper run has journaled every event that its engine saw, so the engine alone is fed with them
(feeding.py). A simulated run has left out the bulk of the market data, which run.json names, so it is made again
(rerun.py). Both kinds of replay give decisions, which are compared row by row in the columns of decisions.parquet. Of
a journal the openings are compared so; exits are not sized and are seen by the hash of all commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.calendar import as_date
from core.comparison import DecisionParity, Divergence
from core.engine_config import engine_config
from core.kernel.kinds import Mode
from core.kernel.records import DECISION, EVENT
from core.kernel.state import new_state
from core.kernel.units import MICRO
from core.run_schema import TABLES
from core.run_tables import Names, decisions, names_of
from core.run_values import int64s, micros
from core.runs import Run
from sim.feeding import feed
from sim.rerun import first_difference, text_at
from sim.worlds import World

State: TypeAlias = Mapping[str, Any]
States: TypeAlias = tuple[State, State]
DECISIONS = TABLES["decisions"].names
SHOWN = ("cash", "equity", "gross", "net", "open_orders", "mode")


def parity_of_journal(run: Run, world: World) -> DecisionParity:
    """Feed the engine with the journal of a rehearsal or paper run, and compare decisions and commands."""
    events, recorded = _journal(run), _openings(run)
    gap = _gap(events)
    if gap is not None:
        return DecisionParity(run.run["run_id"], recorded.num_rows, gap)
    made = np.zeros(len(events), DECISION)
    state = _fresh(world)
    count = feed(state, events, made)
    names = Names(world.dataset.symbols, tuple(world.settings.strategies))
    replayed = pa.Table.from_batches([decisions(made[:count], names)]).select(recorded.column_names)
    replayed = replayed.cast(recorded.schema)
    row, column = _first(recorded, replayed)
    if row < 0:
        return DecisionParity(run.run["run_id"], recorded.num_rows, _command_divergence(run, state, recorded.num_rows))
    state = _fresh(world)
    feed(state, events, np.zeros(row + 1, DECISION))
    time, symbol = _moment(recorded, replayed, row)
    states = recorded_state(run, time, symbol), _engine_state(state, symbol, world.dataset.symbols)
    return DecisionParity(run.run["run_id"], recorded.num_rows, _divergence(recorded, replayed, (row, column), states))


def parity_of_rerun(run: Run, again: Run) -> DecisionParity:
    """Compare the decisions of a simulated run with those of the same run made again."""
    recorded, replayed = run.table("decisions", DECISIONS), again.table("decisions", DECISIONS)
    row, column = _first(recorded, replayed)
    if row < 0:
        return DecisionParity(run.run["run_id"], recorded.num_rows, None)
    time, symbol = _moment(recorded, replayed, row)
    states = recorded_state(run, time, symbol), recorded_state(again, time, symbol)
    return DecisionParity(run.run["run_id"], recorded.num_rows, _divergence(recorded, replayed, (row, column), states))


def _divergence(recorded: pa.Table, replayed: pa.Table, at: tuple[int, str], states: States) -> Divergence:
    row, column = at
    side = recorded if row < recorded.num_rows else replayed
    return Divergence(
        row + 1,
        int(int64s(side, "time")[row]),
        str(side["intent_id"][row]),
        column,
        text_at(recorded[column], row) or "none",
        text_at(replayed[column], row) or "none",
        *states,
    )


def _moment(recorded: pa.Table, replayed: pa.Table, row: int) -> tuple[int, str]:
    """Time and symbol of a decision that one of the two may lack."""
    side = recorded if row < recorded.num_rows else replayed
    return int(int64s(side, "time")[row]), str(side["symbol"][row])


def recorded_state(run: Run, time: int, symbol: str) -> State:
    """The account at `time`, ns UTC, as a run's tables have it: the newest row of equity, and the position."""
    table = run.table("equity", ["time", *SHOWN])
    rows = np.flatnonzero(int64s(table, "time") <= time)
    state: dict[str, Any] = {name: table[name][int(rows[-1])].as_py() for name in SHOWN} if len(rows) else {}
    fills = run.table("fills", ["symbol", "side", "qty", "t_received"])
    fills = fills.filter(pc.equal(fills["symbol"], symbol))
    signed = micros(fills, "qty") * np.where(np.array(fills["side"].to_pylist(), np.str_) == "buy", 1, -1)
    held = int(signed[int64s(fills, "t_received") <= time].sum())
    return {name: _shown(value) for name, value in state.items()} | {f"position in {symbol}": held / MICRO}


def _shown(value: Any) -> Any:
    return value if isinstance(value, str | int) else float(value)


def _engine_state(state: np.ndarray, symbol: str, symbols: tuple[str, ...]) -> State:
    """The same of the engine's own state."""
    st = state[0]
    account = {name: int(st["account"][name]) / MICRO for name in ("cash", "equity", "gross")}
    held = int(state["symbols"]["qty"][0, symbols.index(symbol)]) / MICRO
    rest = {"open_orders": int(st["run"]["working"]), "mode": names_of(Mode)[int(st["run"]["mode"])]}
    return {**account, "net": int(st["account"]["value"]) / MICRO, **rest, f"position in {symbol}": held}


def _journal(run: Run) -> np.ndarray:
    """The events that the engine saw, (n,) EVENT in their order."""
    table = run.table("events", ["sequence", "payload"])
    payload = b"".join(table["payload"].to_pylist())
    events = np.frombuffer(payload, EVENT).copy()
    return events[np.argsort(int64s(table, "sequence"), kind="stable")]


def _gap(events: np.ndarray) -> Divergence | None:
    """The first event that the journal lacks; the engine counts what it sees, so nothing can be fed beyond it."""
    places = np.flatnonzero(events["seq"] != np.arange(1, len(events) + 1))
    if not len(places):
        return None
    lacking = int(places[0]) + 1
    time = int(events["t_visible"][places[0]])
    return Divergence(0, time, "", "journal", f"event {lacking:,} is missing", "every event", {}, {})


def _openings(run: Run) -> pa.Table:
    table = run.table("decisions", DECISIONS)
    return table.filter(pc.equal(table["action"], "open"))


def _fresh(world: World) -> np.ndarray:
    """The engine's state at a run's beginning."""
    day = as_date(world.dataset.sessions["date"][0])
    return new_state(engine_config(world.settings, len(world.dataset.symbols), day))


def _command_divergence(run: Run, state: np.ndarray, decisions: int) -> Divergence | None:
    """All openings agree: do all commands, those of exits and cancels included?"""
    replayed = f"{int(state[0]['run']['command_hash']) & (2**64 - 1):016x}"
    recorded = run.run["command_stream_hash"]
    if replayed == recorded:
        return None
    return Divergence(decisions, int(state[0]["run"]["now"]), "", "hash of all commands", recorded, replayed, {}, {})


def _first(recorded: pa.Table, replayed: pa.Table) -> tuple[int, str]:
    """Row and column of the first difference; -1 when there is none."""
    common = min(recorded.num_rows, replayed.num_rows)
    found = [
        (row, place, name)
        for place, name in enumerate(recorded.column_names)
        if (row := first_difference(recorded[name].slice(0, common), replayed[name].slice(0, common))) >= 0
    ]
    if found:
        row, _, name = min(found)
        return row, name
    return (-1, "") if recorded.num_rows == replayed.num_rows else (common, "intent_id")
