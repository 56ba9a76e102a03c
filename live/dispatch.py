"""From the outbox to the broker: which call is made next, and when.

The dispatcher decides and does nothing itself. `take` hands out the next call that may be made now; whoever makes it
(gateway.py with threads, a test with a simulated broker) brings the outcome back to `settle`, which answers with the
events that the engine must hear (answers.py). So all of it can be tried on a virtual clock, call by call.

Cancels go first, then exits and protection, then questions, then openings; a part of the rate limit is kept for the
first two. Calls about one group of orders are made one at a time, and a cancel that overtakes its own order stops it
here. No opening leaves while the trading stream is not authorised, because its fills would go unheard; an exit waits a
while for the stream and then goes without, because not reducing risk is worse. An order that has waited too long is not
sent at all: its reason has passed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.kernel.kinds import SUBMITS, CommandKind, EventKind, RejectReason
from core.kernel.units import SECOND
from live.alpaca.orders import UnfitError, order_request
from live.alpaca.outcomes import Limited
from live.answers import Action, Answered, Call, Reader, Task
from live.clock import Clock
from live.directory import Directory
from live.events import Incoming, Outgoing, Verdict
from live.pacing import Backoff, TokenBucket

_ACTIONS = {
    CommandKind.SUBMIT: Action.SUBMIT,
    CommandKind.SUBMIT_BRACKET: Action.SUBMIT,
    CommandKind.SUBMIT_OCO: Action.SUBMIT,
    CommandKind.CANCEL: Action.CANCEL,
    CommandKind.QUERY: Action.LOOK_UP,
    CommandKind.PROBE: Action.PROBE,
    CommandKind.RECONCILE: Action.RECONCILE,
}
LONGEST_RESET = 120 * SECOND  # a reset time further away than this is not believed


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the dispatcher; times in nanoseconds."""

    per_minute: int = 180  # Alpaca: 200
    burst: int = 30
    reserve: int = 10  # tokens that openings and questions leave for cancels and exits
    opening_age: int = 30 * SECOND  # an opening older than this is not sent any more
    exit_age: int = 300 * SECOND
    patience: int = 20 * SECOND  # how long an exit waits for the trading stream


class Dispatcher:
    """The queue of one account."""

    def __init__(self, directory: Directory, clock: Clock, limits: Limits | None = None, seed: int = 0) -> None:
        self._directory = directory
        self._clock = clock
        self._limits = limits or Limits()
        self._bucket = TokenBucket(self._limits.per_minute, self._limits.burst, clock.monotonic())
        self._backoff = Backoff(seed)
        self._queue: list[Task] = []
        self._busy: dict[int, Call] = {}
        self._dark_since: int | None = clock.monotonic()

    def __len__(self) -> int:
        """Tasks that are not settled."""
        return len(self._queue) + len(self._busy)

    def authorised(self, listening: bool) -> None:
        """Whether the trading stream is authorised and listening."""
        if listening:
            self._dark_since = None
        elif self._dark_since is None:
            self._dark_since = self._clock.monotonic()

    def add(self, job: Outgoing) -> list[Incoming]:
        """Take a committed outbox row into the queue; what can be answered without the broker is answered at once."""
        task = Task(job, _ACTIONS[job.kind], self._clock.monotonic())
        if job.kind in SUBMITS:
            assert job.verdict in (Verdict.APPROVED, Verdict.REDUCING), "a submit that no risk check has let through"
            assert job.symbol is not None, "a submit without a symbol"
            assert job.client_order_id is not None, "a submit without its identity"
            try:
                task = replace(task, request=order_request(job.command, job.symbol, job.client_order_id))
            except UnfitError as error:
                return [self._reader().rejected(job, error.reason, {"problem": str(error)})]
        elif job.kind == CommandKind.CANCEL and (unsent := self._unsent_of(self._group(job))):
            self._queue.remove(unsent)
            return self._withdrawn(unsent.job, job)
        if not (job.kind in _REPEATED and self._join(task)):
            self._queue.append(task)
        return []

    def expire(self) -> list[Incoming]:
        """Submits that have waited too long: they are not sent any more."""
        now = self._clock.monotonic()
        old = [task for task in self._queue if task.action is Action.SUBMIT and now - task.since > self._age(task.job)]
        self._queue = [task for task in self._queue if task not in old]
        detail = {"problem": "too old to be sent"}
        return [self._reader().rejected(task.job, RejectReason.UNCONFIRMED, detail) for task in old]

    def take(self) -> Call | None:
        """The most urgent call that may be made now, None when there is none."""
        now = self._clock.monotonic()
        ripe = [task for task in self._queue if self._wait(task, now) == 0]
        if not ripe:
            return None
        chosen = min(ripe, key=lambda task: (task.job.urgency, task.job.number))
        self._queue.remove(chosen)
        if chosen.action is not Action.RECONCILE:
            self._bucket.take(now)
        call = self._call(chosen, now)
        self._busy[self._group(chosen.job)] = call
        return call

    def wait(self) -> int | None:
        """Nanoseconds until a call may be made; None when only news can change that."""
        now = self._clock.monotonic()
        waits = [wait for task in self._queue if (wait := self._wait(task, now)) is not None]
        return min(waits, default=None)

    def settle(self, call: Call, outcome: Answered) -> list[Incoming]:
        """The events of a call's outcome. What must be tried again goes back into the queue."""
        self._release(call)
        now = self._clock.monotonic()
        answer = self._reader().read(call, outcome, now - call.started)
        wait = self._backoff.delay(call.task.attempt) if answer.delay is None else answer.delay
        if isinstance(outcome, Limited):
            wait = self.limited(outcome, wait)
        if answer.again is not None:
            self._queue.append(replace(answer.again, not_before=now + wait))
        also, number = call.task.also, call.job.number
        return [replace(event, also=also) if also and event.answers == number else event for event in answer.events]

    def finish(self, call: Call) -> None:
        """A reconciliation has ended; its events are the gateway's."""
        self._release(call)

    def holds(self, number: int) -> bool:
        """Whether something about an order's group is still to be sent, or on its way."""
        group = self._directory.parent(number)
        return group in self._busy or any(self._group(task.job) == group for task in self._queue)

    def limited(self, outcome: Limited, otherwise: int) -> int:
        """The server takes nothing for a while; returns ns until it does: by its own word, or `otherwise`."""
        wait = self._until(outcome, otherwise)
        self._bucket.close(self._clock.monotonic() + wait)
        return wait

    def closed(self) -> int:
        """Nanoseconds for which the server has said that it takes nothing."""
        return self._bucket.closed(self._clock.monotonic())

    def charge(self, calls: int) -> None:
        """Take tokens for calls that are made beside the queue."""
        for _ in range(calls):
            self._bucket.take(self._clock.monotonic())

    def _reader(self) -> Reader:
        return Reader(self._directory, self._clock.now())

    def _release(self, call: Call) -> None:
        self._busy = {group: other for group, other in self._busy.items() if other is not call}

    def _until(self, limited: Limited, otherwise: int) -> int:
        """How long a rate limit lasts: as long as the server says, until the time that it names, or by backoff."""
        wait = -1 if limited.reset is None else limited.reset * SECOND - self._clock.now()
        if limited.after is not None:
            wait = limited.after * SECOND  # which does not ask whose clock is right
        return wait if 0 <= wait <= LONGEST_RESET else otherwise

    def _call(self, chosen: Task, now: int) -> Call:
        """The call of a task; a cancel of an order whose broker id is not known looks that up first."""
        number = int(chosen.job.command["order"])
        broker_id = self._directory.broker_id(number)
        look = chosen.action is Action.CANCEL and (broker_id is None or chosen.refusal is not None)
        if not look and chosen.action is not Action.LOOK_UP:
            return Call(chosen, chosen.action, now, broker_id, chosen.job.client_order_id)
        parent = self._directory.parent(number)
        client_id = self._directory.client_id(parent) or chosen.job.client_order_id
        return Call(chosen, Action.LOOK_UP, now, self._directory.broker_id(parent), client_id)

    def _wait(self, task: Task, now: int) -> int | None:
        """Nanoseconds until a task may go; None while something else must happen first."""
        if self._group(task.job) in self._busy:
            return None
        if task.action is Action.RECONCILE:
            return 0
        wait = max(task.not_before - now, 0)
        if task.action is Action.SUBMIT and self._dark_since is not None:
            if task.job.verdict is Verdict.APPROVED:
                return None
            wait = max(wait, self._dark_since + self._limits.patience - now)
        first = task.job.urgency <= 1
        return max(wait, self._bucket.wait(now, 0 if first else self._limits.reserve))

    def _join(self, task: Task) -> bool:
        """Let a question or a cancel be part of one about the same order that waits already; returns whether it was.

        The engine repeats what stays without an answer. Behind a closed limit or a broken network the repetitions
        would pile up, and go out together when it opens.
        """
        number = int(task.job.command["order"])
        for place, other in enumerate(self._queue):
            if other.job.kind == task.job.kind and int(other.job.command["order"]) == number:
                self._queue[place] = replace(other, also=(*other.also, task.job.number))
                return True
        return False

    def _unsent_of(self, group: int) -> Task | None:
        """The submit of a group, if it is still here."""
        found = (task for task in self._queue if task.action is Action.SUBMIT and self._group(task.job) == group)
        return next(found, None)

    def _withdrawn(self, submit: Outgoing, cancel: Outgoing) -> list[Incoming]:
        """Both rows are done: nothing was sent, and the whole group is canceled."""
        event, numbers = self._reader().event, {int(submit.command[name]) for name in _MEMBERS} - {0}
        parent, *legs = sorted(numbers, key=lambda number: number != int(submit.command["order"]))
        return [
            event(EventKind.ORDER_CANCELED, submit, {"order": parent}, answers=submit.number),
            *(event(EventKind.ORDER_CANCELED, submit, {"order": leg}) for leg in legs),
            event(EventKind.ORDER_CANCELED, cancel, answers=cancel.number),
        ]

    def _group(self, job: Outgoing) -> int:
        """What is handled one at a time: a group of orders by its head; a lane's probes; reconciliations."""
        number = int(job.command["order"])
        if number:
            return self._directory.parent(number)
        return -100 if job.kind == CommandKind.RECONCILE else -1 - int(job.lane)

    def _age(self, job: Outgoing) -> int:
        return self._limits.opening_age if job.verdict is Verdict.APPROVED else self._limits.exit_age


_REPEATED = (CommandKind.CANCEL, CommandKind.QUERY)
_MEMBERS = ("order", "target_order", "stop_order")
