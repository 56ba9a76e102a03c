"""Money, prices and quantities of the twin: exact decimals with six places, and every rounding by name."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

MICRO = Decimal("0.000001")
CENT = Decimal("0.01")
SUB_CENT = Decimal("0.0001")
ZERO = Decimal(0)
BILLION = 1_000_000_000


def exact(micros: int) -> Decimal:
    """Dollars or shares of an integer number of micros."""
    return Decimal(micros).scaleb(-6)


def micros(amount: Decimal) -> int:
    """The integer that the engine keeps for an amount of six places."""
    return int(amount.scaleb(6))


def floor6(amount: Decimal) -> Decimal:
    """Rounded towards minus infinity at the sixth place."""
    return amount.quantize(MICRO, ROUND_FLOOR)


def worth(qty: Decimal, price: Decimal) -> Decimal:
    """Value of a quantity: what we own rounded down, what we owe rounded up."""
    return floor6(qty * price)


def part_of(amount: Decimal, nanos: int) -> Decimal:
    """A fraction, given in nanos, of an amount."""
    return floor6(amount * nanos / BILLION)


def use(measured: int, limit: int) -> int:
    """measured / limit in nanos, rounded down, within a billion either way; both in the same unit."""
    if abs(measured) >= 1_000_000 * limit:
        return int(min(max(float(measured) / float(limit), -1e9), 1e9) * 1e9)
    return measured * BILLION // limit


def fraction(part: Decimal, whole: Decimal) -> int:
    """part / whole in nanos, as `use`."""
    return use(micros(part), micros(whole))


def _step(price: Decimal) -> Decimal:
    return CENT if price >= 1 else SUB_CENT


def down(price: Decimal) -> Decimal:
    """The order price at or next below."""
    step = _step(price)
    return (price / step).to_integral_value(ROUND_FLOOR) * step


def up(price: Decimal) -> Decimal:
    """The order price at or next above."""
    step = _step(price)
    return (price / step).to_integral_value(ROUND_CEILING) * step


_MASK = (1 << 64) - 1


def hash64(*words: int) -> int:
    """The engine's identity hash of a first word and its extensions, as a signed integer."""
    h = words[0]
    for word in words[1:]:
        z = (h + 0x9E3779B97F4A7C15) & _MASK
        z = ((z ^ (word & _MASK)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        z ^= z >> 31
        h = z - (1 << 64) if z >> 63 else z
    return h
