"""Path models: which extreme comes first, and what a drawn path may do; by hand (cases.py)."""

from __future__ import annotations

import pytest

from tests.sim.cases import (
    BRACKET,
    IMPROVED,
    OPEN,
    PATH,
    STOP,
    TOUCHED,
    WAITS,
    WIDE,
    Case,
    case,
    play,
    rule_of,
)
from tests.sim.floor import Bar, Floor, flat
from tests.sim.floor_orders import buy, sell

PATHS = [
    case("adverse takes a long bracket to its stop", WIDE, buy(10, **BRACKET),
         (1, 0, 10, 100, OPEN), (3, 13.333333334, 10, 98, STOP), ends={2: "canceled"}, path="adverse"),
    case("adverse takes a short bracket to its stop", WIDE, sell(10, target=98, stop_loss=102),
         (1, 0, 10, 100, OPEN), (3, 13.333333334, 10, 102, STOP), ends={2: "canceled"}, path="adverse"),
    case("adverse knows an order that comes within the minute", WIDE, sell(10, at=0.4, target=98, stop_loss=102),
         (1, 0.4, 10, 100.06, PATH), (3, 13.333333334, 10, 102, STOP), ends={2: "canceled"}, path="adverse"),
    case("adverse takes a marketable limit for a market order", WIDE, buy(10, at=0.4, limit=101, **BRACKET),
         (1, 0.4, 10, 99.94, IMPROVED), (3, 13.333333334, 10, 98, STOP), ends={2: "canceled"}, path="adverse"),
    case("adverse shows a waiting entry its target first", WIDE, buy(10, limit=99, target=102, stop_loss=98),
         (1, 33.333333334, 10, 99, TOUCHED), (3, 36.666666667, 10, 98, STOP), ends={2: "canceled"}, path="adverse"),
    case("adverse goes against a position's exits, whatever else is open", [flat(100), WIDE],
         [buy(10, **BRACKET), buy(5, limit=96.9, at=5)],
         (1, 0, 10, 100, OPEN), (3, 73.333333334, 10, 98, STOP), ends={2: "canceled", 4: WAITS}, path="adverse"),
    case("nearest visits the nearer extreme first", Bar(100, 103, 98, 101), buy(10, **BRACKET),
         (1, 0, 10, 100, OPEN), (3, 20, 10, 98, STOP), ends={2: "canceled"}, path="nearest"),
    case("nearest takes the high when both are equally near", WIDE, buy(10, **BRACKET),
         (1, 0, 10, 100, OPEN), (2, 13.333333334, 10, 102, TOUCHED), ends={3: "canceled"}, path="nearest"),
    case("ohlc is the other end of the band", WIDE, sell(10, target=98, stop_loss=102),
         (1, 0, 10, 100, OPEN), (2, 13.333333334, 10, 98, TOUCHED), ends={3: "canceled"}, path="olhc"),
]  # fmt: skip


@pytest.mark.parametrize("case", [*PATHS], ids=rule_of)
def test_rule(case: Case) -> None:
    play(case)


def test_a_drawn_path_stays_within_the_bar_and_repeats_with_its_seed() -> None:
    def walk(seed: int) -> list[float]:
        floor = Floor(path="bridge", seed=seed).day([WIDE], [buy(1, at=second) for second in range(0, 60, 2)])
        return [fill.price for fill in floor.fills]

    one, two = walk(1), walk(2)
    assert one == walk(1)
    assert one != two
    for prices in (one, two):
        assert prices[0] == 100
        assert 97 <= min(prices) < 99.5
        assert 101.5 < max(prices) <= 103


def test_a_drawn_path_ends_at_the_close_and_reaches_both_extremes() -> None:
    for seed in range(1, 6):
        for orders in ([buy(1, stop=103), buy(1, at=59.999999999)], [sell(1, stop=97), sell(1, at=59.999999999)]):
            floor = Floor(path="bridge", seed=seed).day([WIDE], orders)
            assert [fill.price for fill in floor.fills] == [orders[0].stop, 101]
