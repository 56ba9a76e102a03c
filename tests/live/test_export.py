"""A live run's directory: the tables of a simulated one, from the journal alone."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow.compute as pc
import pytest
from sqlalchemy import text

from core.errors import InputError
from core.kernel.units import MICRO
from core.runs import Run
from live import export_tables
from live.clock import VirtualClock
from live.export import Circumstances, export
from tests.live.story import OPENING, Broker, database, minutes, open_host, opening, serve


@pytest.fixture
def traded(url: str, tmp_path: Path) -> tuple[str, str]:
    """A database with forty minutes of trading, and the digest of the state that it ended in."""
    clock, broker = VirtualClock(OPENING), Broker(tmp_path / "broker")
    host = open_host(url, clock)
    serve(host, broker, host.handle(*opening(OPENING)), OPENING)
    for now, bars, signals in minutes(4, 1, 40):
        clock.move(now)
        serve(host, broker, host.handle(*bars), now)
        for event in signals:
            serve(host, broker, host.handle(event), now)
    digest = host.digest()
    host.close()
    return url, digest


def exported(url: str, out: Path) -> Run:
    with database(url) as connection:
        return Run.open(export(connection, 1, out, Circumstances(repeat="seatrial rehearse story")))


def test_the_run_directory_agrees_with_the_store(traded: tuple[str, str], tmp_path: Path):
    url, digest = traded
    run = exported(url, tmp_path / "run")
    assert run.run["final_state_hash"] == digest
    assert run.run["repeat"] == "seatrial rehearse story"
    with database(url) as connection:
        for table in ("decisions", "orders", "fills", "equity", "risk_events", "checks"):
            stored = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
            assert run.run["counts"][table] == stored, table
        assert run.run["counts"]["events"] == connection.execute(text("SELECT count(*) FROM journal")).scalar_one()
        cash = connection.execute(text("SELECT cash FROM equity ORDER BY seq DESC LIMIT 1")).scalar_one()
        ids = connection.execute(text("SELECT client_order_id, broker_order_id FROM orders ORDER BY number")).all()
    equity = run.table("equity")
    assert equity["cash"][-1].as_py() == Decimal(cash) / MICRO
    orders = run.table("orders")
    assert list(zip(orders["client_order_id"].to_pylist(), orders["broker_order_id"].to_pylist(), strict=True)) == [
        tuple(row) for row in ids
    ]
    fills = run.table("fills")
    signed = pc.if_else(pc.equal(fills["side"], "buy"), fills["qty"], pc.negate(fills["qty"]))
    held = sum(Decimal(str(position["qty"])) for position in run.run["positions"].values())
    assert pc.sum(signed).as_py() == held
    assert set(run.table("decisions")["action"].to_pylist()) == {"open", "exit"}


def test_small_batches_change_nothing(traded: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    url, _ = traded
    whole = exported(url, tmp_path / "whole")
    monkeypatch.setattr(export_tables, "FLUSH_EVENTS", 7)
    parts = exported(url, tmp_path / "parts")
    for table in whole.run["counts"]:
        if table != "faults":
            assert repr(parts.table(table).to_pylist()) == repr(whole.table(table).to_pylist()), table  # NaN, too


def test_a_damaged_journal_leaves_no_directory(traded: tuple[str, str], tmp_path: Path):
    url, _ = traded
    with database(url) as connection:
        connection.execute(text("UPDATE journal SET command_hash = 1 WHERE seq = 20"))
    with pytest.raises(InputError, match="row 20"):
        exported(url, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert not list(tmp_path.glob(".run*"))
