"""How a run stands, read from the store beside the process that trades: no lock, no engine, no replay."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Row, func, select

from core.errors import InputError
from live.store import operators
from live.store.models import Alert, BreakerRow, Equity, Journal, Mode, Order, Outbox, Position, RunRow, Writer

TERMINAL = ("denied", "filled", "canceled", "expired", "rejected", "replaced")


@dataclass(frozen=True, slots=True)
class Lane:
    """A breaker: its state, since when (ns UTC), and how often it has failed in a row."""

    name: str
    state: str
    since: int
    failures: int


@dataclass(frozen=True, slots=True)
class Holding:
    """A position in micros."""

    symbol: str
    qty: int
    cost: int
    mark: int
    value: int


@dataclass(frozen=True, slots=True)
class Status:
    """A run after its last commit. Amounts in micros, times in ns UTC; 0 or empty for what has not been yet.

    `writer` names the process that took the lock last, which may have ended. `lanes` has the breakers that have ever
    left `closed`. `unknown` are the orders whose fate nobody knows, `unknown_since` when the first of them was sent.
    `waiting` are acts of people that no process has taken up yet. `alerts` are (rule, cause, text) of those not over.
    """

    run: str
    kind: str
    writer: str
    epoch: int
    events: int
    last: int
    mode: str
    conditions: tuple[str, ...]
    equity: int
    cash: int
    lanes: tuple[Lane, ...]
    holdings: tuple[Holding, ...]
    working: int
    unanswered: int
    unknown: int
    unknown_since: int
    waiting: tuple[operators.Request, ...]
    alerts: tuple[tuple[str, str, str], ...]


def read(connection: Connection, name: str | None = None) -> Status:
    """The status of a run, by default of the newest. Raises InputError when there is none of that name."""
    query = select(RunRow).order_by(RunRow.id.desc()).limit(1)
    run = connection.execute(query if name is None else query.where(RunRow.name == name)).mappings().one_or_none()
    if run is None:
        place = "the database" if name is None else f"run {name}"
        raise InputError(place, "has no run" if name is None else "is not in the database", "Start one first.")
    number: int = run["id"]
    writer = connection.execute(select(Writer.holder, Writer.epoch).where(Writer.account == run["account"])).first()
    journal = select(func.count(), func.coalesce(func.max(Journal.t_visible), 0)).where(Journal.run == number)
    events, last = connection.execute(journal).one()
    mode = _newest(connection, Mode, number)
    equity = _newest(connection, Equity, number)
    unknown = select(func.count(), func.coalesce(func.min(Order.submitted), 0))
    doubtful = connection.execute(unknown.where(Order.run == number, Order.status == "unknown")).one()
    return Status(
        run=run["name"],
        kind=run["kind"],
        writer=writer.holder if writer else "",
        epoch=writer.epoch if writer else 0,
        events=events,
        last=last,
        mode=mode.mode if mode else "",
        conditions=tuple(mode.conditions.split()) if mode else (),
        equity=equity.equity if equity else 0,
        cash=equity.cash if equity else 0,
        lanes=_lanes(connection, number),
        holdings=_holdings(connection, number),
        working=_count(connection, Order, Order.run == number, Order.status.not_in(TERMINAL)),
        unanswered=_count(connection, Outbox, Outbox.run == number, Outbox.answered.is_(None)),
        unknown=doubtful[0],
        unknown_since=doubtful[1],
        waiting=tuple(operators.waiting(connection, number)),
        alerts=_alerts(connection, number),
    )


def _newest(connection: Connection, table: type[Mode] | type[Equity], run: int) -> Row[tuple[object, ...]] | None:
    return connection.execute(
        select(table.__table__).where(table.run == run).order_by(table.seq.desc()).limit(1)
    ).one_or_none()


def _count(connection: Connection, table: type[Order] | type[Outbox], *where: object) -> int:
    query = select(func.count()).select_from(table).where(*where)  # type: ignore[arg-type]
    return int(connection.execute(query).scalar_one())


def _lanes(connection: Connection, run: int) -> tuple[Lane, ...]:
    columns = (BreakerRow.lane, BreakerRow.state, BreakerRow.since, BreakerRow.failures)
    rows = connection.execute(select(*columns).where(BreakerRow.run == run).order_by(BreakerRow.lane))
    return tuple(Lane(*row) for row in rows)


def _holdings(connection: Connection, run: int) -> tuple[Holding, ...]:
    columns = (Position.symbol, Position.qty, Position.cost, Position.mark, Position.value)
    query = select(*columns).where(Position.run == run, Position.qty != 0).order_by(Position.symbol)
    return tuple(Holding(*row) for row in connection.execute(query))


def _alerts(connection: Connection, run: int) -> tuple[tuple[str, str, str], ...]:
    columns = (Alert.rule, Alert.cause, Alert.text)
    rows = connection.execute(select(*columns).where(Alert.run == run, Alert.cleared.is_(None)).order_by(Alert.raised))
    return tuple((rule, cause, words) for rule, cause, words in rows)
