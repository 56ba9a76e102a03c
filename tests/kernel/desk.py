"""A desk to drive the engine from: it owns a state, keeps the clock, sends events by name and reads the answers.

Dollars, shares and seconds go in as plain numbers; what comes out of the state stays in the engine's own integers.
Every event is followed by a rebuild of all running totals, so that each test tests the books as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from types import SimpleNamespace
from typing import Any

import numpy as np

from core.kernel import engine, invariants
from core.kernel.kinds import (
    Binding,
    CashKind,
    CommandKind,
    Condition,
    EventKind,
    Lane,
    LaneFailure,
    Mode,
    NoteKind,
    OperatorAct,
    OrderStatus,
    Phase,
    ReconcileStep,
    Refusal,
    RejectReason,
    Result,
    Role,
)
from core.kernel.records import CONFIG
from core.kernel.state import new_event, new_state
from core.kernel.units import MICRO, NANO, SECOND

DAY = 86_400 * SECOND
OPENING = 1_790_000_000 * SECOND  # of the first session
HOURS = 23_400 * SECOND  # of a regular session

DEFAULTS = {
    "cash": 100_000 * MICRO,
    "multiplier": 2,
    "regime": 2,
    "shorting": 1,
    "maintenance": 300_000_000,
    "trade_risk": NANO // 100,
    "symbol_cap": NANO // 10,
    "gross_cap": NANO,
    "net_cap": NANO,
    "daily_loss": NANO // 20,
    "max_drawdown": 15 * NANO // 100,
    "soft": 7 * NANO // 10,
    "near": 8 * NANO // 10,
    "price_collar": NANO // 20,
    "orders_minute": 60,
    "orders_day": 2_000,
    "repeat_limit": 20,
    "stale_after": 180 * SECOND,
    "stale_share": NANO // 2,
    "stale_shock": NANO // 50,
    "plausible_jump": NANO // 10,
    "protect_within": 60 * SECOND,
    "cool_off": 1,
    "reentry_scale": NANO // 2,
    "reentry_step": NANO // 4,
    "exit_step": 60 * SECOND,
    "exit_deadline": 300 * SECOND,
    "signal_max_age": 120 * SECOND,
    "kelly": NANO // 4,
    "observations": 400,
    "throttle": 1,
    "cost": 200_000,
    "min_notional": 100 * MICRO,
    "lot": MICRO,
    "calibration_scale": NANO,
    "breaker_failures": 5,
    "breaker_window": 60 * SECOND,
    "breaker_share": NANO // 2,
    "breaker_min": 10,
    "half_open_orders": 3,
    "backoff_base": SECOND,
    "backoff_cap": 60 * SECOND,
    "trips_day": 3,
    "query_tries": 5,
    "query_step": SECOND,
    "unknown_deadline": 300 * SECOND,
    "reconcile_wait": 60 * SECOND,
    "clock_limit": 2 * SECOND,
    "drift_tolerance": NANO // 100,
    "reject_storm": 5,
    "seed": 1,
    "symbols": 2,
    "tif": 1,
}


def micros(amount: float) -> int:
    return round(amount * MICRO)


def plain(record: np.record, **kinds: type[IntEnum]) -> SimpleNamespace:
    """A record as an object of plain integers, with some of them as the enumerations they are."""
    names = [name for name, (dtype, *_) in (record.dtype.fields or {}).items() if dtype == np.int64]
    assert names
    return SimpleNamespace(**{name: kinds.get(name, int)(record[name]) for name in names})


def codes(bits: int) -> set[Refusal]:
    return {code for code in Refusal if bits >> code & 1}


@dataclass(frozen=True)
class Step:
    """What one event has led to."""

    commands: list[SimpleNamespace]
    notes: list[SimpleNamespace]
    decision: SimpleNamespace | None = field(repr=False)

    @property
    def sent(self) -> list[CommandKind]:
        return [command.kind for command in self.commands]

    @property
    def noted(self) -> list[NoteKind]:
        return [note.kind for note in self.notes]

    @property
    def command(self) -> SimpleNamespace:
        (command,) = self.commands
        return command

    def note(self, kind: NoteKind) -> SimpleNamespace:
        (note,) = (note for note in self.notes if note.kind == kind)
        return note


class Desk:
    """An engine with its clock; `live=False` leaves it as it is born: stream down, books not reconciled."""

    def __init__(self, live: bool = True, **config: int) -> None:
        record = np.zeros(1, CONFIG)
        for key, value in (DEFAULTS | config).items():
            record[0][key] = value
        self.state = new_state(record[0])
        self.st = self.state[0]
        self.event = new_event()
        self.now = OPENING
        self.day = 0
        self.last_intent = 100
        self.last_execution = 1_000
        self.history: list[Step] = []
        if live:
            self.stream(up=True)
            self.reconcile(ReconcileStep.FINISHED)
            self.open_session()

    # -- events -----------------------------------------------------------------------------------------------

    def send(self, kind: EventKind, /, after: float = 0, **fields: int) -> Step:
        """One event, `after` seconds later than the last."""
        self.now += round(after * SECOND)
        self.event[:] = new_event()
        event = self.event[0]
        event["seq"] = self.st.run.seq + 1
        event["kind"] = kind
        event["t_market"] = event["t_received"] = event["t_visible"] = self.now
        for name, value in fields.items():
            event[name] = value
        engine.apply(self.state, self.event)  # type: ignore[no-untyped-call]
        run = self.st.run
        assert run.broken == 0, f"invariant {run.broken} broken by {kind.name}"
        broken = invariants.broken(self.state)  # type: ignore[no-untyped-call]
        assert broken == 0, f"books do not add up after {kind.name}: {broken}"
        step = Step(
            [plain(c, kind=CommandKind, role=Role) for c in self.st.commands[: run.commands]],
            [plain(n, kind=NoteKind) for n in self.st.notes[: run.notes]],
            self._decision() if self.st.decision.checks >= 0 else None,
        )
        self.history.append(step)
        return step

    def _decision(self) -> SimpleNamespace:
        d = plain(self.st.decision, binding=Binding, mode=Mode)
        d.checks = {Refusal(check.check): plain(check, result=Result) for check in self.st.checks[: d.checks]}
        d.refused, d.reduced = codes(d.refused), codes(d.reduced)
        return d

    def open_session(self, phase: Phase = Phase.REGULAR, hours: int = HOURS) -> Step:
        """The next phase of the day; the first one of a new day after `close_session`."""
        self.now = max(self.now, OPENING + self.day * DAY)
        return self.send(EventKind.SESSION, code=phase, amount=self.day + 1, qty=hours)

    def close_session(self) -> Step:
        """The regular session ends; the timer of its last minute books the day."""
        self.send(EventKind.SESSION, code=Phase.POST, amount=self.day + 1)
        step = self.timer(0)
        self.send(EventKind.SESSION, code=Phase.CLOSED, amount=self.day + 1)
        self.day += 1
        return step

    def next_session(self) -> Step:
        self.close_session()
        return self.open_session()

    def bar(self, symbol: int, price: float, volume: float = 1_000, age: float = 60) -> Step:
        """The bar that began `age` seconds ago."""
        return self.send(
            EventKind.BAR,
            symbol=symbol,
            price=micros(price),
            qty=micros(volume),
            t_market=self.now - round(age * SECOND),
        )

    def timer(self, after: float = 60) -> Step:
        return self.send(EventKind.TIMER, after)

    def minute(self, *prices: float | None) -> Step:
        """A minute passes: a bar for each symbol whose price is given, then the timer."""
        self.now += 60 * SECOND
        for symbol, price in enumerate(prices):
            if price is not None:
                self.bar(symbol, price)
        return self.timer(0)

    def signal(
        self,
        symbol: int = 0,
        side: int = 1,
        p: float = 0.6,
        stop: float = 1.0,
        target: float = 1.5,
        price: float | None = None,
        horizon: float = 0,
        strategy: int = 0,
        intent: int = 0,
        age: float = 60,
    ) -> Step:
        self.last_intent += 1
        return self.send(
            EventKind.SIGNAL,
            symbol=symbol,
            strategy=strategy,
            intent=intent or self.last_intent,
            code=side,
            price=int(self.st.symbols[symbol].mark) if price is None else micros(price),
            stop=micros(stop),
            target=micros(target),
            ratio=micros(p),
            amount=round(horizon * SECOND),
            t_market=self.now - round(age * SECOND),
        )

    def decide(self, **signal: Any) -> SimpleNamespace:
        decision = self.signal(**signal).decision
        assert decision is not None
        return decision

    def news(self, kind: EventKind, order: int, after: float = 0, **fields: int) -> Step:
        return self.send(kind, after, order=order, symbol=self.symbol_of(order), **fields)

    def accepted(self, order: int, **fields: int) -> Step:
        return self.news(EventKind.ORDER_ACCEPTED, order, **fields)

    def working(self, order: int) -> Step:
        return self.news(EventKind.ORDER_WORKING, order)

    def canceled(self, *orders: int) -> Step:
        return [self.news(EventKind.ORDER_CANCELED, order) for order in orders][-1]

    def expired(self, *orders: int) -> Step:
        return [self.news(EventKind.ORDER_EXPIRED, order) for order in orders][-1]

    def rejected(self, order: int, reason: RejectReason = RejectReason.OTHER) -> Step:
        return self.news(EventKind.ORDER_REJECTED, order, code=reason)

    def fill(
        self,
        order: int,
        qty: float,
        price: float = 100.0,
        cum: float | None = None,
        execution: int = 0,
        fee: float = 0,
        after: float = 0,
        **fields: int,
    ) -> Step:
        """An execution; `cum` defaults to what the order has had and this, -1 leaves it unsaid."""
        self.last_execution += 1
        if cum is None:
            cum = self.order(order).filled / MICRO + qty
        return self.news(
            EventKind.FILL,
            order,
            after,
            execution=execution or self.last_execution,
            qty=micros(qty),
            price=micros(price),
            cum_qty=micros(cum) if cum >= 0 else -1,
            amount=micros(fee),
            **fields,
        )

    def stream(self, up: bool) -> Step:
        return self.send(EventKind.STREAM, code=1 if up else 0)

    def reconcile(self, stage: ReconcileStep, symbol: int = -1, qty: float = 0, amount: float = 0) -> Step:
        return self.send(EventKind.RECONCILE, code=stage, symbol=symbol, qty=micros(qty), amount=micros(amount))

    def reconciled(self) -> Step:
        self.reconcile(ReconcileStep.STARTED)
        return self.reconcile(ReconcileStep.FINISHED)

    def operator(self, act: OperatorAct, symbol: int = -1, lane: int = 0) -> Step:
        return self.send(EventKind.OPERATOR, code=act, symbol=symbol, code2=lane)

    def failed(self, lane: Lane, after: float = 0) -> Step:
        return self.send(EventKind.LANE_FAILED, after, code=lane, code2=LaneFailure.TIMEOUT)

    def answered(self, lane: Lane, latency: float = 0, after: float = 0) -> Step:
        return self.send(EventKind.LANE_OK, after, code=lane, amount=round(latency * SECOND))

    def cash(self, amount: float, kind: CashKind) -> Step:
        return self.send(EventKind.CASH_FLOW, amount=micros(amount), code=kind)

    # -- short cuts -------------------------------------------------------------------------------------------

    def enter(self, price: float = 100.0, **signal: Any) -> int:
        """A bar, an approved signal and the broker's acceptance; returns the entry's id."""
        symbol = signal.get("symbol", 0)
        self.now += 60 * SECOND
        self.bar(symbol, price)
        decision = self.decide(**signal)
        assert decision.approved, decision.refused
        self.accepted(decision.order)
        return int(decision.order)

    def hold(self, price: float = 100.0, **signal: Any) -> SimpleNamespace:
        """An entry filled completely at `price`; returns the ids entry, target, stop and the quantity in shares."""
        entry = self.enter(price, **signal)
        trade = self.symbol(self.symbol_of(entry))
        qty = self.order(entry).qty / MICRO
        self.fill(entry, qty, price)
        return SimpleNamespace(entry=entry, target=trade.target_order, stop=trade.stop_order, qty=qty)

    # -- what there is ----------------------------------------------------------------------------------------

    def order(self, number: int) -> SimpleNamespace:
        order = plain(self.st.orders[number % len(self.st.orders)], status=OrderStatus, role=Role)
        assert order.id == number
        return order

    def symbol_of(self, number: int) -> int:
        order = self.st.orders[number % len(self.st.orders)]
        return int(order.symbol) if order.id == number else 0

    def symbol(self, number: int = 0) -> SimpleNamespace:
        return plain(self.st.symbols[number])

    @property
    def account(self) -> SimpleNamespace:
        return plain(self.st.account)

    @property
    def mode(self) -> Mode:
        return Mode(self.st.run.mode)

    @property
    def shares(self) -> float:
        """Position of the first symbol."""
        return float(self.st.symbols[0].qty / MICRO)

    def status(self, number: int) -> OrderStatus:
        return OrderStatus(self.order(number).status)

    def active(self, condition: Condition) -> bool:
        return bool(self.st.conditions[condition].active)


OpenDesk = Callable[..., Desk]  # makes desks with a configuration of their own
