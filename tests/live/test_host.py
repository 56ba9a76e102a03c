"""The host: what is durable when, what happens once, and what ends it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text

from core.errors import InputError
from core.kernel.kinds import CashKind, Condition, EventKind, Lane, LaneFailure, Mode, OperatorAct, OrderStatus
from core.kernel.units import MICRO, MINUTE, SECOND
from live import host as hosts
from live.clock import VirtualClock
from live.events import Incoming, Verdict
from live.host import Host, HostError
from live.store import operators
from live.store.database import open_engine
from live.store.operators import Request
from tests.live.story import (
    OPENING,
    SPEC,
    SYMBOLS,
    Broker,
    bars,
    database,
    executed,
    incoming,
    leave,
    minutes,
    open_host,
    opening,
    serve,
    signal,
)

NOW = OPENING + MINUTE + SECOND


def trading(url: str) -> tuple[Host, VirtualClock]:
    """A host in an open session with one minute of bars."""
    clock = VirtualClock(OPENING)
    host = open_host(url, clock)
    host.handle(*opening(OPENING))
    clock.move(NOW)
    host.handle(*bars(NOW, Random(1)))
    return host, clock


def one(url: str, query: str) -> object:
    with database(url) as connection:
        return connection.execute(text(query)).scalar_one()


def test_a_command_is_durable_before_anybody_has_it(url: str):
    host, _ = trading(url)
    (row,) = host.handle(signal(NOW, 0, 1))
    assert row.verdict is Verdict.APPROVED
    with database(url) as connection:
        stored = connection.execute(text("SELECT * FROM outbox")).mappings().one()
        decision = connection.execute(text("SELECT * FROM decisions")).mappings().one()
    assert stored["client_order_id"] == row.client_order_id
    assert stored["epoch"] == row.epoch == 1
    assert stored["answered"] is None
    assert decision["verdict"] == "approved"
    assert row.client_order_id == f"st-{decision['intent_id']}-00"
    host.close()


def test_an_answer_closes_its_row_once(url: str):
    host, clock = trading(url)
    (row,) = host.handle(signal(NOW, 0, 1))
    host.handle(*executed(row, NOW))
    clock.move(NOW + SECOND)
    host.handle(*executed(row, NOW + SECOND))
    assert one(url, "SELECT outcome FROM outbox") == "order_accepted"
    assert one(url, "SELECT answered FROM outbox") == NOW
    assert host.pending() == ()
    host.close()


def test_a_fill_that_comes_again_is_nothing(url: str):
    host, _ = trading(url)
    (row,) = host.handle(signal(NOW, 0, 1))
    accepted, fill = executed(row, NOW)
    host.handle(accepted, fill)
    before, digest = host.books.seen(), host.digest()
    host.handle(fill)
    assert (host.books.seen(), host.digest()) == (before, digest)
    assert one(url, "SELECT count(*) FROM fills") == 1
    host.close()


def test_a_broker_whose_clock_is_ahead_breaks_nothing(url: str):
    host, _ = trading(url)
    (row,) = host.handle(signal(NOW, 0, 1))
    accepted, fill = executed(row, NOW)
    ahead = NOW + SECOND
    quote = {"symbol": 0, "price": 99 * MICRO, "target": 101 * MICRO}
    host.handle(accepted, Incoming(EventKind.QUOTE, ahead, NOW, quote, source="feed"), replace(fill, t_market=ahead))
    assert not host.books.run("broken")
    assert one(url, "SELECT time FROM fills") == NOW, "it has happened by the time it is known"
    said = str(one(url, "SELECT detail FROM journal ORDER BY seq DESC LIMIT 1"))
    assert f'"broker_time": "{ahead}"' in said
    host.close()


def test_a_fill_that_contradicts_itself_shuts_the_symbol_and_books_nothing(url: str):
    host, _ = trading(url)
    (row,) = host.handle(signal(NOW, 0, 1))
    accepted, fill = executed(row, NOW)
    host.handle(accepted, fill)
    held = int(host.state["symbols"][0, 0]["qty"])
    other = Incoming(
        fill.kind, NOW, NOW, {**fill.fields, "price": 50 * MICRO}, identity=fill.identity, detail=fill.detail
    )
    (query,) = host.handle(other)
    assert query.verdict is Verdict.READ
    assert int(host.state["symbols"][0, 0]["qty"]) == held
    assert int(host.state["symbols"][0, 0]["unreconciled"]) == 1
    assert one(url, "SELECT kind FROM journal ORDER BY seq DESC LIMIT 1") == "order_unrecognised"
    assert one(url, "SELECT cause FROM alerts WHERE rule = 'reconciliation_difference'") == SYMBOLS[0]
    host.close()


def test_a_voided_fill_gives_its_place_back(url: str):
    host, _ = trading(url)
    (row,) = host.handle(signal(NOW, 0, 1))
    accepted, fill = executed(row, NOW)
    host.handle(accepted, fill)
    fields = {name: fill.fields[name] for name in ("order", "symbol", "execution", "qty", "price")}
    host.handle(
        Incoming(EventKind.FILL_VOIDED, NOW, NOW, fields, identity="void:1", detail=fill.detail),
        Incoming(
            fill.kind,
            NOW,
            NOW,
            {**fill.fields, "execution": 77},
            identity="execution:new",
            detail={"execution_id": "new"},
        ),
    )
    assert one(url, "SELECT count(*) FROM fills") == 3
    assert one(url, "SELECT qty FROM positions") == fill.fields["qty"]
    host.close()


def test_a_position_that_closes_at_its_own_price_is_shown_as_closed(sqlite_url: str, tmp_path: Path):
    host, clock = trading(sqlite_url)
    broker = Broker(tmp_path / "broker")
    serve(host, broker, host.handle(signal(NOW, 0, 1)), NOW)
    assert one(sqlite_url, "SELECT qty FROM positions WHERE symbol = 'AAA'") != 0
    for now, quotes, _ in minutes(1, 2, 4):
        clock.move(now)
        serve(host, broker, host.handle(*quotes, leave(now, 0)), now)
    assert int(host.state["symbols"][0, 0]["qty"]) == int(host.state["symbols"][0, 0]["realized"]) == 0
    assert one(sqlite_url, "SELECT qty FROM positions WHERE symbol = 'AAA'") == 0
    host.close()


def test_time_never_goes_back_for_the_engine(url: str):
    host, _ = trading(url)
    now = host.books.run("now")
    host.handle(Incoming(EventKind.TIMER, NOW, NOW, {}, t_visible=now - SECOND))
    assert host.books.run("now") == now
    host.close()


def test_a_failed_commit_ends_the_host(url: str, monkeypatch: pytest.MonkeyPatch):
    host, _ = trading(url)
    seen = host.books.seen()

    def fail(_self: object, _batch: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(type(host._writer), "save", fail)
    with pytest.raises(HostError, match="no space left"):
        host.handle(signal(NOW, 0, 1))
    monkeypatch.undo()
    with pytest.raises(HostError, match="has stopped"):
        host.handle(signal(NOW, 0, 1))
    for act in (host.pending, host.poll_operators, host.confirm_writer):
        with pytest.raises(HostError):
            act()
    host.close()
    again = open_host(url, VirtualClock(NOW))
    assert again.books.seen() == seen + 1, "what was not committed has not happened; the restart has"
    again.close()


def test_a_failed_look_ends_the_host_too(url: str):
    """Its connection may be lost, and with it the lock: nothing may be written on another one."""
    host, _ = trading(url)
    with database(url) as connection:
        connection.execute(text("ALTER TABLE operator_requests RENAME TO elsewhere"))
    with pytest.raises(HostError, match="operator_requests"):
        host.poll_operators()
    with pytest.raises(HostError, match="has stopped"):
        host.handle(signal(NOW, 0, 1))
    snapshots = one(url, "SELECT count(*) FROM snapshots")
    host.close()
    assert one(url, "SELECT count(*) FROM snapshots") == snapshots, "no snapshot after an error"


def test_an_engine_that_fails_ends_the_host_and_leaves_no_trace(url: str):
    host, _ = trading(url)
    seen = host.books.seen()
    unheard = Incoming(EventKind.SIGNAL, NOW, NOW, {"symbol": 99_999})
    with pytest.raises(HostError):
        host.handle(*bars(NOW, Random(2)), unheard)
    assert one(url, "SELECT max(seq) FROM journal") == seen


def test_recovery_is_exact(url: str, tmp_path: Path):
    clock, broker = VirtualClock(OPENING), Broker(tmp_path / "broker")
    host = open_host(url, clock)
    serve(host, broker, host.handle(*opening(OPENING)), OPENING)
    for now, market, signals in minutes(5, 1, 10):
        clock.move(now)
        serve(host, broker, host.handle(*market, *signals), now)
    digest, chain = host.digest(), host._chain
    host._writer.close()  # no snapshot: all of it is replayed
    with database(url) as connection:
        assert connection.execute(text("SELECT count(*) FROM snapshots")).scalar_one() == 1
    again = Host.start(
        hosts.StoreWriter(open_engine(url), SPEC.account, clock.now()),
        SPEC,
        host.state.copy(),
        VirtualClock(clock.now()),
    )
    with database(url) as connection:
        books, audited = hosts.recovery.audit(connection, again.run)
    assert audited == again._chain
    assert again.books.run("seq") == host.books.run("seq") + 1
    assert chain != again._chain, "the restart is an event"
    before = one(url, "SELECT hash FROM journal ORDER BY seq DESC LIMIT 1 OFFSET 1")
    assert bytes(before) == chain  # type: ignore[call-overload]
    assert host.digest() == digest
    assert books.state.tobytes() == again.state.tobytes()
    again.close()


def test_after_a_restart_nothing_is_trusted_and_nothing_is_sent_again(url: str):
    host, _ = trading(url)
    (row,) = host.handle(signal(NOW, 0, 1))
    host._writer.close()  # as if killed: the submit has no outcome
    clock = VirtualClock(NOW + SECOND)
    again = open_host(url, clock)
    order = again.books.order(int(row.command["order"]))
    assert order is not None
    assert order["status"] == OrderStatus.UNKNOWN
    assert again.books.run("mode") >= Mode.BROKER_DEGRADED
    assert {found.verdict for found in again.pending()} <= {Verdict.CANCEL}, "a cancel does no harm twice"
    clock.move(NOW + MINUTE)
    sent = again.handle(Incoming(EventKind.TIMER, clock.now(), clock.now(), {}))
    assert [found.kind.name for found in sent] == ["QUERY"]
    assert sent[0].client_order_id == row.client_order_id
    again.close()


def test_a_clock_that_went_back_over_a_restart_is_noticed(url: str):
    host, _ = trading(url)
    host.close()
    again = open_host(url, VirtualClock(NOW - 3_600 * SECOND))
    assert again.state[0]["conditions"][Condition.CLOCK_BACKWARD]["active"] == 1
    assert one(url, "SELECT count(*) FROM alerts WHERE rule = 'clock_jump' AND cleared IS NULL") == 1
    again.close()


def test_the_breaker_survives_a_restart(url: str):
    host, clock = trading(url)
    for _ in range(5):
        host.handle(incoming(EventKind.LANE_FAILED, clock.now(), code=Lane.SUBMIT, code2=LaneFailure.TIMEOUT))
    assert one(url, "SELECT state FROM breakers WHERE lane = 'submit'") == "open"
    assert one(url, "SELECT mode FROM modes ORDER BY seq DESC LIMIT 1") == "broker_degraded"
    host.close()
    again = open_host(url, VirtualClock(NOW + 60 * MINUTE))
    assert again.books.lanes()[Lane.SUBMIT]["state"] != 0
    assert one(url, "SELECT count(*) FROM alerts WHERE rule = 'breaker_open' AND cause = 'submit'") == 1
    again.close()


def test_a_person_s_act_is_journaled_with_name_and_reason_and_happens_once(url: str):
    host, clock = trading(url)
    with database(url) as connection:
        operators.submit(connection, host.run, SYMBOLS, Request(OperatorAct.HALT, "ada", "odd prices"), clock.now())
    host.poll_operators()
    host.poll_operators()
    assert host.books.run("mode") == Mode.HALTED
    assert one(url, "SELECT count(*) FROM journal WHERE kind = 'operator'") == 1
    detail = one(url, "SELECT detail FROM journal WHERE kind = 'operator'")
    assert '"actor": "ada"' in str(detail)
    assert '"reason": "odd prices"' in str(detail)
    assert one(url, "SELECT outcome FROM operator_requests") == "done"
    host.close()


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (Request(OperatorAct.HALT, " ", "x"), "--actor: is empty"),
        (Request(OperatorAct.HALT, "ada", ""), "--reason: is empty"),
        (Request(OperatorAct.FLATTEN, "ada", "x", symbol="ZZZ"), "ZZZ is not traded here"),
        (Request(OperatorAct.ADOPT_POSITION, "ada", "x"), "SYMBOL: is missing"),
        (Request(OperatorAct.RESET_BREAKER, "ada", "x"), "LANE"),
        (Request(OperatorAct.HALT, "ada", "x", lane=Lane.DATA), "LANE"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(sqlite_url: str, request_: Request, problem: str):
    open_host(sqlite_url, VirtualClock(OPENING)).close()
    with database(sqlite_url) as connection, pytest.raises(InputError, match=problem):
        operators.submit(connection, 1, SYMBOLS, request_, OPENING)


def test_a_broken_invariant_halts_once(url: str):
    host, _ = trading(url)
    host.state[0]["run"]["broken"] = 5
    host.state[0]["run"]["broken_at"] = 7
    host.handle(incoming(EventKind.TIMER, NOW))
    host.handle(incoming(EventKind.TIMER, NOW))
    assert host.books.run("mode") == Mode.HALTED
    assert one(url, "SELECT count(*) FROM journal WHERE kind = 'operator'") == 1
    assert one(url, "SELECT cause FROM alerts WHERE rule = 'invariant_broken'") == "equity_identity"
    host.close()


def test_a_crash_loop_stays_down(url: str):
    clock = VirtualClock(OPENING)
    open_host(url, clock).close()
    for _ in range(3):
        clock.move(clock.now() + SECOND)
        open_host(url, clock).close()
    with pytest.raises(InputError, match="restarted 3 times in ten minutes"):
        open_host(url, clock)
    open_host(url, VirtualClock(clock.now() - 60 * MINUTE)).close()  # set back, it is no loop any more
    clock.move(clock.now() + 11 * MINUTE)
    open_host(url, clock).close()


@pytest.mark.parametrize("key", ["config", "symbols", "seed", "kind"])
def test_another_run_under_the_same_name_is_refused(sqlite_url: str, key: str):
    open_host(sqlite_url, VirtualClock(OPENING)).close()
    other = {"config": "schema = 2\n", "symbols": ("AAA",), "seed": 9, "kind": "paper"}[key]
    with pytest.raises(InputError, match=f"another {key}"):
        open_host(sqlite_url, VirtualClock(OPENING), replace(SPEC, **{key: other}))


def test_one_event_may_answer_several_rows(url: str):
    host, _ = trading(url)
    first, second = (*host.handle(signal(NOW, 0, 1)), *host.handle(signal(NOW, 1, 2)))
    accepted, _ = executed(first, NOW)
    host.handle(replace(accepted, also=(second.number,)))
    assert host.pending() == ()
    host.close()


def test_a_flow_of_cash_is_booked_once_whatever_process_hears_of_it(url: str):
    host, _ = trading(url)
    fields = {"code": CashKind.DIVIDEND, "amount": 40 * MICRO, "symbol": 0}
    dividend = Incoming(EventKind.CASH_FLOW, NOW, NOW, fields, identity="activity:7_%", source="rest")
    before = host.books.account("cash")
    host.handle(dividend, dividend)
    host.close()
    again = open_host(url, VirtualClock(NOW + MINUTE))
    again.handle(dividend)
    assert again.books.account("cash") == before + 40 * MICRO
    assert again.flows() == ["activity:7_%"]
    again.close()


def test_snapshots_are_made_and_old_ones_dropped(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hosts, "SNAPSHOT_EVERY", 20)
    host, clock = trading(url)
    for now, market, _ in minutes(5, 2, 40):
        clock.move(now)
        host.handle(*market)
    seen = host.books.seen()
    assert one(url, "SELECT count(*) FROM snapshots") == 4
    assert one(url, "SELECT min(seq) FROM snapshots") == 0
    host.close()
    again = open_host(url, VirtualClock(NOW + 60 * MINUTE))
    assert again.books.seen() == seen + 1
    again.close()


def test_both_databases_come_to_the_same_state(sqlite_url: str, postgres_url: str, tmp_path: Path):
    digests = []
    for name, url in (("a", sqlite_url), ("b", postgres_url)):
        clock, broker = VirtualClock(OPENING), Broker(tmp_path / name)
        host = open_host(url, clock)
        serve(host, broker, host.handle(*opening(OPENING)), OPENING)
        for now, market, signals in minutes(2, 1, 15):
            clock.move(now)
            serve(host, broker, host.handle(*market, *signals), now)
        digests.append((host.digest(), host._chain))
        host.close()
    assert digests[0] == digests[1]
