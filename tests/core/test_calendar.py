"""The exchange calendar against facts known by hand, and its cache."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from core import calendar
from core.calendar import HOUR, MINUTE, as_date, day_number, sessions, sessions_at, utc_text
from core.errors import InputError

# As published by the exchange; the last three were closed at short notice.
CLOSED = """
2024-01-01 2024-01-15 2024-02-19 2024-03-29 2024-05-27 2024-06-19 2024-07-04 2024-09-02 2024-11-28 2024-12-25
2025-01-01 2025-01-20 2025-02-17 2025-04-18 2025-05-26 2025-06-19 2025-07-04 2025-09-01 2025-11-27 2025-12-25
2026-01-01 2026-01-19 2026-02-16 2026-04-03 2026-05-25 2026-06-19 2026-07-03 2026-09-07 2026-11-26 2026-12-25
2027-01-01 2027-01-18 2027-02-15 2027-03-26 2027-05-31 2027-06-18 2027-07-05 2027-09-06 2027-11-25 2027-12-24
2012-10-29 2018-12-05 2025-01-09
"""
EARLY = """
2024-07-03 2024-11-29 2024-12-24 2025-07-03 2025-11-28 2025-12-24 2026-11-27 2026-12-24 2027-11-26
"""


def dates(text: str) -> list[date]:
    return [date.fromisoformat(word) for word in text.split()]


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * calendar.SECOND


def one(day: date) -> np.void:
    (session,) = sessions(day, day)
    return session


def test_the_day_after_thanksgiving_2026_closes_at_one():
    session = one(date(2026, 11, 27))
    assert session["date"] == day_number(date(2026, 11, 27))
    assert session["pre"] == ns("2026-11-27T04:00:00-05:00")
    assert session["open"] == ns("2026-11-27T09:30:00-05:00")
    assert session["close"] == ns("2026-11-27T13:00:00-05:00")
    assert session["post"] == ns("2026-11-27T17:00:00-05:00")
    assert session["early"] == 1


def test_a_summer_session_lies_in_daylight_time():
    session = one(date(2026, 7, 1))
    assert session["pre"] == ns("2026-07-01T04:00:00-04:00")
    assert session["open"] == ns("2026-07-01T13:30:00+00:00")
    assert session["close"] == ns("2026-07-01T20:00:00+00:00")
    assert session["post"] == ns("2026-07-01T20:00:00-04:00")
    assert session["early"] == 0


@pytest.mark.parametrize("day", dates(CLOSED))
def test_holidays_and_closures_have_no_session(day):
    assert len(sessions(day, day)) == 0


def test_years_2024_to_2027_hold_every_other_weekday():
    table = sessions(date(2024, 1, 1), date(2027, 12, 31))
    span = (date(2024, 1, 1) + timedelta(days=n) for n in range(4 * 365 + 1))
    closed = set(dates(CLOSED))
    assert [as_date(day) for day in table["date"]] == [day for day in span if day.weekday() < 5 and day not in closed]


def test_early_closes_of_2024_to_2027():
    table = sessions(date(2024, 1, 1), date(2027, 12, 31))
    assert [as_date(day) for day in table["date"][table["early"] == 1]] == dates(EARLY)


def sunday(year: int, month: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (nth - 1))


@pytest.mark.parametrize("year", range(2007, 2031))
def test_clock_changes_move_the_open_by_an_hour_in_utc(year):
    for change, before, after in ((sunday(year, 3, 2), 14, 13), (sunday(year, 11, 1), 13, 14)):
        table = sessions(change - timedelta(days=5), change + timedelta(days=5))
        opens = table["open"] - table["date"] * 24 * HOUR
        earlier = table["date"] < day_number(change)
        assert earlier.any()
        assert not earlier.all()
        assert set(opens[earlier]) == {before * HOUR + 30 * MINUTE}
        assert set(opens[~earlier]) == {after * HOUR + 30 * MINUTE}


@pytest.mark.parametrize("year", range(2007, 2031))
def test_the_day_after_thanksgiving_closes_early(year):
    first = date(year, 11, 1)
    thanksgiving = first + timedelta(days=(3 - first.weekday()) % 7 + 21)
    assert len(sessions(thanksgiving, thanksgiving)) == 0
    assert one(thanksgiving + timedelta(days=1))["early"] == 1


def test_sessions_never_overlap_and_have_their_known_lengths():
    table = sessions(date(1990, 1, 1), date(2049, 12, 31))
    assert (table["post"][:-1] < table["pre"][1:]).all()
    assert set(table["open"] - table["pre"]) == {5 * HOUR + 30 * MINUTE}
    assert set((table["close"] - table["open"])[table["early"] == 0]) == {6 * HOUR + 30 * MINUTE}
    assert set((table["post"] - table["pre"])[table["early"] == 0]) == {16 * HOUR}
    assert set((table["post"] - table["pre"])[table["early"] == 1]) == {13 * HOUR}


def test_times_find_their_session():
    friday, monday = one(date(2026, 3, 6)), one(date(2026, 3, 9))
    times = np.array([friday["pre"] - 1, friday["pre"], friday["post"], friday["post"] + 1, monday["open"]])
    table, row = sessions_at(times)
    assert (row < 0).tolist() == [True, False, False, True, False]
    assert table["date"][row[[1, 2, 4]]].tolist() == [friday["date"], friday["date"], monday["date"]]


def test_the_table_cannot_be_changed_by_a_caller():
    sessions(date(2026, 3, 6), date(2026, 3, 6))["open"] = 0
    assert one(date(2026, 3, 6))["open"] == ns("2026-03-06T14:30:00+00:00")


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (date(2026, 1, 2), date(2026, 1, 1)),
        (date(1989, 12, 31), date(1990, 1, 5)),
        (date(2049, 1, 1), date(2050, 1, 1)),
    ],
)
def test_impossible_spans_are_refused(start, end):
    with pytest.raises(InputError):
        sessions(start, end)


def test_dates_and_day_numbers_are_inverse():
    assert day_number(date(1970, 1, 1)) == 0
    assert as_date(day_number(date(2026, 11, 27))) == date(2026, 11, 27)


def test_times_as_text():
    noon = int(datetime(2026, 3, 6, 12, tzinfo=UTC).timestamp()) * calendar.SECOND
    assert utc_text(noon) == "2026-03-06T12:00:00Z"
    assert utc_text(noon + 5) == "2026-03-06T12:00:00.000000005Z"


@pytest.fixture
def cold_cache(tmp_path, monkeypatch):
    """A cache folder of its own, and the number of times that the calendar was computed."""
    computed: list[int] = []
    table = sessions(date(1990, 1, 1), date(2049, 12, 31))

    def compute():
        computed.append(1)
        return table.copy()

    monkeypatch.setattr(calendar, "_compute", compute)
    monkeypatch.setattr(calendar.platformdirs, "user_cache_path", lambda _: tmp_path / "cache")
    calendar._whole_table.cache_clear()
    yield tmp_path / "cache", computed
    calendar._whole_table.cache_clear()


def again() -> np.void:
    calendar._whole_table.cache_clear()
    return one(date(2026, 11, 27))


def test_the_calendar_is_computed_once_and_then_read(cold_cache):
    _, computed = cold_cache
    first = one(date(2026, 11, 27))
    assert again() == first
    assert len(computed) == 1


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_cache_is_computed_anew(cold_cache, damage):
    folder, computed = cold_cache
    right = one(date(2026, 11, 27))
    (file,) = folder.iterdir()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes({"cut": bytes(content[:5000]), "flip": bytes(content), "empty": b""}[damage])
    assert again() == right
    assert len(computed) == 2


def test_an_unwritable_cache_folder_costs_time_only(cold_cache):
    folder, computed = cold_cache
    Path(folder).write_text("a file where the folder should be")
    assert again() == again()
    assert len(computed) == 2


def test_what_is_computed_is_what_is_cached():
    table = calendar._compute()
    assert (table == sessions(date(1990, 1, 1), date(2049, 12, 31))).all()
