"""Reconciliations as they run: look, compare, look again where another look may explain a difference, and conclude.

`looks` snapshots are spread over `settle`, because the broker's own lists may disagree that long; the last one counts
as it is. What no look explains stops its symbol, and the operator hears of it: there is no second round by itself.
Looks that fail do not count. A run that the engine has asked for goes on trying, with backoff, since nothing opens
until it has ended; a run of our own gives up and comes again at the next occasion.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np

from core.kernel.kinds import EventKind, Lane, ReconcileStep
from live.alpaca.outcomes import Failed, Limited
from live.alpaca.rest import Rest
from live.answers import Call, failure_of, told
from live.asking import LISTS, Question, fetch
from live.clock import Clock
from live.directory import Directory, State
from live.dispatch import Dispatcher
from live.events import Incoming
from live.news import REST
from live.pace import Pace, RealPace, Turn
from live.pacing import Backoff
from live.reconcile import Ours, Policy, Report, Snapshot, reconcile

REAL = RealPace()
_NEWS = frozenset({EventKind.ACCOUNT, EventKind.RECONCILE})  # what every report has


class Desk(Protocol):
    """Where events go, and where news waits meanwhile."""

    def deliver(self, *events: Incoming) -> None:
        """Hand events to the engine."""

    def hold(self) -> None:
        """Let news wait, so that our books stand still."""

    def release(self) -> None:
        """Deliver what has waited."""


class Books(Protocol):
    """The engine's state, to be read."""

    @property
    def state(self) -> State:
        """Shape (1,), dtype STATE."""


class Line(NamedTuple):
    """What a run's traffic with its broker needs. `since` is the run's start, ns UTC."""

    rest: Rest
    directory: Directory
    dispatcher: Dispatcher
    clock: Clock
    since: int
    pace: Pace = REAL


class Reconciler:
    """Reconciliations of one account, one at a time."""

    def __init__(self, desk: Desk, books: Books, line: Line) -> None:
        self.policy = Policy()
        self.account = ""  # the broker's id of it, once told
        self.settled = True  # whether the last comparison left nothing open
        self._desk = desk
        self._books = books
        self._rest = line.rest
        self._directory = line.directory
        self._dispatcher = line.dispatcher
        self._clock = line.clock
        self._pace = line.pace
        self._started = self._since = line.since
        self._backoff = Backoff(1)
        self._one = Turn(line.pace)

    async def run(self, call: Call | None) -> None:
        """One reconciliation; `call` is the engine's command for it, None when it has only waited, or not even that.

        Raises InputError when the broker's account is not the one of before.
        """
        async with self._one:
            look = failures = 0
            must = call is not None or bool(self._books.state["run"]["reconciling"][0])
            absent: frozenset[int] | None = None
            while True:
                if closed := self._dispatcher.closed():
                    await self._pace.sleep(closed)
                snapshot = await self._look()
                if not isinstance(snapshot, Snapshot):
                    if not must:
                        return
                    wait = self._backoff.delay(failures)
                    if isinstance(snapshot, Limited):
                        wait = self._dispatcher.limited(snapshot, wait)
                    await self._pace.sleep(wait)
                    failures += 1
                    continue
                look += 1
                absent = snapshot.absent if absent is None else absent & snapshot.absent
                if self._conclude(call, snapshot, absent, last=look >= self.policy.looks):
                    return
                await self._pace.sleep(self.policy.settle // self.policy.looks)

    async def _look(self) -> Snapshot | Failed:
        """A snapshot; from here on news waits, until the comparison or the failure is told."""
        heads = [number for number in self._directory.live_heads() if not self._dispatcher.holds(number)]
        name = self._directory
        questions = [Question(number, name.broker_id(number), name.client_id(number)) for number in heads]
        self._dispatcher.charge(LISTS + len(questions) // 8)
        self._desk.hold()
        fetched = await asyncio.to_thread(fetch, self._rest, questions, self._since, self._clock.now())
        if not isinstance(fetched, Snapshot):
            fields = {"code": int(Lane.QUERY), "code2": int(failure_of(fetched))}
            self._desk.deliver(
                Incoming(EventKind.LANE_FAILED, *self._times(), fields, source=REST, detail=told(fetched))
            )
            self._desk.release()
        return fetched

    def _conclude(self, call: Call | None, snapshot: Snapshot, absent: frozenset[int], *, last: bool) -> bool:
        """Compare, and tell the engine if this was enough; returns whether it was."""
        for order in snapshot.orders:
            self._directory.learn(order)
        if last:
            unsure = snapshot.unasked | (snapshot.absent - absent)
            snapshot = replace(snapshot, absent=absent, unasked=unsure)
        report = reconcile(self._directory, self._ours(), snapshot, self.policy, last=last)
        enough = last or report.settled
        if enough:
            self._tell(call, report)
            self.settled = report.settled
            self.account = snapshot.account.id
            self._since = max(self._started, snapshot.time - self.policy.overlap)
        self._desk.release()
        return enough

    def _tell(self, call: Call | None, report: Report) -> None:
        state = self._books.state[0]
        differed = state["symbols"]["unreconciled"].any() or state["account"]["difference"]
        stopped = differed or state["run"]["reconciling"]
        news = any(event.kind not in _NEWS for event in report.events)
        if call is None and report.settled and not news and not stopped:
            return
        answers = None if call is None else call.job.number
        began = Incoming(EventKind.RECONCILE, *self._times(), {"code": ReconcileStep.STARTED}, source=REST)
        fields = {"code": int(ReconcileStep.FINISHED)}
        ended = Incoming(EventKind.RECONCILE, *self._times(), fields, answers=answers, source=REST)
        self._desk.deliver(began, *report.events, ended)
        if call is not None:
            self._dispatcher.finish(call)

    def _ours(self) -> Ours:
        state = self._books.state[0]
        positions = np.array(state["symbols"]["qty"][: len(self._directory.symbols)], np.int64)
        account = state["account"]
        return Ours(positions, int(account["cash"]), self.account, bool(account["difference"]))

    def _times(self) -> tuple[int, int]:
        now = self._clock.now()
        return now, now
