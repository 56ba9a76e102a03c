"""What the twin hears that is not about its orders: market, clock, operator, broker and account."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from core.kernel.kinds import (
    Breaker,
    CashKind,
    Cause,
    CommandKind,
    Condition,
    ExitStage,
    Lane,
    NoteKind,
    OperatorAct,
    OrderStatus,
    Phase,
    ReconcileStep,
    Severity,
)
from core.kernel.records import MAX_ORDERS
from tests.twin.books import Deficit, Stock
from tests.twin.guards import MINUTE
from tests.twin.money import BILLION, MICRO, ZERO, exact, floor6, fraction, part_of, worth
from tests.twin.trades import on_grid

if TYPE_CHECKING:
    from tests.twin.engine import Engine


class Surroundings:
    """Part of the engine: events about everything around the orders."""

    # market data

    def on_bar(self: Engine, event) -> None:
        stock, price = self.stocks[event.symbol], exact(event.price)
        if event.t_market < stock.last_bar or price <= 0:
            return
        stock.last_bar = event.t_market
        believable = self.config.plausible_jump
        jumped = stock.mark and fraction_exceeds(abs(price - stock.mark), stock.mark, believable)
        again = stock.suspect and not fraction_exceeds(abs(price - stock.suspect), price, believable)
        if jumped and again and event.t_market <= stock.suspect_bar:
            again = False
        if jumped and not again:
            if stock.suspect == price:
                return
            stock.suspect, stock.suspect_bar = price, event.t_market
            self.note(NoteKind.SUSPECT_MARK, Severity.WARNING, stock.number)
        else:
            stock.suspect, stock.mark = ZERO, price

    def on_bar_revision(self: Engine, event) -> None:
        self.note(NoteKind.BAR_REVISION, Severity.INFO, event.symbol)

    def on_quote(self: Engine, event) -> None:
        stock = self.stocks[event.symbol]
        stock.crossed = int(not 0 < event.price <= event.target)
        if not stock.crossed:
            self.stocks[event.symbol].half_spread = floor6(exact(event.target - event.price) / 2)

    def on_halt(self: Engine, event) -> None:
        stock = self.stocks[event.symbol]
        if not stock.halted:
            self.note(NoteKind.HALT, Severity.WARNING, stock.number)
        stock.halted = 1 + event.code

    def on_resume(self: Engine, event) -> None:
        stock = self.stocks[event.symbol]
        if stock.halted:
            self.note(NoteKind.RESUME, Severity.INFO, stock.number)
        stock.halted = 0

    def on_asset(self: Engine, event) -> None:
        stock = self.stocks[event.symbol]
        stock.allowed = event.code
        stock.adv = exact(event.qty) if event.qty > 0 else stock.adv

    def on_feed(self: Engine, event) -> None:
        self.set(Condition.FEED_DOWN, not event.code)

    # strategies besides their signals

    def on_exit_signal(self: Engine, event) -> None:
        stock = self.stocks[event.symbol]
        if stock.entry and stock.strategy == event.strategy and stock.stage == ExitStage.NONE:
            self.begin_exit(stock, Cause.SIGNAL)

    # clock

    def on_timer(self: Engine, event) -> None:
        if self.now - self.minute_start >= MINUTE:
            self.minute_start, self.orders_minute, self.rejects_window = self.now, 0, 0
        self.measure()
        self.watch_losses()
        self.watch_feed()
        self.watch_circuits()
        self.watch_reconciliation()
        if self.closing:
            self._close_books()
        before = self.config.flat_before_close
        closing = before > 0 and self.phase == Phase.REGULAR and self.now >= self.session_close - before
        self._watch_trades(closing)
        lost = [o for o in self.live.values() if o.status == OrderStatus.UNKNOWN]
        for order in sorted(lost, key=lambda o: o.id % MAX_ORDERS):
            if not self.room:
                self.left += 1
                continue
            if self.now >= order.query_at:
                order.query_at = self.now + self.config.query_step * 2 ** min(order.queries, 10)
                self.command(CommandKind.QUERY, order)
            if self.now >= order.deadline and not order.paged:
                order.paged = 1
                self.note(NoteKind.UNRESOLVED_ORDER, Severity.CRITICAL, order.symbol, order.id)

    def _watch_trades(self: Engine, closing: bool) -> None:
        """Every trade, from where the last timer ran out of room."""
        self.left, stocks = 0, self.stocks[self.turn :] + self.stocks[: self.turn]
        for stock in stocks:
            if not stock.qty and not stock.entry:
                continue
            if self.room:
                self.watch_trade(stock, closing)
            else:
                self.turn = self.turn if self.left else stock.number
                self.left += 1

    def on_session(self: Engine, event) -> None:
        regular, was_regular = event.code == Phase.REGULAR, self.phase == Phase.REGULAR
        new_day = event.amount != self.session
        self.closing = self.closing or (was_regular and (new_day or not regular))
        if new_day:
            if self.closing:
                self._close_books()
            self.session, self.sessions = event.amount, self.sessions + 1
            self.orders_day, self.account.bought_today, self.account.unsettled = 0, ZERO, ZERO
            for circuit in self.circuits:
                circuit.trips = 0
            for stock in self.stocks:
                stock.openings = stock.opened_today = 0
        self.phase = event.code
        if regular:
            self.session_open, self.session_close = event.t_market, event.t_market + event.qty
            if new_day or not was_regular:
                self.begin_session()

    def _close_books(self: Engine) -> None:
        self.closing = False
        self.end_session()
        self.account.last_equity, self.account.last_maintenance = self.equity, self.maintenance
        self._age_deficits()
        if self.counts_as_deficit():
            slot = min(slot for slot in range(17) if slot not in self.margin.deficits)
            self.margin.deficits[slot] = Deficit(self.sessions, self.margin.worst_today)
            self.note(NoteKind.MARGIN_DEFICIT, Severity.WARNING)
        self.margin.worst_today = ZERO

    def _age_deficits(self: Engine) -> None:
        margin, level = self.margin, self.equity - self.maintenance
        for slot, deficit in sorted(margin.deficits.items()):
            days = self.sessions - deficit.session
            if not deficit.unmet and level >= deficit.amount:
                del margin.deficits[slot]
            elif not deficit.unmet and days >= 5:
                if margin.unmet:
                    margin.freeze_until = self.now + 90 * 86_400 * BILLION
                    self.note(NoteKind.MARGIN_DEFICIT, Severity.CRITICAL)
                deficit.unmet = True
            elif days > 15:
                del margin.deficits[slot]

    def on_restart(self: Engine, event) -> None:
        self.streaming, self.reconciling, self.asked = False, True, 0
        self.set(Condition.STREAM_DOWN, True)
        self.set(Condition.RECONCILING, True)
        for lane, circuit in enumerate(self.circuits):
            if circuit.state == Breaker.OPEN:
                self.plan_probe(lane)

    def on_clock_jump(self: Engine, event) -> None:
        limit = self.config.clock_limit
        harmless = 0 <= event.amount <= limit
        self.note(NoteKind.ALERT, Severity.INFO if harmless else Severity.CRITICAL)
        if not harmless:
            self.set(Condition.CLOCK if event.amount > 0 else Condition.CLOCK_BACKWARD, True)

    # the operator, the broker and the account

    def on_operator(self: Engine, event) -> None:
        self.note(NoteKind.OPERATOR, Severity.INFO, event.symbol)
        act = OperatorAct(event.code)
        if act == OperatorAct.HALT:
            self.set(Condition.OPERATOR, True)
        elif act == OperatorAct.RESUME:
            for name in ("OPERATOR", "REJECT_STORM", "TRIPS", "CLOCK", "CLOCK_BACKWARD", "UNRECONCILED"):
                self.set(Condition[name], False)
            self.rejects_window = self.tries = 0
            if self.reconciling and self.streaming:
                self._ask()
        elif act == OperatorAct.REARM:
            self.rearm()
        elif act == OperatorAct.RESET_BREAKER:
            self.reset_breaker(event.code2)
        elif act == OperatorAct.FLATTEN:
            for stock in self.stocks if event.symbol < 0 else [self.stocks[event.symbol]]:
                self.begin_exit(stock, Cause.OPERATOR)
        elif act == OperatorAct.ADOPT_POSITION:
            self._adopt(self.stocks[event.symbol])
        elif act == OperatorAct.ADOPT_CASH:
            self._adopt_cash()
        elif act == OperatorAct.CLEAR_SUSPENSE:
            self.account.suspense = 0
            self.set(Condition.SUSPENSE, False)
        else:
            self.withdraw_entries()

    def _adopt(self: Engine, stock: Stock) -> None:
        """The broker's quantity at the mark; what it would have cost is a flow, so that cash stays."""
        if stock.unreconciled != 2:
            return
        before = stock.qty
        a, cash = self.account, stock.trade(stock.difference, stock.mark, ZERO)
        a.cash += cash
        self._contribute(-cash)
        a.cash -= cash
        stock.adjusted += stock.qty - before
        stock.rebase()
        stock.difference, stock.unreconciled, stock.gap = ZERO, 0, ZERO
        self.note(NoteKind.RECONCILIATION, Severity.WARNING, stock.number)
        self.leave_if_turned(stock)
        self.fit_legs(stock)

    def _adopt_cash(self: Engine) -> None:
        """The broker's cash, as capital that has come or gone."""
        a = self.account
        if not a.difference:
            return
        self._contribute(a.difference)
        a.cash += a.difference
        self.note(NoteKind.RECONCILIATION, Severity.WARNING)
        if not self.reconciling:
            self.set(Condition.UNRECONCILED, False)
        if a.difference < 0:
            self.test_deficit()
        a.difference = ZERO

    def on_stream(self: Engine, event) -> None:
        self.streaming = bool(event.code)
        self.set(Condition.STREAM_DOWN, not self.streaming)
        if self.streaming:
            self.circuits[Lane.TRADE_STREAM].last = self.now
            self.reconcile()

    def reconcile(self: Engine) -> None:
        """Ask for a reconciliation, unless one is under way."""
        if not self.reconciling or not self.asked:
            self.reconciling, self.tries = True, 0
            self.set(Condition.RECONCILING, True)
            self._ask()

    def _ask(self: Engine) -> None:
        self.asked = self.now
        self.order_nothing(CommandKind.RECONCILE, Lane.QUERY)

    def watch_reconciliation(self: Engine) -> None:
        """What is not answered is asked again, later each time, and in the end of the operator."""
        waited = self.now - self.asked >= self.config.reconcile_wait * 2 ** min(self.tries, 10)
        if not (self.reconciling and self.streaming and waited):
            return
        if self.tries < self.config.query_tries:
            self.tries += 1
            self._ask()
        elif not self.active(Condition.UNRECONCILED):
            self.note(NoteKind.RECONCILIATION, Severity.CRITICAL)
            self.set(Condition.UNRECONCILED, True)

    def on_account(self: Engine, event) -> None:
        """The broker's buying power: the smaller figure counts."""
        a = self.account
        a.power_drift = ZERO
        missing = max(self.buying_power - exact(event.stop), ZERO)
        drifting = missing > part_of(max(self.equity, ZERO), self.config.drift_tolerance)
        if drifting and not self.drifting:
            self.note(NoteKind.BUYING_POWER_DRIFT, Severity.WARNING)
        elif self.drifting and not drifting:
            self.note(NoteKind.CLEARED, Severity.INFO)
        self.drifting, a.power_drift = drifting, missing

    def on_reconcile(self: Engine, event) -> None:
        if event.code in (ReconcileStep.STARTED, ReconcileStep.FINISHED):
            started = event.code == ReconcileStep.STARTED
            self.tries = self.tries if started and self.reconciling else 0
            self.asked = self.now if started else self.asked
            self.reconciling = started
            self.set(Condition.RECONCILING, self.reconciling)
        elif event.code == ReconcileStep.CASH_OK:
            self.account.difference = ZERO
        elif event.code == ReconcileStep.CASH_DIFFERS:
            if self.account.difference != exact(event.amount):
                self.note(NoteKind.RECONCILIATION, Severity.CRITICAL)
            self.account.difference = exact(event.amount)
            self.set(Condition.UNRECONCILED, True)
        else:
            stock = self.stocks[event.symbol]
            stock.difference = exact(event.qty) - stock.qty
            if event.code == ReconcileStep.SYMBOL_OK:
                stock.unreconciled, stock.gap = 0, ZERO
            else:
                if not stock.unreconciled:
                    self.note(NoteKind.RECONCILIATION, Severity.CRITICAL, stock.number)
                stock.unreconciled = 2

    def on_cash_flow(self: Engine, event) -> None:
        a, amount = self.account, exact(event.amount)
        if event.code in (CashKind.DEPOSIT, CashKind.WITHDRAWAL):
            self._contribute(amount)
        elif event.code == CashKind.DIVIDEND:
            a.dividends += amount
        else:
            a.fees -= amount
        a.cash += amount
        if event.code == CashKind.WITHDRAWAL:
            self.test_deficit()

    def _contribute(self: Engine, amount: Decimal) -> None:
        """Capital that comes or goes at the unit value of the moment."""
        a = self.account
        units = floor6(abs(amount) * BILLION / max(fraction(self.equity, a.units), BILLION // 1000))
        a.units = max(a.units + (units if amount > 0 else -units), MICRO)
        a.flows += amount
        a.day_start_equity += amount

    def on_split(self: Engine, event) -> None:
        stock, ratio = self.stocks[event.symbol], Decimal(event.ratio) / BILLION
        self.note(NoteKind.CORPORATE_ACTION, Severity.INFO, stock.number)
        shares = floor6(abs(stock.qty) * ratio)
        before = stock.qty
        stock.qty = shares if stock.qty > 0 else -shares
        stock.adjusted += stock.qty - before
        if not stock.qty:
            stock.realized, stock.cost = stock.realized - stock.cost, ZERO
        stock.rebase()
        stock.split_at, stock.split_ratio = event.t_market, event.ratio
        for name in ("mark", "target_price", "stop_price", "risk"):
            setattr(stock, name, floor6(getattr(stock, name) / ratio))
        stock.target_price = on_grid(stock.side, stock.target_price)
        stock.stop_price = on_grid(stock.side, stock.stop_price)
        stock.adv, stock.suspect = floor6(stock.adv * ratio), ZERO
        stock.unreconciled = min(stock.unreconciled, 1)
        if stock.stage == ExitStage.NONE:
            any(self.cancel(n) for n in (stock.entry, stock.target_order, stock.stop_order))

    def on_dividend(self: Engine, event) -> None:
        paid = worth(self.stocks[event.symbol].qty, exact(event.amount))
        self.account.cash += paid
        self.account.dividends += paid


def fraction_exceeds(part: Decimal, whole: Decimal, nanos: int) -> bool:
    """Whether part is more than a fraction, in nanos, of the whole."""
    return part * BILLION > whole * nanos
