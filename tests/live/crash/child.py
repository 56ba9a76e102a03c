"""The process that is killed: a trader over a real database, which goes on where the last one ended.

    python -m tests.live.crash.child DATABASE_URL BROKER_FILE MINUTES

Prints one JSON object when it has come to the end. Where it dies before that, SEATRIAL_KILL or the parent says.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from core.kernel.digest import state_digest
from core.kernel.units import MINUTE
from live import recovery
from live.clock import VirtualClock
from tests.live.story import OPENING, SYMBOLS, Broker, database, minutes, open_host, opening, serve


def main(url: str, book: str, count: int) -> None:
    """Trade until minute `count`."""
    broker = Broker(Path(book))
    clock = VirtualClock(broker.now())
    host = open_host(url, clock)
    first = max((broker.now() - OPENING) // MINUTE, 1)
    serve(host, broker, host.pending(), clock.now())
    serve(host, broker, host.handle(*opening(clock.now())), clock.now())
    for now, bars, signals in minutes(7, first, count):
        broker.tick(now)
        clock.move(now)
        serve(host, broker, host.handle(*bars), now)
        for signal in signals:
            serve(host, broker, host.handle(signal), now)
    for now, bars, _ in minutes(7, count, count + 8):  # nothing new is asked for, and everything open must end
        clock.move(now)
        serve(host, broker, host.handle(*bars), now)
    held = {i: int(host.state["symbols"][0, i]["qty"]) for i in range(len(SYMBOLS))}
    seen, digest = host.books.seen(), host.digest()
    run = host.run
    host.close()
    report = {"held": {str(k): v for k, v in held.items() if v}, "seen": seen, "digest": digest}
    print(json.dumps(report | audited(url, run) | {"book": broker.positions(), "counts": broker.counts()}))


def audited(url: str, run: int) -> dict[str, object]:
    """What a replay of the whole journal comes to."""
    with database(url) as connection:
        books, _ = recovery.audit(connection, run)
    return {"replayed": state_digest(books.state)}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
