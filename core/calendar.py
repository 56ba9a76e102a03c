"""The exchange calendar of the New York Stock Exchange (XNYS) as one table of int64 times.

Holidays, early closes and unscheduled closures come from exchange_calendars. That package takes most of a
second to import and build, so the whole table is kept as a file in the user's cache folder, keyed by the
package's version and the span; a missing, damaged or unwritable cache costs time and never a result. Hours
around the regular session are those of the venues: 04:00 to 20:00 New York time, to 17:00 on early closes.
"""

from __future__ import annotations

import contextlib
import functools
import tempfile
import warnings
import zipfile
from datetime import date, datetime, time, timedelta
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import platformdirs

from core.errors import InputError

FIRST_YEAR, LAST_YEAR = 1990, 2049
NEW_YORK = ZoneInfo("America/New_York")
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

SESSION = np.dtype([("date", "i8"), ("pre", "i8"), ("open", "i8"), ("close", "i8"), ("post", "i8"), ("early", "i8")])
"""One session: `date` in days since 1970-01-01, then ns UTC; `early` is 1 when the close is before 16:00."""

Sessions = npt.NDArray[np.void]


def sessions(start: date, end: date) -> Sessions:
    """The SESSION rows of every XNYS session from `start` to `end`, both included, in order.

    Raises InputError for dates outside 1990–2049 and for an end before its start.
    """
    if end < start:
        raise InputError(f"{start} to {end}", "the end lies before the start", "Swap the two dates")
    for day in (start, end):
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            span = f"{FIRST_YEAR} to {LAST_YEAR}"
            raise InputError(str(day), "the exchange calendar does not reach this date", f"Use years {span}")
    table = _whole_table()
    first, last = np.searchsorted(table["date"], (day_number(start), day_number(end) + 1))
    return table[first:last].copy()


def sessions_at(times: npt.NDArray[np.int64]) -> tuple[Sessions, npt.NDArray[np.int64]]:
    """The whole calendar and, for each time (ns UTC), its row with `pre` <= time <= `post`; -1 = none."""
    table = _whole_table()
    row = np.searchsorted(table["pre"], times, side="right") - 1
    inside = (row >= 0) & (times <= table["post"][row])
    return table, np.where(inside, row, -1)


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - date(1970, 1, 1)).days


def as_date(day: int) -> date:
    """The date that lies `day` days after 1970-01-01."""
    return date(1970, 1, 1) + timedelta(days=int(day))


def utc_text(time: int) -> str:
    """A time in ns UTC as ISO text, to the second where that is exact."""
    moment = np.datetime64(int(time), "ns")
    return np.datetime_as_string(moment, "s" if time % SECOND == 0 else "ns") + "Z"


def kept_until() -> date | None:
    """Date of the last session in the user's cache, without building it; None when it is not built yet."""
    table = _read_cache(_cache_path())
    return None if table is None else as_date(table["date"][-1])


@functools.cache
def _whole_table() -> Sessions:
    table = _read_cache(_cache_path())
    if table is None:
        table = _compute()
        _write_cache(_cache_path(), table)
    table.flags.writeable = False
    return table


def _cache_path() -> Path:
    name = f"xnys-{version('exchange_calendars')}-{FIRST_YEAR}-{LAST_YEAR}.npz"
    return platformdirs.user_cache_path("seatrial") / name


def _read_cache(path: Path) -> Sessions | None:
    # The npz container is chosen for its checksum: a damaged cache is computed anew, never believed.
    try:
        with path.open("rb") as file, np.load(file) as archive:
            table: Sessions = archive["sessions"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return table if table.dtype == SESSION else None


def _write_cache(path: Path, table: Sessions) -> None:
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
            np.savez(part, sessions=table)
        Path(part.name).replace(path)


def _compute() -> Sessions:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import exchange_calendars

        exchange = exchange_calendars.get_calendar("XNYS", start=f"{FIRST_YEAR}-01-01", end=f"{LAST_YEAR}-12-31")
        days = exchange.sessions.to_numpy().astype("datetime64[D]").astype(np.int64)
        opens, closes = exchange.opens_nanos, exchange.closes_nanos
    table = np.zeros(len(days), SESSION)
    table["date"], table["open"], table["close"] = days, opens, closes
    # New York changes its clocks on Sundays before dawn, so midnight and the session share one offset.
    midnight = np.array([_midnight(as_date(day)) for day in days], np.int64)
    table["early"] = closes < midnight + 16 * HOUR
    table["pre"] = midnight + 4 * HOUR
    table["post"] = midnight + np.where(table["early"] == 1, 17, 20) * HOUR
    return table


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(), NEW_YORK).timestamp()) * SECOND
