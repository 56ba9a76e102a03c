"""Durations, moments and exact numbers."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from core.settings.values import UNIT_NS, Number, duration_text, moment_of, parse_duration, parse_moment

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("90s", 90 * SECOND),
        ("12m", 720 * SECOND),
        ("5d", 5 * 86_400 * SECOND),
        ("250ms", SECOND // 4),
        ("1.5s", 3 * SECOND // 2),
        ("1h30m", 5_400 * SECOND),
        ("2us", 2_000),
        ("3ns", 3),
        ("0ms", 0),
        ("PT12M", 720 * SECOND),
        ("P5D", 5 * 86_400 * SECOND),
        ("P1DT2H3M4.5S", (86_400 + 7_200 + 180) * SECOND + 9 * SECOND // 2),
        (" 12m ", 720 * SECOND),
    ],
)
def test_durations(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "12", "m", "12 minutes", "-5s", "1w", "P", "PT", "PT5", "1.s", "5S", 12, 1.5])
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(PydanticCustomError) as error:
        parse_duration(text)
    assert "Write a number with its unit" in str(error.value.context)


@given(st.integers(0, 10**18))
def test_a_duration_survives_its_text(nanoseconds: int) -> None:
    assert parse_duration(duration_text(nanoseconds)) == nanoseconds


@pytest.mark.parametrize(("nanoseconds", "text"), [(size, f"1{unit}") for unit, size in UNIT_NS.items()])
def test_durations_are_written_in_their_largest_unit(nanoseconds: int, text: str) -> None:
    assert duration_text(nanoseconds) == text
    assert duration_text(90 * SECOND) == "90s"


def test_a_moment_is_the_same_in_every_zone() -> None:
    new_york = datetime(2026, 3, 4, 10, 15, tzinfo=timezone(timedelta(hours=-5)))
    utc = new_york.astimezone(UTC)
    assert parse_moment(new_york) == parse_moment(utc) == parse_moment("2026-03-04T10:15:00-05:00")
    assert parse_moment(utc) == int(utc.timestamp()) * SECOND
    assert moment_of(parse_moment(new_york)) == utc


@pytest.mark.parametrize("value", [datetime(2026, 3, 4, 10, 15), "2026-03-04T10:15:00", "noon", 17, True])  # noqa: DTZ001
def test_what_is_no_moment(value: object) -> None:
    with pytest.raises(PydanticCustomError) as error:
        parse_moment(value)
    assert "offset" in str(error.value.context)


def test_numbers_are_exact() -> None:
    adapter = TypeAdapter(Number)
    assert adapter.validate_python(0.1, strict=True) == Decimal("0.1")
    assert adapter.validate_python(3, strict=True) == Decimal(3)
    for value in (True, "0.1", None):
        with pytest.raises(ValidationError):
            adapter.validate_python(value, strict=True)
