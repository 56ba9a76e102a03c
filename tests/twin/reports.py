"""What the twin hears about its orders: executions, corrections, and every other news."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from core.kernel.kinds import (
    Cause,
    CommandKind,
    Condition,
    EventKind,
    NoteKind,
    OrderStatus,
    Regime,
    RejectReason,
    Role,
    Severity,
)
from core.kernel.records import SEEN
from tests.twin.books import Stock, counts
from tests.twin.money import ZERO, exact, hash64, worth
from tests.twin.orders import IN_FLIGHT, LEADS_TO, PENDING, REFUSES, Order

if TYPE_CHECKING:
    from tests.twin.engine import Engine

VOIDED = "taken back"


class Reports:
    """Part of the engine: events about orders."""

    # executions

    def on_fill(self: Engine, event) -> None:
        order = self.orders.get(event.order)
        qty, price, fee = exact(event.qty), exact(event.price), exact(event.amount)
        if order is None:
            self._unexplained(event, qty * (event.code or 1))
        elif self._is_new(order, event, qty, price):
            stock = self.stocks[order.symbol]
            before, first = stock.qty, not order.filled
            self._count(order, stock, qty, event.cum_qty)
            if first:
                self._hold_legs(order, stock)
            shares, each = stock.after_split(event.t_market, qty, price)
            self._book(order, stock, event.execution, shares, each, fee)
            self._count_paid(order, qty, price)
            self._count_margin(stock, before, order.side * shares, first)
            self._await_settlement(order.side * shares, each)
            self._follow(order, stock, before)

    def on_foreign_fill(self: Engine, event) -> None:
        self._unexplained(event, exact(event.qty))

    def _recall(self: Engine, execution: int):
        """What an execution id has said before; None when it is new. Places in an order are ids, too."""
        number, said = self.executions.get(execution % SEEN, (0, None))
        return said if execution and number == execution else None

    def _keep(self: Engine, execution: int, said) -> None:
        if execution:
            self.executions[execution % SEEN] = (execution, said)

    def _is_new(self: Engine, order: Order, event, qty: Decimal, price: Decimal) -> bool:
        said, known = (order.id, qty, price), self._recall(event.execution)
        place = hash64(order.id, event.cum_qty) if event.cum_qty >= 0 else 0
        if known is not None:
            if known in (said, VOIDED):
                self.note(NoteKind.DUPLICATE_FILL, Severity.INFO, order.symbol, order.id)
            else:
                self._quarantine(order)
            return False
        if event.cum_qty >= 0:
            cum = exact(event.cum_qty)
            missing = order.cum - order.filled
            if order.cum < cum < order.cum + qty:
                self._quarantine(order)
                return False
            if cum == order.cum or (cum < order.cum and (missing < qty or self._recall(place) is not None)):
                self.note(NoteKind.DUPLICATE_FILL, Severity.INFO, order.symbol, order.id)
                return False
        self._keep(event.execution, said)
        self._keep(place, event.execution)
        return True

    def _quarantine(self: Engine, order: Order) -> None:
        self.note(NoteKind.QUARANTINE, Severity.CRITICAL, order.symbol, order.id)
        self.stocks[order.symbol].unreconciled = 1
        self.command(CommandKind.QUERY, order)

    def _count(self: Engine, order: Order, stock: Stock, qty: Decimal, cum_qty: int) -> None:
        """The order's quantity, and what its status makes of that."""
        missing = order.cum - order.filled
        order.filled += qty
        order.cum = max(order.cum, exact(cum_qty)) if cum_qty >= 0 else order.cum + qty
        stock.gap += order.cum - order.filled - missing
        if order.cum != order.filled:
            self.command(CommandKind.QUERY, order)
        order.first_fill = order.first_fill or self.now
        order.filled_at = self.now
        self._weigh(order)
        if order.terminal:
            if order.status != OrderStatus.FILLED or not order.overfill:
                self.note(NoteKind.LATE_FILL, Severity.WARNING, order.symbol, order.id)
            order.late = 1
        elif order.filled >= order.qty:
            self.enter(order, OrderStatus.FILLED)
        elif order.status in PENDING:
            order.previous = OrderStatus.PARTIALLY_FILLED
        else:
            self.enter(order, OrderStatus.PARTIALLY_FILLED)

    def _weigh(self: Engine, order: Order) -> None:
        excess = max(order.filled - order.qty, ZERO)
        if excess > order.overfill:
            self.note(NoteKind.OVERFILL, Severity.CRITICAL, order.symbol, order.id)
            self.stocks[order.symbol].unreconciled = 1
        order.overfill = excess

    def _book(self: Engine, order: Order, stock: Stock, execution: int, qty, price, fee) -> None:
        self.account.cash += stock.book(execution, order.side * qty, price, fee)
        self.account.fees += fee

    def _await_settlement(self: Engine, qty: Decimal, price: Decimal) -> None:
        """Sales in a cash account are paid tomorrow."""
        if qty < 0 and self.config.regime == Regime.NONE:
            self.account.unsettled += worth(-qty, price)

    def _count_paid(self: Engine, order: Order, qty: Decimal, price: Decimal) -> None:
        paid = worth(abs(qty), price) * (1 if qty > 0 else -1)
        order.paid += paid
        self.account.bought_today += paid if order.role == Role.ENTRY else -paid

    def _count_margin(self: Engine, stock: Stock, before: Decimal, qty: Decimal, first: bool) -> None:
        today, margin = self.sessions, self.margin
        margin.trades[today] += first
        closes = before * qty < 0
        if closes and stock.opened_today:
            margin.day_trades[today] += 1
            stock.opened_today = 0
        if not closes or abs(qty) > abs(before):
            stock.opened_today = 1
            self.test_deficit()

    def _follow(self: Engine, order: Order, stock: Stock, before: Decimal) -> None:
        opened = not before and order.role != Role.ENTRY and stock.qty * order.side > 0
        if stock.qty * before < 0 or opened or stock.qty * stock.side < 0:
            self.note(NoteKind.DOUBLE_EXIT, Severity.CRITICAL, order.symbol, order.id)
            stock.side = 1 if stock.qty > 0 else -1
            self.begin_exit(stock, Cause.PROTECTION)
        self.settle_trade(order)

    def _unexplained(self: Engine, event, qty: Decimal) -> None:
        if self._recall(event.execution) is not None:
            self.note(NoteKind.DUPLICATE_FILL, Severity.INFO, event.symbol)
            return
        self._keep(event.execution, (event.order, exact(event.qty), exact(event.price)))
        self.note(NoteKind.FOREIGN_FILL, Severity.CRITICAL, event.symbol)
        if event.symbol >= 0:
            stock, fee = self.stocks[event.symbol], exact(event.amount)
            before = stock.qty
            self.account.cash += stock.book(event.execution, qty, exact(event.price), fee)
            self.account.fees += fee
            self._count_margin(stock, before, qty, True)
            self._await_settlement(qty, exact(event.price))
            stock.unreconciled = 1
            self.leave_if_turned(stock)
            self.fit_legs(stock)
        self.account.suspense += 1
        self.set(Condition.SUSPENSE, True)

    def on_fill_voided(self: Engine, event) -> None:
        qty, price = exact(event.qty), exact(event.price)
        self._correct(event, (qty, price, -exact(event.amount)), None)

    def on_fill_corrected(self: Engine, event) -> None:
        now = (exact(event.qty), exact(event.price), ZERO)
        self._correct(event, (exact(event.target), exact(event.stop), ZERO), now)

    def _correct(self: Engine, event, taken, given) -> None:
        """Take an execution back as it was booked, and put another in its place if there is one."""
        order = self.orders.get(event.order)
        if order is None:
            self.note(NoteKind.FOREIGN_VOID, Severity.CRITICAL, event.symbol)
            self.set(Condition.SUSPENSE, True)
            return
        known = self._recall(event.execution)
        then = (order.id, *given[:2]) if given else VOIDED
        if known is not None and known in (then, VOIDED):
            self.note(NoteKind.DUPLICATE_FILL, Severity.INFO, order.symbol, order.id)
        elif known != (order.id, *taken[:2]):
            if known is None:
                self._keep(event.execution, VOIDED)
            self._quarantine(order)
        else:
            self._keep(event.execution, then)
            self.note(NoteKind.FILL_VOIDED, Severity.WARNING, order.symbol, order.id)
            self._rebook(order, event.execution, taken, given)

    def _rebook(self: Engine, order: Order, execution: int, taken, given) -> None:
        """The position as if it had always been so; where that is out of memory, the opposite of what is taken."""
        stock = self.stocks[order.symbol]
        before, fee = stock.qty, taken[2]
        instead = (order.side * given[0], given[1]) if given else (ZERO, ZERO)
        cash = stock.without(execution, *instead, fee)
        if cash is None:
            cash = stock.book(0, -order.side * taken[0], taken[1], fee)
            cash += stock.book(0, *instead, ZERO) if given else ZERO
        self.account.cash += cash
        self.account.fees += fee
        for (qty, price, _), sign in ((taken, -1), (given, 1)) if given else ((taken, -1),):
            order.filled += sign * qty
            order.cum += sign * qty
            self._count_paid(order, sign * qty, price)
        self._weigh(order)
        if not order.terminal:
            if 0 < order.qty <= order.filled:
                self.enter(order, OrderStatus.FILLED)
            elif not order.filled:
                if order.status == OrderStatus.PARTIALLY_FILLED:
                    order.status = OrderStatus.WORKING
                if order.previous == OrderStatus.PARTIALLY_FILLED:
                    order.previous = OrderStatus.WORKING
        self._follow(order, stock, before)

    def test_deficit(self: Engine) -> None:
        """The intraday margin level after a transaction that lowers it."""
        if self.has_intraday_margin:
            self.margin.worst_today = max(self.margin.worst_today, self.maintenance - self.equity)

    def counts_as_deficit(self: Engine) -> bool:
        return counts(self.margin.worst_today, self.equity)

    # news

    def on_order_news(self: Engine, event) -> None:
        order = self.orders.get(event.order)
        if order is None:
            self.note(NoteKind.UNKNOWN_ORDER, Severity.WARNING, event.symbol)
        elif event.kind == EventKind.ORDER_RESTATED:
            self._restated(order, exact(event.qty))
        elif event.kind == EventKind.ORDER_NOT_FOUND:
            self._not_found(order)
        elif event.kind == EventKind.ORDER_UNRECOGNISED:
            self.note(NoteKind.UNRECOGNISED_NEWS, Severity.CRITICAL, order.symbol, order.id)
            self.stocks[order.symbol].unreconciled = 1
            self.command(CommandKind.QUERY, order)
        else:
            assert event.kind in LEADS_TO or event.kind in REFUSES
            self._told(order, event)

    def _told(self: Engine, order: Order, event) -> None:
        was_over = bool(order.terminal)
        entered = self.hear(order, event.kind)
        alive = event.kind in (EventKind.ORDER_ACCEPTED, EventKind.ORDER_WORKING)
        if was_over:
            alive = alive or event.kind == EventKind.ORDER_HELD
            if alive and order.reason == RejectReason.UNCONFIRMED and not order.cancel_sent:
                order.cancel_sent = self.now
                self.command(CommandKind.CANCEL, order)
            return
        stock = self.stocks[order.symbol]
        if alive:
            self._hold_legs(order, stock)
        elif event.kind == EventKind.CANCEL_REJECTED:
            if event.code in (RejectReason.ALREADY_FILLED, RejectReason.NOT_CANCELABLE):
                self.command(CommandKind.QUERY, order)
            elif event.code == RejectReason.NOT_FOUND:
                self.reconcile()
        if not entered:
            return
        if event.kind == EventKind.ORDER_REJECTED:
            self._rejected(order, stock, event.code)
        elif event.kind == EventKind.ORDER_REPLACED:
            self._replaced(order, stock, event)
        if order.terminal:
            self.settle_trade(order)
        else:
            self.watch_protection(stock)

    def _hold_legs(self: Engine, order: Order, stock: Stock) -> None:
        """Legs in flight are known to the broker with their parent."""
        legs = {stock.entry: (stock.target_order, stock.stop_order), stock.target_order: (stock.stop_order,)}
        for number in legs.get(order.id, ()):
            leg = self.live.get(number)
            if leg and leg.status in IN_FLIGHT:
                self.enter(leg, OrderStatus.HELD)
                leg.accepted = self.now

    def _rejected(self: Engine, order: Order, stock: Stock, reason: int) -> None:
        order.reason = reason
        self.note(NoteKind.ORDER_REJECTED, Severity.WARNING, order.symbol, order.id)
        self.rejects += 1
        if reason != RejectReason.UNCONFIRMED:
            self.rejects_window += 1
            if self.rejects_window >= self.config.reject_storm and not self.active(Condition.REJECT_STORM):
                self.note(NoteKind.REJECT_STORM, Severity.CRITICAL)
                self.set(Condition.REJECT_STORM, True)
        if order.id in (stock.entry, stock.target_order):
            for number in (stock.target_order, stock.stop_order):
                leg = self.live.get(number)
                if leg and leg is not order and leg.status in IN_FLIGHT:
                    leg.reason = reason
                    self.enter(leg, OrderStatus.REJECTED)

    def _replaced(self: Engine, order: Order, stock: Stock, event) -> None:
        kept = ("limit", "stop", "trail", "hold_price", "parent", "sibling", "extended", "tif", "intent", "strategy")
        new = self.new_order(stock, order.role, order.type, order.side, order.qty, order.cause)
        for name in kept:
            setattr(new, name, getattr(order, name))
        new.replaces = order.id
        new.original = new.qty = max((exact(event.qty) if event.qty > 0 else order.qty) - order.filled, ZERO)
        if event.price > 0:
            new.limit = exact(event.price)
            new.hold_price = max(new.hold_price, new.limit)
        if event.stop > 0:
            new.stop = exact(event.stop)
        for name in ("entry", "target_order", "stop_order", "exit_order"):
            if getattr(stock, name) == order.id:
                setattr(stock, name, new.id)
        for leg in (self.orders.get(stock.target_order), self.orders.get(stock.stop_order)):
            if leg:
                leg.parent = new.id if leg.parent == order.id else leg.parent
                leg.sibling = new.id if leg.sibling == order.id else leg.sibling

    def _restated(self: Engine, order: Order, qty: Decimal) -> None:
        if not order.terminal and qty >= order.filled:
            order.qty = qty
            self.watch_protection(self.stocks[order.symbol])

    def _not_found(self: Engine, order: Order) -> None:
        if order.status == OrderStatus.UNKNOWN:
            order.queries += 1
            if order.queries >= self.config.query_tries and self.streaming:
                self.enter(order, OrderStatus.REJECTED)
                self._rejected(order, self.stocks[order.symbol], RejectReason.UNCONFIRMED)
                self.settle_trade(order)
        elif order.status != OrderStatus.SUBMITTED and not order.terminal:
            self.reconcile()
