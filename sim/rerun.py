"""A recorded run, made again from its own configuration and compared with the record.

A run is a function of its configuration, its data and the code, so making it again must give the same rows to
the last bit; where it does not, the first place at which the two part says more than any summary. "First" is
meant in simulated time, since whatever comes later may only follow from it. An order's row tells its whole
life, so it counts at its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from core.config import load_settings
from core.errors import InputError
from core.run_schema import TABLES
from core.runs import Run
from core.settings.scenario import Settings
from sim import scenario

TIMES = {"fills": "time", "decisions": "time", "orders": "terminal_at", "equity": "time"}
"""The tables that are compared, by the column that dates a row; of one instant the cause comes first."""

HASHES = ("command_stream_hash", "final_state_hash")
VENUE_ONLY = {
    "orders": ("accepted_at", "activated_at", "triggered_at", "filled_at", "canceled_at", "expired_at", "terminal_at"),
    "fills": (
        "execution_id",
        "mid_fill",
        "mid_arrival",
        "mid_decision",
        "half_spread",
        "slippage",
        "rule",
        "ambiguous",
        "synthetic",
    ),
}
"""What only the venue's own record knows: columns that a run over a broker's interface fills with what was heard."""

ORDER: dict[str, Sequence[str]] = {"fills": ("time", "client_order_id", "price", "qty"), "decisions": (), "orders": ()}
"""The tables of trading, and what they are sorted by where the order of rows says nothing."""
NEVER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first place where a repeated run parts from the record.

    `row` counts from 0 and is None for a value of run.json. `recorded` and `repeated` are the values as text;
    None stands for null and for a row that only one of them has. `time` is in ns UTC, NEVER where unknown.
    """

    table: str
    row: int | None
    column: str
    recorded: str | None
    repeated: str | None
    time: int = NEVER

    def __str__(self) -> str:
        place = f"{self.table}.parquet row {self.row}" if self.row is not None else self.table
        return f"{place}, {self.column}: recorded {self.recorded or 'nothing'}, now {self.repeated or 'nothing'}"


def rerun(run: Run, out: Path, bars: Path | None = None, progress: scenario.Progress | None = None) -> Run:
    """Make a simulated run again from its config.toml, writing it to `out`.

    `bars` is where the data lies now, if it has moved. Raises InputError when the run is not a simulation, its
    data cannot be found, or the data is not what the run was made on.
    """
    if run.run["kind"] != "sim":
        problem = f"is a {run.run['kind']} run, which a configuration alone cannot repeat"
        raise InputError(str(run.path), problem, "Name the folder of a simulated run.")
    overrides = {"data.bars": str(bars.resolve())} if bars is not None else {}
    settings = load_settings(run.path / "config.toml", overrides)
    _demand_same_data(run, settings)
    return Run.open(scenario.run(settings, out, progress).path)


def compare_runs(recorded: Run, repeated: Run) -> Divergence | None:
    """The earliest difference between two runs, bit for bit, or None when they are identical.

    Compares the published columns of the tables in TIMES, then the hashes of the command stream and of the
    final state, which see everything else that the engine did.
    """
    found = [_compare_table(table, recorded, repeated) for table in TIMES]
    apart = [divergence for divergence in found if divergence is not None]
    if apart:
        return min(apart, key=lambda divergence: divergence.time)
    return _compare_hashes(HASHES, recorded, repeated)


def same_trading(simulated: Run, live: Run) -> Divergence | None:
    """The earliest difference between a simulation and a live run of one scenario, or None.

    Every decision, order and fill row for row, but for the columns of VENUE_ONLY, and the hash of all commands. Fills
    of one instant have no order among symbols; here they are in that of their orders' names.
    """
    found = [_compare_table(table, simulated, live, _Seen(VENUE_ONLY.get(table, ()), ORDER[table])) for table in ORDER]
    apart = [divergence for divergence in found if divergence is not None]
    if apart:
        return min(apart, key=lambda divergence: divergence.time)
    return _compare_hashes(HASHES[:1], simulated, live)


def _compare_hashes(keys: Sequence[str], recorded: Run, repeated: Run) -> Divergence | None:
    for key in keys:
        if recorded.run[key] != repeated.run[key]:
            return Divergence("run.json", None, key, str(recorded.run[key]), str(repeated.run[key]))
    return None


def _demand_same_data(run: Run, settings: Settings) -> None:
    recorded = run.run["data"][0]
    try:
        folder = settings.bars_path()
    except InputError:
        problem = f"the data that it was made on, {recorded['folder']}, is not there any more"
        raise InputError(str(run.path), problem, "Say with --bars where it is now.") from None
    found = scenario.open_data(settings).manifest_sha256
    if found != recorded["manifest_sha256"]:
        expected = recorded["manifest_sha256"]
        problem = f"its data has the hash {found[:12]}…, and the run was made on {expected[:12]}…"
        raise InputError(str(folder), problem, "Say with --bars where the run's own data is, or make a new run.")


class _Seen(NamedTuple):
    """How a table is looked at: the columns that are left out, and those that it is sorted by, none for as it is."""

    ignored: Sequence[str] = ()
    order: Sequence[str] = ()


WHOLE = _Seen()


def _compare_table(table: str, recorded: Run, repeated: Run, seen: _Seen = WHOLE) -> Divergence | None:
    names = [name for name in TABLES[table].names if name not in seen.ignored]
    a, b = recorded.table(table, names), repeated.table(table, names)
    if seen.order:
        by = [(name, "ascending") for name in seen.order]
        a, b = a.sort_by(by), b.sort_by(by)
    common = min(a.num_rows, b.num_rows)
    rows = {name: first_difference(a[name].slice(0, common), b[name].slice(0, common)) for name in names}
    differing = {name: row for name, row in rows.items() if row >= 0}
    if not differing and a.num_rows == b.num_rows:
        return None
    row = min(differing.values(), default=common)
    column = next((name for name in names if differing.get(name) == row), names[0])
    dated = TIMES[table] if TIMES[table] in names else "created_at"
    times = [_time(side[dated], row) for side in (a, b)]
    return Divergence(table, row, column, text_at(a[column], row), text_at(b[column], row), min(times))


def first_difference(a: pa.ChunkedArray, b: pa.ChunkedArray) -> int:
    """The first row in which two columns of one type and length differ in a bit or in being null; -1 for none."""
    x, y = _comparable(a), _comparable(b)
    one_is_null = pc.xor(pc.is_null(x), pc.is_null(y))
    return int(pc.index(pc.or_(pc.fill_null(pc.not_equal(x, y), False), one_is_null), True).as_py())


def _comparable(column: pa.ChunkedArray) -> pa.Array:
    """The column with floats as their bits, so that NaN equals itself, and lists of names as one text."""
    if pa.types.is_list(column.type):
        return pc.binary_join(column, ",").combine_chunks()
    values = column.combine_chunks()
    return values.view(pa.int64()) if pa.types.is_floating(column.type) else values


def _time(times: pa.ChunkedArray, row: int) -> int:
    if row >= len(times) or not times[row].is_valid:
        return NEVER
    return int(times[row].cast(pa.int64()).as_py())


def text_at(column: pa.ChunkedArray, row: int) -> str | None:
    """A cell as text; None for null, and for a row that is not there."""
    if row >= len(column) or not column[row].is_valid:
        return None
    value = column[row]
    return ", ".join(value.as_py()) if pa.types.is_list(value.type) else str(value.cast(pa.string()).as_py())
