"""The live side without disks and sockets: a host in memory, and alpaca-py's client over the scripted exchange.

Everything between the two is the real thing: dispatcher, directory, reconciliation, alpaca-py's requests, the reading
of JSON. A `weather` function stands where the network stands, and may lose a request, or its answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from core.kernel import engine
from core.kernel.kinds import CommandKind, EventKind, LaneFailure, Phase, ReconcileStep, Role
from core.kernel.records import CONFIG, EVENT
from core.kernel.state import new_state
from core.kernel.units import MICRO, MINUTE, SECOND
from live.alpaca.endpoint import Endpoint, Keys
from live.alpaca.messages import Update
from live.alpaca.rest import Rest
from live.alpaca.transport import Reply, TransportError
from live.alpaca.wire import parse_trading
from live.asking import Question, fetch, perform
from live.books import client_id
from live.clock import VirtualClock
from live.directory import Directory
from live.dispatch import Dispatcher, Limits
from live.events import FIELDS, Incoming, Outgoing, Verdict
from live.mailbox import Mailbox
from live.reconcile import Ours, Policy, Report, Snapshot, reconcile
from tests.kernel.desk import DEFAULTS, HOURS, OPENING
from tests.live.exchange import Exchange

SYMBOLS = ("AAA", "BBB", "CCC")
START = OPENING - OPENING % MINUTE
READS = (CommandKind.QUERY, CommandKind.PROBE, CommandKind.RECONCILE)
KEYS = Keys.of("PKTESTKEY000000000000", "canary-secret-000000000000000000")


class Memory:
    """A host that keeps everything in memory; what it has handled is its journal."""

    def __init__(self, clock: VirtualClock, **config: int) -> None:
        record = np.zeros(1, CONFIG)[0]
        for key, value in {**DEFAULTS, "symbols": len(SYMBOLS), **config}.items():
            record[key] = value
        self.state = new_state(record)
        self.journal: list[Incoming] = []
        self.outbox: dict[int, Outgoing] = {}
        self.answered: set[int] = set()
        self._clock = clock
        self._identities: set[str] = set()
        self._event = np.zeros(1, EVENT)

    def handle(self, *events: Incoming) -> tuple[Outgoing, ...]:
        commands: list[Outgoing] = []
        for event in events:
            if event.answers is not None:
                self.answered |= {event.answers, *event.also}
            if event.identity is None or event.identity not in self._identities:
                self._identities |= {event.identity} if event.identity else set()
                commands += self._step(event)
        return tuple(commands)

    def confirm_writer(self) -> None:
        return

    def flows(self) -> list[str]:
        return [name for name in self._identities if name.startswith("activity:")]

    def order(self, number: int) -> SimpleNamespace:
        record = self.state[0]["orders"][number % len(self.state[0]["orders"])]
        return SimpleNamespace(**{name: int(record[name]) for name in record.dtype.names})

    def symbol(self, place: int = 0) -> SimpleNamespace:
        record = self.state[0]["symbols"][place]
        plain = [name for name in record.dtype.names if not record.dtype[name].subdtype]
        return SimpleNamespace(**{name: int(record[name]) for name in plain})

    def kinds(self) -> list[EventKind]:
        return [event.kind for event in self.journal]

    def _step(self, event: Incoming) -> list[Outgoing]:
        self.journal.append(event)
        run = self.state[0]["run"]
        fields = self._event.view(np.int64)
        fields[:] = 0
        fields[FIELDS["symbol"]] = -1
        for name, value in event.fields.items():
            fields[FIELDS[name]] = value
        fields[FIELDS["seq"]] = seq = int(run["seq"]) + 1
        fields[FIELDS["kind"]] = event.kind
        fields[FIELDS["t_visible"]] = visible = max(self._clock.now(), int(run["now"]))
        fields[FIELDS["t_market"]] = min(event.t_market, visible)
        count = engine.apply(self.state, self._event)
        assert int(run["broken"]) == 0, f"invariant {int(run['broken'])} broke at {event}"
        return [self._outgoing(seq * 256 + i, self.state[0]["commands"][i].copy()) for i in range(count)]

    def _outgoing(self, number: int, command: np.void) -> Outgoing:
        kind = CommandKind(int(command["kind"]))
        opening = Verdict.APPROVED if int(command["role"]) == Role.ENTRY else Verdict.REDUCING
        verdict = Verdict.CANCEL if kind == CommandKind.CANCEL else Verdict.READ if kind in READS else opening
        name = client_id(int(command["intent"]), int(command["leg"])) if command["order"] else None
        symbol = SYMBOLS[command["symbol"]] if command["symbol"] >= 0 else None
        row = Outgoing(number, 1, verdict, command, symbol, name, None, None)
        self.outbox[number] = row
        return row


# (method, path) -> "", "unsent", "lost request", "lost answer", or a status, to which "name: value" adds a header
Weather = Callable[[str, str], str]


def rest_over(exchange: Exchange, weather: Weather = lambda method, path: "") -> Rest:
    """Alpaca's routes over the exchange, through alpaca-py."""
    rest = Rest(Endpoint.at("http://127.0.0.1:1", KEYS))

    def exchange_once(method: str, url: str, options: dict[str, Any], retry: int) -> Reply:
        parts = urlsplit(url)
        fate = weather(method, parts.path)
        if fate == "unsent":
            raise TransportError(LaneFailure.CONNECTION, left=False, detail="refused")
        if fate == "lost request":
            raise TransportError(LaneFailure.TIMEOUT, left=True, detail="no answer")
        if fate and fate != "lost answer":
            status, _, header = fate.partition(" ")
            name, _, value = (header or "x-ratelimit-reset: 0").partition(": ")
            return Reply(int(status), b"<html>", {name: value})
        query = {name: str(value) for name, value in (options.get("params") or {}).items()}
        code, body = exchange.handle(method, parts.path, query, options.get("json"))
        if fate == "lost answer":
            raise TransportError(LaneFailure.CONNECTION, left=True, detail="reset")
        return Reply(code, b"" if body is None else json.dumps(body).encode(), {})

    rest._client._one_request = exchange_once  # type: ignore[method-assign]
    return rest


class Bottle:
    """All of it on one virtual clock, moved by the test. It starts live, flat and in session."""

    def __init__(self, weather: Weather = lambda method, path: "", limits: Limits | None = None, **config: int) -> None:
        self.clock = VirtualClock(START)
        self.exchange = Exchange(self.clock.now)
        self.host = Memory(self.clock, **config)
        self.directory = Directory(self.host.state, SYMBOLS)
        self.dispatcher = Dispatcher(self.directory, self.clock, limits)
        self.rest = rest_over(self.exchange, weather)
        self.mailbox = Mailbox(self.directory, self.clock, self.deliver)
        self.policy = Policy()
        self.signals = 0
        self.dispatcher.authorised(True)
        self.tell(EventKind.STREAM, code=1)
        self.tell(EventKind.RECONCILE, code=ReconcileStep.FINISHED)
        self.tell(EventKind.SESSION, code=Phase.REGULAR, amount=1, qty=HOURS)
        for symbol in range(len(SYMBOLS)):
            self.bar(symbol, 100)
        self.drop_reconciliations()

    def crash(self) -> None:
        """The process dies with a call on its way, and starts again from what was committed: state, outbox, journal."""
        call = self.dispatcher.take()
        if call is not None and call.job.kind not in READS:
            perform(self.rest, call)  # it has taken effect, or not; nobody was left to hear
        named = [event for event in self.host.journal if "broker_order_id" in event.detail]
        orders = [(event.fields.get("order", 0), event.detail["broker_order_id"]) for event in named]
        booked = [event.detail for event in named if event.kind in (EventKind.FILL, EventKind.FOREIGN_FILL)]
        self.directory = Directory(self.host.state, SYMBOLS)
        executions = [(detail["broker_order_id"], int(detail["cum_qty"])) for detail in booked]
        self.directory.restore([order for order in orders if order[0]], executions)
        self.directory.remember(self.host.flows())
        self.dispatcher = Dispatcher(self.directory, self.clock)
        self.dispatcher.authorised(True)
        self.mailbox = Mailbox(self.directory, self.clock, self.deliver)
        self.exchange.frames.clear()
        self.tell(EventKind.RESTART)
        for number, row in self.host.outbox.items():
            if number not in self.host.answered:
                self._take_up(row)
        self.tell(EventKind.STREAM, code=1)

    def _take_up(self, row: Outgoing) -> None:
        now, order = self.clock.now(), int(row.command["order"])
        if row.verdict is Verdict.CANCEL:
            self.deliver(*self.dispatcher.add(row))
        elif row.verdict is not Verdict.READ:
            fields = {"order": order, "symbol": int(row.command["symbol"])}
            self.deliver(Incoming(EventKind.SUBMIT_AMBIGUOUS, now, now, fields, answers=row.number, source="test"))

    def drop_reconciliations(self) -> None:
        """Forget the engine's wish to reconcile: a test asks for it itself."""
        while (call := self.dispatcher.take()) is not None:
            self.dispatcher.finish(call)

    def tell(self, kind: EventKind, **fields: int) -> None:
        now = self.clock.now()
        self.deliver(Incoming(kind, now, now, fields, source="test"))

    def bar(self, symbol: int, dollars: int) -> None:
        price, start = dollars * MICRO, self.clock.now() - MINUTE
        fields = {"symbol": symbol, "price": price, "qty": 10**9, "amount": price, "target": price, "stop": price}
        now = self.clock.now()
        self.deliver(Incoming(EventKind.BAR, start, now, fields, source="test"))

    def deliver(self, *events: Incoming) -> None:
        waiting = list(events)
        while waiting:
            event = waiting.pop(0)
            commands = self.host.handle(event)
            self.directory.delivered(event)
            for command in commands:
                waiting += self.dispatcher.add(command)

    def signal(self, symbol: int = 0, side: int = 1) -> int:
        """A signal that passes; returns the entry's number."""
        self.signals += 1
        self.tell(
            EventKind.SIGNAL, symbol=symbol, strategy=0, intent=0x1234_0000 + self.signals, code=side,
            price=100 * MICRO, stop=MICRO, target=2 * MICRO, ratio=600_000,
        )  # fmt: skip
        return self.host.symbol(symbol).entry

    def pump(self, calls: int = 100) -> int:
        """Make every call that may be made now; returns how many there were."""
        for made in range(calls):
            self.deliver(*self.dispatcher.expire())
            call = self.dispatcher.take()
            if call is None:
                return made
            if call.job.kind == CommandKind.RECONCILE:
                self.compare()
                self.dispatcher.finish(call)
                continue
            self.deliver(*self.dispatcher.settle(call, perform(self.rest, call)))
        raise AssertionError("the dispatcher does not come to rest")

    def hear(self) -> None:
        """Read the trading stream."""
        frames, self.exchange.frames = self.exchange.frames, []
        for frame in frames:
            update = parse_trading(frame)
            assert isinstance(update, Update)
            if not self.mailbox.hear(update, self.clock.now()):
                self.snapshot()  # as a comparison does, it learns the names of all orders
        self.mailbox.retry()

    def wait(self, seconds: float) -> None:
        """Let time pass, with a timer at its end."""
        self.clock.move(self.clock.now() + int(seconds * SECOND))
        self.tell(EventKind.TIMER)

    def snapshot(self) -> Snapshot | Any:
        name = self.directory
        heads = [number for number in name.live_heads() if not self.dispatcher.holds(number)]
        questions = [Question(number, name.broker_id(number), name.client_id(number)) for number in heads]
        fetched = fetch(self.rest, questions, START, self.clock.now())
        if isinstance(fetched, Snapshot):
            for order in fetched.orders:
                name.learn(order)
        return fetched

    def ours(self) -> Ours:
        state = self.host.state[0]
        account = state["account"]
        return Ours(
            np.array(state["symbols"]["qty"][: len(SYMBOLS)]),
            int(account["cash"]),
            self.exchange.account,
            bool(account["difference"]),
        )

    def compare(self, last: bool = True) -> Report | None:
        """One look, told to the engine; None when the broker could not be read."""
        snapshot = self.snapshot()
        if not isinstance(snapshot, Snapshot):
            return None
        report = reconcile(self.directory, self.ours(), snapshot, self.policy, last=last)
        self.tell(EventKind.RECONCILE, code=ReconcileStep.STARTED)
        self.deliver(*report.events)
        self.tell(EventKind.RECONCILE, code=ReconcileStep.FINISHED)
        return report

    def at_broker(self, number: int) -> dict[str, Any]:
        """The exchange's order of one of ours."""
        broker_id = self.directory.broker_id(number)
        assert broker_id is not None
        return self.exchange.orders[broker_id]
