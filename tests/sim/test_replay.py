"""The loop as a whole: it repeats itself, keeps the order of time, and knows nothing of the future."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from core.kernel.kinds import EventKind, OrderStatus
from core.kernel.records import MAX_ORDERS
from core.kernel.units import MINUTE, SECOND
from sim.market import integer_bars
from sim.records import Rule
from tests.sim.floor import Floor, flat
from tests.sim.floor_orders import IDLE, price
from tests.sim.small_week import SYMBOLS, Week, market, without_future

PROFILES = [
    {"profile": "alpaca_paper"},
    {"profile": "live_conservative"},
    {"profile": "live_conservative", "path": "bridge"},
]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", params=PROFILES, ids=lambda profile: " ".join(profile.values()))
def week(request: pytest.FixtureRequest) -> Week:
    """A run over three sessions, for each profile."""
    return Week(**request.param).play(market())


def test_the_week_is_worth_looking_at(week: Week) -> None:
    """Orders of every kind of end, fills by several rules, decisions both ways: the tests below have something to test."""
    engine = week.table("orders")["engine"]
    assert {OrderStatus.FILLED, OrderStatus.CANCELED} <= set(engine["status"].tolist())
    assert (engine["triggered"] > 0).any()
    rules = set(week.table("fills")["rule"].tolist())
    assert {Rule.OPEN, Rule.PATH, Rule.STOP} <= rules
    assert rules & {Rule.LIMIT_TOUCH, Rule.LIMIT_IMPROVED}
    approved = week.table("decisions")["approved"]
    assert 10 < approved.sum() < len(approved)
    kinds = set(week.table("events")["kind"].tolist())
    assert {EventKind.SPLIT, EventKind.HALT, EventKind.RESUME, EventKind.FILL, EventKind.ORDER_CANCELED} <= kinds


# -- repetition ---------------------------------------------------------------------------------------------------


def in_another_process(**environment: str) -> str:
    """The digest of a week, run by a Python of its own."""
    command = [sys.executable, "-m", "tests.sim.small_week"]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_two_processes_agree_whatever_their_hash_seed_and_time_zone() -> None:
    here = Week().play(market()).digest
    there = in_another_process(PYTHONHASHSEED="1", TZ="Asia/Tokyo")
    elsewhere = in_another_process(PYTHONHASHSEED="2", TZ="America/New_York")
    assert here == there == elsewhere


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="there is no compiled code to compare with")
def test_compiled_and_interpreted_code_agree() -> None:
    assert Week().play(market()).digest == in_another_process(NUMBA_DISABLE_JIT="1")


def test_how_often_the_journal_is_emptied_changes_nothing(week: Week) -> None:
    profile = week.settings.venue.profile
    often = Week(flush_often=True, profile=profile, path=week.settings.venue.path).play(market())
    assert often.flushes > 10 * week.flushes
    assert often.digest == week.digest


def test_another_seed_is_another_run() -> None:
    assert Week(seed=4).play(market()).digest != Week(seed=3).play(market()).digest


# -- both sides agree ---------------------------------------------------------------------------------------------


def test_engine_and_venue_end_with_the_same_books(week: Week) -> None:
    state, venue = week.desk.state[0], week.desk.venue[0]
    assert int(state["account"]["cash"]) == int(venue["cash"])
    held = state["symbols"]["qty"][: len(SYMBOLS)].tolist()
    assert held == venue["symbol"]["position"][: len(SYMBOLS)].tolist()
    assert int(week.desk.queue[0]["count"]) == 0, "a message was never delivered"


def test_the_positions_of_a_close_are_those_of_its_equity_row_and_not_of_the_evening(week: Week) -> None:
    equity = week.table("equity")
    days = equity["time"] // (24 * 60 * MINUTE)
    last = [equity[days == day][-1] for day in np.unique(days)]
    assert [row["net"] for row in last] == [closing["value"].sum() for closing in week.closings]
    assert any(row["net"] != 0 for row in last)
    evening = week.desk.state[0]["symbols"][: len(SYMBOLS)]
    assert (week.closings[-1]["last_bar"] < evening["last_bar"]).any()


def test_orders_that_have_ended_ended_alike_on_both_sides(week: Week) -> None:
    rows = week.table("orders")
    engine, venue = rows["engine"], rows["venue"]
    assert (engine["id"] == venue["id"]).all()
    assert (engine["filled"] <= venue["filled"]).all()  # a row is written when the engine hears of the end
    ends = {OrderStatus.FILLED: "filled_at", OrderStatus.CANCELED: "canceled", OrderStatus.EXPIRED: "expired"}
    for status, ended in ends.items():
        assert ((engine["status"] == status) == (venue[ended] > 0)).all()


def test_a_bar_is_seen_if_its_minute_does_not_end_in_a_halt_however_late_the_feed() -> None:
    """The close of the second minute, $90, is one if the halt comes after it, and none if it resumes with its end."""
    bars = [flat(100), flat(90)]
    before, after = ((70, 120), 100), ((120.2, 180), 90)
    for halt, close in (before, after):
        for feed in ("0ms", "500ms"):
            floor = Floor(feed_latency=feed).day(bars, halts=[halt])
            assert price(floor.desk.venue["symbol"][0, IDLE]["last"]) == close
            assert int(floor.desk.log[0]["bars"]) == (2 if close == 90 else 1)


# -- time ---------------------------------------------------------------------------------------------------------


def test_events_are_heard_in_the_order_in_which_they_become_visible(week: Week) -> None:
    events = week.table("events")
    assert (np.diff(events["t_visible"]) >= 0).all()
    assert (np.diff(events["seq"]) > 0).all()
    assert (events["t_market"] <= events["t_visible"]).all()


def test_a_signal_comes_after_its_bar_and_not_before_the_feed_has_brought_it(week: Week) -> None:
    feed = week.settings.venue.feed_latency
    events = week.table("events")
    signals = events[(events["kind"] == EventKind.SIGNAL) | (events["kind"] == EventKind.EXIT_SIGNAL)]
    assert len(signals) > 50
    assert (signals["t_visible"] == signals["t_market"] + MINUTE + feed).all()
    decisions = week.table("decisions")
    assert (decisions["time"] == decisions["bar_time"] + MINUTE + feed).all()


def test_an_order_reaches_the_venue_after_its_decision_and_fills_after_that(week: Week) -> None:
    rules = week.settings.venue
    orders = {int(row["venue"]["id"]): row for row in week.table("orders")}
    entries = [row for row in orders.values() if row["venue"]["leg"] == 0]
    assert len(entries) > 10
    half = float(rules.latency_jitter)
    for row in entries:
        wait = int(row["venue"]["accepted"] - row["engine"]["submitted"])
        assert (1 - half) * rules.submit_latency <= wait <= (1 + half) * rules.submit_latency
    for fill in week.table("fills"):
        order = orders.get(int(fill["order"]))
        if order is not None:
            assert fill["time"] >= order["venue"]["activated"]
        assert fill["time"] <= fill["received"]


def test_news_of_a_symbol_is_heard_in_the_order_in_which_it_was_sent(week: Week) -> None:
    """Apart from executions, which go first among news of one instant."""
    events = week.table("events")
    news = events[(events["kind"] >= EventKind.FILL) & (events["kind"] <= EventKind.ORDER_RESTATED)]
    for symbol in range(len(SYMBOLS)):
        sent = news[news["symbol"] == symbol]["t_market"]
        assert len(sent) > 20
        assert (np.diff(sent) >= 0).all()


def test_fills_are_within_hours_range_and_cap(week: Week) -> None:
    """Nothing trades outside its bar, in a halt, without volume, or beyond the share of the volume."""
    bars = {}
    for block in market():
        rows = integer_bars(block)
        for minute, time in enumerate(block.bars.time):
            bars.update({(int(time), symbol): rows[minute, symbol] for symbol in range(len(SYMBOLS))})
    taken: dict[tuple[int, int], int] = {}
    for fill in week.table("fills"):
        key = int(fill["bar_time"]), int(fill["symbol"])
        bar = bars[key]
        assert bar["volume"] > 0
        assert key[0] <= fill["time"] < key[0] + MINUTE
        assert bar["low"] <= fill["mid_fill"] <= bar["high"]
        assert abs(int(fill["price"]) - int(fill["mid_fill"])) <= fill["half_spread"] + fill["slippage"]
        taken[key] = taken.get(key, 0) + int(fill["qty"])
    cap = float(week.settings.venue.participation)
    if cap:
        assert all(qty <= int(bars[key]["volume"] * cap) for key, qty in taken.items())
    halt = 20_515 * 24 * 60 * MINUTE + (14 * 60 + 40) * MINUTE
    halted = [
        fill for fill in week.table("fills") if fill["symbol"] == 1 and halt <= fill["time"] < halt + 450 * SECOND
    ]
    assert not halted


# -- no look-ahead ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sessions", [1, 2])
def test_sessions_that_never_come_change_nothing_before_them(week: Week, sessions: int) -> None:
    short = Week(profile=week.settings.venue.profile, path=week.settings.venue.path).play(market()[:sessions])
    for name in ("decisions", "fills", "events", "orders", "equity", "notes", "checks"):
        known = short.table(name)
        assert known.tobytes() == week.table(name)[: len(known)].tobytes(), name
    assert len(short.table("decisions")) > 10


@pytest.mark.parametrize("minute", [7, 23])
def test_bars_that_have_not_closed_change_nothing(week: Week, minute: int) -> None:
    """Other bars after a minute of the second session: everything up to that minute's end is the same."""
    blocks = market()[:2]
    rows = integer_bars(blocks[1])
    run: dict[str, Any] = {"profile": week.settings.venue.profile, "path": week.settings.venue.path}
    known, changed = (Week(**run).play(blocks[:1]) for _ in range(2))
    known.session(blocks[1], rows)
    changed.session(blocks[1], without_future(rows, minute))
    end = int(blocks[1].bars.time[minute]) + MINUTE
    times = {"decisions": "time", "fills": "time", "events": "t_visible", "equity": "time"}
    for name, column in times.items():
        before = [run.table(name)[run.table(name)[column] < end] for run in (known, changed)]
        assert len(before[0]) > 0
        assert before[0].tobytes() == before[1].tobytes(), name
    assert known.digest != changed.digest


# -- identities ---------------------------------------------------------------------------------------------------


def test_intents_are_hashes_of_who_wants_what_and_when(week: Week) -> None:
    events = week.table("events")
    signals = events[events["kind"] == EventKind.SIGNAL]
    for signal in signals[:20]:
        base = int(week.desk.log["bases"][0, int(signal["strategy"]) * 128 + int(signal["symbol"])])
        day = int(signal["t_market"]) // (24 * 60 * MINUTE)
        assert int(signal["intent"]) == wrapped(base, day, int(signal["t_market"]) // MINUTE)


def wrapped(base: int, day: int, minute: int) -> int:
    """Two words hashed onto a base, made positive; splitmix64 written out on Python's own integers."""
    mask = 2**64 - 1
    for word in (day, minute):
        z = (base + 0x9E3779B97F4A7C15) & mask
        z = ((z ^ word) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        base = z ^ (z >> 31)
    return base & 0x7FFFFFFFFFFFFFFF


def test_no_order_lives_at_the_end_that_the_venue_does_not_know(week: Week) -> None:
    engine = week.desk.state[0]["orders"]
    venue = week.desk.venue["orders"][0]
    for slot in range(MAX_ORDERS):
        if engine["id"][slot] and not engine["terminal"][slot]:
            assert venue["id"][slot] == engine["id"][slot]
            assert not venue["terminal"][slot]
