"""What orders of a symbol do to each other within a bar: groups, size, partial fills, ambiguity; by hand (cases.py)."""

from __future__ import annotations

import pytest

from tests.sim.cases import (
    BRACKET,
    GAP,
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
from tests.sim.floor_orders import Order, buy, sell

GROUPS = [
    case("the target fills and withdraws the stop", WIDE, buy(10, **BRACKET),
         (1, 0, 10, 100, OPEN), (2, 13.333333334, 10, 102, TOUCHED), ends={3: "canceled"}),
    case("the stop fills and withdraws the target", WIDE, buy(10, **BRACKET),
         (1, 0, 10, 100, OPEN), (3, 13.333333334, 10, 98, STOP), ends={2: "canceled"}, path="olhc"),
    case("a short bracket is its mirror", WIDE, sell(10, target=98, stop_loss=102),
         (1, 0, 10, 100, OPEN), (3, 13.333333334, 10, 102, STOP), ends={2: "canceled"}),
    case("prices before the entry's fill do not reach its target", WIDE, buy(10, limit=99, target=102, stop_loss=96),
         (1, 33.333333334, 10, 99, TOUCHED), ends={2: WAITS, 3: WAITS}),
    case("prices before the entry's fill do not reach its stop", Bar(100, 103, 97, 102),
         buy(10, at=45, target=103.5, stop_loss=98), (1, 45, 10, 98.25, PATH), ends={2: WAITS, 3: WAITS}),
    case("prices after it in the same bar do", WIDE, buy(10, limit=98, target=102, stop_loss=97.5),
         (1, 13.333333334, 10, 98, TOUCHED), (3, 16.666666667, 10, 97.5, STOP), ends={2: "canceled"}, path="olhc"),
    case("a target that the entry's price is already beyond fills at once at the market", [flat(100), flat(104)],
         buy(10, at=0, limit=105, target=105.5, stop_loss=99), (1, 0, 10, 100, IMPROVED), ends={2: WAITS, 3: WAITS}),
    case("a stop opened through is a gap", [flat(100), Bar(95, 96, 94, 95)], buy(10, **BRACKET),
         (1, 0, 10, 100, OPEN), (3, 60, 10, 95, GAP), ends={2: "canceled"}),
    case("a target opened beyond is improved", [flat(100), Bar(105, 106, 104, 105)], buy(10, **BRACKET),
         (1, 0, 10, 100, OPEN), (2, 60, 10, 105, IMPROVED), ends={3: "canceled"}),
    case("a stop leg with a limit is a stop-limit", [flat(100), Bar(95, 96, 94, 95)],
         buy(10, **BRACKET, stop_limit=97.5), (1, 0, 10, 100, OPEN), ends={2: "canceled", 3: WAITS}),
    case("the buy stop of a short bracket has the collar too", [flat(100), Bar(105, 107, 104.8, 106)],
         sell(10, target=98, stop_loss=102), (1, 0, 10, 100, OPEN), ends={2: "canceled", 3: WAITS}),
    case("a partly filled entry wakes no leg", [WIDE._replace(volume=100)], buy(100, **BRACKET), (1, 0, 10, 100, OPEN),
         ends={1: WAITS, 2: WAITS, 3: WAITS}, participation=0.1),
    case("the legs wake when the entry is whole", [flat(100, 100), WIDE], buy(20, **BRACKET),
         (1, 0, 10, 100, OPEN), (1, 60, 10, 100, OPEN), (2, 73.333333334, 20, 102, TOUCHED), ends={3: "canceled"},
         participation=0.1),
    case("the target of an OCO withdraws its stop", WIDE, [buy(10), sell(10, at=1, oco=True, **BRACKET)],
         (1, 0, 10, 100, OPEN), (2, 13.333333334, 10, 102, TOUCHED), ends={3: "canceled"}),
    case("the stop of an OCO works from the start", WIDE, [buy(10), sell(10, at=1, oco=True, **BRACKET)],
         (1, 0, 10, 100, OPEN), (3, 13.333333334, 10, 98, STOP), ends={2: "canceled"}, path="olhc"),
    case("the stop of an OCO may carry a limit", WIDE, [buy(10), sell(10, at=1, oco=True, stop_limit=97.9, **BRACKET)],
         (1, 0, 10, 100, OPEN), (3, 13.333333334, 10, 98, IMPROVED), ends={2: "canceled"}, path="olhc"),
    case("a target that fills in part shrinks the stop",
         [flat(100), Bar(103, 103, 103, 103, 60), Bar(97, 97, 97, 97)], buy(10, **BRACKET),
         (1, 0, 10, 100, OPEN), (2, 60, 6, 103, IMPROVED), (3, 120, 4, 97, GAP), ends={2: "canceled"}, participation=0.1),
]  # fmt: skip

SIZES = [
    case("orders take at most the cap of a bar's volume", [WIDE, flat(100)], buy(400),
         (1, 0, 250, 100, OPEN), (1, 60, 150, 100, OPEN), participation=0.025),
    case("the orders of a symbol share the cap", [flat(100), flat(101)], [buy(200), buy(100)],
         (1, 0, 200, 100, OPEN), (2, 0, 50, 100, OPEN), (2, 60, 50, 101, OPEN), participation=0.025),
    case("the cap is in whole shares", [flat(100, 1_010), flat(100)], buy(30),
         (1, 0, 25, 100, OPEN), (1, 60, 5, 100, OPEN), participation=0.025),
    case("less than a share of room fills nothing", [flat(100, 30), flat(100)], buy(30), (1, 60, 30, 100, OPEN),
         participation=0.025),
    case("what fractions leave of the room is no share either", [flat(100, 80), flat(100)], [buy(1.5), buy(1)],
         (1, 0, 1.5, 100, OPEN), (2, 60, 1, 100, OPEN), participation=0.025),
    case("without a cap size is not looked at", WIDE, buy(9_999), (1, 0, 9_999, 100, OPEN)),
    case("an IOC order fills on arrival", WIDE, buy(10, at=10, tif="ioc"), (1, 10, 10, 101.5, PATH)),
    case("an IOC limit that is not marketable is cancelled", WIDE, buy(10, limit=99, tif="ioc"), ends={1: "canceled"}),
    case("the rest of an IOC order is cancelled", WIDE, buy(400, tif="ioc"), (1, 0, 250, 100, OPEN),
         ends={1: "canceled"}, participation=0.025),
    case("an IOC order in a minute without trades is cancelled", [None, WIDE], buy(10, tif="ioc"), ends={1: "canceled"}),
    case("a FOK order within the cap fills", WIDE, buy(250, tif="fok"), (1, 0, 250, 100, OPEN), participation=0.025),
    case("a FOK order beyond the cap is cancelled", WIDE, buy(251, tif="fok"), ends={1: "canceled"}, participation=0.025),
    case("a FOK order is never filled in part", WIDE, buy(10, tif="fok"), (1, 0, 10, 100, OPEN), partial_probability=1),
    case("an IOC order in a halt is cancelled", WIDE, buy(10, at=10, tif="ioc"), ends={1: "canceled"},
         day={"halts": [(5, 300)]}),
]  # fmt: skip


@pytest.mark.parametrize("case", [*GROUPS, *SIZES], ids=rule_of)
def test_rule(case: Case) -> None:
    play(case)


@pytest.mark.parametrize(
    ("rule", "bars", "order", "second", "ambiguous"),
    [
        ("the bar holds both prices", [WIDE], buy(10, **BRACKET), 13.333333334, True),
        ("also when the entry filled in an earlier bar", [flat(100), WIDE], buy(10, **BRACKET), 73.333333334, True),
        ("the bar holds the target only", [WIDE], buy(10, target=102, stop_loss=96), 13.333333334, False),
        ("the bar opens beyond the target", [flat(100), Bar(103, 104, 97, 101)], buy(10, **BRACKET), 60, False),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_exit_is_ambiguous_when_the_path_model_chose_it(
    rule: str, bars: list[Bar], order: Order, second: float, ambiguous: bool
) -> None:
    floor = Floor().day(bars, [order])
    entry, target = floor.fills
    assert not entry.ambiguous
    assert (target.order, target.second, target.ambiguous) == (2, second, ambiguous)
    assert (floor.exits, floor.ambiguous_exits) == (1, int(ambiguous))


def test_a_stop_that_rests_since_an_earlier_bar_is_not_ambiguous() -> None:
    """The bar that fills it holds the target's price too, but the target went when the stop triggered."""
    floor = Floor().day(
        [flat(100), Bar(105, 107, 104.8, 106), Bar(106, 107, 97, 98)], [sell(10, target=98, stop_loss=102)]
    )
    assert [(fill.order, fill.price, fill.ambiguous) for fill in floor.fills] == [(1, 100, False), (3, 104.55, False)]


def test_partial_fills_come_a_second_apart_until_one_share_is_left() -> None:
    floor = Floor(partial_probability=1).day([flat(100)], [buy(50)])
    assert sum(fill.qty for fill in floor.fills) == 50
    assert [fill.second for fill in floor.fills] == list(range(len(floor.fills)))
    assert len(floor.fills) > 2
    left = 50.0
    for fill in floor.fills[:-1]:
        assert 1 <= fill.qty < left
        left -= fill.qty
    assert floor.fills[-1].qty == left == 1


def test_partial_fills_are_drawn_from_the_seed_and_the_order_alone() -> None:
    def quantities(seed: int, *others: Order) -> list[float]:
        floor = Floor(seed=seed, partial_probability=1).day([flat(100)], [*others, buy(50, number=7)])
        return [fill.qty for fill in floor.fills if fill.order == 7]

    assert quantities(1) == quantities(1, sell(20, limit=100.5), buy(33, at=-60))
    assert quantities(1) != quantities(2)


def test_one_order_in_ten_is_filled_in_parts() -> None:
    floor = Floor(partial_probability=0.1, cash=100_000_000)
    for _ in range(8):
        floor.day([flat(100)], [buy(10, at=i, number=floor.next_number + i) for i in range(50)])
    split = {fill.order for fill in floor.fills if fill.qty < 10}
    assert 20 < len(split) < 65  # 40 expected of 400, a few standard deviations of 6 either way
