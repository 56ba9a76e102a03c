"""Whether a run did what its scenario expects.

Metrics are single numbers of a run. Patterns are about time: a condition cuts the run into spans, and an
event may not happen in any of them, or must happen in each. Rows of one instant carry no order between
tables, so the instant of a change of state is given the benefit of the doubt: `never` looks strictly inside a
span, `must` at its ends as well.

Everything is read from the published tables, so that anyone can check the verdict from the run directory
alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.settings.expect import (
    END_OF,
    FAULT,
    STATES,
    Condition,
    Expectation,
    MetricExpectation,
    PatternExpectation,
)
from core.settings.values import moment_of

Times = npt.NDArray[np.int64]


class Tables(Protocol):
    """Whatever gives the tables of a run: core.runs.Run, or core.runs.RunWriter once it is closed."""

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows of a table, or only the named columns."""
        ...


BEGINNING, END = -(2**63), 2**63 - 1
CENT = 0.01
TIME_COLUMN = {"orders": "created_at"}


class Span(NamedTuple):
    """From `start` to `end`, ns UTC; BEGINNING and END where the run itself begins and ends."""

    start: int
    end: int


def evaluate(expectations: Iterable[Expectation], run: Mapping[str, Any], tables: Tables) -> list[dict[str, Any]]:
    """Verdicts for run.json: `text`, `ok` and `measured`, one an expectation.

    `run` holds at least `equity` and `positions` of run.json. `measured` is the metric's value, or for a
    pattern a sentence with the first witness. One that is not met also has `event`: the number of the last event that
    the engine had seen by then.
    """
    verdicts = []
    for expectation in expectations:
        if isinstance(expectation, MetricExpectation):
            measured = METRICS[expectation.metric](run, _window(expectation, tables))
            verdicts.append(_verdict(expectation.text, _within(expectation, measured), measured, END, tables))
        else:
            ok, witness, when = _look(expectation, tables)
            verdicts.append(_verdict(expectation.text, ok, witness, when, tables))
    return verdicts


def _verdict(text: str, ok: bool, measured: object, when: int, tables: Tables) -> dict[str, Any]:
    verdict = {"text": text, "ok": ok, "measured": measured}
    if not ok:
        events = tables.table("events", ["sequence", "t_visible"])
        before = int(np.searchsorted(_nanoseconds(events["t_visible"]), when, "right"))
        verdict["event"] = int(events["sequence"][before - 1].as_py()) if before else 0
    return verdict


class _Window:
    """The tables of a run between two times; a table without rows in it is empty."""

    def __init__(self, tables: Tables, start: int, end: int) -> None:
        self._tables, self._start, self._end = tables, start, end

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows whose time lies in the window."""
        rows = self._tables.table(name)
        times = _nanoseconds(rows[TIME_COLUMN.get(name, "time")])
        rows = rows.filter(pa.array((times >= self._start) & (times < self._end)))
        return rows if columns is None else rows.select(list(columns))


def _window(expectation: MetricExpectation, tables: Tables) -> Tables:
    if expectation.start is None and expectation.end is None:
        return tables
    start, end = expectation.start, expectation.end
    return _Window(tables, BEGINNING if start is None else start, END if end is None else end)


def _within(expectation: MetricExpectation, measured: float) -> bool:
    """Bounds are inclusive; a float is compared by the digits that it prints."""
    value = Decimal(repr(measured))
    above = expectation.at_least is None or value >= expectation.at_least
    below = expectation.at_most is None or value <= expectation.at_most
    return above and below and (expectation.equals is None or value == expectation.equals)


# Metrics


def _numbers(table: pa.Table, name: str) -> npt.NDArray[np.float64]:
    whole = table.column(name).cast(pa.float64()).combine_chunks()
    numbers: npt.NDArray[Any] = np.from_dlpack(whole)  # pyarrow's own to_numpy would import pandas
    return numbers


def _max_drawdown(run: Mapping[str, Any], tables: Tables) -> float:
    return round(float(_numbers(tables.table("equity", ["drawdown"]), "drawdown").max(initial=0.0)), 9)


def _worst_day(run: Mapping[str, Any], tables: Tables) -> float:
    rows = tables.table("equity", ["equity", "day_start_equity"])
    loss = 1 - _numbers(rows, "equity") / np.maximum(_numbers(rows, "day_start_equity"), CENT)
    return round(float(loss.max(initial=0.0)), 9)


def _return(run: Mapping[str, Any], tables: Tables) -> float:
    value = _numbers(tables.table("equity", ["unit_value"]), "unit_value")
    return round(float(value[-1] / value[0] - 1), 9) if len(value) else 0.0


def _max_gross(run: Mapping[str, Any], tables: Tables) -> float:
    rows = tables.table("equity", ["gross", "equity"])
    share = _numbers(rows, "gross") / np.maximum(_numbers(rows, "equity"), CENT)
    return round(float(share.max(initial=0.0)), 9)


def _says(column: pa.ChunkedArray, text: str) -> pa.ChunkedArray:
    """Which rows say exactly this. A pattern, since a comparison with a value of Python would import pandas."""
    return pc.match_substring_regex(column, f"^{re.escape(text)}$")


def _ambiguous_share(run: Mapping[str, Any], tables: Tables) -> float:
    orders = tables.table("orders", ["client_order_id", "role"])
    exits = orders.filter(pc.invert(_says(orders["role"], "entry")))["client_order_id"]
    fills = tables.table("fills", ["client_order_id", "ambiguous"])
    ambiguous = fills.filter(pc.is_in(fills["client_order_id"], exits))["ambiguous"]
    return round((pc.sum(ambiguous).as_py() or 0) / max(len(ambiguous), 1), 9)


def _rows(table: str, column: str, value: str | None = None) -> Callable[[Mapping[str, Any], Tables], int]:
    """The metric that counts the rows of a table, or those with a value in a column."""

    def count(run: Mapping[str, Any], tables: Tables) -> int:
        found = tables.table(table, [column])[column]
        return len(found) if value is None else int(pc.sum(_says(found, value)).as_py() or 0)

    return count


def _degraded_minutes(run: Mapping[str, Any], tables: Tables) -> int:
    mode = tables.table("equity", ["mode"])["mode"]
    return int(pc.sum(pc.invert(_says(mode, "normal"))).as_py() or 0)


def _normal_at_end(run: Mapping[str, Any], tables: Tables) -> int:
    mode = tables.table("equity", ["mode"])["mode"]
    return int(len(mode) > 0 and mode[-1].as_py() == "normal")


METRICS: dict[str, Callable[[Mapping[str, Any], Tables], float]] = {
    "max_drawdown": _max_drawdown,
    "worst_day": _worst_day,
    "final_equity": lambda run, tables: float(run["equity"]),
    "return": _return,
    "max_gross": _max_gross,
    "decisions": _rows("decisions", "verdict"),
    "refused": _rows("decisions", "verdict", "refused"),
    "orders": _rows("orders", "status"),
    "fills": _rows("fills", "side"),
    "unknown_orders": _rows("orders", "status", "unknown"),
    "open_positions": lambda run, tables: sum(p["qty"] != 0 for p in run["positions"].values()),
    "ambiguous_share": _ambiguous_share,
    "critical_events": _rows("risk_events", "severity", "critical"),
    "degraded_minutes": _degraded_minutes,
    "normal_at_end": _normal_at_end,
    "unfinished": lambda run, tables: len(run.get("unfinished", ())),
    "faults_fired": lambda run, tables: int(pc.sum(tables.table("faults", ["fired"])["fired"]).as_py() or 0),
}

# Patterns


class Source(NamedTuple):
    """Where an event is read: the times of `table` where `where` has (or, negated, has not) the value."""

    table: str
    time: str
    where: str | None = None
    value: str = ""
    negated: bool = False


ORDER_SOURCES: dict[str, Source] = {
    "order_submitted": Source("orders", "submitted_at"),
    "entry_submitted": Source("orders", "submitted_at", "role", "entry"),
    "exit_submitted": Source("orders", "submitted_at", "role", "entry", negated=True),
    "order_accepted": Source("orders", "accepted_at"),
    "order_triggered": Source("orders", "triggered_at"),
    "order_filled": Source("orders", "filled_at", "status", "filled"),
    "order_canceled": Source("orders", "canceled_at"),
    "order_expired": Source("orders", "expired_at"),
    "order_rejected": Source("orders", "rejected_at"),
    "order_replaced": Source("orders", "replaced_at"),
    "fill": Source("fills", "time"),
    "decision_approved": Source("decisions", "time", "verdict", "approved"),
    "decision_refused": Source("decisions", "time", "verdict", "refused"),
}


UNTOLD = frozenset({"order_triggered"})
"""Events that a venue knows and no broker tells: where a broker stood between, nothing can be expected of them."""


def is_told(expectation: Expectation) -> bool:
    """Whether a run over a broker's interface can be judged by this."""
    return isinstance(expectation, MetricExpectation) or not UNTOLD & {expectation.event, expectation.after}


def _look(expectation: PatternExpectation, tables: Tables) -> tuple[bool, str, int]:
    """Whether the pattern holds, the sentence that says why, and the time of the first witness."""
    after = expectation.after
    spans = _spans(expectation.condition, tables) if after is None else _spans_after(after, tables)
    if expectation.within is not None:
        opening = _nanoseconds(tables.table("equity", ["time"])["time"])[:1].max(initial=BEGINNING)
        starts = [max(span.start, int(opening)) for span in spans]
        ends = [min(span.end, start + expectation.within) for span, start in zip(spans, starts, strict=True)]
        spans = [Span(span.start, end) for span, end in zip(spans, ends, strict=True)]
    times = _event_times(expectation.event, tables)
    strict = expectation.never is not None and (expectation.condition is not None or after is not None)
    hits = [_inside(times, span, strict) for span in spans]
    if expectation.never is not None:
        found = np.concatenate([np.empty(0, np.int64), *hits])
        first = f", first at {_clock(int(found[0]))}" if len(found) else ""
        return len(found) == 0, f"{len(found)} times{first}", int(found[0]) if len(found) else END
    if not spans and after is not None:
        return False, f"there was no {after}", END
    empty = [span for span, hit in zip(spans, hits, strict=True) if len(hit) == 0]
    first = f", first in the one from {_clock(empty[0].start)}" if empty else ""
    return not empty, f"missing in {len(empty)} of {len(spans)} spans{first}", empty[0].end if empty else END


def _spans_after(anchor: str, tables: Tables) -> list[Span]:
    """A span from each event of a name, or from each fault of a kind, to the end of the run."""
    kind = anchor.removeprefix(FAULT).removeprefix(END_OF)
    if kind == anchor:
        return [Span(time, END) for time in _event_times(anchor, tables).tolist()]
    rows = tables.table("faults", ["kind", "until", "first_effect"])
    rows = rows.filter(_says(rows["kind"], kind))
    times = rows["first_effect" if anchor.startswith(FAULT) else "until"].drop_null()
    return [Span(time, END) for time in _nanoseconds(times).tolist()]


def _clock(time: int) -> str:
    return "the beginning" if time == BEGINNING else moment_of(time).isoformat()


def _inside(times: Times, span: Span, strict: bool) -> Times:
    """The sorted times within a span, its ends excluded when strict."""
    first = np.searchsorted(times, span.start, "right" if strict else "left")
    last = np.searchsorted(times, span.end, "left" if strict else "right")
    return times[first : max(first, last)]


def _event_times(event: str, tables: Tables) -> Times:
    """Sorted times of an event; a name that is not about orders is a kind of risk event."""
    source = ORDER_SOURCES.get(event, Source("risk_events", "time", "kind", event))
    rows = tables.table(source.table, [source.time] + ([source.where] if source.where else []))
    if source.where:
        mine = _says(rows[source.where], source.value)
        rows = rows.filter(pc.invert(mine) if source.negated else mine)
    return np.sort(_nanoseconds(rows[source.time].drop_null()))


def _spans(condition: Condition | None, tables: Tables) -> list[Span]:
    """Spans of the run in which the condition holds; without a condition the whole run."""
    if condition is None:
        return [Span(BEGINNING, END)]
    times, states = _changes(condition.subject, tables)
    spans: list[Span] = []
    for (start, end), state in zip(pairwise([BEGINNING, *times, END]), states, strict=True):
        if condition.holds(state) and start < end:
            joined = spans.pop().start if spans and spans[-1].end == start else start
            spans.append(Span(joined, end))
    return spans


def _changes(subject: str, tables: Tables) -> tuple[list[int], list[str]]:
    """Times at which a state changed, and the states before, between and after them."""
    lane = subject.partition(".")[2]
    rows = tables.table("risk_events", ["time", "kind", "metric", "mode_from", "mode_to"])
    mine = _says(rows["kind"], "breaker_change" if lane else "mode_change")
    if lane:
        mine = pc.and_(mine, _says(rows["metric"], lane))
    rows = rows.filter(mine)
    before = rows["mode_from"].to_pylist()[:1] or [STATES[subject][0]]
    return _nanoseconds(rows["time"]).tolist(), before + rows["mode_to"].to_pylist()


def _nanoseconds(times: pa.ChunkedArray) -> Times:
    return np.array(times.cast(pa.int64()).to_pylist(), np.int64)
