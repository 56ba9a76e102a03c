"""Orders as one writes them by hand, and the commands that they are to the venue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.kernel.kinds import (
    CommandKind,
    OrderType,
    Role,
    TimeInForce,
)
from core.kernel.records import COMMAND
from core.kernel.units import MICRO, NANO

IDLE = 1  # symbols before the first that trades


def micros(amount: float) -> int:
    return round(amount * MICRO)


def price(amount: int) -> float:
    """Micros as the number that one writes by hand."""
    return int(amount) / MICRO


@dataclass(frozen=True)
class Order:
    """A command and when it reaches the venue, in seconds since the open; prices of 0 are not given.

    `trail` is a distance in dollars, `trail_share` a share of the price. With `target` and `stop_loss` it is a
    bracket, or with `oco` the two exits alone. `number` 0 takes the next one free; a group takes the numbers of its
    legs after its own, target before stop.
    """

    side: int
    qty: float
    at: float = 0
    limit: float = 0
    stop: float = 0
    trail: float = 0
    trail_share: float = 0
    target: float = 0
    stop_loss: float = 0
    stop_limit: float = 0
    oco: bool = False
    tif: str = "day"
    extended: bool = False
    symbol: int = 0
    number: int = 0
    leg: int = 0
    role: Role = Role.ENTRY
    kind: CommandKind = CommandKind.SUBMIT
    type: OrderType | None = None

    @property
    def kind_of_command(self) -> CommandKind:
        if self.kind != CommandKind.SUBMIT:
            return self.kind
        if self.oco:
            return CommandKind.SUBMIT_OCO
        return CommandKind.SUBMIT_BRACKET if self.target else CommandKind.SUBMIT

    @property
    def legs(self) -> int:
        return {CommandKind.SUBMIT_BRACKET: 2, CommandKind.SUBMIT_OCO: 1}.get(self.kind_of_command, 0)

    @property
    def order_type(self) -> OrderType:
        if self.type is not None:
            return self.type
        if self.trail or self.trail_share:
            return OrderType.TRAILING_STOP
        if self.stop:
            return OrderType.STOP_LIMIT if self.limit else OrderType.STOP
        return OrderType.LIMIT if self.limit or self.oco else OrderType.MARKET

    def record(self, number: int, now: int) -> np.ndarray:
        """The command as the venue gets it, dtype COMMAND, shape (1,)."""
        command = np.zeros(1, COMMAND)
        group = self.legs > 0
        stop = self.stop_loss if group else self.stop
        fields = {
            "kind": self.kind_of_command,
            "order": number,
            "target_order": number + 1 if self.legs == 2 else number if self.oco else 0,
            "stop_order": number + self.legs if group else 0,
            "intent": 1_000 + number,
            "leg": self.leg,
            "symbol": self.symbol + IDLE,
            "side": self.side,
            "role": Role.TARGET if self.oco else self.role,
            "type": self.order_type,
            "tif": TimeInForce[self.tif.upper()],
            "extended": self.extended,
            "qty": micros(self.qty),
            "limit": micros(self.target if self.oco else self.limit),
            "stop": micros(self.trail if self.trail else stop),
            "target": round(self.trail_share * NANO) if self.trail_share else micros(self.target),
            "stop_limit": micros(self.stop_limit),
            "created": now,
        }
        for name, value in fields.items():
            command[0][name] = int(value)
        return command


def buy(qty: float, **terms: Any) -> Order:
    return Order(1, qty, **terms)


def sell(qty: float, **terms: Any) -> Order:
    return Order(-1, qty, **terms)


def cancel(number: int, at: float, symbol: int = 0) -> Order:
    return Order(1, 0, at, number=number, symbol=symbol, kind=CommandKind.CANCEL)


def query(number: int, at: float, symbol: int = 0) -> Order:
    return Order(1, 0, at, number=number, symbol=symbol, kind=CommandKind.QUERY)
