"""The tables of a live run, gathered step by step while its journal is replayed, and written a few thousand at a time.

Columns are made by the builders that simulation uses. Two tables have columns that only a simulated venue could fill:
here a fill's mids are the engine's marks, its slippage is what the price was worse than the quote that they imply, and
its rule is `nbbo`, which is how Alpaca's paper engine fills.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core import run_tables
from core.identities import OrderIndex, Records, rows_at
from core.kernel import readings
from core.kernel.kinds import Condition, EventKind, Mode, OrderStatus, Phase
from core.kernel.records import CHECK, DECISION, EVENT, NOTE, ORDER
from core.kernel.units import MINUTE, NANO
from core.run_arrays import count_array, factor_array, flag_array, money_array, names_array, time_array
from core.run_risk import risk_events
from core.run_tables import Names, names_of
from core.runs import RunWriter
from live.books import Before, Books

FLUSH_EVENTS = 10_000
FLUSH_ORDERS = 256  # new orders: their slots are not in use again before the next flush

Row = dict[str, Any]
Noted = Callable[[NDArray[np.void]], None]


def ignored(_notes: NDArray[np.void]) -> None:
    """Nobody asks what was noted."""


class Tables:
    """Takes steps of `books`, which the caller makes, and writes their rows. `broker_ids` are by order number."""

    def __init__(self, writer: RunWriter, books: Books, broker_ids: Mapping[int, str], noted: Noted = ignored) -> None:
        self._noted = noted
        self.bars = 0
        self._writer = writer
        self._books = books
        self._names = Names(books.symbols, books.strategies)
        self._broker_ids = broker_ids
        self._events: list[bytes] = []
        self._notes: list[tuple[int, ...]] = []
        self._decisions: list[bytes] = []
        self._checks: list[tuple[int, int, tuple[int, ...]]] = []
        self._fills: list[Row] = []
        self._equity: list[Row] = []
        self._ended: dict[int, bytes] = {}  # orders as they last were
        self._marks: dict[int, tuple[int, int]] = {}  # order → mid at the decision, mid on arrival
        self._index = OrderIndex.of(np.zeros(0, ORDER))
        self._flushed_order = 0
        self._held = self._symbols()["qty"].copy()

    def step(self, event: NDArray[np.void], before: Before, detail: Mapping[str, str]) -> None:
        """What one event, (1,) EVENT, has led to."""
        books, kind = self._books, int(event[0]["kind"])
        self._events.append(event.tobytes())
        self.bars += kind == EventKind.BAR
        self._notes += books.notes()
        if books.decided():
            self._decided()
        if kind == EventKind.TIMER:
            self._minute(event, before.day_start_equity)
        elif kind == EventKind.SESSION:
            self._session(event)
        elif kind == EventKind.EXIT_SIGNAL:
            self._decisions.append(books.exit_decision(event[0], before.held).tobytes())
        elif kind in (EventKind.FILL, EventKind.FOREIGN_FILL) and books.booked(before):
            self._fill(event, detail)
        elif kind == EventKind.ORDER_ACCEPTED:
            self._arrived(event)
        self._opened()
        if len(self._events) >= FLUSH_EVENTS or books.run("next_order") - self._flushed_order >= FLUSH_ORDERS:
            self.flush()

    def flush(self) -> None:
        """Write what has gathered."""
        orders = self._known()
        for record in orders:
            self._ended[int(record["id"])] = record.tobytes()
        index = self._index.joined(OrderIndex.of(orders))
        self._index = OrderIndex.of(orders)
        notes = np.array(self._notes, NOTE)
        self._noted(notes)
        if self._events:
            rows = np.frombuffer(b"".join(self._events), EVENT)
            self._append("events", run_tables.events(rows, index, self._names))
            self._append("cash_events", run_tables.cash_events(rows, notes, index, self._held, self._names))
        if len(notes):
            self._append("risk_events", risk_events(notes, index, self._names))
        if self._decisions:
            self._append(
                "decisions", run_tables.decisions(np.frombuffer(b"".join(self._decisions), DECISION), self._names)
            )
        if self._checks:
            intents, times, rows_ = zip(*self._checks, strict=True)
            checks = np.array(list(rows_), CHECK)
            self._append("checks", run_tables.checks(np.array(intents, np.int64), np.array(times, np.int64), checks))
        if self._equity:
            self._append("equity", _equity(self._equity))
        gathered: tuple[list[Any], ...] = (self._events, self._notes, self._decisions, self._checks, self._equity)
        for part in gathered:
            part.clear()
        self._held = self._symbols()["qty"].copy()
        self._flushed_order = self._books.run("next_order")

    def finish(self, time: int) -> None:
        """Write the rest: every order in its last state, fills by venue time, and the positions at the end, ns UTC."""
        self.flush()
        if self._fills:
            self._append("fills", _fills(sorted(self._fills, key=lambda row: int(row["time"])), self._names))
        if self._ended:
            numbers = sorted(self._ended)
            rows = np.frombuffer(b"".join(self._ended[number] for number in numbers), ORDER)
            replaced = OrderIndex.of(rows[rows["status"] == OrderStatus.REPLACED])
            batch = run_tables.orders(rows, np.zeros(len(rows), ORDER), replaced, self._names)
            broker_ids = pa.array([self._broker_ids.get(number) for number in numbers], pa.string())
            place = batch.schema.get_field_index("broker_order_id")
            self._append("orders", batch.set_column(place, "broker_order_id", broker_ids))
        self._append("positions", run_tables.positions(time, self._symbols(), self._names))

    def _decided(self) -> None:
        decision = self._books.state["decision"][0]
        self._decisions.append(decision.tobytes())
        intent, time = int(decision["intent"]), int(decision["time"])
        for row in self._books.state["checks"][0, : int(decision["checks"])].tolist():
            self._checks.append((intent, time, row))

    def _minute(self, event: NDArray[np.void], base: int) -> None:
        books = self._books
        ended = int(event[0]["t_market"]) // MINUTE * MINUTE
        if books.run("session_open") < ended <= books.run("session_close"):
            self._equity.append(_account(books, ended, base))

    def _session(self, event: NDArray[np.void]) -> None:
        books, phase = self._books, int(event[0]["code"])
        if phase == Phase.REGULAR:
            self._equity.append(_account(books, int(event[0]["t_market"]), books.account("day_start_equity")))
        elif phase == Phase.CLOSED and books.run("session_close"):
            self._append("positions", run_tables.positions(books.run("session_close"), self._symbols(), self._names))

    def _fill(self, event: NDArray[np.void], detail: Mapping[str, str]) -> None:
        e, books = event[0], self._books
        order, symbol = books.order(int(e["order"])), int(e["symbol"])
        market = self._symbols()[symbol] if symbol >= 0 else None
        mid = int(e["price"]) if market is None else int(market["mark"])
        decided, arrived = self._marks.get(int(e["order"]), (mid, mid))
        half = 0 if market is None else int(market["half_spread"])
        side = int(order["side"]) if order is not None else (1 if int(e["qty"]) > 0 else -1)
        row = {
            "execution_id": detail.get("execution_id") or f"{int(e['execution']):016x}",
            "client_order_id": books.client_id(int(e["order"])) or detail.get("client_order_id", ""),
            "symbol": symbol,
            "side": side,
            "qty": abs(int(e["qty"])),
            "price": int(e["price"]),
            "fee": int(e["amount"]),
            "time": int(e["t_market"]),
            "received": int(e["t_received"]),
            "mid": mid,
            "arrived": arrived,
            "decided": decided,
            "half": half,
            "slippage": max(side * (int(e["price"]) - mid) - half, 0),
        }
        if symbol >= 0:
            self._fills.append(row)

    def _arrived(self, event: NDArray[np.void]) -> None:
        number, symbol = int(event[0]["order"]), int(event[0]["symbol"])
        if number in self._marks and symbol >= 0:
            self._marks[number] = (self._marks[number][0], int(self._symbols()[symbol]["mark"]))

    def _opened(self) -> None:
        """Remember the mark at which each new order was decided, for as long as the order can be in the table."""
        newest = self._books.run("next_order")
        for number in range(max(newest - 8, 1), newest):
            order = self._books.order(number)
            if number not in self._marks and order is not None:
                mark = int(self._symbols()[int(order["symbol"])]["mark"])
                self._marks[number] = (mark, mark)
                while len(self._marks) > 4 * FLUSH_EVENTS:
                    del self._marks[next(iter(self._marks))]

    def _known(self) -> Records:
        """ORDER records of the engine's table that are in use."""
        table: Records = self._books.state["orders"][0]
        return rows_at(table, np.flatnonzero(table["status"] != OrderStatus.NONE))

    def _symbols(self) -> Records:
        table: Records = self._books.state["symbols"][0, : len(self._names.symbols)]
        return table

    def _append(self, table: str, batch: pa.RecordBatch | None) -> None:
        if batch is not None and batch.num_rows:
            self._writer.append(table, batch)


def _account(books: Books, time: int, base: int) -> Row:
    """A row of `equity` in micros and nanos; unit values in nanos."""
    value, high = books.account("unit_value"), books.account("high_water_mark")
    conditions = books.run("conditions")
    return {
        "time": time,
        "base": base,
        "net": books.account("value"),
        "buying_power": int(readings.buying_power(books.state)),
        "open_orders": books.run("working"),
        "mode": books.run("mode"),
        "stale": conditions >> Condition.FEED_STALE & 1 | conditions >> Condition.FEED_DOWN & 1,
        "drawdown": max(NANO - int(value / high * 1e9), 0),
        "unit_value": value,
        "high": high,
        **{name: books.account(name) for name in ("cash", "equity", "gross")},
    }


def _column(rows: list[Row], name: str) -> NDArray[np.int64]:
    return np.array([row[name] for row in rows], np.int64)


def _equity(rows: list[Row]) -> pa.RecordBatch:
    columns = {
        "time": time_array(_column(rows, "time")),
        "cash": money_array(_column(rows, "cash")),
        "equity": money_array(_column(rows, "equity")),
        "unit_value": money_array(_column(rows, "unit_value") // 1000),
        "high_water_mark": money_array(_column(rows, "high") // 1000),
        "drawdown": factor_array(run_tables.fractions(_column(rows, "drawdown"))),
        "day_start_equity": money_array(_column(rows, "base")),
        "gross": money_array(_column(rows, "gross")),
        "net": money_array(_column(rows, "net")),
        "buying_power": money_array(_column(rows, "buying_power")),
        "open_orders": count_array(_column(rows, "open_orders")),
        "mode": names_array(_column(rows, "mode"), names_of(Mode)),
        "stale": flag_array(_column(rows, "stale")),
    }
    return pa.record_batch(columns)


def _fills(rows: list[Row], names: Names) -> pa.RecordBatch:
    count = len(rows)
    time = _column(rows, "time")
    columns = {
        "execution_id": pa.array([row["execution_id"] for row in rows], pa.string()),
        "client_order_id": pa.array([row["client_order_id"] for row in rows], pa.string()),
        "symbol": names_array(_column(rows, "symbol"), names.symbols),
        "side": run_tables.side_array(_column(rows, "side")),
        "qty": money_array(_column(rows, "qty")),
        "price": money_array(_column(rows, "price")),
        "fee": money_array(_column(rows, "fee")),
        "time": time_array(time),
        "t_received": time_array(_column(rows, "received")),
        "bar_time": time_array(time // MINUTE * MINUTE),
        "mid_fill": money_array(_column(rows, "mid")),
        "mid_arrival": money_array(_column(rows, "arrived")),
        "mid_decision": money_array(_column(rows, "decided")),
        "half_spread": money_array(_column(rows, "half")),
        "slippage": money_array(_column(rows, "slippage")),
        "rule": names_array(np.zeros(count, np.int64), ("nbbo",)),
        "ambiguous": flag_array(np.zeros(count, np.bool_)),
        "synthetic": flag_array(np.zeros(count, np.bool_)),
    }
    return pa.record_batch(columns)
