"""A second venue in plain Python, for one symbol: the rules of docs/how-fills-are-simulated.md, written once more.

It keeps orders as objects and looks at all of them at every moment. Prices along a path are exact fractions, rounded
only where somebody trades or looks; draws are hashed again with Python's own integers. What it is compared in: every
execution, everything that it says and when that is heard, how and when each order ended, and its books.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.kernel.kinds import CommandKind, EventKind, OrderType, Phase, TimeInForce
from sim.records import Rule
from tests.twin.venue_books import Books
from tests.twin.venue_market import Execution, Hours, Market, agenda_of
from tests.twin.venue_news import STANDING, Wire
from tests.twin.venue_orders import (
    CENT,
    STOPS,
    Order,
    due,
    fee_of,
    group_of,
    marketable,
    order_of,
    part,
    price_of,
    worse_extreme,
)
from tests.twin.venue_path import DOLLAR, MINUTE, NANO, SECOND, SHARE, Path, path_points, portion
from tests.twin.venue_rules import refusal

AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)
AUCTION = (TimeInForce.OPG, TimeInForce.CLS)


@dataclass
class TwinVenue:
    """The venue for one symbol, with `rules` holding the numbers of a PROFILE record."""

    rules: Any
    books: Books
    orders: dict[int, Order] = field(default_factory=dict)
    live: list[int] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    tradable: bool = True
    phase: Phase = Phase.CLOSED
    halted: bool = False
    resumed: int = 0
    now: int = 0
    cursor: int = 0
    path: Path | None = None

    def __post_init__(self) -> None:
        self.wire = Wire(self.rules)

    # -- the day --------------------------------------------------------------------------------------------------

    def day(self, hours: Hours, market: Market, commands: Sequence[tuple[int, Any]]) -> None:
        """One session. `commands` are (time of arrival, COMMAND record) in the order in which they were sent."""
        self.hours, self.market = hours, market
        self.agenda = agenda_of(hours, market, commands)
        for minute in sorted(market.bars):
            self.minute, self.bar = minute, market.bars[minute]
            self._until(minute, trading=False)
            self.path, self.trading = None, True
            if self.bar is not None and not self.halted and any(map(self._could_act, self._book())):
                self._lay(self._first_entry())
            self._until(minute + MINUTE, trading=True)
            self._close_minute(minute + MINUTE)
        self._until(hours.post + MINUTE, trading=False)

    def _until(self, end: int, trading: bool) -> None:
        """All that comes before `end`: what is on the agenda first, then what orders do along the path."""
        self.trading = trading
        while True:
            self.books.pay(min(end, self.agenda[0][0] if self.agenda else end))
            coming = self.agenda[0][0] if self.agenda else end
            due, order = self._next() if trading else (None, None)
            if due is not None and order is not None and due < min(coming, end):
                self.now = due
                self._act(order)
            elif coming < end:
                self.now, _, _, item = self.agenda.pop(0)
                self._turn(item)
            else:
                return

    def _turn(self, item: Any) -> None:
        if isinstance(item, Phase):
            self._begin_phase(item)
        elif isinstance(item, bool):
            self._halt() if item else self._resume()
        elif isinstance(item, tuple):
            self._corporate(*item)
        elif item["kind"] == CommandKind.CANCEL:
            self._cancel(item)
        elif item["kind"] == CommandKind.QUERY:
            self.wire.answer(self.now, item, self.orders.get(int(item["order"])))
        else:
            self._submit(item)

    def _begin_phase(self, phase: Phase) -> None:
        self.phase = phase
        if not self.live:
            return
        if phase == Phase.REGULAR:
            self.cursor = self.now
            self._lay(self._first_entry())
            traded = self.path.at(self.now) if self.path else 0
            self._auction(TimeInForce.OPG, self.market.open_print or traded)
        elif phase == Phase.POST:
            self._auction(TimeInForce.CLS, self.market.close_print or self.books.last)
        if phase in (Phase.POST, Phase.CLOSED):
            for order in self._book():
                ends = self.hours.post if order.extended else self.hours.close
                day = order.tif == TimeInForce.DAY and order.arrived < ends <= self.now
                if day or (order.tif == TimeInForce.GTC and self.hours.date - order.session >= 90):
                    self._end(order, "expired")
        self._start_waiting()

    def _close_minute(self, end: int) -> None:
        self._follow(end)
        if self.bar is not None and not self.halted:
            self.books.last = self.bar.close

    # -- orders come and go ---------------------------------------------------------------------------------------

    def _book(self) -> list[Order]:
        return [self.orders[number] for number in self.live]

    def _submit(self, c: Any) -> None:
        self._lay(order_of(c, self.hours.date, self.now))
        if int(c["order"]) in self.orders:
            return
        price = self.path.at(self.now) if self.path else self.books.last
        group = group_of(c, self.hours.date, self.now)
        reason = refusal(self, c, price)
        for order in group:
            self.orders[order.number] = order
            if reason is not None:
                order.state, order.reason, order.ended = "rejected", reason, self.now
        order = group[-1]
        if reason is not None:
            self.wire.tell(self.now, order, EventKind.ORDER_REJECTED, reason)
            return
        self.wire.tell(self.now, order, EventKind.ORDER_ACCEPTED)
        self.live += [order.number for order in group]
        if self._may_work(order):
            self._activate(order)
        elif order.tif in AT_ONCE:
            self._end(order, "canceled")
        self._settle()

    def _may_work(self, order: Order) -> bool:
        hours = self.phase == Phase.REGULAR or (order.extended and self.phase != Phase.CLOSED)
        return hours and not self.halted and order.tif not in AUCTION

    def _start_waiting(self) -> None:
        for order in self._book():
            if order.state == "queued" and self._may_work(order):
                self._activate(order)

    def _activate(self, order: Order) -> None:
        """It begins to work, and with a target its stop, which says nothing."""
        if order.type != OrderType.MARKET:
            self.wire.tell(self.now, order, EventKind.ORDER_WORKING)
        for each in (order, self.orders.get(order.sibling)):
            if each is not None and each.alive:
                each.state, each.arrived = "working", self.now
                each.high = self.path.at(self.now) if self.path else self.books.last
                if each.type == OrderType.STOP and each.side > 0 and self.rules.collar:
                    raised = portion(each.stop, 1_040_000_000 if each.stop < 50 * DOLLAR else 1_025_000_000)
                    each.limit = raised - raised % (CENT if raised >= DOLLAR else CENT // 100)

    def _end(self, order: Order, how: str) -> None:
        order.state, order.ended = how, self.now
        self.live.remove(order.number)
        if how != "filled":
            self.wire.tell(self.now, order, STANDING[how])

    def _cancel(self, command: Any) -> None:
        order = self.orders.get(int(command["order"]))
        if order is None or not order.alive:
            self.wire.refuse_cancel(self.now, command, order)
            return
        self._end(order, "canceled")
        family = {order.number, order.sibling, order.parent} - {0}
        for other in self._book():
            if other.number in family or (other.parent and other.parent in family):
                self._end(other, "canceled")

    def _settle(self) -> None:
        """What must fill at once and cannot, goes."""
        for order in self._book():
            if order.tif in AT_ONCE and order.state == "working":
                ready = self._due(order) == self.now
                if not ready or (order.tif == TimeInForce.FOK and self._takes(order) < order.rest):
                    self._end(order, "canceled")

    # -- halts, auctions, corporate actions ---------------------------------------------------------------------------------------

    def _halt(self) -> None:
        self._follow(self.now)
        self.halted = True

    def _resume(self) -> None:
        self.halted, self.resumed = False, self.now
        if self.path is not None:
            self.path.resumed = self.now
        elif self.live:
            self._lay(self._first_entry())
        self.cursor = max(self.cursor, self.now)
        self._start_waiting()

    def _auction(self, tif: TimeInForce, price: int) -> None:
        for order in self._book():
            if order.state == "queued" and order.tif == tif:
                missed = order.type == OrderType.LIMIT and order.side * price > order.side * order.limit
                if price <= 0 or self.halted or missed:
                    self._end(order, "expired")
                else:
                    self._execute(order, order.rest, price, Rule.AUCTION, 0)

    def _corporate(self, what: str, value: Any) -> None:
        """A split changes quantities and no price of an order; a dividend is owed to, or by, whoever holds now."""
        if what == "dividend":
            if self.rules.dividends:
                self.books.owe(*value)
            return
        self.books.split(value)
        for order in self._book():
            order.qty = order.filled + order.rest * value // NANO // SHARE * SHARE
            if order.rest:
                self.wire.tell(self.now, order, EventKind.ORDER_RESTATED)
            else:
                self._end(order, "canceled")

    # -- the path -------------------------------------------------------------------------------------------------

    def _could_act(self, order: Order) -> bool:
        """Whether the bar, or in a touch profile its quote, comes to the order's price."""
        bar = self.bar
        assert bar is not None
        low, high = bar.low, bar.high
        if self.rules.touch and self.rules.use_quotes and bar.quoted:
            low, high = min(low, bar.ask), max(high, bar.bid)
        if order.state not in ("working", "triggered"):
            return False
        if order.bound:
            return low <= order.limit if order.side > 0 else high >= order.limit
        if order.state == "triggered" or order.type in (OrderType.MARKET, OrderType.TRAILING_STOP):
            return True
        return high >= order.stop if order.side > 0 else low <= order.stop

    def _first_entry(self) -> Order | None:
        return next((order for order in self._book() if order.entry), None)

    def _lay(self, entry: Order | None) -> None:
        """Decide how this minute's prices are visited, for whoever needs it first; nothing is decided twice."""
        bar = self.bar
        if self.path is not None or bar is None or self.halted or not self.trading:
            return
        rules, begin = self.rules, max(self.minute, self.resumed)
        middle, half = 0, portion(bar.open, rules.half_spread)
        if rules.use_quotes and bar.quoted:
            between = (bar.bid + bar.ask) // 2
            half = bar.ask - between
            middle = between if begin == self.minute else 0
        room = portion(bar.volume, rules.participation)
        points = path_points(rules, bar, self.minute, begin, worse_extreme(self.books.position, entry, bar.open))
        self.path = Path(points, half, middle, room - room % SHARE, self.resumed)
        self.cursor = begin
        self.books.last = self.books.last or bar.open

    # -- what is due ----------------------------------------------------------------------------------------------

    def _next(self) -> tuple[int | None, Order | None]:
        """The first order to do something, and when; of equals the one that came into the book first."""
        best: tuple[int | None, Order | None] = (None, None)
        for order in self._book():
            due = self._due(order)
            if due is not None and (best[0] is None or due < best[0]):
                best = due, order
        return best

    def _takes(self, order: Order) -> int:
        """Shares that the cap leaves it now."""
        assert self.path is not None
        if self.rules.participation and order.rest > self.path.room:
            return self.path.room // SHARE * SHARE
        return order.rest

    def _due(self, order: Order) -> int | None:
        path = self.path
        if path is None or self.halted or order.state not in ("working", "triggered"):
            return None
        if (self.phase != Phase.REGULAR and not order.extended) or self._takes(order) <= 0:
            return None
        start = max(self.cursor, order.retry, order.arrived)
        if start > path.last:
            return None
        return due(order, path, self.rules, start)

    def _follow(self, until: int) -> None:
        """Trailing stops remember the best price since they last looked."""
        if self.path is None or self.halted or self.phase != Phase.REGULAR:
            return
        for order in self._book():
            since = max(self.cursor, order.arrived)
            if order.type == OrderType.TRAILING_STOP and order.state == "working" and since <= until:
                seen = [price for time, price in self.path.points if since < time <= until]
                for price in (self.path.at(since), *seen, self.path.at(until)):
                    order.high = order.better(order.high, price)

    # -- executions -----------------------------------------------------------------------------------------------

    def _act(self, order: Order) -> None:
        assert self.path is not None
        self._follow(self.now)
        self.cursor = max(self.cursor, self.now)
        if order.type in STOPS and order.state == "working":
            if order.type == OrderType.TRAILING_STOP:
                order.stop = order.trigger(order.high)
            order.state, order.triggered = "triggered", self.now
            self.wire.tell(self.now, order, EventKind.ORDER_TRIGGERED)
            sibling = self.orders.get(order.sibling)
            if sibling is not None and sibling.alive:
                self._end(sibling, "canceled")
            if order.limit and not marketable(order, self.path, self.now):
                return
        qty = part(order, self.rules, self._takes(order))
        liquidity = self.market.adv, self.market.sigma
        price, rule = price_of(order, self.path, self.rules, liquidity, self.now, qty)
        self._execute(order, qty, price, rule, self._ambiguous(order))
        self._settle()

    def _ambiguous(self, order: Order) -> int:
        """The bar holds both prices of a pair that was there in it, and its open did not decide."""
        other = self.orders.get(order.sibling)
        bar, path = self.bar, self.path
        assert bar is not None
        assert path is not None
        if other is None or self.now == path.begin or (not other.alive and other.ended < self.minute):
            return 0
        levels = [each.limit if each.type == OrderType.LIMIT else each.stop for each in (order, other)]
        return int(bar.low <= min(levels) and max(levels) <= bar.high)

    def _execute(self, order: Order, qty: int, price: int, rule: Rule, ambiguous: int) -> None:
        fee = fee_of(order, self.rules, qty, price)
        self.executions.append(Execution(order.number, self.now, qty, price, fee, int(rule), ambiguous))
        order.filled += qty
        order.fills += 1
        order.retry = self.now + SECOND
        order.executions.append((self.now, qty, price, fee, order.filled))
        self.books.trade(order.side, qty, price, fee)
        self.wire.executed(self.now, order, order.fills - 1)
        if self.path is not None:
            self.path.room -= qty
        sibling = self.orders.get(order.sibling)
        paired = sibling is not None and sibling.alive
        if order.rest:
            if paired and sibling is not None:
                sibling.qty = order.rest
                self.wire.tell(self.now, sibling, EventKind.ORDER_RESTATED)
            return
        self._end(order, "filled")
        if paired and sibling is not None:
            self._end(sibling, "canceled")
        for leg in self._legs_of(order.number):
            self._activate(leg)

    def _legs_of(self, number: int) -> Iterable[Order]:
        """The sleeping targets of an entry; each wakes its stop with it."""
        return [
            leg for leg in self._book() if leg.parent == number and leg.state == "held" and leg.type == OrderType.LIMIT
        ]
