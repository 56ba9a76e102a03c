"""T12: the integer arithmetic of money against exact fractions, at and around every limit, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from core.kernel import units
from core.kernel.compiled import entry
from core.kernel.units import MICRO, NANO, NOTIONAL_LIMIT, PRICE_LIMIT, QTY_LIMIT

INT64 = 2**63 - 1
quick = settings(max_examples=300, derandomize=True, deadline=None, database=None)


@entry
def notional(qty, price):
    return units.notional(qty, price)


@entry
def muldiv(a, b, c):
    return units.muldiv(a, b, c)


@entry
def ratio(part, whole):
    return units.ratio(part, whole)


@entry
def share(amount, fraction):
    return units.share(amount, fraction)


@entry
def ticks(price):
    return units.tick(price), units.tick_down(price), units.tick_up(price)


def around(*values: int) -> some.SearchStrategy[int]:
    """The values themselves and their neighbours."""
    return some.sampled_from(sorted({v + d for v in values for d in (-1, 0, 1)}))


prices = some.integers(0, PRICE_LIMIT) | around(1, MICRO, PRICE_LIMIT - 1)
quantities = some.integers(-QTY_LIMIT, QTY_LIMIT) | around(0, MICRO, -MICRO, QTY_LIMIT - 1, 1 - QTY_LIMIT)


@quick
@given(quantities, prices)
@example(QTY_LIMIT, 999_999_999)
@example(-1, PRICE_LIMIT)
def test_a_notional_is_the_exact_product_rounded_down_or_refused(qty: int, price: int) -> None:
    exact = Fraction(qty * price, MICRO)
    if abs(exact) < NOTIONAL_LIMIT - PRICE_LIMIT:
        assert notional(qty, price) == floor(exact)
    elif abs(exact) >= NOTIONAL_LIMIT + PRICE_LIMIT:
        with pytest.raises(AssertionError):
            notional(qty, price)


@pytest.mark.parametrize("price", [-1, PRICE_LIMIT + 1, INT64])
def test_a_price_beyond_its_limits_is_refused(price: int) -> None:
    with pytest.raises(AssertionError):
        notional(MICRO, price)


sizes = some.integers(0, 2**62 - 1) | around(1, MICRO, NANO, 2**32, 2**53, 2**62 - 2)


@quick
@given(sizes, sizes, sizes.filter(bool))
@example(10**18, 10**9, 10**9)
@example(10**18, 10**9, 1)
@example(2**62 - 1, 2**62 - 1, 2**62 - 1)
@example(2**62 - 1, 2**62 - 2, 2**62 - 1)
def test_muldiv_is_exact_or_refused(a: int, b: int, c: int) -> None:
    exact = a * b // c
    if exact < 9 * 10**18:
        assert muldiv(a, b, c) == exact
    elif exact > INT64:
        with pytest.raises(AssertionError):
            muldiv(a, b, c)


@pytest.mark.parametrize(("a", "b", "c"), [(-1, 1, 1), (1, -1, 1), (1, 1, 0), (1, 1, -1), (2**62, 8, 2**62)])
def test_muldiv_takes_no_negative_and_no_zero_divisor(a: int, b: int, c: int) -> None:
    with pytest.raises(AssertionError):
        muldiv(a, b, c)


dollars = some.integers(-9 * 10**15, 9 * 10**15) | around(0, MICRO, -MICRO, 9 * 10**15)


@quick
@given(dollars, some.integers(1, 9 * 10**15) | around(2, NANO, 9 * 10**15))
@example(100_100, 100_000)
@example(-1, 9 * 10**15)
@example(29, 100)
def test_a_ratio_is_exact_below_a_million_and_held_beyond_a_billion(part: int, whole: int) -> None:
    exact = Fraction(part, whole)
    if abs(exact) < 10**6:
        assert ratio(part, whole) == floor(exact * NANO)
    else:
        held = min(max(exact, -(10**9)), 10**9) * NANO
        assert abs(ratio(part, whole) - held) <= abs(held) * Fraction(1, 2**50)


@pytest.mark.parametrize("whole", [0, -1])
def test_a_ratio_needs_a_whole(whole: int) -> None:
    with pytest.raises(AssertionError):
        ratio(1, whole)


@quick
@given(some.integers(0, NOTIONAL_LIMIT), some.integers(0, 4 * NANO) | around(NANO, 4 * NANO - 1))
def test_a_share_is_exact_and_rounded_down(amount: int, fraction: int) -> None:
    assert share(amount, fraction) == amount * fraction // NANO


@quick
@given(some.integers(0, PRICE_LIMIT) | around(MICRO, 100, 10_000))
def test_order_prices_lie_on_the_grid_next_to_the_price(price: int) -> None:
    step, low, high = ticks(price)
    assert step == (10_000 if price >= MICRO else 100)
    assert low <= price <= high
    assert low % step == 0
    assert high - low in (0, step)
    assert (high == low) == (price % step == 0)


@quick
@given(some.integers(-NOTIONAL_LIMIT, NOTIONAL_LIMIT))
def test_decimals_and_micros_are_each_other(amount: int) -> None:
    assert units.micros(units.decimal(amount)) == amount
    assert units.micros(str(units.decimal(amount))) == amount


@pytest.mark.parametrize(
    "value",
    [
        "", "x", "1,000", "--1", "1e", "nan", "-NaN", "sNaN", "inf", "-Infinity", "1e309", "1e999999", "1e-999999",
        "0.0000001", "1.0000000000000000000000000000000000001", "123456789012345678901234567890.000001",
        "1000000000000.000001", "-1000000000000.000001", Decimal("Infinity"), 10**13, "1e12000000000000000000",
    ],
)  # fmt: skip
def test_what_is_no_exact_number_of_micros_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        units.micros(value)


@pytest.mark.parametrize(
    ("value", "micros"),
    [("0", 0), ("-0", 0), ("1e-6", 1), ("1E6", 10**12), ("0.1000000000000000000", 100_000), ("+3", 3 * MICRO),
     ("-0.000001", -1), ("1000000000000", NOTIONAL_LIMIT), (Decimal("2.50"), 2_500_000), (7, 7 * MICRO)],
)  # fmt: skip
def test_exact_text_becomes_exact_micros(value: str, micros: int) -> None:
    assert units.micros(value) == micros


def test_a_closer_limit_is_kept() -> None:
    assert units.micros("1000000", PRICE_LIMIT) == PRICE_LIMIT
    with pytest.raises(ValueError, match="beyond the limit of 1000000"):
        units.micros("1000000.000001", PRICE_LIMIT)
