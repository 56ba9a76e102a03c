"""What the market could not have given is found: each promise of the venue kept, and broken."""

from __future__ import annotations

import numpy as np
import pytest

from core.kernel.units import MICRO, MINUTE, NANO, SECOND
from sim.audit import PROMISES, audit
from sim.records import BAR, FILL, VENUE, Rule

STARTS = np.arange(3, dtype=np.int64) * MINUTE + MINUTE
DOLLAR = MICRO


@pytest.fixture
def world() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two fills of 10 shares in the second minute of the second of two symbols, whose bars are 99 to 101, 1,000 shares."""
    bars = np.zeros((3, 2), BAR)
    for name, value in (("open", 100), ("high", 101), ("low", 99), ("close", 100)):
        bars[name] = value * DOLLAR
    bars["volume"] = 1_000 * MICRO
    venue = np.zeros(1, VENUE)
    venue["profile"]["participation"] = 2 * NANO // 100
    venue["orders"]["id"][0, 7] = 7
    venue["orders"]["limit"][0, 7] = 100 * DOLLAR
    fills = np.zeros(2, FILL)
    for name, value in {
        "order": 7, "symbol": 1, "side": 1, "qty": 10 * MICRO, "price": 100 * DOLLAR, "mid_fill": 100 * DOLLAR,
        "time": STARTS[1] + SECOND, "bar_time": STARTS[1], "rule": Rule.PATH,
    }.items():  # fmt: skip
        fills[name] = value
    return fills, bars, venue


def test_what_the_market_gives_is_kept(world: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    fills, bars, venue = world
    assert audit(fills, bars, STARTS, venue[0]) == {}
    assert audit(fills[:0], bars, STARTS, venue[0]) == {}


@pytest.mark.parametrize(
    ("promise", "change"),
    [
        ("fill_in_market", {"mid_fill": 101 * DOLLAR + 1}),
        ("fill_in_market", {"mid_fill": 99 * DOLLAR - 1}),
        ("fill_in_market", {"time": STARTS[1] - 1}),
        ("fill_in_market", {"time": STARTS[2] + 1}),
        ("fill_in_market", {"bar_time": STARTS[1] + 1}),
        ("limit_kept", {"price": 100 * DOLLAR + 1}),
        ("limit_kept", {"side": -1, "price": 100 * DOLLAR - 1}),
        ("participation", {"qty": 10 * MICRO + 1}),
    ],
)
def test_what_it_cannot_give_is_found(
    world: tuple[np.ndarray, np.ndarray, np.ndarray], promise: str, change: dict[str, int]
) -> None:
    fills, bars, venue = world
    for name, value in change.items():
        fills[name][1] = value
    assert audit(fills, bars, STARTS, venue[0]).keys() == {promise} <= set(PROMISES)


def test_a_bar_without_volume_gives_nothing(world: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    fills, bars, venue = world
    bars["volume"][1, 1] = 0
    assert audit(fills, bars, STARTS, venue[0]).keys() == {"fill_in_market", "participation"}


def test_an_auction_has_its_own_print_and_a_quote_its_middle(world: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    fills, bars, venue = world
    fills["mid_fill"] = 103 * DOLLAR
    bars["bid"], bars["ask"] = 102 * DOLLAR, 104 * DOLLAR
    assert audit(fills, bars, STARTS, venue[0]) == {}
    bars["bid"] = 0
    assert audit(fills, bars, STARTS, venue[0]).keys() == {"fill_in_market"}
    fills["rule"] = Rule.AUCTION
    assert audit(fills, bars, STARTS, venue[0]) == {}
