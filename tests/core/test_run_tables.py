"""Tables from hand-made engine records: exact decimals, nulls where nothing is known, units by kind."""

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import run_tables
from core.identities import OrderIndex, Records
from core.kernel.kinds import (
    CashKind,
    Cause,
    EventKind,
    HaltKind,
    LaneFailure,
    Mode,
    NoteKind,
    OrderStatus,
    OrderType,
    ReconcileStep,
    Refusal,
    RejectReason,
    Result,
    Role,
)
from core.kernel.records import CHECK, DECISION, EVENT, NOTE, ORDER, SYMBOL
from core.kernel.units import MICRO, NANO, PRICE_LIMIT, QTY_LIMIT
from core.run_schema import COLUMNS, TABLES
from core.run_tables import Names, average_price

NAMES = Names(("AAA", "BBB"), ("breakout", "fade"))
TIME = 1_764_000_000_000_000_000
NOTHING = OrderIndex.of(np.zeros(0, ORDER))


def records(dtype: np.dtype, *rows: dict[str, int]) -> Records:
    """Records with the given fields set and all others 0."""
    result = np.zeros(len(rows), dtype)
    for record, row in zip(result, rows, strict=True):
        for name, value in row.items():
            record[name] = value
    return result


def rows_of(table: str, batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """The batch's rows, once it has been checked to have the published columns, types and nulls."""
    assert set(batch.schema.names) == {column.name for column in COLUMNS[table]}
    rows = pa.Table.from_batches([batch]).select(TABLES[table].names).cast(TABLES[table])
    for column in COLUMNS[table]:
        place = rows.schema.get_field_index(column.name)
        assert column.nullable or rows[column.name].null_count == 0, column.name
        if column.kind == "time":
            rows = rows.set_column(place, column.name, rows[column.name].cast(pa.int64()))
    return rows.to_pylist()


@given(st.integers(1, QTY_LIMIT), st.integers(0, PRICE_LIMIT), st.integers(0, 10**6))
@settings(max_examples=200, deadline=None)
def test_average_price_is_the_exact_quotient_rounded_down(qty: int, price: int, more: int) -> None:
    amount = min(qty * price // MICRO + more, 2**62)
    found = average_price(np.array([amount, amount]), np.array([qty, 0]))
    exact = amount * MICRO // qty
    if exact < 2**62:
        assert found.tolist() == [exact, 0]


def test_names_of_leaves_gaps_where_numbers_are_not_used() -> None:
    names = run_tables.names_of(EventKind)
    assert names[EventKind.FILL] == "fill"
    assert names[5] == ""
    assert run_tables.words_of(RejectReason)[RejectReason.BUYING_POWER] == "buying power"


OPENING = {
    "time": TIME,
    "bar_time": TIME - 60,
    "intent": 0xABC,
    "strategy": 1,
    "symbol": 1,
    "side": -1,
    "p": 561_250,
    "target": 1_500_000,
    "stop": 750_001,
    "price_ref": 100_010_000,
    "gain": 300_000_000,
    "kelly_full": -1,
    "qty": 12_500_000,
    "lot": 1_000_000,
    "approved": 1,
    "reduced": 1 << Refusal.SYMBOL_CAP | 1 << Refusal.ADV_SHARE,
    "binding": 3,
    "mode": Mode.REDUCED,
}


def test_an_opening_keeps_every_digit() -> None:
    (row,) = rows_of("decisions", run_tables.decisions(records(DECISION, OPENING), NAMES))
    assert row["intent_id"] == "0000000000000abc"
    assert (row["time"], row["bar_time"]) == (TIME, TIME - 60)
    assert (row["strategy"], row["symbol"], row["side"], row["action"]) == ("fade", "BBB", "short", "open")
    assert row["p"] == 0.56125
    assert (row["target"], row["stop"]) == (Decimal("1.5"), Decimal("0.750001"))
    assert (row["price_ref"], row["qty"], row["lot"]) == (Decimal("100.01"), Decimal("12.5"), Decimal(1))
    assert (row["gain"], row["kelly_full"]) == (0.3, -1e-9)
    assert (row["verdict"], row["refusal_codes"]) == ("approved", [])
    assert row["reduce_codes"] == ["adv_share", "symbol_cap"]
    assert (row["binding"], row["mode"]) == ("symbol_cap", "reduced")


def test_an_exit_has_no_probability_and_no_distances() -> None:
    leaving = {"action": 1, "side": 1, "intent": 1, "approved": 1}
    refused = {"side": 1, "intent": 2, "refused": 1 << Refusal.MODE | 1 << Refusal.TABLE_FULL}
    batch = run_tables.decisions(records(DECISION, leaving, OPENING, refused), NAMES)
    rows = rows_of("decisions", batch)
    assert [row["action"] for row in rows] == ["exit", "open", "open"]
    assert [(row["p"] is None, row["target"] is None, row["stop"] is None) for row in rows] == [
        (True, True, True),
        (False, False, False),
        (False, False, False),
    ]
    assert rows[0]["sized_qty"] == 0
    assert (rows[2]["verdict"], rows[2]["refusal_codes"]) == ("refused", ["mode", "table_full"])


@pytest.mark.parametrize(
    ("check", "measured", "limit", "expected"),
    [
        (Refusal.SYMBOL_CAP, 100_500_000, 100_000_000, (0.1005, 0.1)),
        (Refusal.DATA_STALE, 90 * NANO, 180 * NANO, (90.0, 180.0)),
        (Refusal.RATE_MINUTE, 3 * NANO, 10 * NANO, (3.0, 10.0)),
        (Refusal.BUYING_POWER, 2_500 * MICRO, 1_000 * MICRO, (2500.0, 1000.0)),
        (Refusal.MAX_QTY, 500_000, MICRO, (0.5, 1.0)),
    ],
)
def test_checks_are_in_their_natural_units(
    check: Refusal, measured: int, limit: int, expected: tuple[float, float]
) -> None:
    row = {"check": check, "measured": measured, "limit": limit, "use": 1_250_000_000, "result": Result.DENY}
    batch = run_tables.checks(np.array([7]), np.array([TIME]), records(CHECK, row))
    (found,) = rows_of("checks", batch)
    assert (found["measured"], found["limit"], found["use"]) == (*expected, 1.25)
    assert (found["check"], found["result"], found["time"]) == (check.name.lower(), "deny", TIME)


def bracket() -> Records:
    """A filled short entry with its legs: the target works, the stop sleeps."""
    common = {"intent": 0x1D, "symbol": 1, "created": TIME, "submitted": TIME, "accepted": TIME + 5}
    entry = {"id": 1, "side": -1, "qty": 3 * MICRO, "filled": 3 * MICRO, "paid": 100_000_001}
    entry |= {"status": OrderStatus.FILLED, "filled_at": TIME + 9, "terminal": TIME + 9}
    leg = {"side": 1, "qty": 3 * MICRO, "cause": Cause.BRACKET, "parent": 1}
    target = {"id": 2, "leg": 1, "sibling": 3, "role": Role.TARGET, "type": OrderType.LIMIT, "limit": 9_990_000}
    stop = {"id": 3, "leg": 2, "sibling": 2, "role": Role.STOP, "type": OrderType.STOP, "stop": 11_010_000}
    alive = {"status": OrderStatus.PARTIALLY_FILLED, "filled": MICRO, "paid": 9_990_000}
    held = {"status": OrderStatus.HELD}
    return records(ORDER, common | entry, common | leg | target | alive, common | leg | stop | held)


def order_rows(orders: Records, broker: Records | None = None, replaced: OrderIndex = NOTHING) -> list[dict[str, Any]]:
    unknown = np.zeros(len(orders), ORDER) if broker is None else broker
    return rows_of("orders", run_tables.orders(orders, unknown, replaced, NAMES))


def test_a_bracket_is_told_with_its_family() -> None:
    entry, target, stop = order_rows(bracket())
    name = "st-000000000000001d-"
    assert [row["client_order_id"] for row in (entry, target, stop)] == [name + "00", name + "01", name + "02"]
    assert [row["parent"] for row in (entry, target, stop)] == [None, name + "00", name + "00"]
    assert [row["oco_group"] for row in (entry, target, stop)] == [None, name + "01", name + "01"]
    assert {row["replaces"] for row in (entry, target, stop)} == {None}
    assert [row["side"] for row in (entry, target, stop)] == ["sell", "buy", "buy"]
    assert [row["role"] for row in (entry, target, stop)] == ["entry", "target", "stop"]
    assert [row["status"] for row in (entry, target, stop)] == ["filled", "partially_filled", "held"]
    assert (target["limit_price"], target["stop_price"], target["trail"]) == (Decimal("9.99"), None, None)
    assert (stop["limit_price"], stop["stop_price"]) == (None, Decimal("11.01"))


def test_quantities_and_average_prices_are_exact() -> None:
    entry, target, stop = order_rows(bracket())
    assert [row["qty_open"] for row in (entry, target, stop)] == [0, 2, 3]
    assert (entry["filled_qty"], entry["average_price"]) == (3, Decimal("33.333333"))
    assert (stop["filled_qty"], stop["average_price"]) == (0, None)


def test_the_brokers_times_come_before_the_engines() -> None:
    ended = {"accepted": TIME + 3, "filled_at": TIME + 7, "terminal": TIME + 7}
    broker = records(ORDER, ended, {}, {"activated": TIME + 8})
    entry, target, stop = order_rows(bracket(), broker)
    assert (entry["accepted_at"], entry["filled_at"], entry["terminal_at"]) == (TIME + 3, TIME + 7, TIME + 7)
    assert (entry["submitted_at"], entry["canceled_at"], entry["activated_at"]) == (TIME, None, None)
    assert (target["accepted_at"], target["activated_at"], target["terminal_at"]) == (TIME + 5, None, None)
    assert stop["activated_at"] == TIME + 8
    assert [row["broker_order_id"] is None for row in (entry, target, stop)] == [False, True, True]


@pytest.mark.parametrize("cause", Cause)
def test_orders_without_a_decision_have_no_intent(cause: Cause) -> None:
    (row,) = order_rows(records(ORDER, {"intent": 5, "cause": cause, "status": OrderStatus.WORKING}))
    without = cause in (Cause.RISK_EXIT, Cause.OPERATOR)
    assert row["intent_id"] == (None if without else f"{5:016x}")
    assert row["client_order_id"] == f"st-{5:016x}-00"


def test_a_refused_order_says_why_and_others_do_not() -> None:
    refused = {"status": OrderStatus.REJECTED, "reason": RejectReason.OTHER, "rejected": TIME, "terminal": TIME}
    halted = refused | {"reason": RejectReason.WASH_TRADE}
    rows = order_rows(records(ORDER, refused, halted, {"status": OrderStatus.CANCELED, "terminal": TIME}))
    assert [row["reject_reason"] for row in rows] == ["other", "wash trade", None]
    assert [row["rejected_at"] for row in rows] == [TIME, TIME, None]


def test_a_successor_names_the_order_that_it_replaced() -> None:
    old = {"id": 4, "intent": 9, "leg": 3, "status": OrderStatus.REPLACED, "replaced": TIME}
    orders = records(ORDER, old, {"id": 8, "intent": 9, "leg": 4, "replaces": 4, "status": OrderStatus.WORKING})
    rows = order_rows(orders, replaced=OrderIndex.of(orders[:1]))
    assert [row["replaces"] for row in rows] == [None, f"st-{9:016x}-03"]
    assert [row["replaced_at"] for row in rows] == [TIME, None]


def test_positions_are_those_held_or_ever_closed_with_a_result() -> None:
    names = Names(("AAA", "BBB", "CCC"), ())
    long = {"qty": 3 * MICRO, "cost": 100_000_001, "mark": 40 * MICRO, "value": 120 * MICRO, "realized": -5}
    flat = {"realized": 7 * MICRO, "mark": MICRO}
    batch = run_tables.positions(TIME, records(SYMBOL, long, {"mark": MICRO}, flat), names)
    first, second = rows_of("positions", batch)
    assert (first["symbol"], first["qty"], first["average_cost"]) == ("AAA", 3, Decimal("33.333333"))
    assert (first["market_value"], first["unrealized"]) == (120, Decimal("19.999999"))
    assert first["realized"] == Decimal("-0.000005")
    assert (second["symbol"], second["qty"], second["average_cost"], second["realized"]) == ("CCC", 0, 0, 7)
    assert {first["time"], second["time"]} == {TIME}


def test_a_short_position_has_a_positive_average_cost() -> None:
    short = {"qty": -2 * MICRO, "cost": -50 * MICRO, "mark": 20 * MICRO, "value": -40 * MICRO}
    (row,) = rows_of("positions", run_tables.positions(TIME, records(SYMBOL, short), NAMES))
    assert (row["qty"], row["average_cost"], row["unrealized"]) == (-2, 25, 10)


EVENT_CASES: dict[str, tuple[dict[str, int], dict[str, Any]]] = {
    "fill": (
        {"kind": EventKind.FILL, "price": 10_010_000, "qty": 2 * MICRO, "amount": 20_000},
        {"price": Decimal("10.01"), "qty": 2, "amount": Decimal("0.02")},
    ),
    "correction": (
        {"kind": EventKind.FILL_CORRECTED, "price": MICRO, "qty": MICRO, "amount": 3},
        {"price": 1, "qty": 1},
    ),
    "news": ({"kind": EventKind.ORDER_WORKING, "qty": 5, "price": 7}, {}),
    "restated": ({"kind": EventKind.ORDER_RESTATED, "qty": MICRO}, {"qty": 1}),
    "rejected": ({"kind": EventKind.ORDER_REJECTED, "code": RejectReason.SESSION}, {"reason": "session"}),
    "cancel": ({"kind": EventKind.CANCEL_REJECTED, "code": RejectReason.OTHER}, {"reason": "other"}),
    "halt": ({"kind": EventKind.HALT, "code": HaltKind.LULD}, {"reason": "luld"}),
    "resume": ({"kind": EventKind.RESUME, "code": HaltKind.LULD}, {}),
    "lane": (
        {"kind": EventKind.LANE_FAILED, "symbol": -1, "code2": LaneFailure.SERVER_ERROR},
        {"reason": "server error"},
    ),
    "cash": ({"kind": EventKind.CASH_FLOW, "symbol": -1, "amount": -MICRO}, {"amount": -1}),
    "split": ({"kind": EventKind.SPLIT, "ratio": 125_000_000}, {"ratio": 0.125}),
    "dividend": ({"kind": EventKind.DIVIDEND, "amount": 250_000}, {"price": Decimal("0.25")}),
    "announced": ({"kind": EventKind.DIVIDEND}, {}),
    "account": ({"kind": EventKind.ACCOUNT, "symbol": -1, "price": 5 * MICRO}, {"amount": 5}),
    "reconciled": (
        {"kind": EventKind.RECONCILE, "symbol": -1, "code": ReconcileStep.FINISHED, "qty": 1},
        {},
    ),
    "signal": ({"kind": EventKind.SIGNAL, "price": MICRO, "ratio": 1, "amount": 1}, {"price": 1}),
}


@pytest.mark.parametrize("case", EVENT_CASES)
def test_events_show_what_their_kind_means(case: str) -> None:
    fields, shown = EVENT_CASES[case]
    batch = run_tables.events(records(EVENT, {"symbol": 1} | fields), NOTHING, NAMES)
    (row,) = rows_of("events", batch)
    readable = ("price", "qty", "ratio", "amount", "reason")
    assert {name: row[name] for name in readable if row[name] is not None} == shown
    assert row["symbol"] == (None if fields.get("symbol") == -1 else "BBB")
    assert row["kind"] == EventKind(fields["kind"]).name.lower()


def test_events_keep_their_bytes_and_name_their_order() -> None:
    rows = records(
        EVENT,
        {"seq": 1, "kind": EventKind.SESSION, "symbol": -1, "t_market": 1, "t_received": 2, "t_visible": 3},
        {"seq": 2, "kind": EventKind.ORDER_CANCELED, "order": 3},
        {"seq": 3, "kind": EventKind.ORDER_CANCELED, "order": 99},
    )
    found = rows_of("events", run_tables.events(rows, OrderIndex.of(bracket()), NAMES))
    assert np.frombuffer(b"".join(row["payload"] for row in found), EVENT).tolist() == rows.tolist()
    assert [row["client_order_id"] for row in found] == [None, "st-000000000000001d-02", None]
    assert [row["priority"] for row in found] == [0, 3, 3]
    assert [found[0][name] for name in ("sequence", "t_market", "t_received", "t_visible")] == [1, 1, 2, 3]


def cash_rows(
    *events: dict[str, int], held: tuple[int, int] = (0, 0), notes: tuple[dict[str, int], ...] = ()
) -> list[dict[str, Any]]:
    said, index = records(NOTE, *notes), OrderIndex.of(bracket())
    batch = run_tables.cash_events(records(EVENT, *events), said, index, np.array(held), NAMES)
    return [] if batch is None else rows_of("cash_events", batch)


def test_cash_flows_are_told_by_their_kind() -> None:
    flow = {"kind": EventKind.CASH_FLOW, "t_visible": TIME}
    deposit = flow | {"code": CashKind.DEPOSIT, "symbol": -1, "amount": 1_000_000_001}
    dividend = flow | {"code": CashKind.DIVIDEND, "symbol": 1, "amount": -3}
    first, second = cash_rows(deposit, {"kind": EventKind.SIGNAL}, dividend)
    assert (first["kind"], first["symbol"], first["amount"]) == ("deposit", None, Decimal("1000.000001"))
    assert (second["kind"], second["symbol"], second["amount"]) == ("dividend", "BBB", Decimal("-0.000003"))
    assert (first["qty_change"], first["ratio"], first["time"]) == (0, None, TIME)


def test_a_split_changes_what_is_held_when_it_comes() -> None:
    split = {"kind": EventKind.SPLIT, "ratio": 1_500_000_000, "symbol": 1}
    sold = {"kind": EventKind.FILL, "order": 1, "symbol": 1, "qty": 3 * MICRO}
    bought = {"kind": EventKind.FILL, "order": 2, "symbol": 1, "qty": MICRO}
    elsewhere = bought | {"symbol": 0}
    (row,) = cash_rows(sold, bought, elsewhere, split, sold, held=(50 * MICRO, -8 * MICRO))
    assert (row["kind"], row["symbol"], row["amount"], row["ratio"]) == ("split", "BBB", 0, 1.5)
    assert row["qty_change"] == -5
    twice = cash_rows(split, split, held=(0, 4 * MICRO))
    assert [row["qty_change"] for row in twice] == [2, 3]


def test_a_split_leaves_no_fraction_of_a_micro_share() -> None:
    (row,) = cash_rows({"kind": EventKind.SPLIT, "ratio": NANO // 3, "symbol": 0}, held=(-10 * MICRO, 0))
    assert row["qty_change"] == Decimal("6.666667")


def test_a_dividend_a_share_is_paid_on_what_is_held() -> None:
    dividend = {"kind": EventKind.DIVIDEND, "symbol": 0, "amount": 333_333}
    (row,) = cash_rows(dividend, held=(-1_500_000, 0))
    assert (row["kind"], row["amount"], row["qty_change"]) == ("dividend", Decimal("-0.5"), 0)


def test_an_adopted_difference_is_an_adjustment_and_counts_from_then_on() -> None:
    adopted = {"kind": NoteKind.RECONCILIATION, "action": 1, "symbol": 0, "value": -3 * MICRO, "time": TIME}
    split = {"kind": EventKind.SPLIT, "ratio": 2 * NANO, "symbol": 0}
    before, after = split | {"t_visible": TIME - 1}, split | {"t_visible": TIME + 1}
    unexplained = adopted | {"action": 0}
    rows = cash_rows(before, after, held=(5 * MICRO, 0), notes=(adopted, unexplained))
    assert [(row["kind"], row["qty_change"], row["amount"]) for row in rows] == [
        ("split", 5, 0),
        ("adjustment", -3, 0),
        ("split", 7, 0),
    ]
    assert rows[1]["symbol"] == "AAA"
    (cash,) = cash_rows(notes=(adopted | {"symbol": -1},))
    assert (cash["kind"], cash["symbol"], cash["amount"], cash["qty_change"]) == ("adjustment", None, -3, 0)


def test_what_moves_nothing_is_no_cash_event() -> None:
    assert cash_rows({"kind": EventKind.DIVIDEND, "symbol": 0}, held=(MICRO, 0)) == []
    assert cash_rows({"kind": EventKind.SPLIT, "ratio": 2 * NANO, "symbol": 0}) == []
