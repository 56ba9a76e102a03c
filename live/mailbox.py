"""Order news on its way to the engine: parked while nobody can say whose it is.

The legs of a group get their names from the answer to its submit. News of a leg may be here first, above all when that
answer was lost and the group is still being looked for. Delivered at once it would be a stranger's execution, booked to
suspense, and booked again when the leg is known. So news of an order that may be a leg waits for the name: until it is
known, or no order of ours in the symbol is without one, or for `PARKED` at the longest. What waited too long is
delivered as what it seems to be, because a real execution is never dropped.
"""

from __future__ import annotations

from collections.abc import Callable

from core.kernel.units import SECOND
from live.alpaca.messages import Update
from live.clock import Clock
from live.directory import Directory
from live.events import Incoming
from live.news import from_update

PARKED = 60 * SECOND
MOST = 1_000  # that wait at a time; what comes beyond is delivered as what it seems to be


class Mailbox:
    """Order news of one account; `deliver` takes events, and their order is that of the news."""

    def __init__(self, directory: Directory, clock: Clock, deliver: Callable[[Incoming], None]) -> None:
        self._directory = directory
        self._clock = clock
        self._deliver = deliver
        self._parked: list[tuple[Update, int]] = []

    def __len__(self) -> int:
        """News that waits for a name."""
        return len(self._parked)

    def hear(self, update: Update, received: int) -> bool:
        """Take news in. Returns False when the books should be compared.

        That is when a name is missing, or when the order's sum is not what our books say: then something was missed.
        """
        return self._offer(update, received) is True

    def retry(self) -> bool:
        """Try again what was parked; returns False when what could be delivered now shows that something was missed."""
        parked, self._parked = self._parked, []
        agreed = [self._offer(update, received) for update, received in parked]
        return False not in agreed

    def _offer(self, update: Update, received: int) -> bool | None:
        """Deliver or park; returns whether the order's sum agrees, None when parked."""
        order = update.order
        number = self._directory.learn(order)
        stranger = number == 0 and not self._directory.is_ours(order.client_order_id)
        symbol = self._directory.symbol(order.symbol)
        patient = len(self._parked) < MOST and self._clock.now() - received < PARKED
        if stranger and patient and self._directory.awaits_name(symbol):
            self._parked.append((update, received))
            return None
        self._deliver(from_update(update, self._directory, received))
        record = self._directory.record(self._directory.number(order))
        return record is None or int(record["filled"]) == int(order.filled_qty)
