"""The kinds of value that a scenario file holds, each with the unit that the engine uses.

Numbers are Decimal from the file to the edge of the engine, so that 0.1 is a tenth. Durations are written
with their unit ("12m", "250ms", "1h30m") or in ISO 8601 ("PT12M"), and are held as int nanoseconds. Moments
need an offset from UTC and are held as int nanoseconds since 1970, UTC. Nothing is guessed: a number in
quotes, a duration without a unit and a time without a zone are refused with the remedy.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic_core import PydanticCustomError

UNIT_NS = {
    "d": 86_400_000_000_000,
    "h": 3_600_000_000_000,
    "m": 60_000_000_000,
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1_000,
    "ns": 1,
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LARGEST_MONEY = 1_000_000_000
SYMBOL = r"[A-Z][A-Z0-9.]{0,14}"

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|ns|d|h|m|s)")
_SPELLED = re.compile(rf"(?:{_PART.pattern})+")
_ISO = re.compile(r"P(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


class Section(BaseModel):
    """What all sections share: unknown keys are errors, types are strict, nothing changes once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def refusal(problem: str, remedy: str, key: str = "") -> PydanticCustomError:
    """The error of our own validators; `key` names the key at fault below the place of the validator."""
    context = {"problem": problem, "remedy": remedy, "key": key}
    return PydanticCustomError("refused", "{problem}", context)


def parse_duration(value: object) -> int:
    """Nanoseconds of "90s", "1h30m" or "PT12M"."""
    remedy = 'Write a number with its unit, such as "250ms", "90s", "12m" or "5d".'
    if not isinstance(value, str):
        raise refusal(f"{value} is no duration", remedy)
    text = value.strip()
    if _SPELLED.fullmatch(text):
        parts = [(Decimal(number), unit) for number, unit in _PART.findall(text)]
    elif (iso := _ISO.fullmatch(text)) and any(iso.groups()):
        parts = [(Decimal(n), u) for n, u in zip(iso.groups(), ("d", "h", "m", "s"), strict=True) if n]
    else:
        raise refusal(f'"{value}" is no duration', remedy)
    return int(sum(number * UNIT_NS[unit] for number, unit in parts))


def duration_text(nanoseconds: int) -> str:
    """A duration in the largest unit that divides it: "90s", "12m"."""
    for unit, size in UNIT_NS.items():
        if nanoseconds and nanoseconds % size == 0:
            return f"{nanoseconds // size}{unit}"
    return "0s"


def parse_moment(value: object) -> int:
    """Nanoseconds since 1970 of a date and time with an offset, TOML's own or ISO 8601 text."""
    remedy = "Write date, time and offset, such as 2026-03-04T10:15:00-05:00."
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise refusal(f'"{value}" is no time', remedy) from None
    if not isinstance(moment, datetime):
        raise refusal(f"{value} is no time", remedy)
    if moment.tzinfo is None:
        raise refusal(f"{moment.isoformat()} has no time zone", remedy)
    return (moment - EPOCH) // timedelta(microseconds=1) * 1_000


def moment_of(nanoseconds: int) -> datetime:
    """The UTC date and time of nanoseconds since 1970."""
    return EPOCH + timedelta(microseconds=nanoseconds // 1_000)


def frozen_list(value: Any) -> Any:
    """A TOML array as the tuple that its type demands."""
    return tuple(value) if isinstance(value, list) else value


def _exact(value: Any) -> Any:
    """Numbers as Decimal, everything else as it is, for the type check that follows."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return Decimal(repr(value)) if isinstance(value, float) else value


def _micros(value: Decimal) -> Decimal:
    """A number that the engine can hold: whole millionths."""
    if value != value.quantize(Decimal("0.000001")):
        raise refusal(f"{value} is finer than a millionth", "Give at most six decimals.")
    return value


def spelled(pattern: str, remedy: str) -> AfterValidator:
    """Demand that a text matches the pattern from end to end."""

    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise refusal(f'"{value}" is not spelled as it must be', remedy)
        return value

    return AfterValidator(check)


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    for i, value in enumerate(values):
        if value in values[:i]:
            raise refusal(f"{value} is named twice", "Name each symbol once.")
    return values


Number = Annotated[Decimal, BeforeValidator(_exact)]
Share = Annotated[Number, Field(ge=0, le=1)]
PositiveShare = Annotated[Number, Field(gt=0, le=1)]
BasisPoints = Annotated[Number, Field(ge=0, le=10_000)]
Money = Annotated[Number, Field(ge=0, le=LARGEST_MONEY), AfterValidator(_micros)]
PositiveMoney = Annotated[Number, Field(gt=0, le=LARGEST_MONEY), AfterValidator(_micros)]
Count = Annotated[int, Field(ge=0)]
PositiveCount = Annotated[int, Field(ge=1)]
Duration = Annotated[int, BeforeValidator(parse_duration), PlainSerializer(duration_text)]
PositiveDuration = Annotated[Duration, Field(gt=0)]
Moment = Annotated[int, BeforeValidator(parse_moment), PlainSerializer(moment_of)]
Symbol = Annotated[str, spelled(SYMBOL, "Write symbols in capitals, such as AAPL or BRK.B.")]
Symbols = Annotated[
    tuple[Symbol, ...],
    BeforeValidator(frozen_list),
    Field(min_length=1),
    AfterValidator(_unique),
]
