"""Who is who: client order ids, broker ids and execution ids, the same as in the compiled run.

A client order id of seatrial's own form, st-<intent>-<leg>, names the very intent and leg that the compiled run knows,
so every draw of the venue (delays, partial fills, ids) is the same there and here. Any other text is its own intent.
Every id that the broker makes is a UUID of version 8 drawn from the scenario's seed and from what it is for.
"""

from __future__ import annotations

import re
from hashlib import sha256
from uuid import UUID

import numpy as np

from core.identities import broker_order_id
from core.kernel.digest import text_hash

OWN = re.compile(r"st-([0-7][0-9a-f]{15})-(\d{2,6})")


def intent_of(client_order_id: str) -> tuple[int, int]:
    """Intent and leg of an order that the client calls this."""
    match = OWN.fullmatch(client_order_id)
    if match is not None:
        return int(match[1], 16), int(match[2])
    return text_hash("client", client_order_id.replace("\n", " ")), 0


def broker_ids(intent: int, legs: range) -> list[str]:
    """The broker's ids of an intent's orders."""
    numbers = np.array(legs, np.int64)
    found: list[str] = broker_order_id(np.full(len(numbers), intent, np.int64), numbers).to_pylist()
    return found


def drawn_uuid(*parts: object) -> str:
    """A UUID of version 8 drawn from what it is for."""
    digest = sha256("\n".join(str(part) for part in parts).encode()).digest()
    bits = int.from_bytes(digest[:16], "big")
    bits = bits & ~(0xF << 76) | 8 << 76
    bits = bits & ~(3 << 62) | 2 << 62
    return str(UUID(int=bits))
