"""Delays: what they may be, and what they may depend on."""

from __future__ import annotations

import numpy as np
import pytest

from core.kernel.compiled import entry
from core.kernel.kinds import EventKind
from core.kernel.units import NANO
from sim.latency import delay, identity
from sim.records import PROFILE
from tests.sim.floor import Floor, flat
from tests.sim.floor_orders import buy

BASE = 250_000_000
COUNT = 4_000


@entry
def draw(profiles, base, intents, leg, count, delays):  # type: ignore[no-untyped-def]
    """Fill `delays` (N,) with the delays of orders of the given intents (N,)."""
    for i in range(len(intents)):
        delays[i] = delay(profiles[0], base, identity(intents[i], leg), count)


def delays(base: int = BASE, jitter: float = 0.5, seed: int = 1, leg: int = 0, count: int = 0) -> np.ndarray:
    """Delays of COUNT orders, nanoseconds."""
    profile = np.zeros(1, PROFILE)
    profile["jitter"] = round(jitter * NANO)
    profile["seed"] = seed
    result = np.zeros(COUNT, np.int64)
    draw(profile, base, np.arange(COUNT) * 7_919, leg, count, result)
    return result


def test_without_jitter_a_delay_is_its_base() -> None:
    assert (delays(jitter=0) == BASE).all()


def test_no_delay_stays_none() -> None:
    assert (delays(base=0) == 0).all()


@pytest.mark.parametrize("jitter", [0.1, 0.5, 1.0])
def test_jitter_spreads_evenly_around_the_base(jitter: float) -> None:
    shares = (delays(jitter=jitter) - BASE) / (BASE * jitter)
    assert -1 <= shares.min() < -0.99
    assert 0.99 < shares.max() <= 1
    deciles = np.quantile(shares, np.linspace(0.1, 0.9, 9))
    assert np.abs(deciles - np.linspace(-0.8, 0.8, 9)).max() < 0.06  # four standard errors of the median


def test_a_delay_repeats_with_all_that_it_depends_on() -> None:
    assert (delays() == delays()).all()


@pytest.mark.parametrize("change", [{"seed": 2}, {"leg": 1}, {"count": 1}, {"base": BASE + 1}])
def test_a_delay_depends_on_seed_order_count_and_base(change: dict[str, int]) -> None:
    same = np.abs(delays() - delays(**change)) < BASE * 0.001
    assert same.mean() < 0.01
    assert abs(np.corrcoef(delays(), delays(**change))[0, 1]) < 0.06


def test_news_of_an_order_is_late_by_its_own_delay() -> None:
    def heard(*others: object) -> list[tuple[EventKind, float]]:
        floor = Floor(ack_latency="50ms", fill_latency="80ms", latency_jitter=0.5)
        floor.day([flat(100)], [*others, buy(10, at=1, number=9)])  # type: ignore[list-item]
        return [(news.kind, news.heard - news.sent) for news in floor.news if news.order == 9]

    alone = heard()
    assert dict(alone)[EventKind.ORDER_ACCEPTED] == pytest.approx(0.05, abs=0.025)
    assert dict(alone)[EventKind.FILL] == pytest.approx(0.08, abs=0.04)
    assert heard(buy(3, limit=99), buy(20)) == alone


def test_without_jitter_news_is_late_by_the_base() -> None:
    floor = Floor(ack_latency="50ms", fill_latency="80ms").day([flat(100)], [buy(10, at=1)])
    assert [round(news.heard - news.sent, 9) for news in floor.news] == [0.05, 0.08]
