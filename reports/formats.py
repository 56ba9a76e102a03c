"""Numbers as words: the only place where a report turns a value into text.

A value that was not measured (None or NaN, for times `NEVER`) is printed as "not measured", never as zero.
Money is dollars, fractions become percent, times are shown in New York with the zone's name. A minus is a
minus sign.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
NEVER = -(2**63)  # int64 ns of a time that is null
NOT_MEASURED = "not measured"
_SECOND = 1_000_000_000


def unknown(value: float | None) -> bool:
    """True where there is nothing to print."""
    return value is None or math.isnan(value)


def _signed(value: float, digits: str, prefix: str = "", suffix: str = "", plus: bool = False) -> str:
    shown = digits.strip("0.,") != ""  # what is rounded to nothing has no sign
    sign = "−" if value < 0 and shown else "+" if plus and value > 0 and shown else ""
    return f"{sign}{prefix}{digits}{suffix}"


def money(value: float | None, places: int = 2, plus: bool = False) -> str:
    """Dollars: 1234.5 → "$1,234.50"."""
    if value is None or math.isnan(value):
        return NOT_MEASURED
    return _signed(value, f"{abs(value):,.{places}f}", prefix="$", plus=plus)


def percent(value: float | None, places: int = 2, plus: bool = False) -> str:
    """A fraction as percent: 0.0123 → "1.23%"."""
    if value is None or math.isnan(value):
        return NOT_MEASURED
    return _signed(value, f"{abs(value) * 100:,.{places}f}", suffix="%", plus=plus)


def limit(value: float | None) -> str:
    """A limit as percent, with no more decimals than it has: 0.05 → "5%", 0.0175 → "1.75%"."""
    digits = percent(value, 2)
    return digits if value is None or math.isnan(value) else f"{digits[:-1].rstrip('0').rstrip('.')}%"


def share(value: float | None) -> str:
    """A fraction as whole percent; tiny ones are "<1%", so that something is never printed as nothing."""
    if value is not None and 0 < value < 0.005:
        return "<1%"
    return percent(value, 0)


def bp(value: float | None, places: int = 1, plus: bool = False) -> str:
    """Basis points, given in basis points: 1.26 → "1.3 bp"."""
    if value is None or math.isnan(value):
        return NOT_MEASURED
    return _signed(value, f"{abs(value):,.{places}f}", suffix=" bp", plus=plus)


def count(value: float | None) -> str:
    """A whole number with thousands separated."""
    if value is None or math.isnan(value):
        return NOT_MEASURED
    return _signed(value, f"{abs(round(value)):,}")


def factor(value: float | None, places: int = 2, plus: bool = False) -> str:
    """A pure number such as a ratio; infinite (no losses to divide by) is "∞"."""
    if value is None or math.isnan(value):
        return NOT_MEASURED
    return "∞" if math.isinf(value) else _signed(value, f"{abs(value):,.{places}f}", plus=plus)


def measure(value: float | None) -> str:
    """A number whose unit varies from row to row, with four significant digits."""
    if value is None or math.isnan(value):
        return NOT_MEASURED
    return _signed(value, f"{abs(value):,.4g}")


def quantity(value: float | None) -> str:
    """Shares, with decimals only where there are any."""
    if value is None or math.isnan(value):
        return NOT_MEASURED
    digits = f"{abs(value):,.6f}".rstrip("0").rstrip(".")
    return _signed(value, digits)


def duration(seconds: float | None) -> str:
    """A length of time in the two largest units that matter."""
    if seconds is None or math.isnan(seconds):
        return NOT_MEASURED
    if seconds < 0:
        return f"−{duration(-seconds)}"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def local(ns: int) -> datetime:
    """New York wall time of an instant, to the microsecond."""
    return datetime.fromtimestamp(ns // _SECOND, NEW_YORK) + timedelta(microseconds=ns % _SECOND // 1000)


def moment(ns: int | None) -> str:
    """An instant in New York with its zone: "10 Mar 2026 10:31 EDT"; seconds only where there are any."""
    if ns is None or ns == NEVER:
        return NOT_MEASURED
    when = local(int(ns))
    clock = f"{when:%H:%M:%S}" if when.second else f"{when:%H:%M}"
    return f"{when.day} {when:%b %Y} {clock} {when:%Z}"


def second(ns: int | None) -> str:
    """An instant in New York to the second: "10 Mar 2026 10:31:00 EDT"."""
    if ns is None or ns == NEVER:
        return NOT_MEASURED
    when = local(int(ns))
    return f"{when.day} {when:%b %Y} {when:%H:%M:%S} {when:%Z}"


def plural(n: int, noun: str) -> str:
    """A count with its noun: "1 fill", "2,000 fills"."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def day(days: int | None) -> str:
    """A date given as days since 1970-01-01: "Tue 10 Mar 2026"."""
    if days is None or days == NEVER:
        return NOT_MEASURED
    when = date(1970, 1, 1) + timedelta(days=int(days))
    return f"{when:%a} {when.day} {when:%b %Y}"


def parse_moment(text: str | None) -> int:
    """ISO 8601 text of run.json as int64 ns UTC; `NEVER` for none. Text without a zone is UTC."""
    if not text:
        return NEVER
    when = datetime.fromisoformat(text)
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return int(when.timestamp()) * _SECOND + when.microsecond * 1000


def words(name: str) -> str:
    """An enumeration's name for a reader: "limit_touch" → "limit touch"."""
    return " ".join({"qty": "quantity", "adv": "ADV"}.get(word, word) for word in name.split("_"))


def title(name: str) -> str:
    """An enumeration's name as the beginning of a line: "limit_touch" → "Limit touch"."""
    return words(name)[:1].upper() + words(name)[1:]


def axis_labels(kind: str, ticks: Sequence[float]) -> list[str]:
    """Short labels of axis ticks with the decimals their step needs; `kind` money, percent, bp, duration or plain."""
    if not len(ticks):
        return []
    if kind == "duration":
        return [duration(tick) for tick in ticks]
    scale, prefix, suffix = {"percent": (100.0, "", "%"), "bp": (1.0, "", "")}.get(kind, (1.0, "", ""))
    if kind == "money":
        top = max(abs(tick) for tick in ticks)
        scale, suffix = (1.0, "") if top < 1e4 else (1e-3, "k") if top < 1e7 else (1e-6, "M")
        prefix = "$"
    values = [tick * scale for tick in ticks]
    step = min((abs(b - a) for a, b in pairwise(values)), default=abs(values[0])) or 1.0
    places = next((n for n in range(6) if abs(round(step, n) - step) < step * 1e-3), 6)
    return [_signed(value, f"{abs(value):,.{places}f}", prefix, suffix) for value in values]
