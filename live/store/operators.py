"""Acts of a person, by way of the store: written down with who and why, then carried out by the process that trades.

A command line that halts, resets a breaker or flattens does not touch the engine. It leaves a request, signed and
reasoned; the host makes an event of it, in whose transaction the request is marked as handled. So an act is journaled
like everything else, happens once, and waits if nobody trades.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from core.errors import InputError
from core.kernel.kinds import Lane, OperatorAct
from live.store.models import OperatorRequest

LONGEST_NAME = 64  # characters of an actor, as the column has them
_NEEDS_SYMBOL = (OperatorAct.ADOPT_POSITION,)


@dataclass(frozen=True, slots=True)
class Request:
    """One act: `symbol` None for all, `lane` for a breaker's reset. `number` is its identity once it is written."""

    act: OperatorAct
    actor: str
    reason: str
    symbol: str | None = None
    lane: Lane | None = None
    number: int = 0


def submit(connection: Connection, run: int, symbols: tuple[str, ...], request: Request, now: int) -> int:
    """Write a request for the trading process; returns its number. Raises InputError for one that makes no sense."""
    for key in ("actor", "reason"):
        if not getattr(request, key).strip():
            raise InputError(f"--{key}", "is empty", "Say who acts, and why: both are kept for ever.")
    if len(request.actor.strip()) > LONGEST_NAME:
        raise InputError("--actor", f"is longer than {LONGEST_NAME} characters", "A name will do; the rest is reason.")
    if request.symbol is not None and request.symbol not in symbols:
        raise InputError("SYMBOL", f"{request.symbol} is not traded here", f"Choose from {', '.join(symbols)}.")
    if request.symbol is None and request.act in _NEEDS_SYMBOL:
        raise InputError("SYMBOL", "is missing", "Name the symbol whose position is to be taken over.")
    if (request.act is OperatorAct.RESET_BREAKER) != (request.lane is not None):
        lanes = ", ".join(lane.name.lower() for lane in Lane)
        raise InputError("LANE", "goes with the reset of a breaker, and only there", f"Choose from {lanes}.")
    row = {
        "run": run,
        "act": request.act.name.lower(),
        "symbol": request.symbol,
        "lane": None if request.lane is None else request.lane.name.lower(),
        "actor": request.actor.strip(),
        "reason": request.reason.strip(),
        "requested": now,
    }
    return int(connection.execute(insert(OperatorRequest).values(row).returning(OperatorRequest.id)).scalar_one())


def waiting(connection: Connection, run: int) -> list[Request]:
    """Requests that nobody has handled yet, the oldest first."""
    query = select(OperatorRequest.__table__).where(OperatorRequest.run == run, OperatorRequest.handled.is_(None))
    return [
        Request(
            OperatorAct[row.act.upper()],
            row.actor,
            row.reason,
            row.symbol,
            None if row.lane is None else Lane[row.lane.upper()],
            row.id,
        )
        for row in connection.execute(query.order_by(OperatorRequest.id))
    ]
