"""The journal: hand-made logs become tables; orders wait until nothing can happen to them any more."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from core.kernel.kinds import EventKind, NoteKind, OrderStatus, RejectReason, Role
from core.kernel.records import MAX_ORDERS, STATE
from core.kernel.units import MICRO, NANO
from core.run_schema import TABLES
from core.runs import RunWriter
from sim.journal import Journal
from sim.records import LOG, VENUE, Rule

TIME = 1_764_000_000_000_000_000
SYMBOLS = ("AAA", "BBB", "CCC")
Fields = dict[str, Any]


class Run:
    """An engine's state, a venue and a log that a test fills by hand, with the journal that reads them."""

    def __init__(self, out: Path) -> None:
        self.writer = RunWriter(out)
        self.journal = Journal(self.writer, SYMBOLS, ("breakout",))
        self.logs, self.state, self.venues = np.zeros(1, LOG), np.zeros(1, STATE), np.zeros(1, VENUE)
        self.log = self.logs[0]

    def write(self, table: str, *rows: Fields) -> None:
        """Append records to a table of the log."""
        records, place = self.log[table], int(self.log[f"{table}_n"])
        records[place : place + len(rows)] = np.zeros(len(rows), records.dtype)
        for row in rows:
            assign(records[place], row)
            place += 1
        self.log[f"{table}_n"] = place

    def table_holds(self, *orders: Fields) -> None:
        """Make these orders all that the engine's table holds."""
        self.state["orders"] = np.zeros(1, STATE)["orders"]
        for order in orders:
            assign(self.state["orders"][0][order["id"] % MAX_ORDERS], {"status": OrderStatus.WORKING} | order)

    def venue_knows(self, **order: int) -> None:
        assign(self.venues["orders"][0][order["id"] % MAX_ORDERS], order)

    def flush(self) -> None:
        self.journal.flush(self.log, self.state)

    def finish(self) -> None:
        self.journal.finish(TIME, self.state, self.venues)
        self.writer.close()

    def rows(self, table: str, *columns: str) -> list[Any]:
        """The rows of a finished table, a value or tuple of values of the named columns each."""
        found = self.writer.table(table, columns)
        for place, field in enumerate(found.schema):
            if pa.types.is_timestamp(field.type):
                found = found.set_column(place, field.name, found[field.name].cast(pa.int64()))
        values = [found[name].to_pylist() for name in columns]
        return values[0] if len(columns) == 1 else list(zip(*values, strict=True))


def assign(record: Any, fields: Fields) -> None:
    """Set fields of a record, those of nested records too."""
    for name, value in fields.items():
        if isinstance(value, dict):
            assign(record[name], value)
        else:
            record[name] = value


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path / "run")
    yield made
    made.writer.abort()


def order(number: int, **fields: Any) -> Fields:
    """An order of which intent and creation follow the number."""
    return {"id": number, "intent": number, "created": TIME + number, "side": 1, "qty": MICRO} | fields


def closed(number: int, venue: Fields | None = None, **fields: Any) -> Fields:
    ended = {"status": OrderStatus.FILLED, "terminal": TIME + number} | fields
    return {"engine": order(number, **ended), "venue": {"id": number} | (venue or {})}


def identities(numbers: Sequence[int]) -> list[str]:
    return [f"st-{number:016x}-00" for number in numbers]


def test_a_flush_empties_every_table_of_the_log(run: Run) -> None:
    counts = {"events": 1, "fills": 2, "decisions": 3, "checks": 4, "notes": 5, "orders": 6, "equity": 7}
    for table, count in counts.items():
        rows: list[Fields] = [{}] * count
        if table == "orders":
            rows = [closed(number) for number in range(1, count + 1)]
        elif table == "notes":
            rows = [{"kind": NoteKind.RESUME, "mode_to": 0}] * count
        elif table == "events":
            rows = [{"kind": EventKind.SIGNAL}]
        run.write(table, *rows)
    run.flush()
    assert [int(run.log[f"{table}_n"]) for table in counts] == [0] * len(counts)
    run.flush()
    run.finish()
    written = {"risk_events" if table == "notes" else table: count for table, count in counts.items()}
    for table in TABLES:
        assert run.writer.table(table).num_rows == written.get(table, 0), table


def test_orders_wait_for_older_ones_that_are_open(run: Run) -> None:
    run.write("orders", closed(5), closed(1), closed(4), closed(2))
    run.table_holds(order(3))
    run.flush()
    run.write("orders", closed(6), closed(3))
    run.table_holds(order(7 + MAX_ORDERS))
    run.flush()
    run.write("orders", closed(8))
    run.table_holds()
    run.finish()
    assert run.rows("orders", "client_order_id") == identities([1, 2, 3, 4, 5, 6])


def test_an_order_is_written_in_the_order_of_creation_even_when_all_wait_to_the_end(run: Run) -> None:
    run.write("orders", closed(5), closed(1), closed(4))
    run.table_holds(order(1, status=OrderStatus.FILLED), order(9), order(3, status=OrderStatus.SUBMITTED))
    run.flush()
    run.finish()
    assert run.rows("orders", "client_order_id", "created_at", "status") == [
        (name, TIME + number, status)
        for name, number, status in zip(
            identities([1, 3, 4, 5, 9]),
            [1, 3, 4, 5, 9],
            ["filled", "submitted", "filled", "filled", "working"],
            strict=True,
        )
    ]


def test_of_an_order_that_ended_twice_the_last_record_counts(run: Run) -> None:
    run.write("orders", closed(1, filled=0, status=OrderStatus.CANCELED), closed(2))
    run.table_holds(order(1), order(2))
    run.flush()
    run.write("orders", closed(1, filled=MICRO, late=1, status=OrderStatus.CANCELED))
    run.table_holds(order(3))
    run.flush()
    run.finish()
    assert run.rows("orders", "client_order_id", "filled_qty", "late_fill") == [
        (identities([1])[0], 1, True),
        (identities([2])[0], 0, False),
        (identities([3])[0], 0, False),
    ]


def test_what_the_engine_holds_at_the_end_counts_more_than_what_was_logged(run: Run) -> None:
    run.write("orders", closed(1, venue={"accepted": TIME}, filled=3 * MICRO))
    run.table_holds(order(1, filled=3 * MICRO, status=OrderStatus.FILLED))
    run.flush()
    run.table_holds(order(1, filled=2 * MICRO, status=OrderStatus.FILLED))
    run.finish()
    assert run.rows("orders", "filled_qty", "accepted_at") == [(2, None)]


def test_orders_that_are_still_open_have_the_venues_times_where_it_knows_them(run: Run) -> None:
    run.table_holds(order(1, accepted=TIME + 5), order(2, accepted=TIME + 5), order(MAX_ORDERS + 3))
    run.venue_knows(id=1, accepted=TIME + 2, triggered=TIME + 4)
    run.venue_knows(id=3, accepted=TIME + 2)  # an older order in the slot of 1027
    run.finish()
    assert run.rows("orders", "accepted_at", "triggered_at", "terminal_at") == [
        (TIME + 2, TIME + 4, None),
        (TIME + 5, None, None),
        (None, None, None),
    ]
    assert [text is None for text in run.rows("orders", "broker_order_id")] == [False, True, True]


def test_a_successor_is_written_after_the_order_it_replaced(run: Run) -> None:
    run.write("orders", closed(1, status=OrderStatus.REPLACED, leg=4))
    run.flush()
    run.write("orders", closed(2, replaces=1))
    run.flush()
    run.finish()
    assert run.rows("orders", "replaces") == [None, f"st-{1:016x}-04"]


def test_events_and_notes_name_orders_that_have_left_the_engines_table(run: Run) -> None:
    run.table_holds(order(1, leg=1), order(2, leg=2), order(3, leg=3))
    run.flush()
    run.table_holds(order(MAX_ORDERS + 1))  # took the slot of 1, which had ended before the last flush
    run.write("orders", closed(2, leg=2), closed(4, leg=4))
    numbers = [1, 2, 4, MAX_ORDERS + 1, 5, 0]
    run.write("events", *({"kind": EventKind.ORDER_CANCELED, "order": number} for number in numbers))
    run.write("notes", {"kind": NoteKind.LATE_FILL, "order": 1, "limit": OrderStatus.CANCELED})
    run.flush()
    run.finish()
    legs = [None if text is None else int(text[-2:]) for text in run.rows("events", "client_order_id")]
    assert legs == [1, 2, 4, 0, None, None]
    assert run.rows("risk_events", "client_order_id") == [f"st-{1:016x}-01"]


def fill(time: int, **fields: int) -> Fields:
    return {"time": time, "execution": time, "intent": 9, "leg": 2, "side": -1, "mid_fill": 10 * MICRO} | fields


def test_fills_are_in_the_order_of_time_and_keep_the_journals_order_within_it(run: Run) -> None:
    run.write("fills", fill(3), fill(1, qty=1), fill(1, qty=2))
    run.flush()
    run.finish()
    assert run.rows("fills", "time", "qty") == [
        (1, Decimal("0.000001")),
        (1, Decimal("0.000002")),
        (3, Decimal(0)),
    ]
    assert run.rows("fills", "execution_id") == [f"{time:016x}" for time in (1, 1, 3)]


def test_a_fill_without_a_mid_before_it_has_its_own(run: Run) -> None:
    known = {"mid_arrival": 11 * MICRO, "mid_decision": 12_000_001, "rule": Rule.STOP_GAP, "ambiguous": 1}
    run.write("fills", fill(1), fill(2, symbol=2, fee=-5, slippage=10_000, **known))
    run.flush()
    run.finish()
    assert run.rows("fills", "mid_fill", "mid_arrival", "mid_decision") == [
        (10, 10, 10),
        (10, 11, Decimal("12.000001")),
    ]
    assert run.rows("fills", "symbol", "side", "rule", "ambiguous", "synthetic") == [
        ("AAA", "sell", "open", False, False),
        ("CCC", "sell", "stop_gap", True, False),
    ]
    assert run.rows("fills", "fee", "slippage") == [(0, 0), (Decimal("-0.000005"), Decimal("0.01"))]
    assert set(run.rows("fills", "client_order_id")) == {f"st-{9:016x}-02"}


def test_equity_is_in_dollars_and_fractions(run: Run) -> None:
    row = {"time": TIME, "cash": -1, "equity": 10**17 + 1, "unit_value": 1_038_706_999, "drawdown": 25_000_000}
    run.write("equity", row | {"high_water_mark": 2 * NANO, "open_orders": 3, "mode": 4, "stale": 1})
    run.flush()
    run.finish()
    assert run.rows("equity", "cash", "equity", "unit_value", "high_water_mark", "drawdown") == [
        (Decimal("-0.000001"), Decimal("100000000000.000001"), Decimal("1.038706"), Decimal(2), 0.025)
    ]
    assert run.rows("equity", "open_orders", "mode", "stale") == [(3, "risk_exit", True)]


def test_decisions_and_their_checks_share_the_intent(run: Run) -> None:
    run.write("decisions", {"intent": 7, "time": TIME, "side": 1, "approved": 1, "p": 500_000})
    run.write("checks", {"intent": 7, "time": TIME, "row": {"check": 15, "measured": NANO // 10, "limit": NANO}})
    run.flush()
    run.finish()
    assert run.rows("decisions", "intent_id", "verdict", "p") == [(f"{7:016x}", "approved", 0.5)]
    assert run.rows("checks", "intent_id", "check", "measured", "time") == [(f"{7:016x}", "symbol_cap", 0.1, TIME)]


def test_a_split_is_of_what_was_held_before_it(run: Run) -> None:
    run.state["symbols"]["qty"][0, 1] = 10 * MICRO
    run.flush()
    run.state["symbols"]["qty"][0, 1] = 99 * MICRO
    run.write("events", {"kind": EventKind.SPLIT, "symbol": 1, "ratio": 4 * NANO, "t_visible": TIME})
    run.flush()
    run.finish()
    assert run.rows("cash_events", "time", "kind", "symbol", "qty_change", "ratio") == [(TIME, "split", "BBB", 30, 4.0)]


def test_positions_are_written_at_every_close_and_at_the_end(run: Run) -> None:
    run.state["symbols"]["qty"][0, 2] = -MICRO
    run.state["symbols"]["qty"][0, len(SYMBOLS)] = MICRO  # beyond the run's symbols
    run.log["closing"][:] = run.state["symbols"][0]
    run.journal.close_session(TIME - 1, run.log)
    run.state["symbols"]["qty"][0, 2] = 0
    run.state["symbols"]["realized"][0, 2] = 5
    run.finish()
    assert run.rows("positions", "time", "symbol", "qty") == [(TIME - 1, "CCC", -1), (TIME, "CCC", 0)]


def story(run: Run, stops: Sequence[int]) -> list[pa.Table]:
    """Twenty orders with events and fills, the log emptied after the steps in `stops`."""
    for step in range(20):
        run.table_holds(*(order(number) for number in range(max(step - 2, 1), step + 2)))
        run.write("events", {"seq": step, "kind": EventKind.ORDER_ACCEPTED, "order": step + 1})
        run.write("fills", fill(step, symbol=step % 3))
        if step > 3:
            status = (OrderStatus.FILLED, OrderStatus.REJECTED)[step % 2]
            role = {"role": Role.STOP, "sibling": step} if step % 3 else {}
            run.write("orders", closed(step - 3, status=status, reason=RejectReason.SESSION, **role))
        if step in stops:
            run.flush()
    run.flush()
    run.finish()
    return [run.writer.table(table) for table in TABLES]


def test_the_tables_do_not_depend_on_when_the_log_is_emptied(tmp_path: Path) -> None:
    tables = []
    for name, stops in (("once", ()), ("often", range(20)), ("again", range(20)), ("sometimes", (0, 3, 4, 15))):
        run = Run(tmp_path / name)
        tables.append(story(run, stops))
        run.writer.abort()
    assert [table.num_rows for table in tables[0]][2:4] == [20, 20]
    for others in tables[1:]:
        for table, other in zip(tables[0], others, strict=True):
            assert table.equals(other)
