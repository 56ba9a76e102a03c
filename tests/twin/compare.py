"""The whole observable state of both engines, side by side.

After every event the account, the run, the decision with its checks, commands, notes, the event's order and its
symbol are compared, and every few events everything else; since state persists, a difference cannot slip by, it is
only found a few events late. `DisagreementError` says where: event number, field, both values.
"""

from __future__ import annotations

from decimal import Decimal
from operator import attrgetter
from typing import Any

import numpy as np

from core.kernel import records
from core.kernel.kinds import Breaker, EventKind, OrderStatus, Role
from core.kernel.records import MAX_ORDERS, PDT_DAYS
from core.kernel.units import MINUTE
from tests.twin.engine import Engine
from tests.twin.kernel import Kernel
from tests.twin.money import micros
from tests.twin.orders import Order

EVERYTHING_AFTER = 32  # events
NOTE_FIELDS = ("kind", "severity", "symbol", "order")
RUN_DERIVED = {"working", "unknown", "conditions", "lanes", "stale_symbols", "alerted"}
RUN_KERNELS_OWN = {"command_hash", "commands", "notes", "broken", "broken_at", "ended", "equity_before"}


class DisagreementError(AssertionError):
    """The two engines disagree."""


def _number(value: Any) -> int:
    return micros(value) if value.__class__ is Decimal else int(value)


class Reader:
    """Rows of one record type inside the engine's state, as lists of integers."""

    def __init__(self, words: np.ndarray, name: str, leave_out: set[str] | None = None) -> None:
        base, offset = records.STATE.fields[name][:2]
        row = base.subdtype[0] if base.subdtype else base
        self.words, self.start, self.size = words, offset // 8, row.itemsize // 8
        self.names = [n for n in row.names if row.fields[n][0] == np.int64 and n not in (leave_out or ())]
        self.columns = [row.fields[n][1] // 8 for n in self.names]

    def row(self, index: int = 0) -> list[int]:
        at = self.start + index * self.size
        values = self.words[at : at + self.size].tolist()
        return values if len(self.columns) == self.size else [values[c] for c in self.columns]


class Pair:
    """The compiled engine and its twin on the same events."""

    def __init__(self, config: dict[str, int]) -> None:
        self.kernel = Kernel(**config)
        self.twin = Engine({name: int(self.kernel.st.config[name]) for name in records.CONFIG.names})
        words = self.kernel.words
        self.run = Reader(words, "run", RUN_DERIVED | RUN_KERNELS_OWN)
        self.derived = Reader(words, "run", set(records.RUN.names) - RUN_DERIVED)
        self.run_fields = attrgetter(*self.run.names)
        self.account = Reader(words, "account")
        self.symbols = Reader(words, "symbols")
        self.orders = Reader(words, "orders")
        self.order_fields = attrgetter(*self.orders.names)
        self.lanes = Reader(words, "lanes")
        self.conditions = Reader(words, "conditions")
        self.decision = Reader(words, "decision")
        self.notes = Reader(words, "notes")
        self.commands = Reader(words, "commands")
        self.checks = Reader(words, "checks")
        self.note_columns = [self.notes.names.index(name) for name in NOTE_FIELDS]
        outputs = Reader(words, "run", set(records.RUN.names) - {"commands", "notes"})
        self.outputs = slice(outputs.start + outputs.columns[0], outputs.start + outputs.columns[1] + 1)
        assert outputs.columns[1] - outputs.columns[0] == 1
        self.ended_count = self.run.start + records.RUN.names.index("ended")
        self.ended = records.STATE.fields["ended"][1] // 8
        self.seen: dict[str, tuple[tuple[Any, ...], list[int]]] = {}
        self.kind = 0

    def apply(self, event: Any) -> None:
        """One event through both, compared."""
        self.kind = event.kind
        self.kernel.apply(event)
        self.twin.apply(event)
        self._step(event)
        if event.seq % EVERYTHING_AFTER == 0:
            self.everything()

    def _differ(self, where: str, ours: Any, twins: Any) -> None:
        if ours != twins:
            kind = EventKind(self.kind).name
            raise DisagreementError(
                f"event {self.twin.seq} ({kind}): {where} is {ours} in the engine, {twins} in the twin"
            )

    def _rows(self, where: str, reader: Reader, index: int, expected: list[int]) -> None:
        actual = reader.row(index)
        if actual != expected:
            for name, ours, twins in zip(reader.names, actual, expected, strict=True):
                self._differ(f"{where}.{name}", ours, twins)

    def _once(self, where: str, values: tuple[Any, ...]) -> list[int]:
        """The values as integers; only those that are other objects than last time are converted again."""
        old, numbers = self.seen.get(where, ((), []))
        if old != values:
            known = zip(values, old or (None,) * len(values), numbers or values, strict=True)
            numbers = [number if value is before else _number(value) for value, before, number in known]
            self.seen[where] = (values, numbers)
        return numbers

    def _step(self, event: Any) -> None:
        twin = self.twin
        words = self.kernel.words
        commands, notes = words[self.outputs].tolist()
        ended = words[self.ended : self.ended + int(words[self.ended_count])].tolist()
        self._differ("orders that ended", ended, twin.ended)
        if commands or twin.commands:
            self._differ("commands", commands, len(twin.commands))
            for i, command in enumerate(twin.commands):
                self._rows(f"commands[{i}]", self.commands, i, list(command))
        if notes or twin.notes:
            rows = [self.notes.row(i) for i in range(notes)]
            found = [tuple(row[column] for column in self.note_columns) for row in rows]
            self._differ("notes", found, twin.notes)
        self._rows("run", self.run, 0, list(self.run_fields(twin)))
        if event.kind == EventKind.BAR and not twin.stocks[event.symbol].qty and "account" in self.seen:
            self._rows("account", self.account, 0, self.seen["account"][1])  # nothing of it can have changed
        else:
            self._compare_account()
        if event.kind == EventKind.SIGNAL:
            self._compare_decision()
        order = twin.orders.get(event.order)
        if order:
            self._compare_order(order)
            self._compare_symbol(order.symbol)
        elif event.symbol >= 0:
            self._compare_symbol(event.symbol)

    def _compare_account(self) -> None:
        """The account's own fields, and its totals as sums over positions and orders."""
        twin = self.twin
        a, rate = twin.account, twin.config.maintenance
        values = [stock.value for stock in twin.stocks]
        holds = [(order.side, order.hold) for order in twin.live.values() if order.role == Role.ENTRY]
        derived = {
            "value": sum(values),
            "gross": sum(map(abs, values)),
            "maintenance": sum(stock.maintenance(rate) for stock in twin.stocks),
            "realized": sum(stock.realized for stock in twin.stocks),
            "cost": sum(stock.cost for stock in twin.stocks),
            "reserved": sum(hold for _, hold in holds),
            "reserved_net": sum(side * hold for side, hold in holds),
        }
        derived["equity"] = a.cash + derived["value"]
        fields = vars(a) | derived | {f"week_units{i}": unit for i, unit in enumerate(a.closes)}
        expected = self._once("account", tuple([fields[name] for name in self.account.names]))
        self._rows("account", self.account, 0, expected)

    def _compare_decision(self) -> None:
        d = self.twin.decision
        assert d is not None
        fields = d | {"checks": len(d.checks)}
        self._rows("decision", self.decision, 0, [fields[name] for name in self.decision.names])
        for i, check in enumerate(d.checks):
            self._rows(f"checks[{i}]", self.checks, i, list(check))

    def _compare_order(self, order: Order) -> None:
        expected = self._once(f"orders[{order.id}]", self.order_fields(order))
        self._rows(f"orders[{order.id}]", self.orders, order.id % MAX_ORDERS, expected)

    def _compare_symbol(self, number: int) -> None:
        twin = self.twin
        stock = twin.stocks[number]
        derived = {
            "value": stock.value,
            "maintenance": stock.maintenance(twin.config.maintenance),
            "working": twin.working(stock),
            "reserved": twin.reserved_in(stock),
            "executed": stock.qty - stock.adjusted,
            "remembered": len(stock.executions),
        } | dict(zip(("base_qty", "base_cost", "base_realized"), stock.base, strict=True))
        fields, where = vars(stock) | derived, f"symbols[{number}]"
        expected = self._once(where, tuple([fields[name] for name in self.symbols.names]))
        self._rows(where, self.symbols, number, expected)

    def everything(self) -> None:
        """Every row that means anything, but for orders that ended long ago."""
        twin = self.twin
        live = twin.live.values()
        derived = {
            "working": len(live),
            "unknown": sum(order.status == OrderStatus.UNKNOWN for order in live),
            "conditions": sum(reason.active << condition for condition, reason in twin.reasons.items()),
            "lanes": sum(circuit.state != Breaker.CLOSED for circuit in twin.circuits),
            "stale_symbols": sum(bool(stock.stale_since) for stock in twin.stocks),
            "alerted": sum(1 << condition for condition in twin.announced),
        }
        self._rows("run", self.derived, 0, [derived[name] for name in self.derived.names])
        for number in range(len(twin.stocks)):
            self._compare_symbol(number)
        for order in twin.orders.values():
            if not order.terminal or twin.now - order.terminal < MINUTE:
                self._compare_order(order)
        for lane, circuit in enumerate(twin.circuits):
            fields = vars(circuit)
            self._rows(f"lanes[{lane}]", self.lanes, lane, [fields[name] for name in self.lanes.names])
        for condition, reason in twin.reasons.items():
            fields = vars(reason) | {"hits": sum(bad << age for age, bad in enumerate(reversed(reason.last)))}
            where = f"conditions[{condition.name}]"
            self._rows(where, self.conditions, condition, [fields[name] for name in self.conditions.names])
        self._compare_margin()

    def all_orders(self) -> None:
        """Every order that either of the two remembers."""
        ids = set(self.kernel.state["orders"]["id"][0].tolist()) - {0}
        self._differ("order ids", sorted(ids), sorted(self.twin.orders))
        for order in self.twin.orders.values():
            self._compare_order(order)

    def _compare_margin(self) -> None:
        margin, sessions, kernel = self.twin.margin, self.twin.sessions, self.kernel.st.margin
        ours = (kernel.imd, kernel.freeze_until, kernel.unmet)
        self._differ("margin", ours, (micros(margin.worst_today), margin.freeze_until, margin.unmet))
        days = range(max(sessions - PDT_DAYS + 1, 0), sessions + 1)
        for name, counted in (("day_count", margin.day_trades), ("trade_count", margin.trades)):
            counts = getattr(kernel, name).tolist()
            self._differ(f"margin.{name}", [counts[d % PDT_DAYS] for d in days], [counted[d] for d in days])
        rows = kernel.deficits.tolist()
        ours = {slot: row for slot, row in enumerate(rows) if row[2]}
        theirs = {s: (d.session, micros(d.amount), 1 + d.unmet) for s, d in margin.deficits.items()}
        self._differ("margin.deficits", ours, theirs)
