"""The thin layer of asyncio between host, dispatcher, streams and reconciliation. It moves things and decides little.

    trading stream ──news──▶  park, hold or deliver ──▶ host.handle ──commands──▶ dispatcher
                                     ▲                                               │ take
                                     └────────── settle ◀── outcome ◀── a thread ◀───┘

Every event passes through `deliver`, on the event loop's thread, so the host is called by one thread only. Requests
block, and are made in threads. While a snapshot is being compared, news waits, so that both sides of the comparison
stand still; it is bounded by the time of the reading.

Reconciliation runs when the engine asks for it, when the stream said something that does not fit our books, when a day
begins, since the broker books fees and dividends overnight, and every `poll` while orders are open or the last one
left a difference: a stream that answers pings and says nothing is found out that way, and so is what follows when a
person adopts. A run that the engine did not ask for and that finds nothing leaves no trace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NoReturn, Protocol

from core.kernel.kinds import EventKind, Lane, LaneFailure, Phase
from core.kernel.units import SECOND
from live.alpaca.messages import Update
from live.alpaca.outcomes import Ambiguous
from live.alpaca.wire import Datum
from live.answers import Action, Call
from live.asking import perform
from live.directory import State
from live.events import Incoming, Outgoing
from live.mailbox import Mailbox
from live.news import STREAM
from live.reconciler import Line, Reconciler

BATCH = 256  # events of one transaction


class Host(Protocol):
    """What the gateway needs of the host."""

    @property
    def state(self) -> State:
        """The engine's state, shape (1,)."""

    def handle(self, *events: Incoming) -> tuple[Outgoing, ...]:
        """Take events in; returns committed commands."""

    def flows(self) -> list[str]:
        """Identities of the flows of cash that were booked."""

    def confirm_writer(self) -> None:
        """Raise when somebody else writes for this account by now."""


class Gateway:
    """One account at one broker; also the listener of its trading stream."""

    def __init__(self, host: Host, line: Line) -> None:
        self.poll = 60 * SECOND  # 0: only when there is a reason
        self.parallel = 8  # requests at a time; one makes their order certain
        self._host = host
        self._rest = line.rest
        self._directory = line.directory
        self._directory.remember(host.flows())
        self._dispatcher = line.dispatcher
        self._clock = line.clock
        self._pace = line.pace
        self._reconciler = Reconciler(self, host, line)
        self._woken = asyncio.Event()
        self._poll_now = asyncio.Event()
        self._mailbox = Mailbox(line.directory, line.clock, self.deliver)
        self._held: list[tuple[Update, int]] | None = None
        self._listening = False
        self._feed_up = True
        self._flying = 0

    def deliver(self, *events: Incoming) -> None:
        """Hand events to the engine, and its commands to the dispatcher; to be called on the loop's thread."""
        waiting = list(events)
        while waiting:
            batch, waiting = waiting[:BATCH], waiting[BATCH:]
            commands = self._host.handle(*batch)
            for event in batch:
                self._directory.delivered(event)
                if event.kind is EventKind.SESSION and event.fields["code"] == Phase.PRE:
                    self._poll_now.set()
            waiting += self._queue(commands)
        self._woken.set()

    def send(self, commands: Sequence[Outgoing]) -> None:
        """Send what was committed elsewhere: before a restart, or for an operator."""
        self.deliver(*self._queue(commands))

    def _queue(self, commands: Sequence[Outgoing]) -> list[Incoming]:
        """Hand commands to the dispatcher; what it can answer at once is news."""
        return [event for command in commands for event in self._dispatcher.add(command)]

    def wake(self) -> None:
        """Look again at what may be sent: a clock that others move has moved."""
        self._woken.set()

    async def finish(self) -> None:
        """Make no more calls, and wait until those on their way are settled; what has not left stays in the outbox."""
        self.parallel = 0
        while self._flying:
            await self._pace.sleep(SECOND // 20)

    def feed(self, up: bool) -> None:
        """Whether market data arrives: a probe of its lane answers by it."""
        self._feed_up = up

    # the trading stream's listener

    def ready(self) -> None:
        """The trading stream is authorised and listening.

        The engine asks for a reconciliation now, unless it has been waiting for one from the start.
        """
        self._listening = True
        if self._awaited():
            self._poll_now.set()
        self._dispatcher.authorised(True)
        self.deliver(self._told(EventKind.STREAM, 1), self._told(EventKind.LANE_OK, Lane.TRADE_STREAM))

    def lost(self, failure: LaneFailure, detail: str) -> None:
        """The trading stream is gone: no openings."""
        fields = {"code": int(Lane.TRADE_STREAM), "code2": int(failure)}
        now = self._clock.now()
        failed = Incoming(EventKind.LANE_FAILED, now, now, fields, source=STREAM, detail={"problem": detail})
        self._dispatcher.authorised(False)
        self.deliver(*([self._told(EventKind.STREAM, 0)] if self._listening else []), failed)
        self._listening = False

    def heard(self, news: Sequence[Update | Datum], received: int) -> None:
        """Order news."""
        for update in news:
            assert isinstance(update, Update), "market data on the trading stream"
            if self._held is not None:
                self._held.append((update, received))
            else:
                self._update(update, received)

    def unreadable(self, problem: str, received: int) -> None:
        """Something happened that cannot be read: as good as a gap."""
        if self._listening:
            told = {"problem": problem}
            lost = Incoming(EventKind.STREAM, received, received, {"code": 0}, source=STREAM, detail=told)
            self.deliver(lost, self._told(EventKind.STREAM, 1))

    def _update(self, update: Update, received: int) -> None:
        if not self._mailbox.hear(update, received):
            self._poll_now.set()

    def hold(self) -> None:
        """Let news wait, so that our books stand still."""
        self._held = []

    def release(self) -> None:
        """Deliver what has waited."""
        held, self._held = self._held or [], None
        for update, received in held:
            self._update(update, received)

    def _awaited(self) -> bool:
        """Whether the engine waits for a reconciliation."""
        return bool(self._host.state["run"]["reconciling"][0])

    def _told(self, kind: EventKind, code: int) -> Incoming:
        now = self._clock.now()
        return Incoming(kind, now, now, {"code": int(code)}, source=STREAM)

    # the loops

    async def run(self) -> NoReturn:
        """Send and reconcile until cancelled; an error ends it, and should end the process."""
        async with asyncio.TaskGroup() as group:
            self._pace.spawn(group, self._keep_comparing())
            with self._pace.busy():
                while True:
                    self.deliver(*self._dispatcher.expire())
                    if not self._mailbox.retry():
                        self._poll_now.set()
                    self._woken.clear()
                    full = self._flying >= self.parallel
                    call = None if full else self._dispatcher.take()
                    if call is not None:
                        self._pace.spawn(group, self._perform(call))
                        self._flying += call.action is not Action.RECONCILE
                        continue
                    wait = None if full else self._dispatcher.wait()
                    limit = SECOND if len(self._mailbox) or len(self._dispatcher) else None
                    bounds = [bound for bound in (wait, limit) if bound is not None]
                    await self._pace.wait(self._woken, min(bounds, default=None))
        raise AssertionError("the loop above does not end")

    async def _perform(self, call: Call) -> None:
        if call.action is Action.RECONCILE:
            await self._reconciler.run(call)
            return
        if call.action in (Action.SUBMIT, Action.CANCEL):
            self._host.confirm_writer()
        outcome = await asyncio.to_thread(perform, self._rest, call)
        self._flying -= 1
        stream_down = call.job.lane == Lane.TRADE_STREAM and not self._listening
        if call.action is Action.PROBE and (stream_down or (call.job.lane == Lane.DATA and not self._feed_up)):
            outcome = Ambiguous(LaneFailure.CONNECTION, "the stream is down")
        self.deliver(*self._dispatcher.settle(call, outcome))

    async def _keep_comparing(self) -> None:
        """Compare now and then without being asked, while there is something to compare."""
        while True:
            if await self._pace.wait(self._poll_now, self.poll or None):
                if not self._awaited():
                    await self._pace.sleep(SECOND)  # the rest of a burst may explain it
            elif self._reconciler.settled and not int(self._host.state["run"]["working"][0]):
                continue
            self._poll_now.clear()
            if self._listening:
                await self._reconciler.run(None)
