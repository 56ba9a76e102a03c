"""T15: more news than the trader can take: it reads no faster than it books, keeps little, and loses no execution."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from core.kernel.kinds import EventKind
from core.kernel.units import MICRO
from live.mailbox import MOST
from tests.doses import dose
from tests.live.test_gateway import Desk, tell

PARTS = dose(2_500, 50_000, "SEATRIAL_FLOOD")  # executions of one order
STRANGERS = 2 * MOST


def test_a_flood_of_executions_is_booked_to_the_last_one_by_a_slow_host():
    async def act(desk: Desk) -> None:
        await desk.until(desk.reconciled)
        entry = desk.signal()
        await desk.until(lambda: desk.directory.broker_id(entry))
        order = str(desk.directory.broker_id(entry))
        handle = desk.host.handle

        def slow(*events: Any) -> Any:
            time.sleep(0.0005)
            return handle(*events)

        desk.host.handle = slow  # type: ignore[method-assign]
        for _ in range(PARTS):
            desk.exchange.fill(order, str(100 / PARTS))
        while int(desk.host.symbol().qty) < 100 * MICRO:
            await asyncio.sleep(0.01)

    desk = tell(act)
    fills = [event.fields for event in desk.host.journal if event.kind == EventKind.FILL]
    assert len(fills) == PARTS
    assert [fields["cum_qty"] for fields in fills] == sorted(fields["cum_qty"] for fields in fills)
    assert sum(fields["qty"] for fields in fills) == 100 * MICRO


def test_news_that_waits_for_a_name_is_bounded():
    """An answer that does not come would let the news of strangers pile up."""
    most = 0

    async def act(desk: Desk) -> None:
        nonlocal most
        await desk.until(desk.reconciled)
        real = desk.exchange._post

        def late(body: dict[str, Any]) -> Any:
            answer = real(body)
            time.sleep(0.8)
            return answer

        desk.exchange._post = late  # type: ignore[method-assign]
        desk.signal(symbol=1)
        for number in range(STRANGERS):
            desk.exchange.tell(desk.exchange.place("BBB", "buy", 1, f"hand-{number}"), "new")
        mailbox = desk.gateway._mailbox
        hear = mailbox.hear

        def counted(*news: Any) -> bool:
            nonlocal most
            heard = hear(*news)
            most = max(most, len(mailbox))
            return heard

        mailbox.hear = counted  # type: ignore[method-assign]
        while desk.exchange.frames or len(mailbox):
            await asyncio.sleep(0.002)

    desk = tell(act)
    assert 0 < most <= MOST
    assert desk.host.kinds().count(EventKind.ORDER_WORKING) >= STRANGERS
