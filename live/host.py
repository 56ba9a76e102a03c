"""The host: the one place where the world's events become the engine's, and the engine's commands become promises.

Each call is one transaction:

    inbox          what was known already falls out: the database decides, not our memory
    step           the engine, for each event that is news
    journal        the events, each with the hash of all before it
    outbox         its commands, with why they may leave
    projections    orders, positions, decisions, breakers, mode, alerts
    commit         and only then may anything be sent

Events that wait together share a transaction, which is what makes a burst of bars cheap; nothing of it has happened
until all of it has. After an error, whatever it was, memory and database may disagree about the last transaction. So
the host stops for good, and the process with it: the next one starts from what is durable. Nothing here waits for the
network, and no transaction is open while anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.kernel import engine
from core.kernel.digest import state_digest
from core.kernel.kinds import SUBMITS, EventKind, ExitStage, OperatorAct
from core.kernel.records import EVENT
from live import outbox, recovery
from live.admission import admit
from live.alerts import Alerts, Change
from live.books import Books
from live.clock import SOURCE, TOLERANCE, Clock, stopwatch
from live.events import FIELDS, Incoming, Outgoing, Step, Verdict
from live.flows import IDENTITY
from live.projections import Projections
from live.recovery import Recovered
from live.store import journal, operators, rows, runs
from live.store.database import Transaction
from live.store.models import Journal, Outbox
from live.store.points import point
from live.store.rows import Row, kind_name
from live.store.runs import RunSpec, Saved, State
from live.store.writer import Batch, StoreWriter

MAX_BATCH = 256  # events of a transaction: fewer than could use an order's slot twice
SNAPSHOT_EVERY = 10_000  # events; what a restart replays at most, in a fraction of a second
RESTARTS, RESTART_WINDOW = 3, 600_000_000_000  # more in ten minutes is a crash loop: stay down

_QUIET = frozenset({EventKind.BAR, EventKind.QUOTE})


class HostError(RuntimeError):
    """The host met an error and takes nothing more; the process must end and be started again."""


class Observer(Protocol):
    """Somebody who is told what was committed. May not raise, and may not wait."""

    def committed(self, steps: Sequence[Step], changes: Sequence[Change], books: Books, elapsed: int) -> None:
        """After each transaction: its steps that led to anything, alerts, and the ns that it took."""


class Host:
    """Owns a run's state, and writes it. One thread calls it."""

    def __init__(
        self, writer: StoreWriter, recovered: Recovered, clock: Clock, observers: Sequence[Observer] = ()
    ) -> None:
        self.books = recovered.books
        self.run = recovered.run
        self.spec = recovered.spec
        self._writer = writer
        self._clock = clock
        self._observers = tuple(observers)
        self._chain = recovered.chain
        self._snapshot_at = self.books.seen() - recovered.replayed
        self._stopped: BaseException | None = None
        self._event: NDArray[np.void] = np.zeros(1, EVENT)
        self._fields: NDArray[np.int64] = self._event.view(np.int64)
        self._projections = Projections(self.books)
        self._symbol = {name: i for i, name in enumerate(self.books.symbols)}
        with writer.transaction() as connection:
            self._alerts = Alerts(runs.open_alerts(connection, self.run))

    @classmethod
    def start(
        cls, writer: StoreWriter, spec: RunSpec, genesis: State, clock: Clock, observers: Sequence[Observer] = ()
    ) -> Self:
        """Take up the run `spec`, or begin it with the state `genesis`; then nothing is trusted until it is reconciled.

        Raises InputError when the journal is damaged, belongs to another configuration or engine, or when this is one
        restart too many.
        """
        with writer.transaction() as connection:
            now = clock.now()
            recovered = recovery.recover(connection, spec, genesis, now)
            restarts = runs.newest_received(connection, recovered.run, "restart", RESTARTS)
        if sum(0 <= now - restart < RESTART_WINDOW for restart in restarts) == RESTARTS:
            problem = f"was restarted {RESTARTS} times in ten minutes"
            raise InputError(f"run {spec.name}", problem, "Find out why it ends, then wait ten minutes.")
        host = cls(writer, recovered, clock, observers)
        if not recovered.new:
            host._resume()
        return host

    @property
    def state(self) -> State:
        """The engine's state, shape (1,), dtype STATE: to be read only."""
        return self.books.state

    def handle(self, *events: Incoming) -> tuple[Outgoing, ...]:
        """Take events in, in this order, in one transaction (MAX_BATCH events each, if there are more).

        Returns the commands that may now be sent. Raises HostError, now and for ever after, when anything went wrong.
        """
        self._check_alive()
        commands: tuple[Outgoing, ...] = ()
        try:
            for first in range(0, len(events), MAX_BATCH):
                commands += self._transact(events[first : first + MAX_BATCH])
            if self.books.run("broken"):
                commands += self._halt()
            if self.books.seen() - self._snapshot_at >= SNAPSHOT_EVERY:
                self.snapshot()
        except BaseException as error:
            raise self._stop(error) from error
        return commands

    def poll_operators(self) -> tuple[Outgoing, ...]:
        """Carry out what people have asked for in the store since the last look."""
        with self._transaction() as connection:
            waiting = operators.waiting(connection, self.run)
        commands: tuple[Outgoing, ...] = ()
        for request in waiting:
            commands += self.handle(self._act(request))
        return commands

    def pending(self) -> tuple[Outgoing, ...]:
        """Commands without an outcome, oldest first. After a restart these are cancels: safe to send again."""
        with self._transaction() as connection:
            return tuple(runs.outgoing(row) for row in runs.unanswered(connection, self.run))

    def confirm_writer(self) -> None:
        """Raise HostError when somebody else writes for this account by now. To be asked before anything is sent."""
        self._check_alive()
        try:
            self._writer.confirm()
        except BaseException as error:
            raise self._stop(error) from error

    def broker_orders(self) -> list[tuple[int, str]]:
        """(number, broker order id) of all orders that the broker has named."""
        with self._transaction() as connection:
            return runs.broker_orders(connection, self.run)

    def executions(self) -> list[tuple[str, int]]:
        """(broker order id, cumulative quantity after it) of all executions that were booked."""
        with self._transaction() as connection:
            return runs.executions(connection, self.run)

    def flows(self) -> list[str]:
        """Identities of the flows of cash that were booked."""
        with self._transaction() as connection:
            return runs.identities(connection, self.run, IDENTITY)

    def bars_since(self, since: int) -> NDArray[np.void]:
        """The bars that became visible since a time, ns UTC, EVENT in their order."""
        with self._transaction() as connection:
            found = journal.bars_since(connection, self.run, since)
        return np.frombuffer(b"".join(found), EVENT)

    def snapshot(self) -> None:
        """Save the state, so that a restart has less to replay."""
        with self._transaction() as connection:
            runs.save_snapshot(connection, self.run, Saved(self.books.seen(), self._chain, self.state))
        self._snapshot_at = self.books.seen()
        point("after_snapshot")

    def digest(self) -> str:
        """The hash of the state: what a replay of the journal must come to."""
        return state_digest(self.state)

    def close(self) -> None:
        """Stop in good order: a snapshot, and the lock let go. After an error the lock only."""
        if self._stopped is None:
            if self.books.seen() > self._snapshot_at:
                self.snapshot()
            self._stopped = HostError("the host was closed")
            self._writer.close()

    def _check_alive(self) -> None:
        if self._stopped is not None:
            raise HostError(f"the host has stopped: {self._stopped}") from self._stopped

    @contextmanager
    def _transaction(self) -> Iterator[Transaction]:
        """A transaction beside those of events. An error ends the host, too: a connection that was lost has lost the
        lock with it, and must not come back by itself."""
        self._check_alive()
        try:
            with self._writer.transaction() as connection:
                yield connection
        except BaseException as error:
            raise self._stop(error) from error

    def _stop(self, error: BaseException) -> HostError:
        """Take nothing more. Of a database's error the first line says what it was."""
        if isinstance(error, HostError):
            return error
        self._stopped = error
        self._writer.abandon()
        said = str(error).strip() or "no message"
        return HostError(f"the host stopped: {type(error).__name__}: {said.splitlines()[0]}")

    def _transact(self, events: Sequence[Incoming]) -> tuple[Outgoing, ...]:
        """One transaction, from the inbox to the commit."""
        began = stopwatch()
        batch = Batch(self.run)
        now = self._clock.now()
        batch.answered += [row for event in events if event.answers is not None for row in _answers(event, now)]
        batch.requests += [_handled(event, now) for event in events if "request" in event.detail]
        with self._writer.transaction() as connection:
            point("before_inbox")
            admitted = admit(connection, self.run, events)
            point("after_inbox")
            steps = [step for event in admitted if (step := self._step(batch, event)) is not None]
            point("after_step")
            changes = self._settle(batch, admitted, steps)
            self._writer.save(batch)
        point("after_intent_commit")
        elapsed = stopwatch() - began
        for observer in self._observers:
            observer.committed(steps, changes, self.books, elapsed)
        return tuple(command for step in steps for command in step.commands)

    def _settle(self, batch: Batch, admitted: Sequence[Incoming], steps: Sequence[Step]) -> list[Change]:
        """Bring the tables of the present up to date; bars that led to nothing have changed none of them."""
        if not steps and all(event.kind in _QUIET for event in admitted):
            return []
        ids = {
            event.fields["order"]: event.detail["broker_order_id"]
            for event in admitted
            if event.fields.get("order", 0) > 0 and "broker_order_id" in event.detail
        }
        self._projections.settle(batch, ids)
        return self._alerts.judge(batch, self.books, steps)

    def _step(self, batch: Batch, event: Incoming) -> Step | None:
        """One event through the engine, and the rows that it leaves; None when there is nothing to tell of it."""
        books = self.books
        leaving = event.kind is EventKind.EXIT_SIGNAL
        if leaving and not self._heeded(event):
            return None
        seq = books.run("seq") + 1
        now = max(event.t_visible or self._clock.now(), books.run("now"))  # never goes back
        event = _known_by(event, now)
        self._write_event(event, seq, now)
        before = books.before(event.fields.get("symbol", -1))
        began = stopwatch()
        count = engine.apply(self.state, self._event)
        elapsed = stopwatch() - began
        self._journal(batch, event, seq, now)
        left = self._projections.after(batch, event, seq, before)
        if leaving:
            left.decision = self._projections.leave(batch, self._event[0], seq, before.held)
        commands = outbox.of_step(books, seq, self._writer.epoch) if count else ()
        batch.add(Outbox, *(rows.outbox(command, now) for command in commands))
        if event.kind in _QUIET and not commands and not left.notes:
            return None
        return Step(seq, now, event, commands, left.notes, left.decision, left.booked, elapsed)

    def _heeded(self, event: Incoming) -> bool:
        """Whether a strategy's wish to leave finds a trade of its own; otherwise it is no event, as in simulation."""
        symbol = self.state["symbols"][0, event.fields["symbol"]]
        own = int(symbol["strategy"]) == event.fields["strategy"]
        return own and int(symbol["entry"]) != 0 and int(symbol["stage"]) == ExitStage.NONE

    def _write_event(self, event: Incoming, seq: int, now: int) -> None:
        """Fill the event record; `now` is when it is visible."""
        fields = self._fields
        fields[:] = 0
        fields[FIELDS["symbol"]] = -1
        for name, value in event.fields.items():
            fields[FIELDS[name]] = value
        fields[FIELDS["seq"]] = seq
        fields[FIELDS["kind"]] = event.kind
        fields[FIELDS["t_market"]] = event.t_market
        fields[FIELDS["t_received"]] = event.t_received
        fields[FIELDS["t_visible"]] = now

    def _journal(self, batch: Batch, event: Incoming, seq: int, now: int) -> None:
        """The event's row, chained to the one before it."""
        payload = self._event.tobytes()
        command_hash = self.books.run("command_hash")
        detail = journal.words(event.detail)
        self._chain = journal.link(self._chain, payload, command_hash, event.source, detail)
        row: Row = {
            "seq": seq,
            "kind": kind_name(event.kind),
            "t_visible": now,
            "event": payload,
            "command_hash": command_hash,
            "source": event.source,
            "detail": detail,
            "hash": self._chain,
        }
        batch.add(Journal, row)

    def _resume(self) -> None:
        """After a restart: say so to the engine, and let it find out what became of what was under way.

        A submit without an outcome may or may not have arrived: the engine asks, and never sends it again. Queries,
        probes and reconciliations are asked anew when they are needed. Cancels stay pending; to repeat one is safe.
        """
        now = self._clock.now()
        jump = now - self.books.run("now")
        events = [Incoming(EventKind.RESTART, now, now, {}, source=SOURCE)]
        if jump < -TOLERANCE:
            events.append(Incoming(EventKind.CLOCK_JUMP, now, now, {"amount": jump}, source=SOURCE))
        for row in self.pending():
            order, symbol = int(row.command["order"]), int(row.command["symbol"])
            if row.kind in SUBMITS:
                fields = {"order": order, "symbol": symbol}
                news = Incoming(EventKind.SUBMIT_AMBIGUOUS, now, now, fields, answers=row.number, source=SOURCE)
                events.append(news)
            elif row.verdict is Verdict.READ:
                self._drop(row, now)
        self.handle(*events)

    def _drop(self, row: Outgoing, now: int) -> None:
        """Close an outbox row that the restart has made pointless."""
        batch = Batch(self.run)
        batch.answered.append({"number": row.number, "time": now, "outcome": "restart"})
        with self._transaction():
            self._writer.save(batch)

    def _halt(self) -> tuple[Outgoing, ...]:
        """An invariant broke: halt, once. Stopping is better than going on in a state that cannot be."""
        now, at = self._clock.now(), self.books.run("broken_at")
        detail = {"actor": "host", "reason": f"invariant {self.books.run('broken')} broke at event {at}"}
        fields = {"code": int(OperatorAct.HALT)}
        identity = f"broken:{at}"
        return self._transact(
            [Incoming(EventKind.OPERATOR, now, now, fields, identity=identity, source=SOURCE, detail=detail)]
        )

    def _act(self, request: operators.Request) -> Incoming:
        """A person's request as an event."""
        now = self._clock.now()
        fields = {"code": int(request.act), "symbol": self._symbol.get(request.symbol or "", -1)}
        if request.lane is not None:
            fields["code2"] = int(request.lane)
        detail = {"actor": request.actor, "reason": request.reason, "request": str(request.number)}
        identity = f"operator:{request.number}"
        return Incoming(EventKind.OPERATOR, now, now, fields, identity=identity, source="operator", detail=detail)


def _known_by(event: Incoming, now: int) -> Incoming:
    """The event, which has happened by the time it is known: a broker's clock may be ahead of ours, and its own time
    of the event is then kept beside it."""
    if event.t_market <= now:
        return event
    return replace(event, t_market=now, detail={**event.detail, "broker_time": str(event.t_market)})


def _answers(event: Incoming, now: int) -> list[Row]:
    return [{"number": n, "time": now, "outcome": kind_name(event.kind)} for n in (event.answers, *event.also)]


def _handled(event: Incoming, now: int) -> Row:
    return {"id": int(event.detail["request"]), "time": now, "outcome": "done"}
