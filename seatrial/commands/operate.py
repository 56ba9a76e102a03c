"""What a person does with a trader that runs: look at it, halt it, let it go on, empty it.

None of these commands touches the engine, or a broker. An act is written into the database, with the name of who asks
for it and the reason, and the process that trades takes it up as an event like any other. So it happens once, it is in
the journal for ever, and it waits while nobody trades.
"""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import InputError
from seatrial import console
from seatrial.commands.db import DEFAULT, Url
from seatrial.options import Json, examples

if TYPE_CHECKING:
    from core.kernel.kinds import Lane, OperatorAct
    from live.store.operators import Request
    from live.store.status import Status

STATUS_EXAMPLES = examples("seatrial status", "seatrial status --json | jq .mode")
MODE_EXAMPLES = examples(
    'seatrial mode halt --reason "prices look odd"',
    'seatrial mode resume --reason "feed compared with a second source"',
    'seatrial mode rearm --reason "loss understood, size halved"',
    'seatrial mode clear-suspense --reason "a transfer by hand, booked"',
)
BREAKER_EXAMPLES = examples('seatrial breaker reset submit --reason "the broker reports all clear"')
FLATTEN_EXAMPLES = examples(
    'seatrial flatten --reason "leaving for the weekend"', 'seatrial flatten IBM --reason "takeover rumour"'
)
CANCEL_EXAMPLES = examples('seatrial cancel --reason "spreads too wide"')
ADOPT_EXAMPLES = examples(
    'seatrial adopt IBM --reason "shares moved in by hand"',
    'seatrial adopt --cash --reason "the broker rounds, $1.20 since June"',
)


class Act(StrEnum):
    """What can be done to the mode."""

    HALT = "halt"
    RESUME = "resume"
    REARM = "rearm"
    CLEAR_SUSPENSE = "clear-suspense"


class Route(StrEnum):
    """The lanes that have a breaker."""

    SUBMIT = "submit"
    CANCEL = "cancel"
    QUERY = "query"
    TRADE_STREAM = "trade_stream"
    DATA = "data"


Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the journal for ever.")]
Actor = Annotated[
    str | None, typer.Option("--actor", metavar="NAME", envvar="SEATRIAL_ACTOR", help="Who; default: your login.")
]
RunName = Annotated[str | None, typer.Option("--run", metavar="NAME", help="Which run; default: the newest.")]

breaker_app = typer.Typer(
    name="breaker", help="The circuit breakers of the routes to the broker.", no_args_is_help=True
)


def status(database_url: Url = DEFAULT, run: RunName = None, as_json: Json = False) -> None:
    """See how a live trader stands.

    Mode, breakers, positions, orders that are open, alerts that are not over: read from the database beside the
    process that trades, without a lock. Exit code: 0 trading or ready to, 1 in a safe mode or with a breaker that is
    not closed, 2 nothing to look at.
    """
    from live.store import migrate
    from live.store import status as store_status
    from live.store.database import open_engine

    engine = open_engine(database_url, create=False)
    migrate.check(engine)
    with engine.connect() as connection:
        found = store_status.read(connection, run)
    engine.dispose()
    if as_json:
        console.show_json(_document(found))
    else:
        console.show(*_page(found))
    well = found.mode in ("", "normal", "reduced") and all(lane.state == "closed" for lane in found.lanes)
    raise typer.Exit(0 if well else 1)


def mode(
    act: Annotated[
        Act,
        typer.Argument(
            case_sensitive=False,
            help="halt: nothing opens any more; resume: end a halt; rearm: after a breach; clear-suspense: "
            "an execution without an order of ours is accounted for.",
        ),
    ],
    reason: Reason,
    actor: Actor = None,
    database_url: Url = DEFAULT,
    run: RunName = None,
    as_json: Json = False,
) -> None:
    """Halt a live trader, or let it go on.

    A halt stops openings at once and keeps protection in force. What is asked for is done by the process that trades,
    when its rules allow it: a re-arm before its time is refused, and the journal says so.
    """
    from core.kernel.kinds import OperatorAct

    _submit(_Asked(database_url, run, actor, reason, as_json), OperatorAct[act.name])


@breaker_app.command("reset", epilog=BREAKER_EXAMPLES)
def reset(
    lane: Annotated[Route, typer.Argument(case_sensitive=False, help="Which route.")],
    reason: Reason,
    actor: Actor = None,
    database_url: Url = DEFAULT,
    run: RunName = None,
    as_json: Json = False,
) -> None:
    """Close the breaker of a route that has shown that it answers again.

    A breaker that is `ready` may be reset; one that is `open` may not, because nothing has shown yet that the route
    works. It never closes by itself, and a restart does not close it.
    """
    from core.kernel.kinds import Lane, OperatorAct

    _submit(_Asked(database_url, run, actor, reason, as_json), OperatorAct.RESET_BREAKER, lane=Lane[lane.name])


def flatten(
    reason: Reason,
    symbols: Annotated[list[str] | None, typer.Argument(metavar="SYMBOL", help="Default: everything.")] = None,
    actor: Actor = None,
    database_url: Url = DEFAULT,
    run: RunName = None,
    as_json: Json = False,
) -> None:
    """Close positions of a live trader.

    At market, whatever stands in the way; what would open new ones is cancelled.
    """
    from core.kernel.kinds import OperatorAct

    _submit(_Asked(database_url, run, actor, reason, as_json), OperatorAct.FLATTEN, symbols)


def cancel(
    reason: Reason,
    actor: Actor = None,
    database_url: Url = DEFAULT,
    run: RunName = None,
    as_json: Json = False,
) -> None:
    """Cancel the entries of a live trader.

    Orders that would open positions are withdrawn; stops, targets and exits stay. New entries follow with new
    signals: to prevent them, halt.
    """
    from core.kernel.kinds import OperatorAct

    _submit(_Asked(database_url, run, actor, reason, as_json), OperatorAct.CANCEL_ALL)


def adopt(
    reason: Reason,
    symbols: Annotated[list[str] | None, typer.Argument(metavar="SYMBOL", help="Whose position is taken over.")] = None,
    cash: Annotated[bool, typer.Option("--cash", help="Take the broker's cash over.")] = False,
    actor: Actor = None,
    database_url: Url = DEFAULT,
    run: RunName = None,
    as_json: Json = False,
) -> None:
    """Take the broker's quantity of a symbol over, or its cash.

    For what differs from the broker's, once it is known why. Shares are booked at the mark and cash as it is, both as
    an adjustment of the capital, never as a trade or a result. Where the last comparison found no difference, nothing
    happens. Cash is compared where all positions agree: shares first.
    """
    from core.kernel.kinds import OperatorAct

    if cash == bool(symbols):
        problem = "goes without --cash" if cash else "is missing"
        raise InputError("SYMBOL", problem, "Name the symbols whose positions are to be taken over, or --cash alone.")
    act = OperatorAct.ADOPT_CASH if cash else OperatorAct.ADOPT_POSITION
    _submit(_Asked(database_url, run, actor, reason, as_json), act, symbols)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What every act is given."""

    database_url: str
    run: str | None
    actor: str | None
    reason: str
    as_json: bool


def _submit(asked: _Asked, act: OperatorAct, symbols: Sequence[str] | None = None, lane: Lane | None = None) -> None:
    """Write the requests of one command, all or none, and say what becomes of them."""
    from live.clock import SystemClock
    from live.store import migrate, operators, runs
    from live.store import status as store_status
    from live.store.database import open_engine, writing

    engine = open_engine(asked.database_url, create=False)
    migrate.check(engine)
    who = _login() if asked.actor is None else asked.actor
    with writing(engine) as connection:
        name = store_status.read(connection, asked.run).run
        known = runs.find(connection, name)
        assert known is not None, "its status has just been read"
        number, spec = known
        places: Sequence[str | None] = list(dict.fromkeys(map(str.upper, symbols or ()))) or [None]
        wanted = [operators.Request(act, who, asked.reason, symbol, lane) for symbol in places]
        now = SystemClock().now()
        numbers = [operators.submit(connection, number, spec.symbols, request, now) for request in wanted]
    engine.dispose()
    if asked.as_json:
        console.show_json({"run": name, "act": act.name.lower(), "actor": who, "requests": numbers})
    else:
        requests = ", ".join(map(str, numbers))
        console.show(f"{name}: asked for {act.name.lower().replace('_', ' ')}, as {who} (request {requests})")
        console.say("It waits for the process that trades; `seatrial status` shows whether it was taken up.")


def _login() -> str:
    """Who is at the keyboard. Raises InputError where the system has no name for them, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise InputError("--actor", "is missing, and your login has no name", "Say who acts: --actor NAME.") from None


def _document(found: Status) -> dict[str, Any]:
    """The status for programs; amounts in dollars and shares as text, times in ISO 8601."""
    return {
        "run": found.run,
        "kind": found.kind,
        "writer": found.writer,
        "epoch": found.epoch,
        "events": found.events,
        "last_event": _moment(found.last),
        "mode": found.mode,
        "conditions": list(found.conditions),
        "equity": _amount(found.equity),
        "cash": _amount(found.cash),
        "breakers": [
            {"lane": lane.name, "state": lane.state, "since": _moment(lane.since), "failures": lane.failures}
            for lane in found.lanes
        ],
        "positions": [
            {"symbol": h.symbol, **{name: _amount(getattr(h, name)) for name in ("qty", "cost", "mark", "value")}}
            for h in found.holdings
        ],
        "working_orders": found.working,
        "unanswered_requests": found.unanswered,
        "unknown_orders": found.unknown,
        "unknown_since": _moment(found.unknown_since),
        "waiting_acts": [
            {"request": w.number, "act": w.act.name.lower(), "symbol": w.symbol, "actor": w.actor, "reason": w.reason}
            for w in found.waiting
        ],
        "alerts": [{"rule": rule, "cause": cause, "text": text} for rule, cause, text in found.alerts],
    }


def _page(found: Status) -> list[str]:
    """The status for people."""
    left = [
        ("mode", (found.mode or "not started").replace("_", " ")),
        ("equity", f"${found.equity / 1e6:,.2f}"),
        ("cash", f"${found.cash / 1e6:,.2f}"),
    ]
    right = [
        ("last event", _moment(found.last) or "none"),
        ("open orders", f"{found.working}"),
        ("requests without answer", f"{found.unanswered}"),
    ]
    lines = [console.facing(f"{found.run} ({found.kind})", f"{found.events:,} events"), console.RULE]
    lines += console.pairs(left, right)
    if found.conditions:
        lines.append(f"because    {', '.join(word.replace('_', ' ') for word in found.conditions)}")
    if found.unknown:
        lines.append(f"in doubt   {found.unknown} of the open orders, the oldest sent {_moment(found.unknown_since)}")
    if found.waiting:
        lines += [console.RULE, *map(_waiting, found.waiting)]
    if found.lanes:
        lines.append(console.RULE)
        lines += [f"breaker    {lane.name:<14}{lane.state:<10}since {_moment(lane.since)}" for lane in found.lanes]
    if found.holdings:
        lines += [console.RULE, f"{'position':<11}{'shares':>14}{'mark':>14}{'value':>18}"]
        lines += [
            f"{h.symbol:<11}{h.qty / 1e6:>14,.6g}{h.mark / 1e6:>14,.2f}{h.value / 1e6:>18,.2f}" for h in found.holdings
        ]
    if found.alerts:
        lines += [console.RULE, *(f"alert      {rule}: {text}" for rule, _, text in found.alerts)]
    writer = f"{found.writer}, epoch {found.epoch}" if found.writer else "nobody yet"
    return [*lines, console.RULE, f"writer     {writer}"]


def _waiting(request: Request) -> str:
    """An act that has been asked for, and that no process has taken up."""
    lane = "" if request.lane is None else request.lane.name
    what = " ".join(filter(None, (request.act.name.lower(), lane.lower(), request.symbol)))
    return f"waiting    {what.replace('_', ' ')}, asked for by {request.actor}"[: console.WIDTH]


def _moment(time: int) -> str:
    """A time in ns UTC as ISO 8601 to the second; empty for 0."""
    return f"{datetime.fromtimestamp(time // 10**9, UTC):%Y-%m-%dT%H:%M:%SZ}" if time else ""


def _amount(micros: int) -> str:
    """Micros as an exact decimal."""
    return f"{Decimal(micros).scaleb(-6):f}"
