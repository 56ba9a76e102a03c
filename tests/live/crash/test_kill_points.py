"""T5: kill -9 at every place between two writes, on a real PostgreSQL, and what the next process makes of it.

A commit's dose kills once at each place, early and late; `SEATRIAL_NIGHTLY=n pytest tests/live/crash` adds n hundred
kills at random moments, and every pair of places.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from live.store.points import POINTS
from tests.doses import NIGHTLY
from tests.live.crash.lives import ROOT, check, finished, killed, killed_after, moments

RECOVERING = ("after_lock", "after_epoch", "after_snapshot_load", "after_replay")
TRADING = (
    "before_inbox",
    "after_inbox",
    "after_step",
    "after_journal",
    "after_outbox",
    "after_projections",
    "after_intent_commit",
)


def test_every_place_in_the_code_is_listed():
    source = "\n".join(path.read_text() for path in (ROOT / "live").rglob("*.py"))
    assert set(re.findall(r'\bpoint\("(\w+)"\)', source)) == set(POINTS)


@pytest.mark.parametrize("place", TRADING)
def test_killed_while_trading(postgres_url: str, tmp_path: Path, place: str):
    book = tmp_path / "broker"
    assert killed(postgres_url, book, f"{place}:{23 + TRADING.index(place)}")
    check(postgres_url, finished(postgres_url, book))


@pytest.mark.parametrize("order", [1, 6])
def test_killed_when_an_order_has_arrived_and_its_answer_has_not(postgres_url: str, tmp_path: Path, order: int):
    book = tmp_path / "broker"
    assert killed(postgres_url, book, SEATRIAL_STORY_KILL=str(order))
    check(postgres_url, finished(postgres_url, book))


@pytest.mark.parametrize("place", RECOVERING)
def test_killed_while_recovering_from_a_kill(postgres_url: str, tmp_path: Path, place: str):
    book = tmp_path / "broker"
    assert killed(postgres_url, book, "after_intent_commit:31")
    assert killed(postgres_url, book, f"{place}:1")
    check(postgres_url, finished(postgres_url, book))


def test_killed_after_a_snapshot(postgres_url: str, tmp_path: Path):
    book = tmp_path / "broker"
    assert killed(postgres_url, book, "after_snapshot:1"), "the end of a run saves one"
    check(postgres_url, finished(postgres_url, book))


def test_killed_at_moments_that_it_cannot_know(postgres_url: str, tmp_path: Path):
    book = tmp_path / "broker"
    for seconds in moments(2):
        killed_after(postgres_url, book, seconds)
    check(postgres_url, finished(postgres_url, book))


@pytest.mark.skipif(not NIGHTLY, reason="the nightly dose: SEATRIAL_NIGHTLY=n")
@pytest.mark.parametrize(("first", "second"), list(itertools.product(TRADING, RECOVERING + TRADING)))
def test_every_pair_of_places(postgres_url: str, tmp_path: Path, first: str, second: str):
    book = tmp_path / "broker"
    killed(postgres_url, book, f"{first}:37")
    killed(postgres_url, book, f"{second}:{1 if second in RECOVERING else 3}")
    check(postgres_url, finished(postgres_url, book))


@pytest.mark.skipif(not NIGHTLY, reason="the nightly dose: SEATRIAL_NIGHTLY=n")
@pytest.mark.parametrize("seed", range(50 * NIGHTLY))
def test_two_kills_at_random(postgres_url: str, tmp_path: Path, seed: int):
    book = tmp_path / "broker"
    for seconds in moments(2, seed):
        killed_after(postgres_url, book, seconds)
    check(postgres_url, finished(postgres_url, book))
