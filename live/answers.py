"""What the outcome of a call means: events for the engine, and the task that is left, if any. Pure.

    submit   Accepted and Refused are told at once. Unsent and Limited: it has not happened, so the same order with the
             same client order id may be sent again. Ambiguous: SUBMIT_AMBIGUOUS, and never again; the engine asks until
             it knows. "Client order id must be unique" means that an earlier attempt has arrived: look up and adopt.
    cancel   tried again after every failure, because cancelling twice does no harm. A refusal that names no clear cause
             is followed by a look, since the order may have ended without a word.
    look-up  an order, its legs and their executions. "Not found" is told as that and as nothing more; a failure tells
             nothing at all. Where the order's sum says more than its executions do, it is looked at once again before
             the missing one is inferred.

Every outcome also speaks for its lane: LANE_OK when an answer came, a refusal included, LANE_FAILED when none did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from core.kernel.kinds import SUBMITS, CommandKind, EventKind, LaneFailure, RejectReason
from core.kernel.units import SECOND
from live.alpaca.messages import Clock, Order
from live.alpaca.orders import Request
from live.alpaca.outcomes import Accepted, Ambiguous, Failed, Limited, Outcome, Refused
from live.directory import Directory
from live.events import Incoming, Outgoing
from live.news import REST, Found, about
from live.reconcile import catch_up

ATTEMPTS = 5  # of cancels and look-ups; the engine asks again by itself
SETTLE = 3 * SECOND  # until an order and its executions agree
NO_FIELDS: Mapping[str, int] = MappingProxyType({})
NO_DETAIL: Mapping[str, str] = MappingProxyType({})


class Action(Enum):
    """What a call asks of the broker."""

    SUBMIT = "submit"
    CANCEL = "cancel"
    LOOK_UP = "look up"
    PROBE = "probe"
    RECONCILE = "reconcile"


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """An outbox row on its way; times are monotonic. `refusal` is that of a cancel which is being looked into.

    `also` are the numbers of later rows that ask for the very same.
    """

    job: Outgoing
    action: Action
    since: int
    attempt: int = 0
    not_before: int = 0
    request: Request | None = None
    refusal: Refused | None = None
    also: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One request that is to be made now, by the names that the broker knows."""

    task: Task
    action: Action
    started: int
    broker_id: str | None
    client_id: str | None

    @property
    def job(self) -> Outgoing:
        """The outbox row behind it."""
        return self.task.job


class Answer(NamedTuple):
    """Events for the engine and what is left to do; `delay` is how long that waits, None: by backoff."""

    events: list[Incoming]
    again: Task | None = None
    delay: int | None = 0


Answered: TypeAlias = Outcome[Order] | Outcome[Found] | Outcome[Clock] | Outcome[None]


class Reader:
    """Reads outcomes. `now` is wall time in ns UTC."""

    def __init__(self, directory: Directory, now: int) -> None:
        self._directory = directory
        self._now = now

    def read(self, call: Call, outcome: Answered, latency: int) -> Answer:
        """The answer to a call that took `latency` nanoseconds."""
        lane = {"code": int(call.job.lane)}
        if isinstance(outcome, Accepted):
            answer = self._accepted(call, outcome.value)
        elif isinstance(outcome, Refused) and not outcome.unauthorised:
            answer = self._refused(call, outcome)
        else:
            answer = self._failed(call, outcome)
            fields = lane | {"code2": int(failure_of(outcome))}
            settled = answer.again is not None or any(event.answers is not None for event in answer.events)
            answers = None if settled else call.job.number
            failed = self.event(EventKind.LANE_FAILED, None, fields, answers=answers, detail=told(outcome))
            return answer._replace(events=[*answer.events, failed])
        silent = answer.again is None and all(event.answers is None for event in answer.events)
        answers = call.job.number if silent else None
        ok = self.event(EventKind.LANE_OK, None, lane | {"amount": max(latency, 0)}, answers=answers)
        return answer._replace(events=[*answer.events, ok])

    def _accepted(self, call: Call, value: Order | Found | Clock | None) -> Answer:
        job = call.job
        if isinstance(value, Found):
            return self._found(call, value)
        if isinstance(value, Order):
            return Answer(self._taken(job, value))
        if call.action is Action.PROBE:
            return Answer([self.event(EventKind.PROBE_OK, None, {"code": int(job.lane)}, answers=job.number)])
        return Answer([self.event(EventKind.ORDER_PENDING_CANCEL, job, answers=job.number)])

    def _taken(self, job: Outgoing, order: Order) -> list[Incoming]:
        """An order was taken; its legs sleep, and are told so that their names are kept."""
        self._directory.learn(order)
        symbol = int(job.command["symbol"])
        legs = [(self._directory.number(leg), leg) for leg in order.legs or ()]
        return [
            self.event(EventKind.ORDER_ACCEPTED, job, answers=job.number, detail=about(order)),
            *(
                self.event(EventKind.ORDER_HELD, None, {"order": number, "symbol": symbol}, detail=about(leg))
                for number, leg in legs
                if number
            ),
        ]

    def _found(self, call: Call, found: Found) -> Answer:
        job, task = call.job, call.task
        known = self._directory.learn(found.order)
        if job.kind in SUBMITS and known != int(job.command["order"]):  # the id is that of another order of ours
            return Answer([self.rejected(job, RejectReason.DUPLICATE_ID, about(found.order))])
        caught = catch_up(self._directory, found, self._now, infer=task.attempt > 0)
        if job.kind == CommandKind.CANCEL:
            if task.refusal is None:
                return Answer(caught.events, replace(task, attempt=task.attempt + 1))
            return Answer([*caught.events, self._cancel_refused(job, task.refusal)])
        if caught.short and task.attempt == 0:
            return Answer(caught.events, replace(task, action=Action.LOOK_UP, attempt=1), SETTLE)
        return Answer(caught.events)

    def _refused(self, call: Call, refusal: Refused) -> Answer:
        job, task = call.job, call.task
        if call.action is Action.SUBMIT:
            if refusal.reason == RejectReason.DUPLICATE_ID:
                return Answer([], replace(task, action=Action.LOOK_UP, attempt=0))
            return Answer([self.rejected(job, refusal.reason, told(refusal))])
        if call.action is Action.PROBE:
            return Answer([self.event(EventKind.PROBE_OK, None, {"code": int(job.lane)}, answers=job.number)])
        if job.kind == CommandKind.CANCEL:
            if refusal.reason == RejectReason.NOT_CANCELABLE and task.refusal is None:
                return Answer([], replace(task, refusal=refusal, attempt=0))
            return Answer([self._cancel_refused(job, task.refusal or refusal)])
        if job.kind in SUBMITS:  # its id is taken, and yet it is not to be found: nobody knows
            return Answer([self.event(EventKind.SUBMIT_AMBIGUOUS, job, answers=job.number, detail=told(refusal))])
        return Answer([self.event(EventKind.ORDER_NOT_FOUND, job, answers=job.number, detail=told(refusal))])

    def _failed(self, call: Call, outcome: Failed) -> Answer:
        job, task, detail = call.job, call.task, told(outcome)
        again = replace(task, attempt=task.attempt + 1)
        if call.action is Action.SUBMIT:
            if isinstance(outcome, Ambiguous):
                return Answer([self.event(EventKind.SUBMIT_AMBIGUOUS, job, answers=job.number, detail=detail)])
            if isinstance(outcome, Refused):
                return Answer([self.rejected(job, outcome.reason, detail)])
            return Answer([], again, None)
        if call.action is Action.PROBE:
            return Answer([])
        if again.attempt < ATTEMPTS:
            return Answer([], again, None)
        if job.kind in SUBMITS:
            return Answer([self.event(EventKind.SUBMIT_AMBIGUOUS, job, answers=job.number, detail=detail)])
        return Answer([] if task.refusal is None else [self._cancel_refused(job, task.refusal)])

    def _cancel_refused(self, job: Outgoing, refusal: Refused) -> Incoming:
        fields = {"code": int(refusal.reason)}
        return self.event(EventKind.CANCEL_REJECTED, job, fields, answers=job.number, detail=told(refusal))

    def rejected(self, job: Outgoing, reason: RejectReason, detail: Mapping[str, str]) -> Incoming:
        """The submit of a row was refused, by the broker or before it got there."""
        return self.event(EventKind.ORDER_REJECTED, job, {"code": int(reason)}, answers=job.number, detail=detail)

    def event(
        self,
        kind: EventKind,
        job: Outgoing | None,
        fields: Mapping[str, int] = NO_FIELDS,
        *,
        answers: int | None = None,
        detail: Mapping[str, str] = NO_DETAIL,
    ) -> Incoming:
        """An event about the order of a row, or about no order."""
        order = {} if job is None else {"order": int(job.command["order"]), "symbol": int(job.command["symbol"])}
        return Incoming(kind, self._now, self._now, order | dict(fields), answers=answers, source=REST, detail=detail)


def failure_of(outcome: Failed) -> LaneFailure:
    """The kind of a technical failure."""
    if isinstance(outcome, Limited):
        return LaneFailure.RATE_LIMIT
    return LaneFailure.UNAUTHORISED if isinstance(outcome, Refused) else outcome.failure


def told(outcome: Failed) -> dict[str, str]:
    """What the journal keeps of an outcome."""
    if isinstance(outcome, Refused):
        return {"status": str(outcome.status), "code": str(outcome.code or ""), "message": outcome.message}
    return {"reset": str(outcome.reset or "")} if isinstance(outcome, Limited) else {"problem": outcome.detail}
