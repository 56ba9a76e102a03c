"""Who is who: our order numbers, our client order ids, and the identities that the broker gives.

The engine knows an order by its number, the broker by a UUID, and both by the client order id, which is made of
intent and leg (core.identities). That holds for what we send. The legs of a group are made by the broker, with client
ids of its own choosing, so they are recognised by their place in the group: of the children of a parent of ours the
limit is the target and the stop is the stop. What the broker has put in the place of another order is known by the
name of the one it replaces.

The directory reads the engine's order table, never writes it, and keeps only what the broker has told: broker ids, and
which executions have been passed on, by their natural key (broker order id, cumulative quantity after it). Both are
in the store too, from where `restore` brings them back.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from core.identities import client_order_id
from core.kernel.kinds import TERMINAL, EventKind, OrderType, Role
from core.kernel.records import MAX_ORDERS
from core.kernel.types import Order as OrderRecord
from live.alpaca.messages import Order
from live.events import Incoming

State = npt.NDArray[np.void]

KEPT = 8 * MAX_ORDERS  # broker orders whose executions are remembered: far more than any overlap of two queries
_OURS = re.compile(r"st-([0-9a-f]{16})-(\d{2,})")


class Directory:
    """The identities of one account. `state` is the engine's, shape (1,); `symbols` are in the engine's order."""

    def __init__(self, state: State, symbols: tuple[str, ...]) -> None:
        self.symbols = symbols
        self._state = state
        self._place = {symbol: i for i, symbol in enumerate(symbols)}
        self._number: OrderedDict[str, int] = OrderedDict()  # broker id -> our number
        self._broker: dict[int, str] = {}
        self._flows: set[str] = set()  # identities of flows of cash that were booked
        self._passed_on: OrderedDict[str, dict[int, int]] = OrderedDict()  # broker id -> cumulative -> quantity

    def restore(self, orders: Iterable[tuple[int, str]], executions: Iterable[tuple[str, int]]) -> None:
        """Take back what the store knows: (number, broker id) and (broker id, cumulative micro-shares)."""
        for number, broker_id in orders:
            self.bind(number, broker_id)
        before: dict[str, int] = {}
        for broker_id, cumulative in sorted(
            executions
        ):  # a quantity is what the sum grew by: rather too much than less
            self.pass_on(broker_id, cumulative, cumulative - before.get(broker_id, 0))
            before[broker_id] = cumulative

    def symbol(self, name: str) -> int:
        """Number of a symbol, -1 for one that is not traded here."""
        return self._place.get(name, -1)

    def record(self, number: int) -> OrderRecord | None:
        """The engine's record of an order, None when its slot is in use for another."""
        order = self._state[0]["orders"][number % MAX_ORDERS]
        return order if number > 0 and int(order["id"]) == number else None

    def orders(self) -> list[OrderRecord]:
        """The engine's records of all orders that it knows, by number."""
        table = self._state[0]["orders"]
        places = np.flatnonzero(table["id"])
        return [table[i] for i in places[np.argsort(table["id"][places])]]

    def client_id(self, number: int) -> str | None:
        """Our own name of an order that the engine knows."""
        order = self.record(number)
        if order is None:
            return None
        name = client_order_id(np.array([order["intent"]]), np.array([order["leg"]]))[0]
        return str(name.as_py())

    def broker_id(self, number: int) -> str | None:
        """The broker's name of an order, None while it has not told."""
        return self._broker.get(number)

    def parent(self, number: int) -> int:
        """The order that was sent to the broker for this one: itself, or the head of its group."""
        order = self.record(number)
        if order is None:
            return number
        if int(order["parent"]):
            return int(order["parent"])
        is_oco_stop = int(order["role"]) == Role.STOP and int(order["sibling"])
        return int(order["sibling"]) if is_oco_stop else number

    def number(self, order: Order) -> int:
        """Our number of an order that the broker describes, 0 when it is none of ours as far as is known.

        Whatever it is called, an order in another symbol than ours is not ours: its shares are not.
        """
        found = self._number.get(order.id) or self._by_client_id(order.client_order_id)
        if not found and order.replaces is not None and order.replaces in self._number:
            found = self._successor(self._number[order.replaces])
        record = self.record(found)
        return 0 if record is not None and int(record["symbol"]) != self.symbol(order.symbol) else found

    def number_of_broker_id(self, broker_id: str) -> int:
        """Our number of an order by the broker's name for it, 0 when that was never told."""
        return self._number.get(broker_id, 0)

    def live_heads(self) -> list[int]:
        """What was sent to the broker for each live order: the order, or the head of its group."""
        alive = [int(order["id"]) for order in self.orders() if not TERMINAL[order["status"]]]
        return sorted({self.parent(number) for number in alive})

    def awaits_name(self, symbol: int) -> bool:
        """Whether a live order of a symbol has no broker id yet: news of it may come before its name does."""
        return any(
            int(order["symbol"]) == symbol and not TERMINAL[order["status"]] and int(order["id"]) not in self._broker
            for order in self.orders()
        )

    def learn(self, order: Order) -> int:
        """Bind an order and the legs that are nested in it to our numbers; returns the number, 0 for a stranger."""
        number = self.number(order)
        if number:
            self.bind(number, order.id)
            for leg in order.legs or ():
                self._learn_leg(number, leg)
        return number

    def bind(self, number: int, broker_id: str) -> None:
        """The broker's name of one of our orders."""
        self._number[broker_id] = number
        self._broker[number] = broker_id
        while len(self._number) > KEPT:
            _, forgotten = self._number.popitem(last=False)
            self._broker.pop(forgotten, None)

    def remember(self, flows: Iterable[str]) -> None:
        """Take back what the store knows: the identities of flows of cash that were booked."""
        self._flows.update(flows)

    def taken_in(self, flow: str) -> bool:
        """Whether a flow of cash of this identity was booked."""
        return flow in self._flows

    def delivered(self, event: Incoming) -> None:
        """Remember what is now in the engine's hands: an execution by its natural key, a flow of cash by its name."""
        if event.kind is EventKind.CASH_FLOW and event.identity is not None:
            self._flows.add(event.identity)
        elif event.identity is not None and event.identity.startswith("execution:"):
            quantity = abs(event.fields["qty"])
            self.pass_on(event.detail["broker_order_id"], int(event.detail["cum_qty"]), quantity)

    def pass_on(self, broker_id: str, cumulative: int, quantity: int) -> None:
        """Remember that an execution has been handed to the engine."""
        self._passed_on.setdefault(broker_id, {})[cumulative] = quantity
        while len(self._passed_on) > KEPT:
            self._passed_on.popitem(last=False)

    def passed_on(self, broker_id: str, cumulative: int) -> bool:
        """Whether the execution after which an order's cumulative quantity is this was handed to the engine before."""
        return cumulative in self._passed_on.get(broker_id, ())

    def handed_over(self, broker_id: str) -> int:
        """Micro-shares of an order that were handed to the engine, as ours or as a stranger's."""
        return sum(self._passed_on.get(broker_id, {}).values())

    def is_ours(self, name: str) -> bool:
        """Whether a client order id has our form, be the order known or not."""
        return _OURS.fullmatch(name) is not None

    def _by_client_id(self, name: str) -> int:
        found = _OURS.fullmatch(name)
        if found is None:
            return 0
        intent = np.array(int(found[1], 16), np.uint64).view(np.int64)
        table = self._state[0]["orders"]
        places = np.flatnonzero((table["intent"] == intent) & (table["leg"] == min(int(found[2]), 1 << 40)))
        return int(table["id"][places[0]]) if len(places) else 0

    def _learn_leg(self, parent: int, leg: Order) -> None:
        kind = OrderType.LIMIT if leg.type == "limit" else OrderType.STOP
        for order in self.orders():
            related = parent in (int(order["parent"]), int(order["sibling"]))
            if related and int(order["type"]) == kind and int(order["id"]) not in (parent, *self._broker):
                self.bind(int(order["id"]), leg.id)

    def _successor(self, replaced: int) -> int:
        return next((int(order["id"]) for order in self.orders() if int(order["replaces"]) == replaced), 0)
