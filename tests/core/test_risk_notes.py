"""Every note that the engine can leave, read back: units, action and sentence."""

from math import isnan

import numpy as np
import pytest

from core.identities import OrderIndex
from core.kernel.kinds import (
    Breaker,
    Condition,
    EventKind,
    HaltKind,
    Lane,
    Mode,
    NoteKind,
    OperatorAct,
    OrderStatus,
    RejectReason,
    Severity,
)
from core.kernel.records import NOTE, ORDER
from core.kernel.units import MICRO, NANO, SECOND
from core.risk_notes import READERS, Note, Reading, dollars_text, read, shares_text
from core.run_risk import risk_events
from core.run_schema import COLUMNS
from core.run_tables import Names

PERCENT = NANO // 100
CLEAR = Note(*[0] * len(Note._fields))
CRITICAL = {"severity": Severity.CRITICAL}


def note(kind: NoteKind, value: int = 0, limit: int = 0, **fields: int) -> Note:
    return CLEAR._replace(kind=kind, value=value, limit=limit, severity=Severity.WARNING)._replace(**fields)


CASES: list[tuple[Note, Reading]] = [
    (
        note(NoteKind.LIMIT_BREACH, 3 * PERCENT, 5 * PERCENT // 2, metric=Condition.DRAWDOWN, use=6 * NANO // 5),
        Reading(
            "drawdown",
            "suppress openings and exit",
            "The drawdown of 3.00% has reached its limit of 2.50%: every position is closed.",
            0.03,
            0.025,
            1.2,
        ),
    ),
    (
        note(NoteKind.NEAR_MISS, PERCENT, 2 * PERCENT, metric=Condition.WEEKLY_LOSS, use=NANO // 2),
        Reading("weekly_loss", "watch", "The weekly loss of 1.00% is near its limit of 2.00%.", 0.01, 0.02, 0.5),
    ),
    (
        note(NoteKind.REJECT_STORM, 6, 5),
        Reading(
            "rejects",
            "suppress openings",
            "The broker refused 6 orders within a minute; 5 are too many.",
            6,
            5,
            1.2,
        ),
    ),
    (
        note(NoteKind.STALE_DATA, 3, 10, metric=Condition.FEED_STALE),
        Reading(
            "stale_symbols",
            "suppress openings",
            "3 of 10 symbols that traded today have had no bar for too long.",
            3,
        ),
    ),
    (
        note(NoteKind.STALE_DATA, metric=Condition.FEED_STALE),
        Reading("stale_symbols", "suppress openings", "No symbol has had a bar since the session began.", 0),
    ),
    (
        note(NoteKind.MARGIN_DEFICIT, 1_234_560_000),
        Reading(
            "margin_deficit",
            "wait for equity",
            "The day ended with an intraday margin deficit of $1,234.56.",
            1234.56,
        ),
    ),
    (
        note(NoteKind.MARGIN_DEFICIT, MICRO, **CRITICAL),
        Reading(
            "margin_deficit",
            "freeze new debit",
            "The intraday margin deficit of $1.00 was not met in time, nor was one before it.",
            1,
        ),
    ),
    (
        note(NoteKind.HALT, HaltKind.MARKET_WIDE),
        Reading("market_wide", "refuse openings, hold exits", "Trading in AAA is halted."),
    ),
    (note(NoteKind.RESUME), Reading("halt", "allow openings", "Trading in AAA goes on.")),
    (
        note(NoteKind.BAR_REVISION, 10_050_000, 10_000_000, use=NANO // 200),
        Reading(
            "close",
            "record",
            "A bar of AAA was revised: it closed at $10.05, and the mark is $10.00, 0.50% away.",
            10.05,
        ),
    ),
    (
        note(NoteKind.SUSPECT_MARK, 12_000_000, 345_600),
        Reading(
            "mark",
            "keep the old mark",
            "AAA jumped from $0.3456 to $12.00, which a second bar must confirm.",
            12,
        ),
    ),
    (
        note(NoteKind.CORPORATE_ACTION, NANO // 8, NANO),
        Reading("ratio", "restate the position", "AAA is split: 0.125 new shares for each old one.", 0.125),
    ),
    (
        note(NoteKind.MODE_CHANGE, mode_to=Mode.RISK_EXIT, detail=1 << Condition.DRAWDOWN | 1 << Condition.SOFT_LIMIT),
        Reading(
            "mode",
            "suppress openings and exit",
            "The safe mode goes from normal to risk exit because of soft limit, drawdown.",
        ),
    ),
    (
        note(NoteKind.MODE_CHANGE, mode_from=Mode.BROKER_DEGRADED, mode_to=Mode.NORMAL),
        Reading("mode", "allow openings", "The safe mode goes from broker degraded to normal."),
    ),
    (
        note(NoteKind.BREAKER_CHANGE, Breaker.READY, Breaker.OPEN, detail=Lane.TRADE_STREAM),
        Reading(
            "trade_stream",
            "wait for the operator",
            "The breaker of the trade stream lane is ready: probes were answered, and the operator may reset it.",
        ),
    ),
    (
        note(NoteKind.OPERATOR, OperatorAct.RESET_BREAKER, detail=Lane.SUBMIT, action=1),
        Reading("reset_breaker", "accept", "Operator: reset breaker of the submit lane; accepted."),
    ),
    (
        note(NoteKind.OPERATOR, OperatorAct.REARM),
        Reading("rearm", "refuse", "Operator: rearm; refused, for its conditions are not met."),
    ),
    (
        note(NoteKind.OPERATOR, OperatorAct.FLATTEN),
        Reading("flatten", "obey", "Operator: flatten in AAA."),
    ),
    (
        note(NoteKind.STALE_DATA, 240 * SECOND, 180 * SECOND),
        Reading(
            "data_age",
            "freeze the mark, hold market orders",
            "The newest bar of AAA is 240 s old, or its quote is crossed: its mark is frozen.",
            240,
            180,
        ),
    ),
    (
        note(NoteKind.ALERT, -3 * SECOND // 2, 2 * SECOND, metric=Condition.CLOCK_BACKWARD, **CRITICAL),
        Reading("clock_jump", "halt", "The clock jumped by -1.500 s.", -1.5, 2),
    ),
    (
        note(NoteKind.ALERT, 3 * SECOND, 2 * SECOND, metric=Condition.CLOCK, **CRITICAL),
        Reading("clock_jump", "suppress openings", "The clock jumped by +3.000 s.", 3, 2),
    ),
    (
        note(NoteKind.ALERT, SECOND, 2 * SECOND, metric=Condition.CLOCK, severity=Severity.INFO),
        Reading("clock_jump", "record", "The clock jumped by +1.000 s.", 1, 2),
    ),
    (
        note(NoteKind.ALERT, metric=Condition.STREAM_DOWN, **CRITICAL),
        Reading("stream_down", "see mode", "The trade stream is down."),
    ),
    (
        note(NoteKind.CLEARED, 90 * SECOND, 0, metric=Condition.STREAM_DOWN),
        Reading("stream_down", "see mode", "Over after 90 s: stream down.", 90),
    ),
    (
        note(NoteKind.CLEARED, 2400, NoteKind.UNPROTECTED),
        Reading("unprotected", "go on", "Over: unprotected in AAA, for 2,400 share-seconds.", 2400),
    ),
    (
        note(NoteKind.CLEARED, 120 * SECOND, NoteKind.STALE_DATA),
        Reading("stale_data", "go on", "Over after 120 s: stale data in AAA.", 120),
    ),
    (
        note(NoteKind.BUYING_POWER_DRIFT, 90 * MICRO, 100 * MICRO, use=NANO // 10),
        Reading(
            "buying_power",
            "use the broker's figure",
            "The broker lets us buy for $90.00, our own figure is $100.00.",
            90,
            100,
            0.1,
        ),
    ),
    (
        note(NoteKind.RECONCILIATION, 5, 5, action=2, **CRITICAL),
        Reading(
            "reconciliation",
            "halt",
            "The broker has not answered a reconciliation that was asked for 6 times.",
            6,
        ),
    ),
    (
        note(NoteKind.RECONCILIATION, -2 * MICRO, 5 * MICRO, action=1),
        Reading(
            "position",
            "adjust the position",
            "The broker's position in AAA was adopted: -2 shares booked, 5 shares now.",
            -2,
        ),
    ),
    (
        note(NoteKind.RECONCILIATION, MICRO, 0),
        Reading(
            "position",
            "refuse openings in the symbol",
            "The broker holds 1 share of AAA, our books say 0 shares.",
            1,
            0,
        ),
    ),
    (
        note(NoteKind.ORDER_REJECTED, RejectReason.BUYING_POWER),
        Reading("reject_reason", "book the refusal", "The broker refused an order in AAA: buying power."),
    ),
    (
        note(NoteKind.LATE_FILL, 1500 * MICRO, OrderStatus.CANCELED),
        Reading("quantity", "book", "1,500 shares of AAA filled after the order was canceled.", 1500),
    ),
    (
        note(NoteKind.OVERFILL, MICRO // 2, 3 * MICRO),
        Reading(
            "quantity",
            "book, refuse openings in the symbol",
            "0.5 shares of AAA filled beyond the 3 shares of the order.",
            0.5,
        ),
    ),
    (
        note(NoteKind.DUPLICATE_FILL, MICRO),
        Reading("quantity", "drop", "An execution of 1 share of AAA was reported again.", 1),
    ),
    (
        note(NoteKind.DOUBLE_EXIT, -4 * MICRO, 6 * MICRO, use=NANO),
        Reading(
            "position",
            "close the position",
            "Exits turned a position of 6 shares into one of -4 shares of AAA.",
            -4,
        ),
    ),
    (
        note(NoteKind.UNPROTECTED, 7 * MICRO),
        Reading("position", "send OCO", "7 shares of AAA had no working stop for too long.", 7),
    ),
    (
        note(NoteKind.EXIT_OVERDUE, 7 * MICRO),
        Reading(
            "position",
            "call the operator",
            "The exit from 7 shares of AAA has passed its deadline.",
            7,
        ),
    ),
    (
        note(NoteKind.FOREIGN_FILL, MICRO, 9_990_000, **CRITICAL),
        Reading(
            "quantity",
            "book and halt",
            "An execution of 1 share of AAA at $9.99 belongs to no order of ours.",
            1,
        ),
    ),
    (
        note(NoteKind.UNKNOWN_ORDER, EventKind.ORDER_CANCELED),
        Reading("order", "drop", "News of an order that is not ours: order canceled."),
    ),
    (
        note(NoteKind.FOREIGN_VOID, 2 * MICRO, 5 * MICRO, **CRITICAL),
        Reading(
            "quantity",
            "halt",
            "The broker took back an execution of 2 shares of AAA at $5.00 of an order that is not ours.",
            2,
        ),
    ),
    (
        note(NoteKind.FILL_VOIDED, 2 * MICRO, 5 * MICRO, action=1),
        Reading(
            "quantity",
            "rebuild the position",
            "The broker took back an execution of 2 shares of AAA at $5.00.",
            2,
        ),
    ),
    (
        note(NoteKind.FILL_VOIDED, 2 * MICRO, 5 * MICRO, detail=1),
        Reading(
            "quantity",
            "book the inverse",
            "The broker corrected an execution of 2 shares of AAA at $5.00.",
            2,
        ),
    ),
    (
        note(NoteKind.UNRESOLVED_ORDER, 300 * SECOND, 4, **CRITICAL),
        Reading(
            "unknown_age",
            "call the operator",
            "An order in AAA has had an unknown fate for 300 s; it counts as if it were open.",
            300,
        ),
    ),
    (
        note(NoteKind.UNRECOGNISED_NEWS, 99, 0, **CRITICAL),
        Reading("order", "ask the broker", "News of an order in AAA that nobody can read."),
    ),
    (
        note(NoteKind.QUARANTINE, 2 * MICRO, -1, **CRITICAL),
        Reading("quantity", "ask the broker", "An execution of 2 shares of AAA contradicts what is booked.", 2),
    ),
]


@pytest.mark.parametrize(("left", "expected"), CASES, ids=lambda value: getattr(value, "metric", None))
def test_a_note_reads_in_natural_units_and_as_a_sentence(left: Note, expected: Reading) -> None:
    found = read(left, "AAA")
    assert found[:3] == expected[:3]
    assert found[3:] == pytest.approx(expected[3:], rel=1e-12, nan_ok=True)


def test_every_kind_has_a_reader_and_a_case() -> None:
    assert set(READERS) == set(NoteKind) == {left.kind for left, _ in CASES}


def test_notes_are_records_field_by_field() -> None:
    assert Note._fields == NOTE.names


@pytest.mark.parametrize("mode", Mode)
def test_every_mode_has_its_action(mode: Mode) -> None:
    assert read(note(NoteKind.MODE_CHANGE, mode_to=mode), "").action


@pytest.mark.parametrize("state", Breaker)
def test_every_state_of_a_breaker_has_words(state: Breaker) -> None:
    assert read(note(NoteKind.BREAKER_CHANGE, state), "").detail.startswith("The breaker of the submit lane ")


def test_what_concerns_the_account_names_no_symbol() -> None:
    cash = read(note(NoteKind.RECONCILIATION, 2_500_000, 9 * MICRO, **CRITICAL), "")
    assert (cash.metric, cash.detail) == ("cash", "The broker's cash differs from our $9.00 by $2.50.")
    adopted = read(note(NoteKind.RECONCILIATION, -1_200_000, 9 * MICRO, action=1), "")
    assert adopted.detail == "The broker's cash was adopted: -$1.20 booked, $9.00 now."
    flatten = read(note(NoteKind.OPERATOR, OperatorAct.FLATTEN), "")
    assert flatten.detail == "Operator: flatten."
    again = read(note(NoteKind.DUPLICATE_FILL, -MICRO), "")
    assert again.detail == "An execution of -1 shares was reported again."


def test_amounts_keep_every_digit() -> None:
    assert [dollars_text(x) for x in (0, -1_500_000, 1_234_567_890_000)] == ["$0.00", "-$1.50", "$1,234,567.89"]
    assert [shares_text(x) for x in (MICRO, 1, -2_500_000)] == ["1 share", "0.000001 shares", "-2.5 shares"]


def test_the_table_has_a_row_for_each_note_in_order() -> None:
    orders = np.zeros(1, ORDER)
    orders["id"], orders["intent"], orders["leg"] = 7, 0xF, 2
    late = note(NoteKind.LATE_FILL, MICRO, OrderStatus.EXPIRED, order=7, intent=0xF, strategy=1, mode_from=2, mode_to=2)
    change = note(NoteKind.MODE_CHANGE, symbol=-1, strategy=-1, time=5, mode_to=1, severity=Severity.INFO)
    breaker = note(NoteKind.BREAKER_CHANGE, Breaker.OPEN, symbol=-1, strategy=-1, time=6, **CRITICAL)
    rows = np.array([tuple(late), tuple(change), tuple(breaker)], NOTE)
    batch = risk_events(rows, OrderIndex.of(orders), Names(("AAA",), ("fade", "breakout")))
    assert set(batch.schema.names) == {column.name for column in COLUMNS["risk_events"]}
    first, second, third = batch.to_pylist()
    assert (first["kind"], first["symbol"], first["strategy"]) == ("late_fill", "AAA", "breakout")
    assert (first["client_order_id"], first["intent_id"]) == (f"st-{15:016x}-02", f"{15:016x}")
    assert (first["mode_from"], first["mode_to"], first["severity"]) == (None, None, "warning")
    assert (second["symbol"], second["strategy"], second["client_order_id"], second["intent_id"]) == (None,) * 4
    assert (second["mode_from"], second["mode_to"], second["severity"]) == ("normal", "reduced", "info")
    assert isnan(second["value"])
    assert (third["metric"], third["mode_from"], third["mode_to"]) == ("submit", "closed", "open")
