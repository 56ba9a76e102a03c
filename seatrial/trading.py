"""While it trades: the observers around it, the sessions prepared ahead, the stop in good order, and the run directory.

SIGINT and SIGTERM stop it: nothing new is sent, what is on its way is waited for, the state is saved and the lock let
go. Orders stay at the broker, protection among them. Any error ends it at once, and what is durable is all that the
next process needs.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from core.calendar import as_date
from core.config import config_hash
from core.errors import InputError
from core.kernel.units import MINUTE
from core.runs import RunWriter
from live import logs
from live.alpaca.outcomes import Accepted, explained
from live.books import Books
from live.brief import bars_of
from live.export import Circumstances, export
from live.host import Observer
from live.notify import Webhook
from live.pace import first_of
from live.rejoin import Rejoining
from live.secrets import Secret
from live.service import Surroundings, Trader
from live.store import runs
from live.store.writer import StoreWriter
from live.telemetry import Exporters, Telemetry
from live.traced import TracedRest
from seatrial.paper import BAR_SECONDS, Prepared
from seatrial.ticker import Ticker
from sim.unfinished import undone

WEBHOOK = "SEATRIAL_ALERT_WEBHOOK"
AHEAD = 60 * MINUTE  # how long before a session it is prepared
AGAIN = 5 * MINUTE  # and how soon again, if that failed
PATIENCE = 15.0  # real seconds that a stop waits for requests
SIGNALS = (signal.SIGINT, signal.SIGTERM)

Tell = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Notes:
    """Where is written what happens: JSON lines to a file, and unless `quiet` lines for people to stderr."""

    log: Path
    quiet: bool = False


def trade(prepared: Prepared, notes: Notes, greet: Callable[[Trader], None]) -> Books:
    """Take the lock, take up or begin the run, and trade until a signal comes; returns the books at the end.

    `greet` is called once it trades. Raises InputError when another process trades the account or the run is another
    one, HostError when the database failed, and whatever else ended it.
    """
    plan, clock = prepared.plan, prepared.time.clock
    writer = StoreWriter(prepared.database, plan.spec.account, clock.now())
    with ExitStack() as stack:
        stack.callback(writer.close)  # unless the trader has closed it
        telemetry, observers, tell = stack.enter_context(_observed(prepared, notes))
        for notice in prepared.notices:
            telemetry.log.warning("not to be had", problem=notice)
        rejoined = asyncio.Event()
        place = Surroundings(
            prepared.endpoint,
            clock,
            prepared.time.pace,
            observers,
            rest=lambda endpoint: TracedRest(endpoint, telemetry),
            around=lambda name, listener: Rejoining(listener, rejoined) if name == "data" else listener,
        )
        trader = Trader(writer, plan, place)
        stack.callback(trader.close)
        if prepared.events:
            trader.gateway.deliver(*prepared.briefs.assets(plan.sessions[0]))
        greet(trader)
        beside = [_prepare_ahead(trader, prepared, tell), _refill(trader, prepared, rejoined, tell)]
        try:
            asyncio.run(_until_stopped(trader, beside, tell))
        except BaseExceptionGroup as group:
            raise first_of(group) from group
        return trader.host.books
    raise AssertionError("an exit stack swallows nothing")


def write_run(prepared: Prepared, out: Path, repeat: str) -> tuple[Path, str]:
    """The run directory of all that the run has seen, made by replaying its journal, with the market's bars.

    Returns it, and what of the market could not be had. Raises InputError when there is something at `out`.
    """
    session = _session(prepared)
    found, day = prepared.briefs.so_far(session), as_date(session["date"])
    today = found.value if isinstance(found, Accepted) else {}
    out.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as folder,
        prepared.database.connect() as connection,
    ):
        first = prepared.settings.data.start
        assert first is not None, "a run that knows where its history begins"
        bars = Path(folder) / "bars"
        dataset = prepared.cache.copy(bars, prepared.endpoint.feed, (first, day - timedelta(days=1)), (day, today))
        about = {"folder": "bars", "feed": dataset.feed, "adjustment": dataset.adjustment}
        about["manifest_sha256"] = dataset.manifest_sha256
        run = runs.find(connection, prepared.plan.spec.name)
        assert run is not None, "a run that has just traded"
        told = Circumstances([about], BAR_SECONDS, repeat, bars=bars, judge=_left_undone)
        export(connection, run[0], out, told)
    return out, "" if isinstance(found, Accepted) else f"the bars of {day}: {explained(found)}"


def _left_undone(_document: Mapping[str, Any], books: Books, _writer: RunWriter) -> Mapping[str, Any]:
    return {"unfinished": undone(books.state)}


@contextmanager
def _observed(prepared: Prepared, notes: Notes) -> Iterator[tuple[Telemetry, list[Observer], Tell]]:
    """Logs, spans and metrics, alerts to a webhook, and lines for people; all of them in nobody's way."""
    name, clock = prepared.plan.spec.name, prepared.time.clock
    attributes = {"seatrial.kind": "paper", "seatrial.run": name, "seatrial.config": config_hash(prepared.settings)}
    address = os.environ.pop(WEBHOOK, "")
    with ExitStack() as stack:
        webhook = Webhook(Secret(address), name) if address else None
        file = stack.enter_context(notes.log.open("a", encoding="utf-8"))
        lines = logs.install(clock, stream=file)
        stack.callback(lines.close)
        exporters = Exporters({"seatrial.run": name})
        stack.callback(exporters.close)
        telemetry = Telemetry(clock, exporters.tracer, exporters.meter, attributes)
        observers: list[Observer] = [telemetry]
        if webhook is not None:
            stack.callback(webhook.close)
            observers.append(webhook)
        ticker = None if notes.quiet else Ticker(sys.stderr)
        if ticker is not None:
            stack.callback(ticker.close)
            observers.append(ticker)

        def tell(what: str, text: str) -> None:
            telemetry.log.info(what, text=text)
            if ticker is not None:
                ticker.tell(clock.now(), what, text)

        yield telemetry, observers, tell


async def _until_stopped(trader: Trader, beside: Sequence[Coroutine[Any, Any, None]], tell: Tell) -> None:
    """Trade, and do what is to be done beside it, until SIGINT or SIGTERM; a second one does not wait for requests."""
    stop, hurry = asyncio.Event(), asyncio.Event()

    def stopping() -> None:
        (hurry if stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stopping)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in (trader.run(), *beside)]
        await stop.wait()
        tell("stopping", "nothing new is sent; orders stay at the broker")
        waits = [asyncio.ensure_future(trader.gateway.finish()), asyncio.ensure_future(hurry.wait())]
        await asyncio.wait(waits, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        for task in [*waits, *tasks]:
            task.cancel()


async def _prepare_ahead(trader: Trader, prepared: Prepared, tell: Tell) -> None:
    """Ask for what is to be known of each coming session, from an hour before it begins until it is known or over."""
    clock, pace = prepared.time.clock, prepared.time.pace
    for session in prepared.plan.sessions[1:]:
        while clock.now() < int(session["pre"]) - AHEAD:
            await pace.sleep(MINUTE)
        while clock.now() < int(session["post"]):
            problems, known = await asyncio.to_thread(_asked, prepared, session)
            for problem in problems:
                tell("not had", f"for {as_date(session['date'])}: {problem}")
            if known:
                break
            await pace.sleep(AGAIN)
        if known and clock.now() >= int(session["pre"]):  # which has begun without it
            trader.gateway.deliver(*prepared.briefs.assets(session))


def _asked(prepared: Prepared, session: np.void) -> tuple[list[str], bool]:
    """Prepare a session: what could not be had, and whether it may be traded."""
    try:
        return prepared.briefs.prepare(session), True
    except (InputError, OSError) as error:  # a disk that is full ends no trading
        return [str(error)], False


async def _refill(trader: Trader, prepared: Prepared, rejoined: asyncio.Event, tell: Tell) -> None:
    """Whenever the data stream is back, ask for the bars that it missed: strategies look back on them."""
    while True:
        await rejoined.wait()
        rejoined.clear()
        session = _session(prepared)
        found = await asyncio.to_thread(prepared.briefs.so_far, session)
        if isinstance(found, Accepted):
            trader.fill(bars_of(found.value))
        else:
            tell("not had", f"bars that the stream has missed: {explained(found)}")


def _session(prepared: Prepared) -> np.void:
    """The session that has begun last."""
    table, now = prepared.plan.sessions, prepared.time.clock.now()
    session: np.void = table[max(int(np.searchsorted(table["pre"], now, side="right")) - 1, 0)]
    return session
