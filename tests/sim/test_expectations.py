"""Expectations on small hand-made runs, where the answer can be read off the rows."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from core.run_schema import TABLES
from core.settings.expect import EVENTS, METRICS, MetricExpectation, PatternExpectation
from sim import expectations
from sim.expectations import evaluate

MINUTE = 60 * 10**9
START = 1_772_461_800 * 10**9  # 2026-03-02 14:30 UTC


def filler(kind: pa.DataType) -> Any:
    """Any value of a type, for the columns that a test does not speak of."""
    if pa.types.is_timestamp(kind):
        return START
    if pa.types.is_decimal(kind):
        return Decimal(0)
    if pa.types.is_list(kind):
        return []
    return b"" if pa.types.is_binary(kind) else {"string": "x", "bool": False, "double": 0.0, "int64": 0}[str(kind)]


class Book:
    """A run in memory: tables from rows that name only what matters."""

    def __init__(self, **tables: list[dict[str, Any]]) -> None:
        self.tables = {name: self.rows(name, tables.get(name, [])) for name in TABLES}

    @staticmethod
    def rows(name: str, rows: list[dict[str, Any]]) -> pa.Table:
        columns = {}
        for field in TABLES[name]:
            default = None if field.nullable else filler(field.type)
            columns[field.name] = pa.array([row.get(field.name, default) for row in rows], field.type)
        return pa.table(columns, schema=TABLES[name])

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        return self.tables[name] if columns is None else self.tables[name].select(list(columns))


def equity(minute: int, value: int, **columns: Any) -> dict[str, Any]:
    row = {"time": START + minute * MINUTE, "equity": Decimal(value), "unit_value": Decimal(value)}
    return row | {"day_start_equity": Decimal(1000), "gross": Decimal(0)} | columns


def order(key: str, **columns: Any) -> dict[str, Any]:
    return {"client_order_id": key, "role": "entry", "status": "filled", "submitted_at": START} | columns


def note(minute: int, kind: str, **columns: Any) -> dict[str, Any]:
    return {"time": START + minute * MINUTE, "kind": kind} | columns


RUN = {
    "equity": 990.5,
    "positions": {"AAA": {"qty": 5}, "BBB": {"qty": 0}, "CCC": {"qty": -2}},
    "unfinished": ["unknown_order", "breaker_open_submit"],
}
BOOK = Book(
    equity=[
        equity(0, 1000, drawdown=0.0, mode="normal"),
        equity(1, 1010, drawdown=0.0, gross=Decimal(505), mode="normal"),
        equity(2, 980, drawdown=0.0297, gross=Decimal(735), mode="data_degraded"),
        equity(3, 990, drawdown=0.0198, day_start_equity=Decimal(1100), mode="normal"),
    ],
    orders=[
        order("a"),
        order("b", role="stop"),
        order("c", role="target", status="unknown"),
        order("d", role="exit", status="unknown"),
    ],
    fills=[
        {"client_order_id": "a", "ambiguous": True},
        {"client_order_id": "b", "ambiguous": True},
        {"client_order_id": "c"},
        {"client_order_id": "d"},
        {"client_order_id": "d"},
    ],
    decisions=[{"verdict": "approved"}, {"verdict": "refused"}, {"verdict": "refused"}],
    risk_events=[{"kind": "overfill", "severity": "critical"}, {"kind": "halt", "severity": "warning"}],
    faults=[{"kind": "gap", "fired": 3}, {"kind": "slow", "fired": 2}],
)

MEASURED = {
    "max_drawdown": 0.0297,
    "worst_day": 0.1,
    "final_equity": 990.5,
    "return": -0.01,
    "max_gross": 0.75,
    "decisions": 3,
    "refused": 2,
    "orders": 4,
    "fills": 5,
    "unknown_orders": 2,
    "open_positions": 2,
    "ambiguous_share": 0.25,
    "critical_events": 1,
    "degraded_minutes": 1,
    "normal_at_end": 1,
    "faults_fired": 5,
    "unfinished": 2,
}


def metric(name: str, **bounds: Any) -> MetricExpectation:
    return MetricExpectation.model_validate({"metric": name, **bounds})


def pattern(**keys: Any) -> PatternExpectation:
    return PatternExpectation.model_validate(keys)


@pytest.mark.parametrize("name", METRICS)
def test_metrics(name: str) -> None:
    [verdict] = evaluate([metric(name, equals=MEASURED[name])], RUN, BOOK)
    assert verdict["measured"] == MEASURED[name]
    assert verdict["ok"] is True


def test_every_metric_and_event_of_the_language_can_be_measured() -> None:
    assert set(expectations.METRICS) == set(METRICS)
    for event in EVENTS:
        assert evaluate([pattern(never=event)], RUN, Book())[0]["ok"], event


@pytest.mark.parametrize("name", METRICS)
def test_an_empty_run_has_metrics_too(name: str) -> None:
    [verdict] = evaluate([metric(name, at_least=0)], {"equity": 0.0, "positions": {}}, Book())
    assert verdict == {"text": f"{name} at least 0", "ok": True, "measured": 0}


@pytest.mark.parametrize(
    ("bounds", "ok"),
    [
        ({"at_most": 5}, True),
        ({"at_most": 4}, False),
        ({"at_least": 5}, True),
        ({"at_least": 6}, False),
        ({"equals": 5}, True),
        ({"equals": 4}, False),
        ({"at_least": 4, "at_most": 6}, True),
        ({"at_least": 6, "at_most": 9}, False),
    ],
)
def test_bounds_are_inclusive(bounds: dict[str, int], ok: bool) -> None:
    assert evaluate([metric("fills", **bounds)], RUN, BOOK)[0]["ok"] is ok


def test_a_measured_float_meets_the_bound_that_it_prints() -> None:
    """0.1 + 0.2 of a unit must not fail `at_most = 0.3` for the sake of a float's last bit."""
    book = Book(equity=[equity(0, 1000, drawdown=0.1 + 0.2)])
    assert evaluate([metric("max_drawdown", at_most=0.3)], RUN, book)[0]["ok"]


def test_verdicts_come_in_order_with_their_sentences() -> None:
    given = [metric("fills", at_least=1, at_most=9), pattern(never="fill", **{"while": "mode == halted"})]
    assert [v["text"] for v in evaluate(given, RUN, BOOK)] == [
        "fills at least 1 and at most 9",
        "never fill while mode == halted",
    ]


# Patterns: the submit breaker is open in minutes 10 to 20, the mode reduced from 15 to 30, then halted.

CHANGES = [
    note(10, "breaker_change", metric="submit", mode_from="closed", mode_to="open"),
    note(12, "breaker_change", metric="query", mode_from="closed", mode_to="open"),
    note(13, "breaker_change", metric="query", mode_from="open", mode_to="closed"),
    note(15, "mode_change", mode_from="normal", mode_to="reduced"),
    note(20, "breaker_change", metric="submit", mode_from="open", mode_to="closed"),
    note(30, "mode_change", mode_from="reduced", mode_to="halted"),
]


def at(minute: float, **columns: Any) -> dict[str, Any]:
    return order("o", submitted_at=START + int(minute * MINUTE), **columns)


def judge(expectation: PatternExpectation, *orders: dict[str, Any], notes: Sequence[Any] = ()) -> tuple[bool, str]:
    minutes = [equity(minute, 1000) for minute in range(41)]
    book = Book(equity=minutes, orders=list(orders), risk_events=[*CHANGES, *notes])
    [verdict] = evaluate([expectation], RUN, book)
    return verdict["ok"], verdict["measured"]


OPEN = {"while": "breaker.submit != closed"}


@pytest.mark.parametrize(
    ("minute", "ok"),
    [(9, True), (10, True), (10.1, False), (15, False), (19.9, False), (20, True), (25, True)],
)
def test_never_looks_inside_the_spans(minute: float, ok: bool) -> None:
    """An order of the very instant at which the breaker changes may have come before or after: no verdict."""
    assert judge(pattern(never="order_submitted", **OPEN), at(minute))[0] is ok


@pytest.mark.parametrize(("minute", "ok"), [(9, False), (10, True), (15, True), (20, True), (21, False)])
def test_must_accepts_the_ends_of_a_span(minute: float, ok: bool) -> None:
    assert judge(pattern(must="order_submitted", **OPEN), at(minute))[0] is ok


def test_must_needs_the_event_in_every_span() -> None:
    expected = pattern(must="order_submitted", **{"while": "breaker.submit == closed"})
    assert judge(expected, at(5), at(25)) == (True, "missing in 0 of 2 spans")
    assert judge(expected, at(25)) == (False, "missing in 1 of 2 spans, first in the one from the beginning")
    assert judge(expected, at(5))[1].endswith("first in the one from 2026-03-02T14:50:00+00:00")


def test_spans_of_states_that_all_meet_the_condition_are_one() -> None:
    """From reduced to halted the mode stays unlike normal, so minute 30 is inside."""
    unlike = {"while": "mode != normal"}
    assert not judge(pattern(never="order_submitted", **unlike), at(30))[0]
    assert judge(pattern(must="order_submitted", **unlike), at(35)) == (True, "missing in 0 of 1 spans")


def test_a_condition_that_never_holds_asks_nothing() -> None:
    never_held = {"while": "mode == risk_exit"}
    assert judge(pattern(never="order_submitted", **never_held), at(5))[0]
    assert judge(pattern(must="order_submitted", **never_held)) == (True, "missing in 0 of 0 spans")


def test_a_state_before_its_first_change_is_the_one_that_it_left() -> None:
    lane = {"while": "breaker.query == closed"}
    assert not judge(pattern(never="order_submitted", **lane), at(5))[0]
    assert not judge(pattern(never="order_submitted", **{"while": "breaker.data == closed"}), at(5))[0]


@pytest.mark.parametrize(("minute", "ok"), [(12, True), (13, True), (13.1, False)])
def test_within_counts_from_the_start_of_the_span(minute: float, ok: bool) -> None:
    assert judge(pattern(must="order_submitted", within="3m", **OPEN), at(minute))[0] is ok


def test_within_without_a_condition_counts_from_the_first_row_of_equity() -> None:
    expected = pattern(must="order_submitted", within="3m")
    assert judge(expected, at(3))[0]
    assert not judge(expected, at(3.1))[0]
    assert judge(pattern(never="order_submitted", within="3m"), at(3.1))[0]


def test_the_whole_run_begins_before_and_ends_after_the_sessions() -> None:
    for minute in (-60, 0, 500):
        assert judge(pattern(must="order_submitted"), at(minute))[0]
        found = judge(pattern(never="order_submitted"), at(minute))
        assert found[0] is False
        assert found[1].startswith("1 times, first at 2026-03-02T")


def test_an_event_is_found_by_its_own_column_and_rows() -> None:
    entry, leave = at(5), at(6, role="stop", canceled_at=START, filled_at=START, status="canceled")
    assert not judge(pattern(never="entry_submitted"), entry)[0]
    assert judge(pattern(never="exit_submitted"), entry)[0]
    assert not judge(pattern(never="exit_submitted"), leave)[0]
    assert not judge(pattern(never="order_canceled"), leave)[0]
    assert judge(pattern(never="order_filled"), leave)[0], "filled in part, then canceled"
    assert judge(pattern(never="order_expired"), entry, leave)[0]
    assert not judge(pattern(never="late_fill"), notes=[note(3, "late_fill")])[0]
    assert judge(pattern(never="overfill"), notes=[note(3, "late_fill")])[0]


# After something


def storm(minute: float, *, until: float | None = None, kind: str = "outage") -> dict[str, Any]:
    """A fault whose first effect is at a minute."""
    ends = None if until is None else START + round(until * MINUTE)
    return {"kind": kind, "time": START, "first_effect": START + round(minute * MINUTE), "until": ends, "fired": 1}


def after(expected: PatternExpectation, *orders: dict[str, Any], **tables: list[dict[str, Any]]) -> dict[str, Any]:
    rows = [order(str(i), **columns) for i, columns in enumerate(orders)]
    [verdict] = evaluate([expected], RUN, Book(equity=BOOK_EQUITY, orders=rows, **tables))
    return verdict


def sent(minute: float) -> dict[str, Any]:
    return {"submitted_at": START + round(minute * MINUTE)}


BOOK_EQUITY = [equity(minute, 1000) for minute in range(60)]
ANSWER = {"must": "order_submitted", "after": "fault outage", "within": "5m"}


@pytest.mark.parametrize(("minute", "ok"), [(9.9, False), (10, True), (15, True), (15.1, False)])
def test_must_after_a_fault_counts_from_its_first_effect(minute: float, ok: bool) -> None:
    assert after(pattern(**ANSWER), sent(minute), faults=[storm(10)])["ok"] is ok


def test_must_after_what_never_happened_is_not_met() -> None:
    verdict = after(pattern(**ANSWER), sent(10), faults=[storm(10, kind="slow")])
    assert (verdict["ok"], verdict["measured"]) == (False, "there was no fault outage")


def test_the_end_of_a_fault_and_an_event_begin_spans_too() -> None:
    calm = pattern(never="order_submitted", after="end of outage", within="5m")
    assert not after(calm, sent(21), faults=[storm(10, until=20)])["ok"]
    assert after(calm, sent(26), faults=[storm(10, until=20)])["ok"]
    told = pattern(must="order_submitted", after="stale_data", within="5m")
    notes = [note(5, "stale_data"), note(30, "stale_data")]
    assert after(told, sent(7), sent(33), risk_events=notes)["ok"]
    assert not after(told, sent(7), risk_events=notes)["ok"]


def test_what_is_not_met_names_the_last_event_before_its_witness() -> None:
    events = [{"sequence": n, "t_visible": START + minute * MINUTE} for n, minute in ((7, 1), (8, 20), (9, 40))]
    verdict = after(pattern(never="order_submitted"), sent(21), events=events)
    assert (verdict["ok"], verdict["event"]) == (False, 8)


def test_a_metric_may_be_kept_to_a_window() -> None:
    late = {"from": "2026-03-02T14:32:00+00:00", "to": "2026-03-02T14:33:00+00:00"}
    [verdict] = evaluate([metric("max_drawdown", at_most=0.01, **late)], RUN, BOOK)
    assert (verdict["ok"], verdict["measured"]) == (False, 0.0297)
    assert verdict["text"].endswith("from 2026-03-02T14:32:00+00:00 to 2026-03-02T14:33:00+00:00")


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"must": "fill", "after": "fault weather"}, "nothing that happens"),
        ({"must": "fill", "after": "outage"}, "nothing that happens"),
        ({"must": "fill", "after": "fault outage", "while": "mode == normal"}, "stands beside while"),
    ],
)
def test_what_comes_after_must_be_something_that_happens(keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        pattern(**keys)


def test_a_number_of_the_end_has_no_window() -> None:
    with pytest.raises(ValidationError, match="about the whole run"):
        metric("final_equity", at_least=1, **{"from": "2026-03-02T14:32:00+00:00"})
