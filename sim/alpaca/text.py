"""How Alpaca writes and reads values: decimal strings, RFC 3339 times, truth values of any case.

The trading API writes every amount as a decimal string, market data and portfolio history as numbers. Requests may
carry either; a number is read by its shortest decimal form, so that 150.1 is 150.1 and not its binary neighbour.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from core.calendar import NEW_YORK
from core.kernel.units import MICRO

SECOND = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FRACTION = re.compile(r"\.(\d+)")


def dec(micros: int) -> str:
    """Micros as the shortest decimal string: "150.12", "100000", "-2"."""
    whole, part = divmod(abs(int(micros)), MICRO)
    text = f"{whole}.{part:06d}".rstrip("0") if part else str(whole)
    return f"-{text}" if micros < 0 else text


def maybe_dec(micros: int) -> str | None:
    """Micros as a decimal string, null for 0, which stands for "not given"."""
    return dec(micros) if micros else None


def number(micros: int) -> float:
    """Micros as a JSON number, for market data."""
    return int(micros) / MICRO


@lru_cache(4096)
def _whole_seconds(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def stamp(time: int) -> str:
    """Nanoseconds UTC as RFC 3339 with as many digits as are needed: "2026-11-20T15:00:00.123456789Z"."""
    seconds, rest = divmod(int(time), SECOND)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{_whole_seconds(seconds)}{fraction}Z"


def maybe_stamp(time: int) -> str | None:
    """A time, null for 0."""
    return stamp(time) if time else None


def eastern(time: int) -> str:
    """Nanoseconds UTC as New York time with its offset, as the clock route writes it."""
    moment = datetime.fromtimestamp(time // SECOND, NEW_YORK)
    rest = int(time) % SECOND
    fraction = f".{rest:09d}" if rest else ""
    offset = moment.strftime("%z")
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}{offset[:3]}:{offset[3:]}"


def parse_time(text: str) -> int:
    """Nanoseconds UTC of an RFC 3339 time or a date, which begins at midnight UTC; ValueError for anything else."""
    cleaned = text.strip().replace(" ", "+") if "T" in text else text.strip()
    match = _FRACTION.search(cleaned)
    nanos = int(match[1][:9].ljust(9, "0")) if match else 0
    moment = datetime.fromisoformat(_FRACTION.sub("", cleaned, count=1))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(seconds=1) * SECOND + nanos


def parse_date(text: str) -> date:
    """A date, or the date of a time; ValueError for anything else."""
    return date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text).date()


def parse_bool(text: str) -> bool:
    """`true` or `false` in any case, 1 or 0; ValueError for anything else."""
    word = text.strip().lower()
    if word not in ("true", "false", "1", "0"):
        raise ValueError(f"{text!r} is not true or false")
    return word in ("true", "1")


def parse_micros(value: Any) -> int:
    """Micros of a decimal given as a string or a number, what is finer cut off; ValueError when it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError(f"{value!r} is not a decimal")
    try:
        amount = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a decimal") from None
    if not amount.is_finite() or abs(amount) >= Decimal(10) ** 12:
        raise ValueError(f"{value!r} is out of range")
    return int((amount * MICRO).to_integral_value(ROUND_DOWN))
