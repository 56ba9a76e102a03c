"""The broker behind the routes: takes orders, sends them to the venue, and keeps what clients may see.

Everything that decides about fills, refusals and money is the venue's (sim.stepping): this module gives numbers to
orders, asks the venue what it would say, and sends commands on their way. `refusals` is "at_once" as at Alpaca, which
answers the request itself with the error; with "by_stream" every order that can be read is taken and refused later, at
the moment at which the compiled loop's engine would hear of it.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Literal

import numpy as np

from core.calendar import as_date, sessions
from core.engine_config import micros
from core.kernel.kinds import CommandKind, OrderType, Phase, TimeInForce
from core.kernel.records import MAX_ORDERS
from core.kernel.units import MICRO
from sim.alpaca import refusals
from sim.alpaca.errors import forbidden, invalid, not_found, unprocessable
from sim.alpaca.identity import drawn_uuid, intent_of
from sim.alpaca.ledger import Ledger
from sim.alpaca.making import command_about, command_of, intent_word, orders_of, replacement_of
from sim.alpaca.news import Messages, Newsroom
from sim.alpaca.order import Order, order_body
from sim.alpaca.regimes import Regime
from sim.alpaca.ticket import Change, Ticket
from sim.orders import FINE
from sim.world import World

GTC_DAYS = 90
DAY = 86_400 * 1_000_000_000
JOURNAL_ROWS = 200_000
Refusals = Literal["at_once", "by_stream"]


class Broker:
    """One account at the simulated broker; times ns UTC, amounts micros."""

    def __init__(self, world: World, refusals_come: Refusals = "at_once") -> None:
        self.world = world
        self.symbols = world.symbols
        self.refusals_come = refusals_come
        self.resets = 0
        self.account_id = self._account_id()
        self.asset_ids = tuple(drawn_uuid("asset", symbol) for symbol in self.symbols)
        self.ledger = Ledger(self.symbols, micros(world.settings.account.cash))
        self.regime = Regime.of(world)
        self.orders: list[Order] = []
        self.by_id: dict[str, Order] = {}
        self.by_client: dict[str, Order] = {}
        self.by_number: dict[int, Order] = {}
        self.replacements: dict[str, Order] = {}  # by the id of the order that is to be replaced
        self.configuration: dict[str, Any] = dict(CONFIGURATION) | self.regime.configuration()
        self.flags: dict[str, bool] = {}  # trading_blocked and the like, set by faults
        self.journal: deque[dict[str, Any]] = deque(maxlen=JOURNAL_ROWS)
        self.newsroom = Newsroom(self)
        self._owners: list[Order | None] = [None] * MAX_ORDERS
        self._next_number = 1
        self._unnamed = 0
        self._places = {name: i for i, name in enumerate(self.symbols)} | {
            asset: i for i, asset in enumerate(self.asset_ids)
        }

    # -- time ---------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """The virtual time."""
        return self.world.now

    def advance(self, until: int, to_news: bool = False) -> Messages:
        """Let the world go on up to and including `until`; what the sockets have to say of it.

        `to_news` stops it at the first moment at which anything is heard.
        """
        messages = Messages()
        for events in self.world.advance_to_news(until) if to_news else self.world.advance(until):
            self.newsroom.hear(events, messages)
        return messages

    def reset_account(self) -> None:
        """The account was reset: it has another id, its first cash, and neither positions nor a past."""
        self.resets += 1
        self.account_id = self._account_id()
        self.ledger = self.ledger.anew()

    # -- what there is ------------------------------------------------------------------------------------------------

    def place(self, symbol_or_id: str) -> int | None:
        """The number of a symbol, named by its ticker or its asset id."""
        return self._places.get(symbol_or_id)

    def body(self, order: Order, nested: bool = True) -> dict[str, Any]:
        """The Order object."""
        self._mark_high(order)
        return order_body(order, self.symbols, self.asset_ids[order.symbol], nested)

    def find(self, order_id: str) -> Order:
        """The order of this id. Raises ApiError, 404."""
        order = self.by_id.get(order_id)
        if order is None:
            raise not_found(f"order not found for {order_id}")
        return order

    def live_of(self, symbol: int) -> list[Order]:
        """The orders of a symbol that are not over."""
        return [order for order in self._owners if order is not None and order.symbol == symbol and not order.over]

    @property
    def live(self) -> list[Order]:
        """Every order that is not over, in the order of creation."""
        found = [order for order in self._owners if order is not None and not order.over]
        return sorted(found, key=lambda order: order.number)

    def price(self, symbol: int) -> int:
        """The price that the broker goes by for a symbol; 0 when there is none yet."""
        return int(self.world.last_prices()[symbol]) or self.ledger.last[symbol]

    # -- orders -------------------------------------------------------------------------------------------------------

    def submit(self, ticket: Ticket) -> Order:
        """Take an order, or raise ApiError as Alpaca would."""
        symbol = self._admit(ticket)
        client_order_id = ticket.client_order_id or self._name()
        if client_order_id in self.by_client:
            raise invalid("client_order_id must be unique")
        if ticket.notional:
            price = self.price(symbol)
            if price == 0:
                raise unprocessable(f"asset {ticket.symbol} has no price yet")
            ticket.qty = ticket.notional * MICRO // price
        intent, leg = intent_of(client_order_id)
        command = command_of(ticket, symbol, intent, leg)
        self._number(command, ticket)
        if self.refusals_come == "at_once":
            self._judge(command, ticket, symbol)
        order, *legs = orders_of(ticket, command, client_order_id, self.now)
        if any(member.id in self.by_id for member in (order, *legs)):
            raise invalid("client_order_id must be unique")  # it names a leg of a group
        order.status = "pending_new" if self._starts_now(order) else "accepted"
        for member in (order, *legs):
            member.expires = self._expiry(member)
            self._register(member)
        order.arrives = self.world.send(command)
        return order

    def cancel(self, order: Order, at_once: bool = False) -> None:
        """Ask the venue to cancel an order and its group. Raises ApiError when it is over, or asked for already."""
        if order.status == "pending_cancel":
            raise unprocessable("order pending cancel")
        if order.status == "pending_replace":
            raise unprocessable("order pending replace")
        if order.over:
            raise unprocessable(f'order is already in "{order.status}" state')
        command = command_about(order, CommandKind.CANCEL)
        order.pend("pending_cancel", self.now)
        self.world.send(command, at_once, order.group[0].arrives)

    def replace(self, order: Order, change: Change) -> Order:
        """Send new terms for an order; the order that is to take its place."""
        client_order_id = change.client_order_id or self._name()
        if client_order_id in self.by_client:
            raise invalid("client_order_id must be unique")
        new = replacement_of(order, change, client_order_id, self._take_numbers(1)[0], self.now)
        if new.id in self.by_id:
            raise invalid("client_order_id must be unique")
        new.expires = self._expiry(new)
        command = command_about(new, CommandKind.REPLACE)
        command["target_order"] = order.number
        order.pend("pending_replace", self.now)
        self.replacements[order.id] = new
        self._register(new)
        new.arrives = self.world.send(command, earliest=order.group[0].arrives)
        return new

    # -- the steps of taking an order ---------------------------------------------------------------------------------

    def _admit(self, ticket: Ticket) -> int:
        """The symbol's number, if account and asset allow an order at all."""
        if self.configuration["suspend_trade"]:
            raise forbidden("new orders are rejected by user request")
        if self.flags.get("trading_blocked") or self.flags.get("account_blocked"):
            raise forbidden("account is not authorized to trade")
        symbol = self.place(ticket.symbol)
        if symbol is None:
            raise unprocessable(f'asset "{ticket.symbol}" not found')
        ticket.symbol = self.symbols[symbol]
        if ticket.fractional and not self.configuration["fractional_trading"]:
            raise forbidden("fractional trading is disabled for this account")
        position = self.ledger.positions[symbol].qty
        opens_short = ticket.side < 0 and position <= 0
        if opens_short and (self.configuration["no_shorting"] or not self.world.settings.account.shorting):
            raise forbidden("account is not allowed to short")
        inferred = intent_word(ticket.side, position)
        if ticket.position_intent and ticket.position_intent != inferred:
            told = f"inferred: {inferred}, specified: {ticket.position_intent}"
            raise unprocessable(f"position intent mismatch, {told}")
        ticket.position_intent = inferred
        self.regime.check(self.ledger, self.configuration, symbol, ticket.side)
        return symbol

    def _judge(self, command: np.ndarray, ticket: Ticket, symbol: int) -> None:
        """Raise what the venue would refuse the order for, were it there now."""
        reason, price = self.world.judge(command)
        if reason == FINE:
            return
        power, held = self.world.account()
        standing = refusals.Standing(
            price=price,
            buying_power=power,
            position=self.ledger.positions[symbol].qty,
            held=int(held[0 if ticket.side > 0 else 1][symbol]),
            live=self.live_of(symbol),
        )
        raise refusals.explain(reason, ticket, standing)

    def _number(self, command: np.ndarray, ticket: Ticket) -> None:
        """Give the command's orders their numbers at the venue."""
        oco = ticket.order_class == "oco"
        wanted = 1 + (bool(ticket.target) and not oco) + bool(ticket.loss_stop)
        numbers = self._take_numbers(wanted)
        command["order"] = numbers[0]
        if ticket.target and not oco:
            command["target_order"] = numbers[1]
        if ticket.loss_stop:
            command["stop_order"] = numbers[-1]

    def _take_numbers(self, count: int) -> list[int]:
        """Numbers whose places in the venue's book are free."""
        found: list[int] = []
        for _ in range(MAX_ORDERS):
            number = self._next_number
            self._next_number += 1
            owner = self._owners[number % MAX_ORDERS]
            if owner is None or owner.over:
                found.append(number)
                if len(found) == count:
                    return found
        raise forbidden("too many open orders")

    def _register(self, order: Order) -> None:
        self.orders.append(order)
        self.by_id[order.id] = order
        self.by_client[order.client_order_id] = order
        self.by_number[order.number] = order
        self._owners[order.number % MAX_ORDERS] = order

    def _account_id(self) -> str:
        known = (self.world.settings.name, self.world.settings.seed)
        return drawn_uuid("account", *known, *([self.resets] if self.resets else []))

    def _name(self) -> str:
        """A client id for an order that came without one."""
        self._unnamed += 1
        return drawn_uuid("unnamed", self.world.settings.name, self.world.settings.seed, self._unnamed)

    def _starts_now(self, order: Order) -> bool:
        """Whether the venue would put an order to work if it were there now."""
        if order.tif in (TimeInForce.OPG, TimeInForce.CLS):
            return False
        phase = self.world.phase
        return phase == Phase.REGULAR or (order.extended and phase != Phase.CLOSED)

    def _expiry(self, order: Order) -> int:
        """When an order will have ended by itself: the close of its day, or 90 days after its creation."""
        if order.tif == TimeInForce.GTC:
            return order.created + GTC_DAYS * DAY
        last = "post" if order.extended else "close"
        day = self.world.session
        if order.created < int(day[last]):
            return int(day[last])
        first = as_date(int(day["date"]) + 1)
        following = sessions(first, as_date(int(day["date"]) + 14))
        return int(following[last][0])

    def _mark_high(self, order: Order) -> None:
        """A working trailing stop shows its high-water mark and where it would trigger."""
        if order.type != OrderType.TRAILING_STOP or order.over:
            return
        record = self.world.order(order.number)
        if record is not None and record["high"]:
            high = int(record["high"])
            order.high = high
            order.stop = high + order.side * (order.trail + high * order.trail_share // 10**9)


CONFIGURATION: dict[str, Any] = {
    "fractional_trading": True,
    "max_margin_multiplier": "4",
    "no_shorting": False,
    "suspend_trade": False,
    "trade_confirm_email": "none",
    "ptp_no_exception_entry": False,
    "max_options_trading_level": None,
    "disable_overnight_trading": False,
}
