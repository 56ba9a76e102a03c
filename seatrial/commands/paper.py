"""seatrial paper: a trader on Alpaca paper, or on whatever speaks like it and is no live money."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import InputError
from seatrial import console
from seatrial.commands.db import DEFAULT, Url
from seatrial.options import Json, assignments, examples

if TYPE_CHECKING:
    from live.books import Books
    from live.service import Trader
    from seatrial.paper import Prepared

EXAMPLES = examples(
    "seatrial db upgrade                    once: the database",
    "seatrial paper my/paper.toml           keys from the environment",
    "seatrial paper my/paper.toml --keys keys.env",
    "seatrial paper my/paper.toml --endpoint http://127.0.0.1:8764",
)
PAPER = "https://paper-api.alpaca.markets"
START_AGAIN = 75  # sysexits: a temporary failure, try again


def paper(
    config: Annotated[
        str, typer.Argument(metavar="CONFIG", help="TOML file in the dialect of scenarios, or a bundled scenario.")
    ],
    endpoint: Annotated[
        str, typer.Option(metavar="URL", help="Alpaca paper, or a server on this machine such as `seatrial serve`.")
    ] = PAPER,
    keys: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File of keys, mode 0600; default: APCA_API_KEY_ID, APCA_API_SECRET_KEY."),
    ] = None,
    database_url: Url = DEFAULT,
    run: Annotated[
        str | None, typer.Option("--run", metavar="NAME", help="Run to begin or take up; default: the config's name.")
    ] = None,
    feed: Annotated[str, typer.Option(metavar="NAME", help="Market data feed: iex, sip, delayed_sip.")] = "iex",
    bars: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder where bars are kept, in place of data.bars.")
    ] = None,
    quotes: Annotated[bool, typer.Option("--quotes", help="Listen to quotes, too.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Run directory written at the stop; default: next runs/NAME-NNN.")
    ] = None,
    log: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File of JSON log lines, appended to; default: NAME.jsonl.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any key of the config; may be given several times."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Trade on Alpaca paper until it is stopped.

    Looks at everything first, takes the account's lock, takes its run up where the journal ends, and opens nothing
    before its books agree with the broker's. ctrl-c stops it: orders stay at the broker, and the run directory is
    written. The same command goes on from there, also after a crash. Live money is refused.

    Exit code: 0 stopped and well; 1 stopped in a safe mode, or with a breaker that is not closed; 2 it cannot begin;
    75 the database failed: start it again.
    """
    from live.host import HostError
    from seatrial.commands.run import next_folder
    from seatrial.paper import Wish, prepare
    from seatrial.trading import Notes, trade, write_run

    wish = Wish(config, endpoint, database_url, feed, keys, run, bars, quotes, assignments(changes, "--set"))
    if out is not None and out.exists():
        raise InputError(f"--out {out}", "is there already", "Name a folder that is not.")
    console.say("Asking the broker, and the market for its past …", as_json)
    prepared = prepare(wish)
    name = prepared.plan.spec.name
    file = log or Path(f"{name}.jsonl")
    try:
        books = trade(prepared, Notes(file, as_json), lambda trader: _greet(prepared, trader, file, as_json))
        place, missing = write_run(prepared, out or next_folder(name), shlex.join(["seatrial", *sys.argv[1:]]))
    except HostError as error:
        remedy = "Nothing is lost: start it again, and it takes up what is durable."
        console.show_error(InputError("the trader ended itself", str(error), remedy), as_json)
        raise typer.Exit(START_AGAIN) from None
    finally:
        prepared.close()
    summary = _summary(books, name, place) | ({"not_had": missing} if missing else {})
    if as_json:
        console.show_json(summary)
    else:
        console.show(*_page(summary))
    raise typer.Exit(0 if summary["well"] else 1)


def _greet(prepared: Prepared, trader: Trader, log: Path, quiet: bool) -> None:
    """What is said once it trades: what, where, from which point on."""
    from live.store.database import shown

    if quiet:
        return
    plan, books = prepared.plan, trader.host.books
    known = f"taken up after {prepared.events:,} events" if prepared.events else "a new run"
    names = ", ".join(plan.spec.symbols[:6]) + (" …" if len(plan.spec.symbols) > 6 else "")
    lines = [
        f"{plan.spec.name} trades at {prepared.endpoint.trading}; ctrl-c stops it",
        console.RULE,
        f"run         {known}, cash {books.account('cash') / 1e6:,.2f}",
        f"symbols     {names}",
        f"strategies  {', '.join(plan.spec.strategies)}",
        f"data        {prepared.endpoint.feed}, {'with' if plan.quotes else 'without'} quotes",
        f"bars        {prepared.cache.folder}",
        f"database    {shown(prepared.database.url)}",
        f"log         {log}",
        *(f"not had     {notice}" for notice in prepared.notices),
        console.RULE,
    ]
    for line in lines:
        console.say(line)


def _summary(books: Books, name: str, place: Path) -> dict[str, Any]:
    """How it ended."""
    from decimal import Decimal

    from core.kernel.kinds import Breaker, Lane, Mode

    lanes = [lane.name.lower() for lane, now in zip(Lane, books.lanes(), strict=True) if now["state"] != Breaker.CLOSED]
    table = zip(books.symbols, books.state["symbols"][0], strict=False)
    mode = Mode(books.run("mode"))
    return {
        "run": name,
        "directory": str(place),
        "well": mode <= Mode.REDUCED and not lanes,
        "mode": mode.name.lower(),
        "conditions": books.conditions(),
        "breakers_not_closed": lanes,
        "events": books.seen(),
        "cash": str(Decimal(books.account("cash")).scaleb(-6)),
        "equity": str(Decimal(books.account("equity")).scaleb(-6)),
        "positions": {symbol: str(Decimal(int(s["qty"])).scaleb(-6)) for symbol, s in table if int(s["qty"])},
        "open_orders": books.run("working"),
        "unknown_orders": books.run("unknown"),
    }


def _page(summary: dict[str, Any]) -> list[str]:
    """The same for people."""
    from decimal import Decimal

    held = ", ".join(f"{symbol} {Decimal(qty).normalize():f}" for symbol, qty in summary["positions"].items())
    conditions = f" ({', '.join(summary['conditions'])})" if summary["conditions"] else ""
    return [
        f"{summary['run']} has stopped; orders stay at the broker",
        console.RULE,
        f"mode        {summary['mode'].replace('_', ' ')}{conditions.replace('_', ' ')}",
        f"equity      {Decimal(summary['equity']):,.2f}, cash {Decimal(summary['cash']):,.2f}",
        f"positions   {held or 'none'}",
        f"orders      {summary['open_orders']} open, {summary['unknown_orders']} of them in doubt",
        f"events      {summary['events']:,}",
        f"run         {summary['directory']}",
        *([f"not had     {summary['not_had']}"] if "not_had" in summary else []),
    ]
