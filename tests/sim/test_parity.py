"""A recorded run's own inputs give its own decisions, and a change anywhere in the record is found where it is."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.kernel.kinds import EventKind
from core.kernel.records import EVENT
from core.runs import Run
from sim.parity import parity_of_journal, parity_of_rerun
from sim.worlds import world_of
from tests.sim.recorded import as_recorded, run_scenario

DAYS = {"data.end": date(2025, 11, 12)}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    return run_scenario(tmp_path_factory.mktemp("parity") / "run", DAYS)


@pytest.fixture
def recorded(simulated, tmp_path):
    return as_recorded(simulated, tmp_path / "rehearsal", "rehearsal")


def rewrite(run, table, content):
    pq.write_table(content, run.path / f"{table}.parquet")
    document = json.loads((run.path / "run.json").read_text())
    document["counts"][table] = content.num_rows
    (run.path / "run.json").write_text(json.dumps(document))
    return Run.open(run.path)


def with_cell(run, table, row, column, value):
    content = run.table(table)
    cells = content[column].to_pylist()
    cells[row] = value
    place = content.column_names.index(column)
    kind = content[column].type
    return rewrite(run, table, content.set_column(place, content.schema.field(column), pa.array(cells, kind)))


def test_a_whole_journal_gives_every_decision_again(recorded):
    found = parity_of_journal(recorded, world_of(recorded))
    assert found.ok
    assert found.decisions > 50
    assert found.sentence == f"identical over {found.decisions} decisions"


def test_a_decision_that_the_engine_did_not_make_is_named_with_both_states(recorded):
    rows = recorded.table("decisions")
    opening = [i for i, action in enumerate(rows["action"].to_pylist()) if action == "open"]
    row = opening[10]
    changed = with_cell(recorded, "decisions", row, "qty", rows["qty"][row].as_py() + 1)
    first = parity_of_journal(changed, world_of(changed)).divergence
    assert (first.sequence, first.field) == (11, "qty")
    assert Decimal(first.recorded) - Decimal(first.replayed) == 1
    assert first.intent == rows["intent_id"][row].as_py()
    symbol = rows["symbol"][row].as_py()
    for key in ("equity", "cash", "gross", f"position in {symbol}"):
        assert first.recorded_state[key] == pytest.approx(first.replayed_state[key])
    assert first.recorded_state["mode"] == first.replayed_state["mode"] == "normal"


def journal_of(run):
    events = run.table("events")
    return events, np.frombuffer(b"".join(events["payload"].to_pylist()), EVENT).copy()


def with_payload(run, events, payload):
    column = pa.array([row.tobytes() for row in payload], pa.binary())
    return rewrite(run, "events", events.set_column(events.column_names.index("payload"), "payload", column))


def test_an_event_that_was_not_recorded_is_found(recorded):
    events, payload = journal_of(recorded)
    first = int(np.flatnonzero(payload["kind"] == EventKind.FILL)[0])
    changed = rewrite(recorded, "events", events.filter(pa.array(np.arange(len(payload)) != first)))
    found = parity_of_journal(changed, world_of(changed))
    assert found.ok is False
    assert found.divergence.field == "journal"
    assert found.divergence.recorded == f"event {first + 1:,} is missing"


def test_an_event_that_was_recorded_otherwise_is_found_at_the_next_decision_that_it_changes(recorded):
    events, payload = journal_of(recorded)
    first = int(np.flatnonzero(payload["kind"] == EventKind.FILL)[0])
    payload["price"][first] += 50_000
    changed = with_payload(recorded, events, payload)
    found = parity_of_journal(changed, world_of(changed))
    assert found.ok is False
    assert found.divergence.time > payload["t_visible"][first]
    assert found.divergence.recorded_state["cash"] != found.divergence.replayed_state["cash"]


def test_a_changed_exit_is_found_by_the_hash_of_all_commands(recorded):
    """The last wish to leave becomes a timer: no opening follows that could show it."""
    events, payload = journal_of(recorded)
    last = int(np.flatnonzero(payload["kind"] == EventKind.EXIT_SIGNAL)[-1])
    timer = payload[np.flatnonzero(payload["kind"] == EventKind.TIMER)[0]].copy()
    for name in ("seq", "t_market", "t_received", "t_visible"):
        timer[name] = payload[name][last]
    payload[last] = timer
    changed = with_payload(recorded, events, payload)
    found = parity_of_journal(changed, world_of(changed))
    assert found.ok is False
    if not (payload["kind"][last:] == EventKind.SIGNAL).any():
        assert found.divergence.field == "hash of all commands"


def test_a_simulation_made_again_is_compared_row_by_row(simulated, tmp_path):
    again = run_scenario(tmp_path / "again", DAYS)
    assert parity_of_rerun(simulated, again).ok
    other = run_scenario(tmp_path / "other", {**DAYS, "risk.symbol_cap": Decimal("0.05")})
    found = parity_of_rerun(simulated, other)
    assert found.ok is False
    assert found.divergence.recorded != found.divergence.replayed
    assert found.divergence.recorded_state.keys() == found.divergence.replayed_state.keys()


def test_a_missing_decision_is_a_divergence(recorded):
    rows = recorded.table("decisions")
    changed = rewrite(recorded, "decisions", rows.slice(0, rows.num_rows - 5))
    found = parity_of_journal(changed, world_of(changed))
    assert found.ok is False
    assert found.divergence.recorded == "none"
