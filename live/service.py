"""A trader, put together: what paper and rehearsals share, in the order in which it may start.

    lock, schema      StoreWriter: one process writes for an account, into a database of this version
    recover           Host.start: the newest snapshot, the journal after it, and RESTART
    who is who        Directory, from what the store knows the broker has said
    what was left     commands without an outcome that may be sent again: cancels
    streams           trading and market data
    reconcile         as soon as the trading stream listens; until it has ended nothing opens

A trader waits for nothing by itself. `enter` says that time has come to a moment: phases of the day that have begun are
told, with what is known of the day beforehand. `conclude` says that what the market had to say of that moment is here:
minutes that are over get their timer, and the strategies their turn. In a rehearsal whoever moves the virtual clock
calls the two; on paper `run` does, by the wall clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from core.bars import Bars
from core.kernel.kinds import Phase
from core.kernel.units import MINUTE, SECOND
from live.alpaca.endpoint import Endpoint
from live.alpaca.rest import Rest
from live.alpaca.session import DataSession, Session, TradingSession
from live.alpaca.stream import Listener, Stream
from live.alpaca.values import Instant, Price, Quantity
from live.alpaca.wire import Bar
from live.clock import Clock, Timetable, Watch, timer
from live.directory import Directory
from live.dispatch import Dispatcher
from live.events import Incoming
from live.feed import Feed
from live.gateway import Gateway
from live.history import History
from live.host import Host, Observer
from live.pace import Pace
from live.pacing import Backoff
from live.reconciler import Line
from live.signals import Signaller, Traded
from live.store.runs import RunSpec, State
from live.store.writer import StoreWriter

LOOK_BACK = 24 * 60 * MINUTE  # how far before its last event a trader that starts again asks for executions


@dataclass(frozen=True, slots=True)
class Day:
    """What is known of a session before it begins: assets and corporate actions as events, and its splits.

    `ratios` are new shares for each old one, float64 (S,). `before` are sessions that strategies look back on and that
    this process has not lived through, oldest first, in the shares before those splits; `today` are bars that the
    session has had before this process joined it.
    """

    events: Sequence[Incoming]
    ratios: npt.NDArray[np.float64]
    before: Sequence[Bars] = ()
    today: Sequence[Bar] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is traded, and how.

    name         with the seed, the root of every intent's identity: the scenario's
    sessions     SESSION rows of core.calendar
    day          briefs on a session; asked in order, it brings those that were left out as `before`
    grace        ns after a minute's end at which its bars are taken to be in
    every_minute whether minutes of extended hours without a bar get a timer too
    poll         ns between two comparisons of the books while orders are open, 0 = only when there is a reason
    parallel     requests to the broker at a time
    """

    name: str
    spec: RunSpec
    genesis: State
    traded: Sequence[Traded]
    sessions: npt.NDArray[np.void]
    day: Callable[[np.void], Day]
    bar_seconds: int = 60
    grace: int = 2 * SECOND
    every_minute: bool = True
    quotes: bool = True
    poll: int = 60 * SECOND
    parallel: int = 8


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where and in which time it is traded. `around` may put something between a stream, by name, and its listener."""

    endpoint: Endpoint
    clock: Clock
    pace: Pace
    observers: Sequence[Observer] = ()
    rest: Callable[[Endpoint], Rest] = Rest
    around: Callable[[str, Listener], Listener] = lambda _name, listener: listener


class Trader:
    """One account, one run. Everything happens on the event loop's thread, but for the requests themselves."""

    def __init__(self, writer: StoreWriter, plan: Plan, place: Surroundings) -> None:
        """Recover the run or begin it; nothing is sent yet. Raises InputError for a run that cannot be taken up."""
        self.host = Host.start(writer, plan.spec, plan.genesis, place.clock, place.observers)
        self._plan, self._clock, self._pace = plan, place.clock, place.pace
        self._timetable = Timetable(plan.sessions)
        keep = max((traded.strategy.warmup for traded in plan.traded), default=0)
        self._history = History(plan.spec.symbols, plan.bar_seconds, keep)
        self._signaller = Signaller(plan.traded, self._history, plan.name, plan.spec.seed)
        self._arrived = asyncio.Event()
        self._tray: list[Incoming] = []
        self._watch = Watch(place.clock)
        self._session: np.void | None = None
        self._minute = 0  # start of the next minute that is to be concluded
        self._told = self._resume()
        self.rest = place.rest(place.endpoint)
        self.gateway = self._gateway()
        self.feed = Feed(self._history, place.clock, self._collect, self.gateway.feed)
        self.streams = self._streams(place)

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """What must run while it trades, as tasks: requests, and each stream."""
        return [self.gateway.run(), *(stream.run() for stream in self.streams.values())]

    async def run(self) -> NoReturn:
        """Trade by the wall clock until cancelled; an error ends it, and should end the process."""
        async with asyncio.TaskGroup() as group:
            self.enter(self._clock.now())
            for task in self.work():
                group.create_task(task)
            while True:
                now = self.keep_up()
                self._arrived.clear()
                due = self.next_due()
                await self._pace.wait(self._arrived, SECOND if due is None else min(max(due - now, 0), SECOND))
        raise AssertionError("the loop above does not end")

    def keep_up(self) -> int:
        """Do what has come due by the clock, and hear of a clock that was moved; returns the time that it shows."""
        now = self._clock.now()
        jump = self._watch.look()
        self.gateway.deliver(*([jump] if jump is not None else []))
        self.enter(now)
        self.conclude(now)
        self.ask_operators()
        return now

    def enter(self, now: int) -> None:
        """Time has come to `now`: tell the phases that have begun since."""
        begun = self._timetable.between(self._told, now)
        if self._told == 0:
            first = self._timetable.in_force(now)
            begun = [] if first is None else [first]
        for event in begun:
            date = event.fields["amount"]
            session = self._plan.sessions[np.searchsorted(self._plan.sessions["date"], date)]
            known = self._session is not None and int(self._session["date"]) == date
            brief = () if known else self._begin(session)
            self.gateway.deliver(event, *brief)
            self._told = event.t_market

    def conclude(self, now: int) -> None:
        """What the market had to say by `now` is here: quotes and bars, timers, and what the strategies want."""
        self.feed.tick(Phase(int(self.host.state["run"]["phase"][0])))
        events, self._tray = self._tray, []
        while self._session is not None and self._minute + MINUTE + self._plan.grace <= now:
            start, self._minute = self._minute, self._minute + MINUTE
            if start < int(self._session["post"]) and self._counts(start):
                events += self._close(start, now)
        if events:
            self.gateway.deliver(*events)

    def next_due(self) -> int | None:
        """When `enter` or `conclude` has something to do, whatever the market says; None after the last day."""
        dues = [self._timetable.next_after(self._told)]
        if self._session is not None:
            day = self._session
            first, end = ("pre", "post") if self._plan.every_minute else ("open", "close")
            start = max(self._minute, int(day[first]))
            if start < int(day[end]):
                dues.append(start + MINUTE + self._plan.grace)
        return min((due for due in dues if due is not None), default=None)

    def ask_operators(self) -> None:
        """Carry out what people have asked for in the store."""
        self.gateway.send(self.host.poll_operators())

    def fill(self, bars: Sequence[Bar]) -> None:
        """Take in bars of the running session that were asked for: for strategies, where the stream has had none."""
        for bar in bars:
            self._history.fill(self._plan.spec.symbols.index(bar.symbol), bar)

    def close(self) -> None:
        """Stop in good order, best after `gateway.finish`; orders stay where they are, at the broker."""
        self.host.close()
        self.rest.close()

    def _gateway(self) -> Gateway:
        plan = self._plan
        directory = Directory(self.host.state, plan.spec.symbols)
        directory.restore(self.host.broker_orders(), self.host.executions())
        dispatcher = Dispatcher(directory, self._clock, seed=plan.spec.seed)
        since = (self._told or self._clock.now()) - LOOK_BACK
        gateway = Gateway(self.host, Line(self.rest, directory, dispatcher, self._clock, since, self._pace))
        gateway.poll, gateway.parallel = plan.poll, plan.parallel
        gateway.send(self.host.pending())
        return gateway

    def _streams(self, place: Surroundings) -> dict[str, Stream]:
        keys, symbols = place.endpoint.keys, self._plan.spec.symbols

        def data() -> Session:
            return DataSession(keys, symbols, self._plan.quotes)

        def stream(name: str, url: str, session: Callable[[], Session], listener: Listener) -> Stream:
            backoff = Backoff(self._plan.spec.seed + len(name))
            return Stream(url, session, place.around(name, listener), self._clock, backoff, self._pace)

        trading = stream("trading", place.endpoint.trading_stream, lambda: TradingSession(keys), self.gateway)
        return {"trading": trading, "data": stream("data", place.endpoint.data_stream, data, self.feed)}

    def _collect(self, *events: Incoming) -> None:
        """News of the market waits for `conclude`, so that a burst of bars is one transaction."""
        self._tray += events
        self._arrived.set()

    def _resume(self) -> int:
        """Where the engine's day stands, its history made again; the time of the last phase told, 0 for a new run."""
        run = self.host.state["run"][0]
        place = np.flatnonzero(self._plan.sessions["date"] == int(run["session"]))
        if not len(place):
            return 0
        session = self._plan.sessions[place[0]]
        self._begin(session)
        for bar in self.host.bars_since(int(session["pre"])):  # which count before those of the session's brief
            self._history.put(int(bar["symbol"]), _received(bar, self._plan.spec.symbols))
        # The minute before may be ending; the engine's time is ahead of a clock that has been put back.
        self._minute = (int(run["now"]) - self._plan.grace) // MINUTE * MINUTE
        begins = {Phase.PRE: "pre", Phase.REGULAR: "open", Phase.POST: "close", Phase.CLOSED: "post"}
        return int(session[begins[Phase(int(run["phase"]))]])

    def _begin(self, session: np.void) -> Sequence[Incoming]:
        """A session starts: what is known of it."""
        day = self._plan.day(session)
        for bars in day.before:
            self._history.remember(bars)
        self._history.begin(session, day.ratios)
        self.fill(day.today)
        self._session = session
        self._minute = max(int(session["pre"]), self._clock.now() // MINUTE * MINUTE)
        return day.events

    def _counts(self, start: int) -> bool:
        """Whether a minute has an end that the engine hears of."""
        day = self._session
        assert day is not None
        regular = int(day["open"]) <= start < int(day["close"])
        return regular or self._plan.every_minute or self._history.traded(start)

    def _close(self, start: int, now: int) -> list[Incoming]:
        """The end of a minute: its timer, and what the strategies want if a bar ends with it."""
        end, bar = start + MINUTE, self._plan.bar_seconds * SECOND
        return [timer(end, now), *(self._signaller.read(end - bar, now) if end % bar == 0 else [])]


def _received(bar: np.void, symbols: tuple[str, ...]) -> Bar:
    """A bar of the journal as it came."""
    prices = {name: Price(int(bar[field])) for name, field in _PRICES.items()}
    symbol, volume = symbols[int(bar["symbol"])], Quantity(int(bar["qty"]))
    return Bar(symbol=symbol, start=Instant(int(bar["t_market"])), volume=volume, **prices)


_PRICES = {"open": "amount", "high": "target", "low": "stop", "close": "price"}
