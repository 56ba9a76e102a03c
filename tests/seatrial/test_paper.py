"""seatrial paper from outside: it trades against a real server, is killed, goes on, and is stopped.

One story is told once, and each test looks at a part of what it has left: eight virtual minutes of trading, a second
process that is turned away, SIGKILL, the same command again, an act of the operator, SIGTERM.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from urllib.parse import quote

import pytest

from core.runs import Run
from tests.seatrial.afloat import DAY, KEY, SECRET, SYMBOLS, Market, Trader, berth, command, moment

LATE = 60.0  # virtual seconds before the end within which a fill may not have been heard of
LAST_WORDS = 2  # lines of the log that a process may take along when it is killed
Fills = Counter[tuple[str, str, Decimal, Decimal]]


@dataclass(frozen=True)
class Story:
    """What is left when it has been told."""

    folder: Path
    second: CompletedProcess[str]
    halted: CompletedProcess[str]
    other: CompletedProcess[str]
    standing: dict[str, Any]
    summary: dict[str, Any]
    exit_code: int
    server: dict[str, Any]

    @property
    def run(self) -> Run:
        """Its run directory."""
        return Run.open(self.folder / "runs" / "second")

    def log(self) -> list[dict[str, Any]]:
        """The log lines of both lives."""
        return [json.loads(line) for line in (self.folder / "often.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The story of the head of this file."""
    folder = tmp_path_factory.mktemp("paper")
    berth(folder)
    market = Market(folder)
    traders: list[Trader] = []
    try:
        market.advance("14:35:00")
        traders.append(Trader(folder, market.url, "first"))
        traders[0].until(lambda: len(market.journal()["fills"]) >= 8)
        second = command(folder, "paper", "paper.toml", "--endpoint", market.url)
        traders[0].kill()
        before = len(market.journal()["orders"])
        traders.append(Trader(folder, market.url, "second"))
        traders[1].until(lambda: len(market.journal()["orders"]) >= before + 8)
        halted = command(folder, "mode", "halt", "--reason", "lunch", "--actor", "ada")
        traders[1].until(lambda: standing(folder)["waiting_acts"] == [])
        status = standing(folder)
        summary = traders[1].stop()
        server = market.journal()
        words = ("--endpoint", market.url, "--set", "risk.trade_risk=0.005")
        other = command(folder, "paper", "paper.toml", *words)
        yield Story(folder, second, halted, other, status, summary, int(traders[1].process.returncode), server)
    finally:
        for trader in traders:
            trader.process.kill()
        market.close()


def standing(folder: Path) -> dict[str, Any]:
    """`seatrial status --json`."""
    found: dict[str, Any] = json.loads(command(folder, "status", "--json").stdout)
    return found


def fills_of(story: Story, last: float) -> Fills:
    """The server's fills until a time, in seconds."""
    told = [f for f in story.server["fills"] if moment(f["transaction_time"]) <= last]
    return Counter((f["symbol"], f["side"], Decimal(f["qty"]), Decimal(f["price"])) for f in told)


def test_it_trades_and_says_so(story: Story):
    assert story.run.run["kind"] == "paper"
    assert story.run.run["counts"]["fills"] >= 12
    assert set(story.run.table("orders")["symbol"].to_pylist()) <= set(SYMBOLS)
    assert all(witness == "ok" for witness in story.run.run["invariants"].values())
    assert "unknown_order" not in story.run.run["unfinished"]
    said = Counter(line["event"] for line in story.log())
    for event, table in (("decision", "decisions"), ("execution", "fills")):  # what is killed has not said its last
        assert said[event] >= story.run.run["counts"][table] - LAST_WORDS
    posts = [r for r in story.server["requests"] if r["method"] == "POST"]
    told = [line for line in story.log() if line["event"] == "request" and line["lane"] == "submit"]
    assert len(posts) - 1 <= len(told) <= len(posts), "the one that SIGKILL met may not have been told"


def test_no_order_is_sent_twice_over_a_crash(story: Story):
    posts = [r for r in story.server["requests"] if r["method"] == "POST" and r["path"] == "/v2/orders"]
    assert Counter(r["status"] for r in posts) == {200: len(posts)}, "the broker refused none as a duplicate"
    sent = [r["client_order_id"] for r in posts]
    assert len(sent) == len(set(sent))
    orders = story.run.table("orders")["client_order_id"].to_pylist()
    assert set(sent) <= set(orders), "every order that the broker has is in the books"


def test_positions_are_the_brokers(story: Story):
    fills = story.run.table("fills")
    columns = [fills[name].to_pylist() for name in ("symbol", "side", "qty", "price")]
    ours: Fills = Counter(zip(*columns, strict=True))
    everything = fills_of(story, float("inf"))
    heard = fills_of(story, moment(story.run.run["ended"]) - LATE)
    assert sum(heard.values()) >= 8
    assert not heard - ours, "a fill of the broker's is missing"
    assert not ours - everything, "a fill that the broker does not have"
    held: Counter[str] = Counter()
    for (symbol, side, qty, _), times in ours.items():
        held[symbol] += int(qty * times if side == "buy" else -qty * times)
    told = {symbol: int(Decimal(qty)) for symbol, qty in story.summary["positions"].items()}
    assert told == {symbol: qty for symbol, qty in held.items() if qty}


def test_a_second_one_is_turned_away(story: Story):
    assert story.second.returncode == 2
    assert story.second.stderr.splitlines()[-1].endswith(
        "another process is trading this account. Stop that one first; `seatrial status` names it."
    )


def test_another_configuration_is_another_run(story: Story):
    assert story.other.returncode == 2
    problem = "run often: the run in the database has another config. Start a new run under another name"
    assert story.other.stderr.splitlines()[-1].startswith(problem)


def test_an_operators_act_reaches_it(story: Story):
    assert story.halted.returncode == 0, story.halted.stderr
    assert story.standing["mode"] == "halted"
    acts = [line for line in story.log() if line["event"] == "operator"]
    assert [(act["actor"], act["reason"]) for act in acts] == [("ada", "lunch")]
    assert (story.summary["mode"], story.summary["well"], story.exit_code) == ("halted", False, 1)


def test_the_journal_is_sound_and_a_replay_decides_alike(story: Story):
    done = command(story.folder, "db", "check", "--replay", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["runs"] == [{"run": "often", "events": story.summary["events"], "replayed": True}]


def test_its_run_is_compared_with_its_simulation(story: Story):
    done = command(story.folder, "compare", "runs/second", "--json")
    assert done.returncode == 0, done.stderr
    run, *_ = json.loads(done.stdout)["decision_parity"]
    assert run["identical"], run
    sessions = sorted(path.stem for path in (story.folder / "runs" / "second" / "bars" / "sessions").iterdir())
    assert sessions == ["2025-11-11", DAY]


def test_the_secrets_are_nowhere(story: Story):
    """T14: neither in logs, nor in what it printed, the database, the bars or the run directory."""
    forms = [form for text in (KEY, SECRET) for form in _forms(text)]
    files = [path for path in story.folder.rglob("*") if path.is_file()]
    assert {"seatrial.db", "often.jsonl", "second.err", "run.json"} <= {path.name for path in files}
    for path in files:
        content = path.read_bytes()
        assert not [form for form in forms if form.encode() in content], path.name


def _forms(text: str) -> list[str]:
    plain = text.encode()
    shifted = [base64.b64encode(b"x" * before + plain).decode()[4:-6] for before in range(3)]
    return [text, quote(text), quote(text, safe=""), json.dumps(text)[1:-1], text[::-1], *shifted]
