"""Lines for people: what is told of a trader's life, and what is left out."""

from __future__ import annotations

import io
from pathlib import Path

from core.kernel.kinds import EventKind, Lane, LaneFailure, OperatorAct
from core.kernel.units import MICRO, MINUTE, SECOND
from live.clock import VirtualClock, timer
from live.host import Host
from seatrial.ticker import Ticker, standing
from tests.live.story import OPENING, Broker, executed, incoming, minutes, open_host, opening, serve, signal


def told(stream: io.StringIO, ticker: Ticker) -> list[tuple[str, str]]:
    """The lines so far, without their times."""
    ticker.close()
    return [(line[16:25].strip(), line[25:]) for line in stream.getvalue().splitlines()]


def trading(tmp_path: Path) -> tuple[Host, io.StringIO, Ticker, VirtualClock]:
    """A host in an open session that is watched."""
    clock, stream, broker = VirtualClock(OPENING), io.StringIO(), Broker(tmp_path / "broker")
    ticker = Ticker(stream)
    host = open_host(f"sqlite:///{tmp_path}/trader.db", clock, observers=[ticker])
    serve(host, broker, host.handle(*opening(OPENING)), OPENING)
    for now, bars, _ in minutes(7, 1, 3):
        clock.move(now)
        serve(host, broker, host.handle(*bars), now)
    return host, stream, ticker, clock


def test_a_trade_is_told_and_that_its_symbol_is_busy_is_not(tmp_path: Path):
    host, stream, ticker, clock = trading(tmp_path)
    (row,) = host.handle(signal(clock.now(), 0, 1, side=-1))
    accepted, fill = executed(row, clock.now())
    host.handle(accepted, fill)
    host.handle(fill)
    host.handle(signal(clock.now(), 0, 2))
    host.close()
    shares = abs(int(host.state["symbols"][0, 0]["qty"])) // MICRO
    lines = told(stream, ticker)
    assert ("signal", f"one short {shares} AAA near 100.00") in lines
    assert [line for line in lines if line[0] == "fill"] == [("fill", f"AAA -{shares} at 100.00")]
    assert not [line for line in lines if line[0] == "refused"]


def test_modes_breakers_and_alerts_are_told_with_their_end(tmp_path: Path):
    host, stream, ticker, clock = trading(tmp_path)
    for _ in range(5):
        host.handle(incoming(EventKind.LANE_FAILED, clock.now(), code=Lane.CANCEL, code2=LaneFailure.TIMEOUT))
    host.handle(incoming(EventKind.OPERATOR, clock.now(), code=OperatorAct.HALT))
    host.handle(signal(clock.now(), 0, 1))
    host.handle(incoming(EventKind.OPERATOR, clock.now(), code=OperatorAct.RESUME))
    host.close()
    lines = told(stream, ticker)
    alerts = [(what, text.split(" ")[0]) for what, text in lines if what in ("ALERT", "over")]
    assert ("ALERT", "breaker_open") in alerts
    assert alerts[-1] == ("over", "safe_mode")
    assert any(what == "refused" and "mode" in text for what, text in lines)
    assert any(what == "risk" and text.startswith("The safe mode goes from") for what, text in lines)


def test_how_it_stands_is_told_every_quarter_of_an_hour(tmp_path: Path):
    host, stream, ticker, clock = trading(tmp_path)
    for minute in range(4, 40):
        now = OPENING + minute * MINUTE
        clock.move(now + SECOND)
        host.handle(timer(now, now + SECOND))
    text = standing(host.books)
    host.close()
    assert text.endswith("equity 100,000.00, 0 positions, 0 open orders")
    statuses = [line for line in told(stream, ticker) if line[0] == "status"]
    assert len(statuses) in (3, 4)


def test_times_are_new_yorks():
    stream = io.StringIO()
    ticker = Ticker(stream)
    ticker.tell(1_762_785_000 * SECOND, "stopping", "bye")
    ticker.close()
    assert stream.getvalue() == "11-10 09:30:00  stopping bye\n"
