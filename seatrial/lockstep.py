"""The trading process of a rehearsal: a whole trader, and the virtual time that it shares with the server.

Time stands still while anything is under way, and then moves to the next moment at which anything happens: the server
has news, the trader something due. At each moment

    1  the server plays its market up to that moment and hands what is to be heard to its sockets
    2  the trader's clock follows; phases of the day that have begun are told
    3  what the server has sent is received: order news at once, market data together with the end of their minute
    4  the trader acts, and its requests are answered, until it has nothing left to do

Requests go one at a time, so that their order is certain. A rehearsal of the same scenario therefore repeats itself,
order by order, however fast the machine is; only failures that take real time, such as an answer that never comes, end
by the machine's clock.

The process can be told to die: at a moment of virtual time, or at the next of the places between two writes or around
a request that it comes to after it. It does so by SIGKILL, so nothing is tidied up.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from importlib.metadata import version
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np

from core.bars import SessionBlock
from core.calendar import as_date
from core.config import to_toml
from core.datasets.dataset import Dataset
from core.engine_config import engine_config
from core.kernel.kinds import EventKind
from core.kernel.state import new_state
from core.settings.scenario import Settings
from live.alpaca.endpoint import Endpoint, Keys
from live.alpaca.messages import Order
from live.alpaca.orders import Request
from live.alpaca.outcomes import Outcome
from live.alpaca.rest import Deadlines, Rest
from live.clock import VirtualClock
from live.events import FIELDS, STAMPED, Incoming
from live.pace import VirtualPace
from live.service import Day, Plan, Surroundings, Trader
from live.signals import Traded
from live.store import operators, points
from live.store.database import open_engine
from live.store.runs import RunSpec
from live.store.writer import StoreWriter
from seatrial.mishaps import AT_ONCE, Act, Death, Jump
from sim.alpaca.text import parse_time, stamp
from sim.faults.schedule import fault_table
from sim.faults.weather import Days
from sim.market import calendar_events
from sim.scenario import load_strategies, open_data, strategy_masks

PATIENCE = 20.0  # real seconds for what the server has sent to arrive
DEADLINES = Deadlines(submit=2.0, cancel=2.0, read=2.0)  # of requests: a server on this machine answers or never will
BRIEFED = frozenset({EventKind.ASSET, EventKind.SPLIT})
SENDING, ANSWERED = "sending", "answered"
FAR = 10**12  # ns, when nobody has anything to do: the server ends before it
PLACES = (
    AT_ONCE,
    SENDING,
    ANSWERED,
    "before_inbox",
    "after_step",
    "after_journal",
    "after_outbox",
    "after_intent_commit",
)


@dataclass(frozen=True, slots=True)
class Stage:
    """All that a trading process is started with.

    `others` is what happens to it beside its death, `since` the virtual time after which it has still to happen, ns
    UTC, and `feed` the data stream's name.
    """

    settings: Settings
    name: str
    database: str
    server: str
    death: Death | None = None
    others: Sequence[Act | Jump] = ()
    since: int = 0
    feed: str = "iex"


class Said(NamedTuple):
    """The server's answer to being moved."""

    now: int
    finished: bool
    sent: dict[str, int | None]


def trade(stage: Stage) -> None:
    """Trade until the market is over, or die. Raises InputError for what cannot be used."""
    asyncio.run(_Lockstep(stage).run())


class Control:
    """The server's control plane, by plain HTTP."""

    def __init__(self, url: str, feed: str) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
        self._feed = feed

    def now(self) -> int:
        """The server's time."""
        return parse_time(self._ask("GET", "/sim/clock", None)["now"])

    def advance(self, until: int, to_news: bool = True) -> Said:
        """Move the server to its next news, or to a time if there is none before."""
        said = self._ask("POST", "/sim/advance", {"until": stamp(until), "to_news": to_news})
        sent = {"trading": said["sent"]["trading"], "data": said["sent"]["data"].get(self._feed)}
        return Said(parse_time(said["now"]), said["finished"], sent)

    def _ask(self, method: str, path: str, body: Any) -> Any:
        self._connection.request(method, path, None if body is None else json.dumps(body))
        answer = self._connection.getresponse()
        text = answer.read()
        assert answer.status == 200, f"{path} answered {answer.status}: {text[:200]!r}"
        return json.loads(text)


class _Lockstep:
    """One trading process over its life."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._control = Control(stage.server, stage.feed)
        self._clock = VirtualClock(self._control.now())
        self._armed = ""
        self._others = [other for other in stage.others if other.at > stage.since]

    async def run(self) -> None:
        stage, pace = self._stage, VirtualPace(self._clock)
        endpoint = Endpoint.at(stage.server, Keys.of("key", "secret"), stage.feed)
        place = Surroundings(endpoint, self._clock, pace, rest=self._rest)
        writer = StoreWriter(open_engine(stage.database, create=False), f"rehearsal {stage.name}", self._clock.now())
        trader = Trader(writer, plan_of(stage.settings, stage.name), place)
        self._writer = writer
        trader.enter(self._clock.now())
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in trader.work()]
            await asyncio.sleep(0)
            await pace.settle()
            while await self._moment(trader, pace):
                pass
            for task in tasks:
                task.cancel()
        trader.close()

    async def _moment(self, trader: Trader, pace: VirtualPace) -> bool:
        """The next moment at which anything happens; False when the market is over."""
        mine = (self._others[0].at if self._others else None, self._death_at())
        dues = [due for due in (trader.next_due(), pace.next_due, *mine) if due is not None]
        said = self._control.advance(max(min(dues), self._clock.now()) if dues else self._clock.now() + FAR)
        self._clock.move(said.now)
        self._arm(said.now)
        pace.moved()
        trader.enter(said.now)
        await _received(trader, said)
        trader.conclude(said.now)
        self._suffer(trader, said.now)
        await pace.settle()
        return not said.finished

    def _suffer(self, trader: Trader, now: int) -> None:
        """What happens to us by now: a person acts, through the database; our clock is moved."""
        while self._others and self._others[0].at <= now:
            other = self._others.pop(0)
            if isinstance(other, Jump):
                trader.gateway.deliver(Incoming(EventKind.CLOCK_JUMP, now, now, {"amount": other.by}, source="clock"))
                continue
            with self._writer.transaction() as connection:
                operators.submit(connection, trader.host.run, trader.host.spec.symbols, other.request, now)
            trader.ask_operators()

    def _death_at(self) -> int | None:
        death = self._stage.death
        return None if death is None or self._armed else death.at

    def _rest(self, endpoint: Endpoint) -> Rest:
        return _Mortal(endpoint, self)

    def passing(self, place: str) -> None:
        """A place around a request."""
        if self._armed == place:
            os.kill(os.getpid(), signal.SIGKILL)

    def _arm(self, now: int) -> None:
        death = self._stage.death
        if death is None or self._armed or now < death.at:
            return
        self._armed = death.place
        if death.place == AT_ONCE:
            os.kill(os.getpid(), signal.SIGKILL)
        elif death.place not in (SENDING, ANSWERED):
            points.arm(death.place)


class _Mortal(Rest):
    """Requests in whose midst the process may die."""

    def __init__(self, endpoint: Endpoint, life: _Lockstep) -> None:
        super().__init__(endpoint, DEADLINES)
        self._life = life

    def submit(self, request: Request) -> Outcome[Order]:
        """POST /v2/orders, once."""
        self._life.passing(SENDING)
        outcome = super().submit(request)
        self._life.passing(ANSWERED)
        return outcome

    def cancel(self, broker_id: str) -> Outcome[None]:
        """DELETE /v2/orders/{id}."""
        self._life.passing(SENDING)
        outcome = super().cancel(broker_id)
        self._life.passing(ANSWERED)
        return outcome


async def _received(trader: Trader, said: Said) -> None:
    """Wait until the trader has all that the server has sent, and knows of what was cut."""
    until = time.monotonic() + PATIENCE
    for name, stream in trader.streams.items():
        sent = said.sent[name]
        while stream.open if sent is None else (stream.open and stream.frames < sent):
            assert time.monotonic() < until, f"the {name} stream has {stream.frames} frames of {sent}"
            await asyncio.sleep(0.0002)


def plan_of(settings: Settings, name: str) -> Plan:
    """What the scenario trades. Raises InputError for data and strategies that cannot be used."""
    dataset = open_data(settings)
    settings = settings.with_feed(dataset.feed)
    strategies = load_strategies(settings)
    masks = strategy_masks(settings, dataset.symbols)
    first = as_date(int(dataset.sessions["date"][0]))
    return Plan(
        name=settings.name,
        spec=RunSpec(
            name=name,
            kind="rehearsal",
            account=f"rehearsal {name}",
            seed=settings.seed,
            config=to_toml(settings),
            symbols=dataset.symbols,
            strategies=tuple(settings.strategies),
            code_version=version("seatrial"),
        ),
        genesis=new_state(engine_config(settings, len(dataset.symbols), first)),
        traded=[Traded(strategy, mask) for strategy, mask in zip(strategies, masks, strict=True)],
        sessions=_sessions(settings, dataset)[settings.data.warm_up_sessions :],
        day=_Days(market_of(settings, dataset)),
        bar_seconds=dataset.bar_seconds,
        grace=int(settings.venue.feed_latency),
        every_minute=False,
        quotes=False,
        poll=int(settings.breaker.poll),
        parallel=1,
    )


def market_of(settings: Settings, dataset: Dataset) -> Iterator[SessionBlock]:
    """The sessions as the scenario's faults make the market: splits and hours are what a broker would tell of them."""
    days = Days(settings.faults, fault_table(settings, dataset.symbols), dataset.symbols)
    for number, block in enumerate(dataset.blocks()):
        yield block if number < settings.data.warm_up_sessions else days.session(block).block


def _sessions(settings: Settings, dataset: Dataset) -> np.ndarray:
    """SESSION rows of the market; all of it is read only where a fault changes their hours."""
    if not any(fault.kind == "early_close" for fault in settings.faults):
        return dataset.sessions
    return np.array([block.session for block in market_of(settings, dataset)])


class _Days:
    """Briefs on sessions, from all of them in order."""

    def __init__(self, blocks: Iterator[SessionBlock]) -> None:
        self._blocks = blocks

    def __call__(self, session: np.void) -> Day:
        before: list[Any] = []
        for block in self._blocks:
            if int(block.session["date"]) == int(session["date"]):
                return Day(_brief(block), block.split_ratios, before)
            before = [*(bars.restated(block.split_ratios) for bars in before), block.bars]
        raise AssertionError("a session that the data do not have, or one that was asked for before")


def _brief(block: SessionBlock) -> list[Incoming]:
    """Splits and assets of a day; dividends come as cash, when the broker pays them."""
    events = []
    for row in calendar_events(block, (), first=False):
        kind = EventKind(int(row["kind"]))
        if kind in BRIEFED:
            fields = {name: int(row[name]) for name in FIELDS if name not in STAMPED}
            at = int(row["t_visible"])
            events.append(Incoming(kind, at, at, fields, source="calendar", t_visible=at))
    return events
