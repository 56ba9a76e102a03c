"""An independent engine in plain Python: the same events in, the same commands out, by other means.

It is written from the published semantics, with objects, dictionaries and exact decimals. It keeps no running totals:
whatever can be derived from orders and positions is derived each time. Only capacities, enumerations and the order of
floating-point operations in sizing are taken from the engine.
"""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

from core.kernel.kinds import (
    CommandKind,
    Condition,
    EventKind,
    Lane,
    Mode,
    NoteKind,
    OrderStatus,
    Regime,
    Role,
    Severity,
)
from core.kernel.outputs import SPARE
from core.kernel.records import MAX_COMMANDS, MAX_NOTES, MAX_ORDERS
from tests.twin.books import Account, Margin, Stock, leverage
from tests.twin.decisions import Decision, Decisions, no_intents
from tests.twin.guards import Circuit, Guards, Reason
from tests.twin.money import BILLION, ZERO, exact, micros
from tests.twin.orders import Order
from tests.twin.reports import Reports
from tests.twin.surroundings import Surroundings
from tests.twin.trades import Trades

NEWS = range(EventKind.ORDER_ACCEPTED, EventKind.ORDER_UNRECOGNISED + 1)
HANDLERS = {kind: "on_order_news" if kind in NEWS else f"on_{kind.name.lower()}" for kind in EventKind}


class Engine(Decisions, Reports, Surroundings, Trades, Guards):
    """One account's engine."""

    def __init__(self, config: dict[str, int]) -> None:
        self.config = SimpleNamespace(**config)
        self.account = Account(exact(config["cash"]))
        self.stocks = [Stock(number) for number in range(config["symbols"])]
        self.orders: dict[int, Order] = {}
        self.live: dict[int, Order] = {}
        self.places: dict[int, Order] = {}
        self.circuits = [Circuit() for _ in Lane]
        self.reasons = {condition: Reason() for condition in Condition}
        self.margin = Margin()
        self.intents = no_intents()
        self.executions: dict[int, tuple] = {}
        self.commands: list[tuple[int, ...]] = []
        self.notes: list[tuple[int, ...]] = []
        self.ended: list[int] = []
        self.decision: Decision | None = None
        self.seq = self.now = self.phase = self.sessions = self.session_open = self.session_close = 0
        self.session, self.mode, self.next_order = -1, Mode.BROKER_DEGRADED, 1
        self.reconciling, self.streaming, self.closing = True, False, False
        self.asked, self.tries, self.turn, self.left, self.drifting = 1, 0, 0, 0, False
        self.announced: set[Condition] = set()
        self.orders_minute = self.minute_start = self.orders_day = self.rejects_window = self.rejects = 0
        self.clean_sessions, self.reentry, self.decisions = 0, BILLION, 0
        for condition in (Condition.STREAM_DOWN, Condition.RECONCILING):
            self.reasons[condition].active = True

    def apply(self, event) -> None:
        """Take one event."""
        assert event.seq == self.seq + 1
        assert event.t_visible >= self.now
        self.seq, self.now = event.seq, event.t_visible
        self.commands, self.notes, self.ended, self.decision = [], [], [], None
        getattr(self, HANDLERS[event.kind])(event)
        if event.kind not in (EventKind.BAR, EventKind.SIGNAL):
            self.settle_mode()

    # what is derived

    @property
    def value(self) -> Decimal:
        return sum((stock.value for stock in self.stocks), ZERO)

    @property
    def gross(self) -> Decimal:
        return sum((abs(stock.value) for stock in self.stocks), ZERO)

    @property
    def equity(self) -> Decimal:
        return self.account.cash + self.value

    @property
    def maintenance(self) -> Decimal:
        return sum((stock.maintenance(self.config.maintenance) for stock in self.stocks), ZERO)

    @property
    def reserved(self) -> Decimal:
        return sum((order.hold for order in self.live.values()), ZERO)

    @property
    def reserved_net(self) -> Decimal:
        return sum((order.side * order.hold for order in self.live.values()), ZERO)

    def reserved_in(self, stock: Stock) -> Decimal:
        return sum((o.hold for o in self.live.values() if o.symbol == stock.number), ZERO)

    def working(self, stock: Stock) -> Decimal:
        """Signed shares that the entry may still add; an exit that came too late stands in its place and is none."""
        entry = self.live.get(stock.entry)
        return entry.side * entry.open if entry and entry.role == Role.ENTRY else ZERO

    @property
    def has_intraday_margin(self) -> bool:
        return bool(self.config.regime == Regime.INTRADAY_MARGIN)

    @property
    def buying_power(self) -> Decimal:
        a, times = self.account, leverage(self.config.multiplier, self.equity)
        if times == 1 or self.config.regime == Regime.NONE:
            power = a.cash - a.unsettled
        elif times == 4 and self.config.regime == Regime.LEGACY_PDT:
            power = 4 * (a.last_equity - a.last_maintenance) - max(a.bought_today, ZERO)
        else:
            power = times * self.equity - self.gross
        return power - self.reserved - a.power_drift

    @property
    def flat(self) -> bool:
        return not self.reconciling and not any(s.qty or s.entry or s.unreconciled for s in self.stocks)

    @property
    def room(self) -> bool:
        """Whether the step may begin something more."""
        return len(self.commands) <= MAX_COMMANDS - SPARE and len(self.notes) <= MAX_NOTES - SPARE

    # orders and outputs

    def new_order(self, stock: Stock, role, type_, side, qty, cause) -> Order:
        """An order in flight under the next number whose place in the table is free."""
        while True:
            number, self.next_order = self.next_order, self.next_order + 1
            holder = self.places.get(number % MAX_ORDERS)
            if holder is None or (holder.terminal and holder.terminal != self.now):
                break
        if holder:
            del self.orders[holder.id]
        order = Order(
            number, self.now, stock.intent, stock.exit_leg, stock.number, stock.strategy,
            side, role, type_, self.config.tif, cause, qty, qty, submitted=self.now,
        )  # fmt: skip
        stock.exit_leg += 1
        self.orders[number] = self.live[number] = self.places[number % MAX_ORDERS] = order
        return order

    def enter(self, order: Order, status: OrderStatus) -> None:
        was_lost = order.status == OrderStatus.UNKNOWN
        order.enter(status, self.now, self.config)
        self._found(order, was_lost)
        self._bury(order)

    def hear(self, order: Order, kind: EventKind) -> bool:
        was_lost = order.status == OrderStatus.UNKNOWN
        changed = order.hear(kind, self.now, self.config)
        self._found(order, was_lost and changed)
        self._bury(order)
        return changed

    def _found(self, order: Order, found: bool) -> None:
        """An order about whose fate the operator was called is no longer lost."""
        if found and order.paged:
            order.paged = 0
            self.note(NoteKind.CLEARED, Severity.INFO, order.symbol, order.id)

    def _bury(self, order: Order) -> None:
        """An order that has ended is no longer among the living."""
        if order.terminal and self.live.pop(order.id, None):
            self.ended.append(order.id)

    def command(self, kind, o: Order, target_order=0, stop_order=0, target=ZERO, stop=None) -> None:
        self.commands.append(
            (kind, o.id, target_order, stop_order, o.intent, o.leg, o.symbol, o.side, o.role, o.type, o.tif,
             o.extended, micros(o.qty), micros(o.limit), micros(o.stop if stop is None else stop),
             micros(target), 0, o.cause, self.now)
        )  # fmt: skip

    def order_nothing(self, kind: CommandKind, lane: int) -> None:
        """A command that is about no order."""
        self.commands.append((kind, 0, 0, 0, 0, lane, -1, *[0] * 11, self.now))

    def note(self, kind: NoteKind, severity: Severity, symbol: int = -1, order: int = 0) -> None:
        self.notes.append((kind, severity, symbol, order))
