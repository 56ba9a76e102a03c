"""The schema of the store, table by table.

The journal is the truth, and everything else can be made from it again; the other tables are there so that a person, a
dashboard or a router need not replay it. Three rules hold for every column:

    money, prices, quantities   BIGINT, micros (a millionth of a dollar or a share), never a float
    times                       BIGINT, nanoseconds since 1970, UTC
    enumerations                lower-case names, as in a run directory

All rows belong to a run, so that accounts and engine versions share a database without meeting. Fractions that are
statistics and not money (a limit's use, a drawdown) are doubles.
"""

from __future__ import annotations

from typing import Annotated

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

Run = Annotated[int, mapped_column(Integer, ForeignKey("runs.id"), primary_key=True)]
Key = Annotated[int, mapped_column(BigInteger, primary_key=True, autoincrement=False)]
Number = Annotated[int, mapped_column(BigInteger)]
Micros = Annotated[int, mapped_column(BigInteger)]
Time = Annotated[int, mapped_column(BigInteger)]
Factor = Annotated[float, mapped_column(Double)]
Name = Annotated[str, mapped_column(String(32))]
Symbol = Annotated[str, mapped_column(String(16))]
Id = Annotated[str, mapped_column(String(64))]
Words = Annotated[str, mapped_column(Text)]
Bytes = Annotated[bytes, mapped_column(LargeBinary)]


class Base(DeclarativeBase):
    """What every table has: names of constraints that are the same on both databases."""

    metadata = MetaData(naming_convention=NAMING)


class RunRow(Base):
    """A run: one engine over one account, from one configuration."""

    __tablename__ = "runs"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(96), unique=True)
    kind: Mapped[Name]
    account: Mapped[Id]
    seed: Mapped[Number]
    config: Mapped[Words]
    symbols: Mapped[Words]
    strategies: Mapped[Words]
    layout: Mapped[Id]
    code_version: Mapped[Name]
    started: Mapped[Time]
    ended: Mapped[Time | None]


class Writer(Base):
    """Who may write for an account: the epoch grows with each process that has taken the lock."""

    __tablename__ = "writers"
    account: Mapped[str] = mapped_column(String(64), primary_key=True)
    epoch: Mapped[Number]
    holder: Mapped[Words]
    since: Mapped[Time]


class Journal(Base):
    """Every event in the order in which the engine took it; each row carries the hash of all before it."""

    __tablename__ = "journal"
    run: Mapped[Run]
    seq: Mapped[Key]
    kind: Mapped[Name]
    t_visible: Mapped[Time]
    event: Mapped[Bytes]
    command_hash: Mapped[Number]
    source: Mapped[Name]
    detail: Mapped[Words | None]
    hash: Mapped[Bytes]


class Inbox(Base):
    """What has been taken in, by the identity that the world gives it. `place` is an execution's natural key."""

    __tablename__ = "inbox"
    __table_args__ = (Index("uq_inbox_run_place", "run", "place", unique=True),)
    run: Mapped[Run]
    identity: Mapped[str] = mapped_column(String(96), primary_key=True)
    place: Mapped[str | None] = mapped_column(String(48))
    content: Mapped[Number]
    same_as: Mapped[str | None] = mapped_column(String(96))
    received: Mapped[Time]


class Outbox(Base):
    """Commands, committed before their first byte leaves, with the epoch that may send them and what came of them."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "uq_outbox_run_intent",
            "run",
            "client_order_id",
            unique=True,
            postgresql_where=text("kind LIKE 'submit%'"),
            sqlite_where=text("kind LIKE 'submit%'"),
        ),
        Index(
            "ix_outbox_pending",
            "run",
            "number",
            postgresql_where=text("answered IS NULL"),
            sqlite_where=text("answered IS NULL"),
        ),
    )
    run: Mapped[Run]
    number: Mapped[Key]
    epoch: Mapped[Number]
    kind: Mapped[Name]
    verdict: Mapped[Name]
    symbol: Mapped[Symbol | None]
    client_order_id: Mapped[Id | None]
    target_client_order_id: Mapped[Id | None]
    stop_client_order_id: Mapped[Id | None]
    command: Mapped[Bytes]
    created: Mapped[Time]
    answered: Mapped[Time | None]
    outcome: Mapped[Name | None]


class Order(Base):
    """Orders as the engine knows them after the last commit."""

    __tablename__ = "orders"
    __table_args__ = (
        Index("ix_orders_run_client_order_id", "run", "client_order_id", unique=True),
        Index("ix_orders_run_broker_order_id", "run", "broker_order_id"),
        CheckConstraint("filled >= 0 AND qty >= 0", name="quantities"),
    )
    run: Mapped[Run]
    number: Mapped[Key]
    client_order_id: Mapped[Id]
    broker_order_id: Mapped[Id | None]
    intent_id: Mapped[Id | None]
    parent: Mapped[Number]
    replaces: Mapped[Number]
    symbol: Mapped[Symbol]
    side: Mapped[Name]
    role: Mapped[Name]
    type: Mapped[Name]
    tif: Mapped[Name]
    cause: Mapped[Name]
    status: Mapped[Name]
    qty: Mapped[Micros]
    filled: Mapped[Micros]
    paid: Mapped[Micros]
    limit_price: Mapped[Micros]
    stop_price: Mapped[Micros]
    overfill: Mapped[Micros]
    late: Mapped[Number]
    reason: Mapped[Name | None]
    created: Mapped[Time]
    submitted: Mapped[Time]
    accepted: Mapped[Time]
    terminal: Mapped[Time]


class Fill(Base):
    """Executions that the engine has booked: fills, voids, corrections, and those of orders that are not ours."""

    __tablename__ = "fills"
    __table_args__ = (
        Index("uq_fills_run_execution_id_kind", "run", "execution_id", "kind", unique=True),
        CheckConstraint("price >= 0", name="price"),
    )
    run: Mapped[Run]
    seq: Mapped[Key]
    kind: Mapped[Name]
    execution_id: Mapped[str] = mapped_column(String(96))
    client_order_id: Mapped[Id | None]
    broker_order_id: Mapped[Id | None]
    symbol: Mapped[Symbol | None]
    side: Mapped[Name]
    qty: Mapped[Micros]
    price: Mapped[Micros]
    fee: Mapped[Micros]
    cum_qty: Mapped[Micros]
    time: Mapped[Time]
    received: Mapped[Time]
    mark: Mapped[Micros]
    half_spread: Mapped[Micros]


class Position(Base):
    """Positions now; those of every close are in the journal."""

    __tablename__ = "positions"
    run: Mapped[Run]
    symbol: Mapped[str] = mapped_column(String(16), primary_key=True)
    qty: Mapped[Micros]
    cost: Mapped[Micros]
    mark: Mapped[Micros]
    value: Mapped[Micros]
    realized: Mapped[Micros]
    seq: Mapped[Number]


class Decision(Base):
    """Signals that reached the risk agent, refused ones included; `record` holds every factor of the sizing chain."""

    __tablename__ = "decisions"
    __table_args__ = (Index("ix_decisions_run_intent_id", "run", "intent_id"),)
    run: Mapped[Run]
    seq: Mapped[Key]
    intent_id: Mapped[Id]
    time: Mapped[Time]
    bar_time: Mapped[Time]
    strategy: Mapped[Id]
    symbol: Mapped[Symbol]
    side: Mapped[Name]
    action: Mapped[Name]
    qty: Mapped[Micros]
    price_ref: Mapped[Micros]
    verdict: Mapped[Name]
    refusal_codes: Mapped[Words]
    binding: Mapped[Name]
    mode: Mapped[Name]
    record: Mapped[Bytes]


class Check(Base):
    """Checks of a decision that were half used or more, or did not pass; in nanos of use."""

    __tablename__ = "checks"
    run: Mapped[Run]
    seq: Mapped[Key]
    check: Mapped[str] = mapped_column(String(32), primary_key=True)
    measured: Mapped[Number]
    limit: Mapped[Number]
    use: Mapped[Factor]
    result: Mapped[Name]


class RiskEvent(Base):
    """What the engine noted: breaches, near misses, changes of mode, acts of the operator."""

    __tablename__ = "risk_events"
    run: Mapped[Run]
    seq: Mapped[Key]
    ordinal: Mapped[Key]
    time: Mapped[Time]
    kind: Mapped[Name]
    severity: Mapped[Name]
    symbol: Mapped[Symbol | None]
    client_order_id: Mapped[Id | None]
    metric: Mapped[Id]
    action: Mapped[Words]
    detail: Mapped[Words]
    value: Mapped[Factor | None]
    limit: Mapped[Factor | None]
    use: Mapped[Factor | None]


class Equity(Base):
    """The account at the end of each minute of a session, and at each session's open."""

    __tablename__ = "equity"
    __table_args__ = (CheckConstraint("equity = cash + net", name="identity"),)
    run: Mapped[Run]
    seq: Mapped[Key]
    time: Mapped[Time]
    cash: Mapped[Micros]
    equity: Mapped[Micros]
    unit_value: Mapped[Number]
    high_water_mark: Mapped[Number]
    day_start_equity: Mapped[Micros]
    gross: Mapped[Micros]
    net: Mapped[Micros]
    buying_power: Mapped[Micros]
    open_orders: Mapped[Number]
    mode: Mapped[Name]
    stale: Mapped[Number]


class Snapshot(Base):
    """The engine's whole state after an event, compressed, with the hash of the journal up to there."""

    __tablename__ = "snapshots"
    run: Mapped[Run]
    seq: Mapped[Key]
    layout: Mapped[Id]
    digest: Mapped[Id]
    chain: Mapped[Bytes]
    state: Mapped[Bytes]


class Mode(Base):
    """Each change of the safe mode, in the transaction of the event that caused it."""

    __tablename__ = "modes"
    run: Mapped[Run]
    seq: Mapped[Key]
    time: Mapped[Time]
    mode: Mapped[Name]
    conditions: Mapped[Words]


class BreakerRow(Base):
    """The breaker of each lane as it is, in the transaction of the event that moved it."""

    __tablename__ = "breakers"
    run: Mapped[Run]
    lane: Mapped[str] = mapped_column(String(32), primary_key=True)
    state: Mapped[Name]
    since: Mapped[Time]
    failures: Mapped[Number]
    backoff: Mapped[Number]
    trips: Mapped[Number]
    seq: Mapped[Number]


class OperatorRequest(Base):
    """What a person wants done. The host makes an event of it; a request without actor and reason cannot be made."""

    __tablename__ = "operator_requests"
    __table_args__ = (CheckConstraint("actor <> '' AND reason <> ''", name="signed"),)
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    run: Mapped[int] = mapped_column(Integer, ForeignKey("runs.id"), index=True)
    act: Mapped[Name]
    symbol: Mapped[Symbol | None]
    lane: Mapped[Name | None]
    actor: Mapped[Id]
    reason: Mapped[Words]
    requested: Mapped[Time]
    handled: Mapped[Time | None]
    outcome: Mapped[Words | None]


class Alert(Base):
    """Alerts: one row from the moment that a cause appears until it is gone."""

    __tablename__ = "alerts"
    __table_args__ = (
        Index(
            "uq_alerts_open",
            "run",
            "rule",
            "cause",
            unique=True,
            postgresql_where=text("cleared IS NULL"),
            sqlite_where=text("cleared IS NULL"),
        ),
    )
    run: Mapped[Run]
    seq: Mapped[Key]
    rule: Mapped[str] = mapped_column(String(32), primary_key=True)
    cause: Mapped[str] = mapped_column(String(64), primary_key=True)
    severity: Mapped[Name]
    raised: Mapped[Time]
    cleared: Mapped[Time | None]
    text: Mapped[Words]


class Watchlist(Base):
    """The symbols of a session's watchlist, once for each kind of it."""

    __tablename__ = "watchlists"
    session: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    made: Mapped[Time]
    symbols: Mapped[Words]
