"""The kinds of value in Alpaca's messages, each decoded into the engine's own integers or refused by name.

Alpaca writes money as decimal text in trading and as JSON numbers in market data; both are read as exact decimals,
never through a binary float. What the engine counts in micros may come finer than that:

    Price      0 to $1,000,000; an execution or average price with more than six decimals is rounded half to even
    Quantity   shares, signed, at most 1e9; more than six decimals (Alpaca has nine) are cut towards zero: dust
    Money      dollars, signed, at most 1e12; rounded half to even
    Instant    RFC 3339 text with any offset and any number of fraction digits, or a msgpack timestamp: ns UTC
    Name       an identity of plain characters, at most 64 (an Item of a list 80); a Word has any 64, a Title any 256.
               Text that goes into the store is short, so that no database has to refuse what was read here

Everything here raises ValueError, which the decoder turns into a WireError that names the field.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Annotated, Any, TypeAlias

import msgspec

from core.kernel.units import MICRO, NANO, NOTIONAL_LIMIT, PRICE_LIMIT, QTY_LIMIT

_WIDE = Context(prec=60, Emax=999_999, Emin=-999_999, traps=[InvalidOperation])
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_LONGEST = 64  # characters of a number: the longest that Alpaca sends has twenty
_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,12}))?([Zz]|([+-])(\d{2}):?(\d{2}))", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = 0, 4_102_444_800 * NANO  # 1970 to 2100

Name: TypeAlias = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[!-~]*$")]
Item: TypeAlias = Annotated[str, msgspec.Meta(max_length=80, pattern=r"^[!-~]*$")]  # of a list: a time and a name
Word: TypeAlias = Annotated[str, msgspec.Meta(max_length=64)]
Title: TypeAlias = Annotated[str, msgspec.Meta(max_length=256)]  # a client order id, which others choose as they like


class Price(int):
    """Micro-dollars a share."""


class Quantity(int):
    """Micro-shares; negative for short positions."""


class Money(int):
    """Micro-dollars, signed."""


class Instant(int):
    """Nanoseconds since 1970, UTC."""


def exact(value: object) -> Decimal:
    """The decimal that a JSON number or text spells; ValueError for everything else, NaN and infinities included."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError(f"{_shown(value)} is not a number")
    text = repr(value) if isinstance(value, float) else str(value)
    if len(text) > _LONGEST or not _NUMBER.fullmatch(text):
        raise ValueError(f"{_shown(value)} is not a decimal number")
    return Decimal(text)


def instant(value: object) -> int:
    """Nanoseconds UTC of RFC 3339 text, or of the datetime that a msgpack timestamp decodes to."""
    if isinstance(value, datetime):
        return _in_range(_since_epoch(value), value)
    found = _TIME.fullmatch(value) if isinstance(value, str) and len(value) <= _LONGEST else None
    if found is None:
        raise ValueError(f"{_shown(value)} is not a time with its offset")
    day, clock, fraction, zone, sign, hours, minutes = found.groups()
    leap = clock.endswith(":60")  # a leap second is the first instant of the next minute
    moment = datetime.fromisoformat(f"{day}T{clock[:-2]}{'59' if leap else clock[-2:]}+00:00")
    nanos = _since_epoch(moment) + (NANO if leap else 0)
    nanos += 0 if leap else int((fraction or "0").ljust(9, "0")[:9])
    if zone not in "Zz":
        offset = (int(hours) * 3_600 + int(minutes) * 60) * NANO
        nanos -= offset if sign == "+" else -offset
    return _in_range(nanos, value)


def convert(kind: type, value: Any) -> Any:
    """The decoder's hook: one untyped value into one of the kinds above."""
    if kind is Price:
        return Price(_micros(value, 0, PRICE_LIMIT, ROUND_HALF_EVEN))
    if kind is Quantity:
        return Quantity(_micros(value, -QTY_LIMIT, QTY_LIMIT, ROUND_DOWN))
    if kind is Money:
        return Money(_micros(value, -NOTIONAL_LIMIT, NOTIONAL_LIMIT, ROUND_HALF_EVEN))
    if kind is Instant:
        return Instant(instant(value))
    raise NotImplementedError(kind)


def _micros(value: object, least: int, most: int, rounding: str) -> int:
    scaled = _WIDE.multiply(exact(value), Decimal(MICRO))
    if not least <= scaled <= most:
        raise ValueError(f"{_shown(value)} is not between {least // MICRO} and {most // MICRO}")
    return int(scaled.to_integral_value(rounding))


def _since_epoch(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1_000


def _in_range(nanos: int, value: object) -> int:
    if not _FIRST <= nanos < _LAST:
        raise ValueError(f"{_shown(value)} is not between 1970 and 2100")
    return nanos


def _shown(value: object) -> str:
    """A value for an error message, shortened: what comes from outside may be of any length."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:36]} ..."
