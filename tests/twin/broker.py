"""The world's broker: what it says about the orders that it has, and all that it gets wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.kernel.kinds import EventKind, OrderStatus, RejectReason, Role
from core.kernel.units import MICRO, SECOND
from tests.twin.money import micros
from tests.twin.orders import IN_FLIGHT, Order

if TYPE_CHECKING:
    from tests.twin.world import World

CANCEL_REASONS = (
    RejectReason.ALREADY_FILLED,
    RejectReason.NOT_FOUND,
    RejectReason.NOT_CANCELABLE,
    RejectReason.OTHER,
)
NEWS = [kind for kind in EventKind if EventKind.ORDER_ACCEPTED <= kind <= EventKind.ORDER_UNRECOGNISED]


class Broker:
    """Part of the world: events about orders and executions."""

    def _answer(self: World):
        """What a broker would say next about one of the orders that it has."""
        live = self.twin.live
        if not live:
            return self._bar()
        order = live[self.rng.choice(list(live))]
        if self.rng.random() > self.faithful:
            return self._fill(order)
        if order.cancel_sent:
            return self._answer_cancel(order)
        if order.status in IN_FLIGHT:
            return self._answer_submit(order)
        stock = self.twin.stocks[order.symbol]
        asleep = order.role in (Role.TARGET, Role.STOP) and order.parent and stock.entry in live
        if asleep or self.rng.random() < (0.9 if order.role in (Role.TARGET, Role.STOP) else 0.3):
            return EventKind.ORDER_WORKING, {"order": order.id}
        return self._fill(order)

    def _answer_cancel(self: World, order: Order):
        roll, news = self.rng.random(), {"order": order.id, "after": self.rng.choice((0, SECOND))}
        if roll < 0.7:
            return EventKind.ORDER_CANCELED, news
        if roll < 0.8:
            return EventKind.ORDER_PENDING_CANCEL, news
        if roll < 0.9:
            return EventKind.CANCEL_REJECTED, news | {"code": int(self.rng.choice(CANCEL_REASONS))}
        return self._fill(order)

    def _answer_submit(self: World, order: Order):
        roll, news = self.rng.random(), {"order": order.id}
        if order.status == OrderStatus.UNKNOWN and roll < 0.6:
            return EventKind.ORDER_NOT_FOUND, news
        if roll < 0.75:
            return EventKind.ORDER_ACCEPTED, news
        if roll < 0.85:
            return EventKind.ORDER_WORKING, news
        if roll < 0.9:
            return EventKind.SUBMIT_AMBIGUOUS, news
        if roll < 0.95:
            return EventKind.ORDER_REJECTED, news | {"code": self.rng.randrange(17)}
        return self._fill(order)

    def _fill(self: World, order: Order):
        rng = self.rng
        left = max(micros(order.qty) - micros(order.filled), 0)
        qty = rng.choice((left, left, left, left // 2, left // 3, MICRO, 2 * left)) or MICRO
        cum = micros(order.cum) + qty
        cum = rng.choice((cum, cum, cum, -1, -1, cum + MICRO, cum - 1, qty))
        wanted = micros(order.limit) or micros(order.stop) or self.prices[order.symbol]
        price = max(wanted + rng.choice((0, 0, 10_000, -20_000, 137)), 100)
        execution = rng.getrandbits(62)
        self.fills.append((order.id, execution, qty, price, order.symbol))
        return EventKind.FILL, {
            "order": order.id, "symbol": order.symbol, "execution": execution, "qty": qty, "price": price,
            "cum_qty": cum, "amount": rng.choice((0, 0, 1300)), "after": rng.choice((0, SECOND, 20 * SECOND)),
            "old": rng.choice((0, 0, 0, 3600 * SECOND)),
        }  # fmt: skip

    def _any_order(self: World) -> int:
        """One that the engine knows, or once knew, or never heard of."""
        numbers = list(self.twin.orders)[-12:]
        return self.rng.choice((*numbers, self.twin.next_order + 7, 0))

    def _hostile_news(self: World):
        rng, number = self.rng, self._any_order()
        order = self.twin.orders.get(number)
        if order and rng.random() < 0.3:
            return self._fill(order)
        terms = {"order": number, "symbol": self._symbol(), "code": rng.choice((0, 0, 10, 12, 16))}
        kind = rng.choice(NEWS)
        if kind in (EventKind.ORDER_RESTATED, EventKind.ORDER_REPLACED) and order:
            terms["qty"] = rng.choice((micros(order.qty), micros(order.filled), micros(order.qty) // 2, 0))
        if kind == EventKind.ORDER_REPLACED:
            terms["price"] = rng.choice((0, self.prices[0]))
            terms["stop"] = rng.choice((0, self.prices[0]))
        return kind, terms

    def _repeat(self: World):
        """Something that was said before, word for word."""
        if not self.recent:
            return self._bar()
        said = self.rng.choice(self.recent)
        left_out = ("kind", "seq", "t_visible", "t_market")
        return said.kind, {k: v for k, v in said._asdict().items() if k not in left_out}

    def _correction(self: World):
        if not self.fills:
            return self._bar()
        rng = self.rng
        order, execution, qty, price, symbol = rng.choice(self.fills)
        terms = {"order": order, "execution": execution, "symbol": symbol}
        if rng.random() < 0.1:
            terms["execution"] += 1
        if rng.random() < 0.05:
            terms["order"] = self.twin.next_order + 8
        if rng.random() < 0.5:
            return EventKind.FILL_VOIDED, terms | {"qty": qty, "price": price, "amount": rng.choice((0, 1300))}
        to = rng.choice((qty, qty, qty // 2 or 1, 2 * qty))
        return EventKind.FILL_CORRECTED, terms | {"qty": to, "price": price + 10_000, "target": qty, "stop": price}

    def _foreign(self: World):
        rng, i = self.rng, self._symbol()
        terms = {"symbol": rng.choice((i, i, i, -1)), "execution": rng.getrandbits(62), "price": self.prices[i]}
        if rng.random() < 0.5:
            return EventKind.FOREIGN_FILL, terms | {"qty": rng.choice((-50, 3, 20)) * MICRO}
        order = self.twin.next_order + 9
        return EventKind.FILL, terms | {"order": order, "qty": 5 * MICRO, "code": rng.choice((-1, 0, 1)), "cum_qty": -1}
