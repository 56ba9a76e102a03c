"""The journal of a run: what the compiled loop has logged becomes tables, whenever the log is emptied.

Most rows can be written as they come. Orders cannot: their table is in the order of creation and holds each
order in its last state, while the log has them in the order in which they ended, and again when a fill came
late. So an order is held back while its number is still in the engine's table, where anything may yet happen
to it, and while an older one is; what is below the smallest number in that table is final.

Notes and events name orders by number only. Whatever they name was in the engine's table since the journal was
last emptied, so the table as it was then, the orders that have ended since and the table as it is now together
know its intent and leg.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core import run_tables
from core.identities import OrderIndex, Records, client_order_id, hex_text, last_rows, rows_at
from core.kernel.kinds import Mode, OrderStatus
from core.kernel.records import MAX_ORDERS
from core.run_arrays import count_array, factor_array, flag_array, money_array, names_array, time_array
from core.run_risk import risk_events
from core.run_tables import Names, names_of
from core.runs import RunWriter
from sim.records import CLOSED, Rule


class Journal:
    """Writes the tables of one simulated run from the replay loop's log and its final state."""

    def __init__(self, writer: RunWriter, symbols: Sequence[str], strategies: Sequence[str]) -> None:
        """`symbols` and `strategies` in the order of their numbers in the engine."""
        self._writer = writer
        self._names = Names(tuple(symbols), tuple(strategies))
        self._orders = _Orders()
        self._held = np.zeros(len(symbols), np.int64)  # positions when the log was last emptied, micro-shares

    def flush(self, log: np.void, state: np.ndarray) -> None:
        """Write what is in the log (a LOG record) and empty it; `state` has dtype STATE and shape (1,)."""
        names = self._names
        closed, table = _take(log, "orders"), _in_table(state)
        index = self._orders.note(closed, table)
        self._append("orders", self._orders.take_final(closed, names))
        notes = _take(log, "notes")
        if len(rows := _take(log, "events")):
            self._append("events", run_tables.events(rows, index, names))
            self._append("cash_events", run_tables.cash_events(rows, notes, index, self._held, names))
        if len(notes):
            self._append("risk_events", risk_events(notes, index, names))
        if len(rows := _take(log, "decisions")):
            self._append("decisions", run_tables.decisions(rows, names))
        if len(rows := _take(log, "checks")):
            self._append("checks", run_tables.checks(rows["intent"], rows["time"], rows["row"]))
        if len(rows := _take(log, "fills")):
            self._append("fills", fills(rows, names))
        if len(rows := _take(log, "equity")):
            self._append("equity", equity(rows))
        self._held = self._symbols(state)["qty"].copy()

    def close_session(self, time: int, log: np.void) -> None:
        """Write the positions that the log (a LOG record) has of a session's regular close, `time` in ns UTC."""
        closing = log["closing"][: len(self._names.symbols)]
        self._append("positions", run_tables.positions(time, closing, self._names))

    def finish(self, time: int, state: np.ndarray, venues: np.ndarray) -> None:
        """Write the orders that were held back, those still open as they are, and the positions at the end."""
        orders = _in_table(state)
        last = np.zeros(len(orders), CLOSED)
        last["engine"] = orders
        book = venues["orders"][0][orders["id"] % MAX_ORDERS]
        known = book["id"] == orders["id"]
        last["venue"][known] = book[known]
        self._append("orders", self._orders.take_rest(last, self._names))
        self._append("positions", run_tables.positions(time, self._symbols(state), self._names))

    def _symbols(self, state: np.ndarray) -> Records:
        table: Records = state["symbols"][0, : len(self._names.symbols)]
        return table

    def _append(self, table: str, batch: pa.RecordBatch | None) -> None:
        if batch is not None and batch.num_rows:
            self._writer.append(table, batch)


class _Orders:
    """Orders that have ended, until nothing can happen to them any more and no older one is open."""

    def __init__(self) -> None:
        self._waiting: list[Records] = []
        self._floor = 0  # no number in the engine's table is smaller
        self._table = OrderIndex.of(np.zeros(0, CLOSED)["engine"])
        self._replaced = self._table

    def note(self, closed: Records, table: Records) -> OrderIndex:
        """Look at what is in the engine's table; returns an index of all that was in it since last time.

        `closed` are CLOSED records of orders that have ended since then.
        """
        index = self._table.joined(OrderIndex.of(closed["engine"], table))
        self._table = OrderIndex.of(table)
        self._floor = int(table["id"].min(initial=np.iinfo(np.int64).max))
        return index

    def take_final(self, closed: Records, names: Names) -> pa.RecordBatch | None:
        """Rows of `orders` for those that are final now, among them some of `closed`; the others wait.

        What one old order holds back is looked at, never moved.
        """
        parts = [*self._waiting, closed]
        final = [part["engine"]["id"] < self._floor for part in parts]
        ready = _gathered(parts, [np.flatnonzero(rows) for rows in final])
        self._waiting = [
            part if part is not closed and not rows.any() else rows_at(part, np.flatnonzero(~rows))
            for part, rows in zip(parts, final, strict=True)
            if not rows.all()
        ]
        return self._batch(ready, names) if len(ready) else None

    def take_rest(self, last: Records, names: Names) -> pa.RecordBatch:
        """Rows of `orders` for all that wait and for those still in the engine's table, which `last` has."""
        parts = [*self._waiting, last]
        return self._batch(_gathered(parts, [np.arange(len(part)) for part in parts]), names)

    def _batch(self, rows: Records, names: Names) -> pa.RecordBatch:
        """One row an order, in the order of their numbers, which is that of their creation."""
        rows = rows_at(rows, last_rows(rows["engine"]["id"]))
        engine = rows["engine"]
        if np.any(replaced := engine["status"] == OrderStatus.REPLACED):
            self._replaced = self._replaced.joined(OrderIndex.of(engine[replaced]))
        return run_tables.orders(engine, rows["venue"], self._replaced, names)


def _take(log: np.void, table: str) -> Records:
    """The rows of one table of the log, which is empty from then on; they stay valid until the loop goes on."""
    counter = f"{table}_n"
    rows: Records = log[table][: int(log[counter])]
    log[counter] = 0
    return rows


def _gathered(parts: Sequence[Records], chosen: Sequence[npt.NDArray[np.intp]]) -> Records:
    """The chosen rows of each part, CLOSED records, one after another; each is moved once."""
    width = CLOSED.itemsize // 8
    words = np.empty((sum(map(len, chosen)), width), np.int64)
    begin = 0
    for part, rows in zip(parts, chosen, strict=True):
        end = begin + len(rows)
        part.view(np.int64).reshape(len(part), width).take(rows, axis=0, out=words[begin:end], mode="clip")
        begin = end
    gathered: Records = words.view(CLOSED).reshape(len(words))
    return gathered


def _in_table(state: np.ndarray) -> Records:
    """ORDER records in the engine's table, open ones and those whose slot is not needed again yet."""
    table: Records = state["orders"][0]
    return rows_at(table, np.flatnonzero(table["status"] != OrderStatus.NONE))


def fills(rows: Records, names: Names) -> pa.RecordBatch:
    """Rows of `fills` from FILL records, in the order of their times; a mid that is not known is that of the fill."""
    rows = rows_at(rows, np.argsort(rows["time"], kind="stable"))
    mid = rows["mid_fill"]
    columns = {
        "execution_id": hex_text(rows["execution"]),
        "client_order_id": client_order_id(rows["intent"], rows["leg"]),
        "symbol": names_array(rows["symbol"], names.symbols),
        "side": run_tables.side_array(rows["side"]),
        "qty": money_array(rows["qty"]),
        "price": money_array(rows["price"]),
        "fee": money_array(rows["fee"]),
        "time": time_array(rows["time"]),
        "t_received": time_array(rows["received"]),
        "bar_time": time_array(rows["bar_time"]),
        "mid_fill": money_array(mid),
        "mid_arrival": money_array(np.where(rows["mid_arrival"] != 0, rows["mid_arrival"], mid)),
        "mid_decision": money_array(np.where(rows["mid_decision"] != 0, rows["mid_decision"], mid)),
        "half_spread": money_array(rows["half_spread"]),
        "slippage": money_array(rows["slippage"]),
        "rule": names_array(rows["rule"], names_of(Rule)),
        "ambiguous": flag_array(rows["ambiguous"]),
        "synthetic": flag_array(np.zeros(len(rows), np.bool_)),
    }
    return pa.record_batch(columns)


def equity(rows: Records) -> pa.RecordBatch:
    """Rows of `equity` from EQUITY records; unit values in nanos are rounded down to micros."""
    columns = {
        "time": time_array(rows["time"]),
        "cash": money_array(rows["cash"]),
        "equity": money_array(rows["equity"]),
        "unit_value": money_array(rows["unit_value"] // 1000),
        "high_water_mark": money_array(rows["high_water_mark"] // 1000),
        "drawdown": factor_array(run_tables.fractions(rows["drawdown"])),
        "day_start_equity": money_array(rows["day_start_equity"]),
        "gross": money_array(rows["gross"]),
        "net": money_array(rows["net"]),
        "buying_power": money_array(rows["buying_power"]),
        "open_orders": count_array(rows["open_orders"]),
        "mode": names_array(rows["mode"], names_of(Mode)),
        "stale": flag_array(rows["stale"]),
    }
    return pa.record_batch(columns)
