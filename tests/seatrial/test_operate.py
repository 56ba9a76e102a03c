"""What people do with a trader that runs: from the command line, through the database, to the engine and back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.kernel.kinds import Breaker, CommandKind, EventKind, Lane, LaneFailure, Mode, ReconcileStep
from core.kernel.units import MICRO, MINUTE, SECOND
from live.clock import VirtualClock
from live.host import Host
from tests.live.story import OPENING, SYMBOLS, Broker, incoming, minutes, open_host, opening, serve, signal
from tests.seatrial.shell import ROOT, code_of

NOW = OPENING + MINUTE + SECOND
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/trader.db"


@pytest.fixture
def host(url: str, tmp_path: Path) -> Iterator[Host]:
    """A trader in an open session that holds a position."""
    clock, broker = VirtualClock(OPENING), Broker(tmp_path / "broker")
    trading = open_host(url, clock)
    serve(trading, broker, trading.handle(*opening(OPENING)), OPENING)
    for now, quotes, _ in minutes(7, 1, 4):
        clock.move(now)
        serve(trading, broker, trading.handle(*quotes), now)
    serve(trading, broker, trading.handle(signal(clock.now(), 0, 1)), clock.now())
    yield trading
    trading.close()


def test_the_status_for_people_and_for_programs(host: Host, url: str, capsys: Captured):
    assert code_of("status", "--database-url", url) == 0
    page = capsys.readouterr().out
    assert "story (rehearsal)" in page
    assert all(len(line) <= 80 for line in page.splitlines())
    shares = int(host.state["symbols"][0, 0]["qty"]) // 10**6
    assert shares > 0
    assert f"AAA{shares:>22,}" in page
    assert code_of("status", "--database-url", url, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["mode"], found["unanswered_requests"]) == ("normal", 0)
    assert found["positions"][0] | {"cost": "", "mark": "", "value": ""} == {
        "symbol": "AAA",
        "qty": f"{shares}.000000",
        "cost": "",
        "mark": "",
        "value": "",
    }


def test_a_halt_is_asked_for_and_taken_up_once(host: Host, url: str, capsys: Captured):
    words = ("--reason", "prices look odd", "--actor", "ada", "--database-url", url)
    assert code_of("mode", "halt", *words, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"run": "story", "act": "halt", "actor": "ada", "requests": [1]}
    assert host.books.run("mode") != Mode.HALTED, "a command line does not touch the engine"
    host.poll_operators()
    assert host.books.run("mode") == Mode.HALTED
    assert code_of("status", "--database-url", url) == 1
    assert "halted" in capsys.readouterr().out
    assert code_of("mode", "resume", *words) == 0
    host.poll_operators()
    assert host.books.run("mode") != Mode.HALTED


def trade_on(host: Host, book: Path, first: int, count: int) -> None:
    """Minutes of the story in which nothing new is signalled."""
    broker = Broker(book)
    for now, quotes, _ in minutes(7, first, count):
        host._clock.move(now)  # type: ignore[attr-defined]
        serve(host, broker, host.handle(*quotes), now)


def test_a_breaker_is_reset_when_its_route_answers_again(host: Host, url: str, tmp_path: Path):
    def lane() -> int:
        return int(host.books.lanes()[Lane.CANCEL]["state"])

    for _ in range(5):
        host.handle(incoming(EventKind.LANE_FAILED, NOW, code=Lane.CANCEL, code2=LaneFailure.TIMEOUT))
    assert lane() == Breaker.OPEN
    words = ("breaker", "reset", "cancel", "--reason", "all clear", "--database-url", url)
    assert code_of(*words) == 0
    host.poll_operators()
    assert lane() == Breaker.OPEN, "nothing has shown yet that the route works"
    trade_on(host, tmp_path / "broker", 6, 30)
    assert lane() == Breaker.READY
    assert code_of(*words) == 0
    host.poll_operators()
    assert lane() == Breaker.HALF_OPEN


def test_a_foreign_execution_halts_until_a_person_has_cleared_it_up(host: Host, url: str):
    fields = {"symbol": 2, "qty": 5 * MICRO, "price": 10 * MICRO, "execution": 77}
    host.handle(incoming(EventKind.FOREIGN_FILL, NOW + MINUTE, **fields))
    assert host.books.run("mode") == Mode.HALTED
    words = ("--reason", "a transfer by hand", "--database-url", url)
    assert code_of("mode", "clear-suspense", *words) == 0
    host.poll_operators()
    assert host.books.run("mode") == Mode.NORMAL


def test_the_brokers_position_is_taken_over_on_request(host: Host, url: str):
    def differing(code: ReconcileStep, **fields: int) -> None:
        host.handle(incoming(EventKind.RECONCILE, NOW + MINUTE, code=code, **fields))

    differing(ReconcileStep.STARTED)
    differing(ReconcileStep.SYMBOL_DIFFERS, symbol=2, qty=4 * MICRO)
    differing(ReconcileStep.FINISHED)
    assert code_of("adopt", "ccc", "--reason", "bought by hand", "--database-url", url) == 0
    host.poll_operators()
    symbol = host.state["symbols"][0, 2]
    assert (int(symbol["qty"]), int(symbol["unreconciled"])) == (4 * MICRO, 0)


def test_the_brokers_cash_is_taken_over_on_request(host: Host, url: str):
    cash = host.books.account("cash")
    fields = {"code": ReconcileStep.CASH_DIFFERS, "amount": -3 * MICRO}
    host.handle(incoming(EventKind.RECONCILE, NOW + MINUTE, **fields))
    assert host.books.run("mode") == Mode.HALTED
    assert code_of("adopt", "--cash", "--reason", "it rounds", "--database-url", url) == 0
    host.poll_operators()
    assert (host.books.run("mode"), host.books.account("cash")) == (Mode.NORMAL, cash - 3 * MICRO)


def test_entries_are_cancelled_on_request(host: Host, url: str):
    now = host.books.run("now")
    (submit,) = host.handle(signal(now, 1, 2))
    host.handle(incoming(EventKind.ORDER_ACCEPTED, now, order=int(submit.command["order"]), symbol=1))
    assert code_of("cancel", "--reason", "odd prices", "--database-url", url) == 0
    (asked,) = host.poll_operators()
    assert (asked.kind, int(asked.command["order"])) == (CommandKind.CANCEL, int(submit.command["order"]))


def commands_of_runbooks() -> list[str]:
    """What the runbooks and the page about the store tell a person to type, with something in each place."""
    pages = [*(ROOT / "docs/runbooks").glob("*.md"), ROOT / "docs/store.md"]
    text = "\n".join(page.read_text() for page in pages)
    found = re.findall(r"`seatrial ((?:status|mode|breaker|flatten|adopt|cancel|db)\b[^`]*)`", text)
    return sorted({command.replace("LANE", "cancel").replace("SYMBOL", "AAA") for command in found})


@pytest.mark.parametrize("command", commands_of_runbooks())
def test_what_a_runbook_says_can_be_typed(host: Host, url: str, command: str):
    reason = () if command.startswith(("status", "db")) else ("--reason", "the runbook says so")
    assert code_of(*command.split(), *reason, "--database-url", url) in (0, 1)


def test_positions_are_closed_on_request(host: Host, url: str, tmp_path: Path):
    assert code_of("flatten", "AAA", "--reason", "takeover rumour", "--database-url", url) == 0
    broker, now = Broker(tmp_path / "broker"), NOW + 5 * MINUTE
    serve(host, broker, host.poll_operators(), now)
    trade_on(host, tmp_path / "broker", 6, 9)
    assert int(host.state["symbols"][0, 0]["qty"]) == 0


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("mode", "halt", "--reason", " "), "--reason: is empty"),
        (("mode", "halt", "--reason", "r", "--actor", "a" * 65), "--actor: is longer than 64 characters"),
        (("flatten", "ZZZ", "--reason", "r"), "SYMBOL: ZZZ is not traded here. Choose from AAA, BBB, CCC."),
        (("adopt", "ZZZ", "--reason", "r"), "SYMBOL: ZZZ is not traded here. Choose from AAA, BBB, CCC."),
        (("adopt", "--reason", "r"), "SYMBOL: is missing. Name the symbols whose positions are to be taken over"),
        (("adopt", "AAA", "--cash", "--reason", "r"), "SYMBOL: goes without --cash."),
        (
            ("mode", "sleep", "--reason", "r"),
            "ACT sleep: is not a choice. Choose from halt, resume, rearm, clear-suspense.",
        ),
        (("breaker", "reset", "--reason", "r"), "Choose from submit, cancel, query, trade_stream, data."),
        (("status", "--run", "other"), "run other: is not in the database"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    host: Host, url: str, words: tuple[str, ...], problem: str, capsys: Captured
):
    assert code_of(*words, "--database-url", url) == 2
    told = capsys.readouterr().err
    assert problem in told
    assert len(told.splitlines()) == 1
    assert host.poll_operators() == ()


def test_nothing_is_asked_for_when_one_symbol_of_several_is_unknown(host: Host, url: str, capsys: Captured):
    assert code_of("flatten", *SYMBOLS, "ZZZ", "--reason", "r", "--database-url", url) == 2
    seen = host.books.seen()
    host.poll_operators()
    assert host.books.seen() == seen


def test_a_database_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured):
    monkeypatch.chdir(tmp_path)
    assert code_of("status") == 2
    assert "seatrial.db: does not exist" in capsys.readouterr().err


def test_an_act_that_nobody_has_taken_up_is_shown_as_waiting(host: Host, url: str, capsys: Captured):
    words = ("--reason", "odd", "--actor", "ada", "--database-url", url)
    assert code_of("mode", "HALT", *words) == 0
    assert code_of("flatten", "aaa", "AAA", *words) == 0
    capsys.readouterr()
    code_of("status", "--database-url", url)
    page = capsys.readouterr().out
    assert "waiting    halt, asked for by ada\nwaiting    flatten AAA, asked for by ada\n" in page
    host.poll_operators()
    code_of("status", "--database-url", url)
    assert "waiting" not in capsys.readouterr().out


def test_an_order_in_doubt_is_shown_with_its_age(host: Host, url: str, capsys: Captured):
    (submit,) = host.handle(signal(NOW + 3 * MINUTE, 1, 2))
    fields = {"order": int(submit.command["order"]), "symbol": 1}
    host.handle(incoming(EventKind.SUBMIT_AMBIGUOUS, NOW + 3 * MINUTE, **fields))
    code_of("status", "--database-url", url)
    assert "in doubt   1 of the open orders, the oldest sent 20" in capsys.readouterr().out
    code_of("status", "--database-url", url, "--json")
    found = json.loads(capsys.readouterr().out)
    assert (found["unknown_orders"], found["waiting_acts"]) == (1, [])
    assert found["unknown_since"].endswith("Z")


def test_a_login_without_a_name_is_asked_for_one(
    host: Host, url: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
):
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert code_of("mode", "halt", "--reason", "r", "--database-url", url) == 2
    assert "--actor: is missing, and your login has no name" in capsys.readouterr().err
    assert host.poll_operators() == ()
