"""Scales, limits and the few arithmetic helpers; each says how it rounds.

Money, prices and quantities are int64 micros (1e-6 of a dollar or a share). Fractions, probabilities aside, are int64
nanos (1e-9). A notional multiplies whole shares and the fraction of a share apart, so that no product overflows, and
rounds towards minus infinity: what we own is worth the smaller number, what we owe the larger. Text and decimals
become micros only here, and a value that does not fit is refused.
"""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow

import numpy as np

from core.kernel.compiled import kernel

MICRO = 1_000_000
NANO = 1_000_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND

PRICE_LIMIT = 1_000_000 * MICRO  # dollars a share
QTY_LIMIT = 1_000_000_000 * MICRO  # shares
NOTIONAL_LIMIT = 1_000_000_000_000 * MICRO  # dollars; leaves a factor of nine to the end of int64

PENNY = 10_000  # micros; price increment from one dollar up
SUB_PENNY = 100  # below one dollar

_EXACT = Context(prec=40, traps=[InvalidOperation, Overflow, Inexact])


def micros(value: Decimal | int | str, limit: int = NOTIONAL_LIMIT) -> int:
    """Exact micros of a decimal; ValueError when it is not a number, too fine or beyond ±limit."""
    try:
        scaled = _EXACT.multiply(Decimal(value), MICRO)
    except Inexact:  # and Overflow, which is a kind of it
        raise ValueError(f"{value!r} has too many digits") from None
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a decimal number") from None
    if not scaled.is_finite():
        raise ValueError(f"{value!r} is not finite")
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{value!r} has more than 6 decimals")
    if abs(scaled) > limit:
        raise ValueError(f"{value!r} is beyond the limit of {limit // MICRO}")
    return int(scaled)


def decimal(amount: int) -> Decimal:
    """Micros as an exact decimal with six places."""
    return Decimal(int(amount)).scaleb(-6)


@kernel
def notional(qty: int, price: int) -> int:
    """floor(qty * price) in micros; qty may be negative, price not."""
    assert 0 <= price <= PRICE_LIMIT
    whole = qty // MICRO
    part = qty - whole * MICRO
    assert abs(float(whole)) * float(price) < float(NOTIONAL_LIMIT)
    return whole * price + part * price // MICRO


@kernel
def muldiv(a: int, b: int, c: int) -> int:
    """floor(a * b / c) for a, b >= 0 and 0 < c < 2**62, exact even where a * b passes 64 bits; the result must not."""
    assert a >= 0 and b >= 0 and c > 0
    if b == c:
        return a
    if float(a) * float(b) < 9.0e18:
        return a * b // c
    assert c < 1 << 62 and float(a) / float(c) * float(b) < 9.1e18
    quotient = (a // c) * b
    rest = a % c
    low = 0  # rest * b by doubling, kept below c, with the carries counted
    carried = 0
    for bit in range(62, -1, -1):
        low = 2 * low
        carried = 2 * carried
        if low >= c:
            low -= c
            carried += 1
        if (b >> bit) & 1:
            low += rest
            if low >= c:
                low -= c
                carried += 1
    return quotient + carried


@kernel
def ratio(part: int, whole: int) -> int:
    """floor(part / whole) in nanos, held within ±1e9; whole > 0. Exact below $9e9 and a ratio of 1e6."""
    assert whole > 0
    quotient = float(part) / float(whole)
    if abs(quotient) >= 1e6:
        return int(min(max(quotient, -1e9), 1e9) * float(NANO))
    nanos = int(np.floor(quotient * float(NANO)))
    # both products may wrap around; their difference is small and right again
    rest = np.int64(part) * np.int64(NANO) - np.int64(nanos) * np.int64(whole)
    if rest < 0:
        return nanos - 1
    return nanos + 1 if rest >= whole else nanos


@kernel
def share(amount: int, fraction: int) -> int:
    """floor(amount * fraction) for a fraction in nanos and an amount >= 0."""
    whole = amount // NANO
    return whole * fraction + (amount - whole * NANO) * fraction // NANO


@kernel
def tick(price: int) -> int:
    """Minimum price increment of an order (Alpaca: 2 decimals from a dollar up, 4 below)."""
    return PENNY if price >= MICRO else SUB_PENNY


@kernel
def tick_down(price: int) -> int:
    """The highest valid order price at or below `price`."""
    return price - price % tick(price)


@kernel
def tick_up(price: int) -> int:
    """The lowest valid order price at or above `price`."""
    low = tick_down(price)
    return low if low == price else low + tick(low)
