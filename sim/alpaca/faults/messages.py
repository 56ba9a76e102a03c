"""What a fault makes of a message of the data stream: bars and quotes on their way to one subscriber.

Late bars come with the next minute, bars out of order after the next one of their symbol, and a feed that is frozen
repeats the last bar that was right, with its old time. Everything else is a change of the message itself.
"""

from __future__ import annotations

from typing import Any

from core.kernel.digest import text_hash
from core.kernel.units import NANO, SECOND
from sim.alpaca.faults.entries import Fault
from sim.alpaca.sockets import Stamp

Message = dict[str, Any]
PRICES = ("o", "h", "l", "c")
QUOTES = ("bad_quotes",)  # the kinds that touch quotes; every other one touches bars
LOST = ("gap", "missing_symbol")


class Tampering:
    """What one subscriber gets to see of bars and quotes under faults."""

    def __init__(self) -> None:
        self._late: list[Message] = []
        self._overtaken: dict[str, Message] = {}  # by symbol
        self._last: dict[str, Message] = {}

    def overdue(self) -> list[Message]:
        """What is late, and comes now."""
        late, self._late = self._late, []
        return late

    def untouched(self, message: Message) -> list[Message]:
        """A message that nothing strikes, and the one that it has overtaken."""
        if message["T"] != "b":
            return [message]
        self._last[message["S"]] = message
        overtaken = self._overtaken.pop(message["S"], None)
        return [message] if overtaken is None else [message, overtaken]

    def struck(self, fault: Fault, message: Message) -> list[Message]:
        """What comes instead of a message that a fault strikes."""
        kind = fault.kind
        if kind == "data_mute":
            return []
        if message["T"] != ("q" if kind in QUOTES else "b"):
            return [message]
        if kind in LOST:
            return []
        if kind == "late_bars":
            self._late.append(message)
            return []
        if kind == "reordered_bars":
            self._overtaken[message["S"]] = message
            return []
        if kind == "freeze":
            last = self._last.get(message["S"])
            return [] if last is None else [last]
        return _changed(fault, message)


def _changed(fault: Fault, message: Message) -> list[Message]:
    """A message with other contents."""
    kind, p = fault.kind, fault.parameters
    if kind == "duplicate_bars":
        return [message, message]
    if kind in ("bar_revision", "bad_print"):
        wrong = message | {"c": round(message["c"] * (1 + p["size"]), 2)}
        wrong |= {"h": max(wrong["h"], wrong["c"]), "l": min(wrong["l"], wrong["c"])}
        return [wrong, message | {"T": "u"}] if kind == "bar_revision" else [wrong]
    if kind == "zero_volume":
        return [message | {"v": 0}]
    if kind == "nan_edge":
        return [message | {p["field"][0]: None}]
    if kind == "clock_skew":
        return [message | {"t": Stamp(message["t"] - int(p["behind"] * SECOND))}]
    if kind == "wrong_adjustment":
        prices = {name: round(message[name] * p["ratio"], 2) for name in PRICES}
        return [message | prices | {"v": max(round(message["v"] / p["ratio"]), 1)}]
    if kind == "bad_quotes":
        crossed = {"bp": message["ap"], "ap": message["bp"]}
        return [message | (crossed if p["form"] == "crossed" else {"bp": 0.0, "ap": 0.0, "bs": 0, "as": 0})]
    assert kind == "feed_switch", kind
    if text_hash("feed switch", message["S"], int(message["t"])) % NANO < p["missing"] * NANO:
        return []
    return [message | {"v": max(round(message["v"] * p["volume"]), 1)}]
