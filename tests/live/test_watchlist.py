"""Watchlists: chosen from what was known, the same everywhere, and written once."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from core.bars import SessionBlock
from core.datasets.dataset import Dataset
from live.clock import VirtualClock
from live.store import watchlists
from live.watchlist import Rules, choose
from seatrial.options import bundled_bars
from tests.live.story import OPENING, database, open_host


@pytest.fixture(scope="module")
def history() -> list[SessionBlock]:
    return list(Dataset.open(bundled_bars(), end=date(2025, 11, 19)).blocks())


def test_the_most_traded_come_first(history: list[SessionBlock]):
    found = choose(history, Rules(least_dollar_volume=0.0, least_price=0.0, size=4))
    recent = history[-5:]
    dollars = sum(np.nansum(b.bars.close * b.bars.volume, axis=0) for b in recent)
    ranked = [recent[0].bars.symbols[i] for i in np.argsort(-np.asarray(dollars))]
    assert found == tuple(ranked[:4])


def test_the_floors_hold(history: list[SessionBlock]):
    close = {
        s: history[-1].bars.close[~np.isnan(history[-1].bars.close[:, i]), i][-1]
        for i, s in enumerate(history[-1].bars.symbols)
    }
    least = float(np.median(list(close.values())))
    found = choose(history, Rules(least_dollar_volume=0.0, least_price=least))
    assert set(found) == {symbol for symbol, price in close.items() if price >= least}
    assert choose(history, Rules(least_dollar_volume=1e15)) == ()


def test_too_short_a_history_gives_none(history: list[SessionBlock]):
    assert choose(history[:4], Rules()) == ()


def test_the_first_list_of_a_session_stays(url: str):
    open_host(url, VirtualClock(OPENING)).close()
    with database(url) as connection:
        assert watchlists.load(connection, 20_000, "premarket") is None
        assert watchlists.save(connection, 20_000, "premarket", ("AAA", "BBB"), OPENING)
        assert not watchlists.save(connection, 20_000, "premarket", ("CCC",), OPENING)
        assert watchlists.save(connection, 20_000, "refresh", ("CCC",), OPENING)
        assert watchlists.load(connection, 20_000, "premarket") == ("AAA", "BBB")
