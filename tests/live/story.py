"""A trader in a bottle: a host over a real database, a broker of a few lines that remembers, and a seeded market.

The broker keeps its book in a SQLite file of its own, so that it survives the host as the real one would. It refuses a
client id that it has seen, fills entries at once and in full, and holds the legs. All that it knows can be asked for.
"""

from __future__ import annotations

import os
import signal as signals
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

import numpy as np
from sqlalchemy import Connection

from core.kernel.kinds import CommandKind, EventKind, Phase, ReconcileStep, RejectReason
from core.kernel.records import CONFIG
from core.kernel.state import new_state
from core.kernel.units import MICRO, MINUTE, SECOND
from live.clock import VirtualClock, timer
from live.events import Incoming, Outgoing
from live.host import Host, Observer
from live.store import migrate
from live.store.database import open_engine
from live.store.runs import RunSpec, State
from live.store.writer import StoreWriter
from tests.kernel.desk import DEFAULTS, HOURS
from tests.kernel.desk import OPENING as DESK_OPENING

OPENING = DESK_OPENING - DESK_OPENING % MINUTE
SYMBOLS = ("AAA", "BBB", "CCC")
SPEC = RunSpec("story", "rehearsal", "test-account", 1, "schema = 1\n", SYMBOLS, ("one",), "0")
SOURCE = "story"


def genesis(**config: int) -> State:
    record = np.zeros(1, CONFIG)[0]
    for key, value in {**DEFAULTS, "symbols": len(SYMBOLS), **config}.items():
        record[key] = value
    return new_state(record)


def open_host(url: str, clock: VirtualClock, spec: RunSpec = SPEC, observers: Sequence[Observer] = ()) -> Host:
    """A host on a database at the newest revision, which is made on the way."""
    engine = open_engine(url)
    if migrate.current(engine) is None:
        migrate.upgrade(engine)
    writer = StoreWriter(engine, spec.account, clock.now())  # which disposes of the engine
    try:
        return Host.start(writer, spec, genesis(), clock, observers)
    except BaseException:
        writer.close()
        raise


@contextmanager
def database(url: str) -> Iterator[Connection]:
    """A transaction beside the host's, committed at the end."""
    engine = open_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def incoming(kind: EventKind, now: int, **fields: int) -> Incoming:
    return Incoming(kind, now, now, fields, source=SOURCE)


def opening(now: int, day: int = 1) -> tuple[Incoming, ...]:
    """The stream is up, the books agree, and the session is open."""
    return (
        incoming(EventKind.STREAM, now, code=1),
        incoming(EventKind.RECONCILE, now, code=ReconcileStep.FINISHED),
        incoming(EventKind.SESSION, now, code=Phase.REGULAR, amount=day, qty=HOURS),
    )


def bars(now: int, rng: Random) -> list[Incoming]:
    """A minute's bars; the price walks so little that nothing is hit."""
    found = []
    for symbol in range(len(SYMBOLS)):
        price = (100 + symbol) * MICRO + rng.randrange(-20, 21) * 10_000
        fields = {
            "symbol": symbol,
            "price": price,
            "qty": 1_000 * MICRO,
            "amount": price,
            "target": price,
            "stop": price,
        }
        found.append(Incoming(EventKind.BAR, now - MINUTE, now, fields, source="feed"))
    return found


def signal(now: int, symbol: int, number: int, side: int = 1) -> Incoming:
    fields = {
        "symbol": symbol,
        "strategy": 0,
        "intent": 0x1234_0000 + number,
        "code": side,
        "price": (100 + symbol) * MICRO,
        "stop": MICRO,
        "target": 2 * MICRO,
        "ratio": 600_000,
    }
    return Incoming(EventKind.SIGNAL, now - MINUTE, now, fields, source="strategy")


def leave(now: int, symbol: int) -> Incoming:
    fields = {"symbol": symbol, "strategy": 0, "price": (100 + symbol) * MICRO}
    return Incoming(EventKind.EXIT_SIGNAL, now - MINUTE, now, fields, source="strategy")


class Broker:
    """The other side, durable on its own."""

    def __init__(self, path: Path) -> None:
        self._book = sqlite3.connect(path, isolation_level=None)
        self._book.execute("PRAGMA synchronous=OFF")
        self._book.execute(
            "CREATE TABLE IF NOT EXISTS orders (client TEXT PRIMARY KEY, symbol INT, side INT, qty INT, price INT, "
            "state TEXT, parent TEXT)"
        )
        self._book.execute("CREATE TABLE IF NOT EXISTS posts (client TEXT)")
        self._book.execute("CREATE TABLE IF NOT EXISTS clock (now INT)")

    def tick(self, now: int) -> None:
        """The broker's day goes on whoever is there to see it."""
        self._book.execute("DELETE FROM clock")
        self._book.execute("INSERT INTO clock VALUES (?)", (now,))

    def now(self) -> int:
        """The time of the last tick, OPENING before the first."""
        found = self._book.execute("SELECT now FROM clock").fetchone()
        return OPENING if found is None else int(found[0])

    def post(self, row: Outgoing) -> None:
        """Take an order, once; a client id that is known is refused, and the attempt kept."""
        command = row.command
        self._book.execute("INSERT INTO posts VALUES (?)", (row.client_order_id,))
        values = (
            int(command["symbol"]),
            int(command["side"]),
            int(command["qty"]),
            (100 + int(command["symbol"])) * MICRO,
        )
        self._insert(row.client_order_id, values, "filled", None)
        for leg in (row.target_client_order_id, row.stop_client_order_id):
            if row.kind is CommandKind.SUBMIT_BRACKET:
                self._insert(leg, values, "held", row.client_order_id)
        if self.counts()[0] == int(os.environ.get("SEATRIAL_STORY_KILL", "-1")):
            os.kill(os.getpid(), signals.SIGKILL)  # it has arrived, and nobody hears that it has

    def cancel(self, client: str | None) -> str | None:
        """Cancel an order that has not filled; its state afterwards, None for one that never came."""
        self._book.execute("UPDATE orders SET state = 'canceled' WHERE client = ? AND state != 'filled'", (client,))
        found = self._book.execute("SELECT state FROM orders WHERE client = ?", (client,)).fetchone()
        return None if found is None else str(found[0])

    def has(self, client: str | None) -> bool:
        return self._book.execute("SELECT 1 FROM orders WHERE client = ?", (client,)).fetchone() is not None

    def positions(self) -> dict[int, int]:
        query = "SELECT symbol, sum(side * qty) FROM orders WHERE state = 'filled' GROUP BY symbol"
        return {symbol: qty for symbol, qty in self._book.execute(query) if qty}

    def counts(self) -> tuple[int, int]:
        """(orders without legs, posts)."""
        orders = self._book.execute("SELECT count(*) FROM orders WHERE parent IS NULL").fetchone()[0]
        return int(orders), int(self._book.execute("SELECT count(*) FROM posts").fetchone()[0])

    def _insert(self, client: str | None, values: tuple[int, ...], state: str, parent: str | None) -> None:
        row = (client, *values, state, parent)
        self._book.execute("INSERT OR IGNORE INTO orders VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def executed(row: Outgoing, now: int) -> list[Incoming]:
    """What the stream says of an order that the broker has: accepted, and filled in full."""
    order, symbol = int(row.command["order"]), int(row.command["symbol"])
    execution = f"ex-{row.client_order_id}"
    detail = {"broker_order_id": f"b-{row.client_order_id}"}
    accepted = Incoming(
        EventKind.ORDER_ACCEPTED,
        now,
        now,
        {"order": order, "symbol": symbol},
        answers=row.number,
        source=SOURCE,
        detail=detail,
    )
    fields = {
        "order": order,
        "symbol": symbol,
        "execution": hash(execution) & 0x7FFF_FFFF_FFFF_FFFF,
        "qty": int(row.command["qty"]),
        "cum_qty": int(row.command["qty"]),
        "price": (100 + symbol) * MICRO,
    }
    fields["execution"] = int.from_bytes(execution.encode()[-7:])
    fill = Incoming(
        EventKind.FILL,
        now,
        now,
        fields,
        identity=f"execution:{execution}",
        source=SOURCE,
        detail={**detail, "execution_id": execution},
    )
    return [accepted, fill]


def serve(host: Host, broker: Broker, rows: tuple[Outgoing, ...], now: int) -> None:
    """Send commands and bring the answers back, until nothing is left."""
    queue = list(rows)
    while queue:
        host.confirm_writer()
        row = queue.pop(0)
        if row.kind in (CommandKind.SUBMIT_BRACKET, CommandKind.SUBMIT, CommandKind.SUBMIT_OCO):
            broker.post(row)
            queue += host.handle(*executed(row, now))
        elif row.kind is CommandKind.CANCEL:
            queue += host.handle(_canceled(broker, row, now))
        elif row.kind is CommandKind.RECONCILE:
            steps = (ReconcileStep.STARTED, ReconcileStep.FINISHED)
            queue += host.handle(*(incoming(EventKind.RECONCILE, now, code=step) for step in steps))
            queue += host.handle(Incoming(EventKind.LANE_OK, now, now, {"code": int(row.lane)}, answers=row.number))
        elif row.kind is CommandKind.PROBE:
            queue += host.handle(Incoming(EventKind.PROBE_OK, now, now, {"code": int(row.lane)}, answers=row.number))
        elif row.kind is CommandKind.QUERY:
            queue += host.handle(*_queried(broker, row, now))
        else:
            queue += host.handle(Incoming(EventKind.LANE_OK, now, now, {"code": int(row.lane)}, answers=row.number))


def _canceled(broker: Broker, row: Outgoing, now: int) -> Incoming:
    """What has filled cannot be cancelled, nor what never arrived."""
    state = broker.cancel(row.client_order_id)
    fields = {"order": int(row.command["order"]), "symbol": int(row.command["symbol"])}
    if state == "canceled":
        return Incoming(EventKind.ORDER_CANCELED, now, now, fields, answers=row.number, source=SOURCE)
    fields["code"] = RejectReason.ALREADY_FILLED if state == "filled" else RejectReason.NOT_FOUND
    return Incoming(EventKind.CANCEL_REJECTED, now, now, fields, answers=row.number, source=SOURCE)


def _queried(broker: Broker, row: Outgoing, now: int) -> list[Incoming]:
    if broker.has(row.client_order_id):
        return executed(row, now)
    fields = {"order": int(row.command["order"]), "symbol": int(row.command["symbol"])}
    return [Incoming(EventKind.ORDER_NOT_FOUND, now, now, fields, answers=row.number, source=SOURCE)]


def minutes(seed: int, first: int, count: int) -> Iterator[tuple[int, list[Incoming], list[Incoming]]]:
    """(time, bars and timer, signals) of each minute; equal seeds, equal minutes, from whichever one on."""
    for minute in range(first, count):
        rng = Random(f"{seed} {minute}")
        now = OPENING + minute * MINUTE + SECOND
        signals = [signal(now, rng.randrange(len(SYMBOLS)), minute, rng.choice((1, -1)))] if minute % 3 == 0 else []
        if minute % 9 == 5:
            signals += [leave(now, symbol) for symbol in range(len(SYMBOLS))]
        yield now, [*bars(now, rng), timer(now - SECOND, now)], signals
