"""The twin's trades: brackets, their protection, and the plan that closes a position."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from core.kernel.kinds import (
    Cause,
    CommandKind,
    ExitStage,
    Mode,
    NoteKind,
    OrderStatus,
    OrderType,
    Phase,
    Role,
    Severity,
    TimeInForce,
)
from tests.twin.books import Stock
from tests.twin.money import BILLION, CENT, MICRO, ZERO, down, hash64, up
from tests.twin.orders import IN_FLIGHT, Order

if TYPE_CHECKING:
    from tests.twin.engine import Engine

URGENT = {Cause.RISK_EXIT, Cause.OPERATOR}
DIED = {OrderStatus.CANCELED, OrderStatus.EXPIRED}


def on_grid(side: int, price: Decimal) -> Decimal:
    return up(price) if side > 0 else down(price)


def target_of(side: int, reference: Decimal, distance: Decimal) -> Decimal:
    """Never nearer than stated."""
    return on_grid(side, max(reference + side * distance, ZERO))


def stop_of(side: int, reference: Decimal, distance: Decimal) -> Decimal:
    """Never further than stated, and at least a cent away."""
    if side > 0:
        return min(up(max(reference - distance, ZERO)), down(max(reference - CENT, ZERO)))
    return max(down(reference + distance), up(reference + CENT))


class Trades:
    """Part of the engine: what happens to a stock's orders and shares together."""

    def open_trade(self: Engine, signal, qty, reference, target, stop, limit, hold_price) -> Order:
        stock = self.stocks[signal.symbol]
        assert not stock.entry
        assert not stock.qty
        stock.strategy, stock.intent, stock.side = signal.strategy, signal.intent, signal.code
        stock.exit_leg = 0
        stock.risk = abs(reference - stop)
        kind = OrderType.LIMIT if limit else OrderType.MARKET
        entry = self.new_order(stock, Role.ENTRY, kind, stock.side, qty, Cause.SIGNAL)
        entry.limit, entry.hold_price = limit, hold_price
        stock.entry = entry.id
        for leg in self._legs(stock, qty, target, stop, Cause.BRACKET):
            leg.parent = entry.id
        self.command(CommandKind.SUBMIT_BRACKET, entry, stock.target_order, stock.stop_order, target, stop)
        return entry

    def _legs(self: Engine, stock: Stock, qty, target, stop, cause) -> tuple[Order, Order]:
        gain = self.new_order(stock, Role.TARGET, OrderType.LIMIT, -stock.side, qty, cause)
        loss = self.new_order(stock, Role.STOP, OrderType.STOP, -stock.side, qty, cause)
        gain.limit, loss.stop = target, stop
        gain.sibling, loss.sibling = loss.id, gain.id
        stock.target_order, stock.stop_order = gain.id, loss.id
        stock.target_price, stock.stop_price = target, stop
        return gain, loss

    def alive(self: Engine, *orders: int) -> bool:
        return any(order in self.live for order in orders)

    def any_alive(self: Engine, stock: Stock) -> bool:
        return self.alive(stock.entry, stock.target_order, stock.stop_order, stock.exit_order)

    def cancel(self: Engine, number: int) -> bool:
        """Ask for a cancellation, and again when there is no answer; whether the order is alive."""
        order = self.live.get(number)
        if order and (not order.cancel_sent or self.now - order.cancel_sent >= self.config.exit_step):
            order.cancel_sent = self.now
            self.command(CommandKind.CANCEL, order)
        return order is not None

    def withdraw_entries(self: Engine) -> None:
        for stock in self.stocks:
            if self.room:
                self.cancel(stock.entry)

    # protection

    def protected(self: Engine, stock: Stock) -> bool:
        """Closed by an order already, or covered by a stop that is able to trigger."""
        if self.alive(stock.exit_order):
            return True
        stop = self.live.get(stock.stop_order)
        if not stop or stop.status in IN_FLIGHT:
            return False
        entry = self.orders.get(stock.entry)
        awake = not stop.parent or entry is None or entry.status == OrderStatus.FILLED
        return awake and stop.qty - stop.filled >= abs(stock.qty)

    def watch_protection(self: Engine, stock: Stock) -> None:
        exposed = bool(stock.qty and stock.entry) and not self.protected(stock)
        if stock.unprotected_since:
            seconds = (self.now - stock.counted_at) // BILLION
            stock.unprotected_time += seconds * stock.counted_shares
            stock.counted_at += seconds * BILLION
            if not exposed:
                stock.unprotected_since = 0
                if stock.alerted:
                    stock.alerted = 0
                    self.note(NoteKind.CLEARED, Severity.INFO, stock.number)
        elif exposed:
            stock.unprotected_since = stock.counted_at = self.now
            stock.unprotected_time = 0
        stock.counted_shares = int(abs(stock.qty))

    def protect(self: Engine, stock: Stock) -> None:
        overdue = self.now - stock.unprotected_since >= self.config.protect_within
        if overdue and not stock.alerted:
            stock.alerted = 1
            self.note(NoteKind.UNPROTECTED, Severity.CRITICAL, stock.number)
        if self.alive(stock.entry):
            if overdue:
                self.cancel(stock.entry)
        elif self.alive(stock.target_order, stock.stop_order):
            if overdue and not self.cancel(stock.target_order):
                self.cancel(stock.stop_order)
        else:
            self._submit_oco(stock)

    def _submit_oco(self: Engine, stock: Stock) -> None:
        stock.side = 1 if stock.qty > 0 else -1
        target, stop = stock.target_price, stock.stop_price
        gain, loss = self._legs(stock, abs(stock.qty), target, stop, Cause.PROTECTION)
        gain.tif = loss.tif = TimeInForce.GTC
        self.command(CommandKind.SUBMIT_OCO, gain, gain.id, loss.id, target, stop)

    def finish(self: Engine, stock: Stock) -> None:
        """Forget a trade that is flat and has no order alive."""
        if stock.entry and not stock.qty and not self.any_alive(stock):
            self.watch_protection(stock)
            if stock.paged:
                self.note(NoteKind.CLEARED, Severity.INFO, stock.number)
            stock.entry = stock.target_order = stock.stop_order = stock.exit_order = 0
            stock.intent = stock.side = stock.horizon = stock.stage = stock.sibling_since = stock.paged = 0

    def _watch_siblings(self: Engine, stock: Stock) -> None:
        if self.oversized(stock):
            stock.sibling_since = stock.sibling_since or self.now
        else:
            stock.sibling_since = 0

    def oversized(self: Engine, stock: Stock) -> bool:
        """Whether a leg can sell more than there is, when no entry is left to add to it."""
        legs = [self.live[n].open for n in (stock.target_order, stock.stop_order) if n in self.live]
        return not self.alive(stock.entry) and max(legs, default=ZERO) > abs(stock.qty)

    def _withdraw_legs(self: Engine, stock: Stock) -> None:
        """All of them from a position that is gone; otherwise one, and the broker takes the other with it."""
        legs = [n for n in (stock.target_order, stock.stop_order) if n in self.live]
        for number in legs if not stock.qty else legs[:1]:
            self.cancel(number)

    def fit_legs(self: Engine, stock: Stock) -> None:
        """Shares have gone by another way than the trade's own orders."""
        if stock.stage == ExitStage.NONE and self.oversized(stock):
            self._watch_siblings(stock)
            self._withdraw_legs(stock)

    def settle_trade(self: Engine, order: Order) -> None:
        """After one of a stock's orders has filled or ended."""
        stock = self.stocks[order.symbol]
        if stock.stage != ExitStage.NONE:
            ended = order.terminal and order.status != OrderStatus.FILLED
            at_once = order.cancel_sent or order.id != stock.exit_order or not ended
            if order.status != OrderStatus.REJECTED and at_once:
                self.advance_exit(stock, insist=False)
            return
        self._watch_siblings(stock)
        if not stock.qty:
            self.watch_protection(stock)
            self.finish(stock)
        elif not stock.entry:
            stock.entry, stock.intent, stock.strategy = order.id, order.intent, order.strategy
            stock.exit_leg = 1 + max(other.leg for other in self.orders.values() if other.intent == order.intent)
            self.begin_exit(stock, Cause.PROTECTION)
        elif order.status == OrderStatus.REJECTED and order.cause == Cause.PROTECTION:
            self.begin_exit(stock, Cause.PROTECTION)
        else:
            self.watch_protection(stock)
            if order.status in DIED and stock.unprotected_since and not self.any_alive(stock):
                self.protect(stock)

    def watch_trade(self: Engine, stock: Stock, closing: bool) -> None:
        """The clocks of a trade, at each timer."""
        if stock.stage != ExitStage.NONE:
            overdue = self.now - max(stock.exit_since, self.session_open) >= self.config.exit_deadline
            if overdue and not stock.paged and self.phase == Phase.REGULAR:
                stock.paged = 1
                self.note(NoteKind.EXIT_OVERDUE, Severity.CRITICAL, stock.number)
            self.advance_exit(stock, insist=True)
            return
        if self.mode == Mode.RISK_EXIT:
            self.begin_exit(stock, Cause.RISK_EXIT)
            return
        if closing or 0 < stock.horizon <= self.now:
            self.begin_exit(stock, Cause.SIGNAL)
            return
        if stock.entry in self.live and self.live[stock.entry].cancel_sent:
            self.cancel(stock.entry)
        self.watch_protection(stock)
        if stock.unprotected_since:
            self.protect(stock)
        self._watch_siblings(stock)
        if stock.sibling_since and self.now - stock.sibling_since >= self.config.protect_within:
            self._withdraw_legs(stock)

    # exits

    def begin_exit(self: Engine, stock: Stock, cause: Cause) -> None:
        if not stock.qty and not stock.entry:
            return
        if stock.stage == ExitStage.NONE:
            stock.stage, stock.exit_cause, stock.paged = ExitStage.WANTED, cause, 0
            stock.exit_since = stock.step_since = self.now
            if not stock.entry:
                stock.intent = abs(hash64(self.config.seed, self.seq, stock.number))
        elif stock.exit_cause not in URGENT:
            stock.exit_cause = cause
        self.advance_exit(stock, insist=True)

    def leave_if_turned(self: Engine, stock: Stock) -> None:
        """Legs of a position that has changed sides point the wrong way."""
        if stock.qty * stock.side < 0:
            stock.side = -stock.side
            self.begin_exit(stock, Cause.PROTECTION)

    def advance_exit(self: Engine, stock: Stock, insist: bool) -> None:
        if not self.room:
            return
        if not stock.qty and not self.alive(stock.entry):
            self.cancel(stock.exit_order)
            if insist:
                self.cancel(stock.target_order)
                self.cancel(stock.stop_order)
            self.finish(stock)
            if not stock.entry:
                stock.stage = ExitStage.NONE
        elif self.alive(stock.exit_order):
            limit = self.live[stock.exit_order].type == OrderType.LIMIT
            if limit and self.now - stock.step_since >= self.config.exit_step:
                self.cancel(stock.exit_order)
        elif self.any_alive(stock):
            self._clear_the_way(stock, insist)
        else:
            self._send_exit(stock)

    def _clear_the_way(self: Engine, stock: Stock, insist: bool) -> None:
        group = [n for n in (stock.entry, stock.target_order, stock.stop_order) if n in self.live]
        if stock.stage == ExitStage.WANTED:
            group = group[:1]
        elif not insist:
            return
        stock.stage = ExitStage.CANCELLING
        for number in group:
            self.cancel(number)

    def _send_exit(self: Engine, stock: Stock) -> None:
        regular, urgent = self.phase == Phase.REGULAR, stock.exit_cause in URGENT
        if stock.halted or self.phase == Phase.CLOSED or not (regular or urgent):
            return
        stock.step_since = self.now
        if urgent:
            stages = {ExitStage.TOUCH: ExitStage.THROUGH, ExitStage.THROUGH: ExitStage.MARKET}
            stages[ExitStage.MARKET] = ExitStage.MARKET
            stock.stage = stages.get(stock.stage, ExitStage.TOUCH)
        else:
            stock.stage = ExitStage.MARKET
        at_market = stock.stage == ExitStage.MARKET and regular and not self.blind(stock)
        role = Role.EXIT if stock.exit_cause == Cause.SIGNAL else Role.FLATTEN
        kind = OrderType.MARKET if at_market else OrderType.LIMIT
        side = -1 if stock.qty > 0 else 1
        order = self.new_order(stock, role, kind, side, abs(stock.qty), stock.exit_cause)
        order.tif = TimeInForce.DAY
        if not at_market:
            give = ZERO if stock.stage == ExitStage.TOUCH else (stock.mark / 100).quantize(MICRO, "ROUND_FLOOR")
            if side < 0:
                order.limit = max(down(max(stock.mark - stock.half_spread - give, MICRO)), MICRO)
            else:
                order.limit = max(up(stock.mark + stock.half_spread + give), MICRO)
            order.extended = 0 if regular else 1
        stock.exit_order = order.id
        self.command(CommandKind.SUBMIT, order)
