"""Everything behind the routes in one place: broker, clock, sockets, faults, keys, limits, and whose turn it is.

Requests take turns: one is carried out, with all that it causes, before the next begins, and the clock moves only
between them. So what a client sends at a virtual moment meets the world at that moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any

from core.calendar import NEW_YORK, as_date
from core.kernel.units import MINUTE, SECOND
from core.settings.scenario import Settings
from sim.alpaca.broker import Broker, Refusals
from sim.alpaca.clock import Clock
from sim.alpaca.data_stream import DataStream
from sim.alpaca.faults.scenario import edge_faults
from sim.alpaca.faults.table import FaultTable
from sim.alpaca.keys import Keys
from sim.alpaca.limits import Bucket
from sim.alpaca.tape import Tape
from sim.alpaca.trade_stream import TradeStream
from sim.world import World

RATE_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Options:
    """How the server behaves, beside the scenario.

    speed       virtual seconds a real one, 0 = lockstep
    keys        who may call
    refusals    "at_once" as at Alpaca, or "by_stream" as the compiled loop's engine hears them
    rate_limit  requests a virtual minute, 0 = none
    text        whether the trading stream sends text frames, as Alpaca's live service does
    """

    speed: float = 0.0
    keys: Keys = field(default_factory=Keys)
    refusals: Refusals = "at_once"
    rate_limit: int = RATE_LIMIT
    text: bool = False


class Exchange:
    """The server's state."""

    def __init__(self, settings: Settings, options: Options) -> None:
        """Raises InputError for data that cannot be used."""
        self.options = options
        self.world = World(settings)
        self.broker = Broker(self.world, options.refusals)
        self.broker.advance(self.world.start)
        self.tape = Tape(self.world)
        self.clock = Clock(self.world.start, options.speed)
        self.faults = FaultTable(settings.seed)
        entries = [fault.model_dump(by_alias=True, exclude_none=True) for fault in settings.faults]
        for fault in edge_faults(entries, self.world.start):
            self.faults.add(fault)
        self.buckets = {name: Bucket(options.rate_limit) for name in ("trading", "data")}
        self.trade_stream = TradeStream(self, binary=not options.text)
        self.data_stream = DataStream(self)
        self.watchlists: dict[str, dict[str, Any]] = {}
        self.turn = asyncio.Lock()

    @property
    def now(self) -> int:
        """The virtual time, ns UTC."""
        return self.world.now

    @property
    def settings(self) -> Settings:
        """The scenario."""
        return self.world.settings

    def allows(self, headers: Mapping[str, str]) -> bool:
        """Whether keys in these headers may pass now."""
        return self.faults.standing("unauthorised", self.now) is None and self.options.keys.allows(headers)

    def midnight(self) -> int:
        """Midnight in New York of the current session's date, ns UTC."""
        day = as_date(int(self.world.session["date"]))
        return int(datetime.combine(day, time(), NEW_YORK).timestamp()) * SECOND

    async def advance(self, until: int, to_news: bool = False) -> int:
        """Move the world to a time, a minute after the other, and hand everything to the sockets; events so far.

        `to_news` stops it at the first moment at which anything is heard. Whoever calls holds the turn.
        """
        events = 0
        while True:
            step = min(until, (self.now // MINUTE + 1) * MINUTE)
            messages = self.broker.advance(step, to_news)
            events += messages.events
            if messages.frames:
                await self.trade_stream.publish(messages.frames)
            if messages.reset:
                await self.trade_stream.drop()
            if messages.market:
                await self.data_stream.publish(messages.market)
            if self.faults.entries:
                await self.enforce()
            if self.now >= until or self.world.finished or (to_news and messages.events):
                return events

    async def settle(self) -> None:
        """Let happen what is due: now in lockstep, up to the moment that has come at a speed."""
        await self.advance(self.clock.due(self.now))

    async def enforce(self) -> None:
        """End sockets that a fault ends."""
        await self.trade_stream.enforce()
        await self.data_stream.enforce()

    async def run(self) -> None:
        """Keep the clock going at its speed until cancelled; in lockstep there is nothing to do."""
        while not self.clock.lockstep and not self.world.finished:
            await asyncio.sleep(0.02)
            async with self.turn:
                await self.settle()
