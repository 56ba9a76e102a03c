"""Strategies minute by minute: the same wishes, with the same identities, as the replay reads in a whole session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from core.bars import SessionBlock
from core.datasets.dataset import Dataset
from core.kernel.kinds import EventKind
from core.kernel.units import MICRO, MINUTE, SECOND
from core.strategies.breakout import Breakout
from core.strategies.contract import Strategy
from core.strategies.mean_reversion import MeanReversion
from live.alpaca.values import Instant, Price, Quantity
from live.alpaca.wire import Bar
from live.events import Incoming
from live.history import History
from live.signals import Signaller, Traded
from sim.market import SignalReader
from tests.tidy.test_tidy import ROOT

STRATEGIES: tuple[Strategy, ...] = (Breakout(lookback=20, target=2.0, stop=2.0), MeanReversion())
SYMBOLS = ("ALFA", "BRVO", "CHRL", "DLTA")
MASKS = (np.array([True, True, True, False]), np.array([True, False, True, True]))
WARM, LIVE = 3, 2  # sessions
Wish = tuple[int, ...]


@pytest.fixture(scope="module")
def blocks() -> list[SessionBlock]:
    """A few sessions of the bundled market."""
    found = Dataset.open(ROOT / "scenarios/data/us10-4w", SYMBOLS).blocks()
    return [block for block, _ in zip(found, range(WARM + LIVE), strict=False)]


def heard(block: SessionBlock) -> Iterator[tuple[int, list[tuple[int, Bar]]]]:
    """Minute by minute, its start and the bars that end with it, as the data stream has them."""
    bars = block.bars
    for row, start in enumerate(bars.time.tolist()):
        found = []
        for place in np.flatnonzero(~np.isnan(bars.close[row])).tolist():
            named = ("open", "high", "low", "close")
            prices = {name: Price(round(getattr(bars, name)[row, place] * MICRO)) for name in named}
            volume = Quantity(int(bars.volume[row, place]) * MICRO)
            found.append((place, Bar(symbol=SYMBOLS[place], start=Instant(start), volume=volume, **prices)))
        yield start, found


def live(blocks: Sequence[SessionBlock], late: int = 0, seed: int = 7) -> list[list[Incoming]]:
    """What a live trader hears of its strategies, session by session; `late`: minutes after which it joins the last."""
    history = History(SYMBOLS, 60, max(s.warmup for s in STRATEGIES))
    signaller = Signaller([Traded(s, mask) for s, mask in zip(STRATEGIES, MASKS, strict=True)], history, "name", seed)
    for block in blocks[:WARM]:
        history.remember(block.bars)
    told = []
    for number, block in enumerate(blocks[WARM:]):
        history.begin(block.session, block.split_ratios)
        told.append([])
        for row, (start, found) in enumerate(heard(block)):
            missed = number == LIVE - 1 and row < late
            for place, bar in found:
                if missed:
                    history.fill(place, bar)
                else:
                    assert history.put(place, bar) == 1
            if not missed:
                told[-1] += signaller.read(start, start + MINUTE + SECOND)
    return told


def replayed(blocks: Sequence[SessionBlock]) -> list[list[Wish]]:
    """What the compiled loop reads of the same bars."""
    reader = SignalReader(STRATEGIES, MASKS)
    for block in blocks[:WARM]:
        reader.remember(block.bars)
    found = []
    for block in blocks[WARM:]:
        rows = reader.read(block.bars)
        minutes = block.bars.time[rows["minute"]]
        columns = [rows[name].tolist() for name in ("strategy", "symbol", "exit", "side", "probability")]
        distances = [rows[name].tolist() for name in ("target", "stop", "horizon")]
        found.append(list(zip(minutes.tolist(), *columns, *distances, strict=True)))
    return found


def wish(event: Incoming) -> Wish:
    """A live event in the columns of the replay's rows."""
    fields = event.fields
    leaving = int(event.kind is EventKind.EXIT_SIGNAL)
    terms = [fields.get(name, 0) for name in ("code", "ratio", "target", "stop", "amount")]
    return (event.t_market, fields["strategy"], fields["symbol"], leaving, *terms)


def test_the_same_wishes_as_in_the_replay(blocks: list[SessionBlock]):
    expected = replayed(blocks)
    assert all(len(session) > 5 for session in expected), "a day without signals shows nothing"
    assert {row[1] for session in expected for row in session} == {0, 1}
    found = [[wish(event) for event in session] for session in live(blocks)]
    assert [sorted(session) for session in found] == [sorted(session) for session in expected]


def test_the_price_is_the_close_that_was_seen(blocks: list[SessionBlock]):
    for block, session in zip(blocks[WARM:], live(blocks), strict=True):
        for event in session:
            row = int(np.flatnonzero(block.bars.time == event.t_market)[0])
            assert event.fields["price"] == round(block.bars.close[row, event.fields["symbol"]] * MICRO)


def test_an_intent_names_its_signal_and_nothing_else(blocks: list[SessionBlock]):
    def intents(seed: int) -> list[int]:
        told = [event for session in live(blocks, seed=seed) for event in session]
        return [event.fields["intent"] for event in told if event.kind is EventKind.SIGNAL]

    once, other = intents(7), intents(8)
    assert len(set(once)) == len(once)
    assert all(0 < intent < 2**63 for intent in once)
    assert intents(7) == once
    assert not set(once) & set(other)


def test_who_joins_late_wishes_the_same_from_then_on(blocks: list[SessionBlock]):
    whole, late = live(blocks)[-1], live(blocks, late=200)[-1]
    joined = int(blocks[-1].bars.time[200])
    assert late == [event for event in whole if event.t_market >= joined]
    assert late


def test_a_symbol_without_a_bar_wishes_nothing(blocks: list[SessionBlock]):
    history = History(SYMBOLS, 60, max(s.warmup for s in STRATEGIES))
    signaller = Signaller([Traded(s, mask) for s, mask in zip(STRATEGIES, MASKS, strict=True)], history, "name", 7)
    for block in blocks[:WARM]:
        history.remember(block.bars)
    history.begin(blocks[WARM].session)
    for start, found in heard(blocks[WARM]):
        for place, bar in found:
            if place != 0:
                history.put(place, bar)
        assert all(event.fields["symbol"] != 0 for event in signaller.read(start, start + MINUTE))
