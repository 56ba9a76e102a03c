"""What somebody beside the trading process can read of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import InputError
from core.kernel.kinds import EventKind, Lane, LaneFailure
from core.kernel.units import MINUTE, SECOND
from live.clock import VirtualClock, timer
from live.store import migrate, status
from live.store.database import open_engine
from tests.live.story import OPENING, SYMBOLS, Broker, database, incoming, minutes, open_host, opening, serve


def test_the_status_is_that_of_the_books(url: str, tmp_path: Path):
    clock, broker = VirtualClock(OPENING), Broker(tmp_path / "broker")
    host = open_host(url, clock)
    serve(host, broker, host.handle(*opening(OPENING)), OPENING)
    for now, bars, signals in minutes(6, 1, 13):
        clock.move(now)
        serve(host, broker, host.handle(*bars, *signals), now)
    clock.move(clock.now() + MINUTE)
    host.handle(timer(clock.now() - SECOND, clock.now()))
    for _ in range(5):
        host.handle(incoming(EventKind.LANE_FAILED, clock.now(), code=Lane.DATA, code2=LaneFailure.TIMEOUT))
    with database(url) as connection:
        found = status.read(connection)
        assert found == status.read(connection, "story")
    held = {name: int(host.state["symbols"][0, i]["qty"]) for i, name in enumerate(SYMBOLS)}
    assert {holding.symbol: holding.qty for holding in found.holdings} == {s: q for s, q in held.items() if q}
    assert (found.events, found.last) == (host.books.seen(), host.books.run("now"))
    assert found.working == host.books.run("working")
    assert found.mode == "broker_degraded"
    assert "breaker" in found.conditions
    assert [(lane.name, lane.state) for lane in found.lanes] == [("data", "open")]
    assert ("breaker_open", "data") in {(rule, cause) for rule, cause, _ in found.alerts}
    assert found.equity == host.books.account("equity")
    assert (found.epoch, "process" in found.writer) == (1, True)
    host.close()


def test_a_run_that_is_not_there_is_said(sqlite_url: str):
    engine = open_engine(sqlite_url)
    migrate.upgrade(engine)
    with engine.connect() as connection:
        with pytest.raises(InputError, match="the database: has no run"):
            status.read(connection)
        with pytest.raises(InputError, match="run x: is not in the database"):
            status.read(connection, "x")
    engine.dispose()
