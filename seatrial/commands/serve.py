"""seatrial serve: an Alpaca-compatible server over a scenario's market."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import InputError
from seatrial import console
from seatrial.options import Json, assignments, examples

if TYPE_CHECKING:
    from sim.alpaca.serve import Running

EXAMPLES = examples(
    "seatrial serve breakout-4w                lockstep: the clock waits for you",
    "seatrial serve breakout-4w --speed 60     a virtual minute a second",
    "seatrial serve my/scenario.toml --port 0  on any free port",
    "seatrial serve breakout-4w --keys FILE    other keys than key and secret",
    "curl -X POST localhost:8764/sim/advance -d '{\"bars\": 1}'",
)
DEFAULT_PORT = 8764
FASTEST = 100_000.0


def serve(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="Name of a bundled scenario, or path of a file.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on the loopback; 0 takes any free one.")] = (
        DEFAULT_PORT
    ),
    speed: Annotated[
        str, typer.Option(metavar="X|lockstep", help="Virtual seconds a real second, or lockstep.")
    ] = "lockstep",
    keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML file of keys; default: key and secret.")
    ] = None,
    rate_limit: Annotated[int, typer.Option(min=0, help="Requests a virtual minute; 0 for no limit.")] = 200,
    late_refusals: Annotated[
        bool, typer.Option("--late-refusals", help="Take every order, and refuse it on the stream as the loop would.")
    ] = False,
    text: Annotated[bool, typer.Option("--text", help="Text frames on /stream, as with live money.")] = False,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any key of the scenario; may be given several times."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Be Alpaca, on this machine, over a simulated market.

    Speaks the trading and market data API and both websockets, so that any Alpaca client whose address can be set
    trades against the scenario's market and its venue: the very one of `seatrial run`. Time is virtual. In lockstep
    it stands still until POST /sim/advance moves it; at a speed it goes by itself. Faults are set while it runs with
    POST /sim/faults. /docs describes every route.

    Ends with ctrl-c. Exit code: 0 ended, 2 the input cannot be used.
    """
    from core.config import load_settings
    from sim.alpaca.exchange import Options
    from sim.alpaca.keys import Keys, read_keys
    from sim.alpaca.serve import Running

    settings = load_settings(scenario, assignments(changes, "--set"))
    options = Options(
        speed=_speed(speed),
        keys=Keys() if keys is None else read_keys(keys),
        refusals="by_stream" if late_refusals else "at_once",
        rate_limit=rate_limit,
        text=text,
    )
    console.say("Preparing the market (the first time compiles the venue, which takes half a minute) …", as_json)
    server = Running(settings, options, port)
    with server:
        if as_json:
            console.show_json({"rest": server.url, "stream": server.trade_stream_url, "data": server.data_stream_url()})
        else:
            console.show(*_greeting(server, settings.name, keys))
        server.wait()


def _speed(text: str) -> float:
    if text == "lockstep":
        return 0.0
    try:
        speed = float(text)
    except ValueError:
        speed = -1.0
    if not 0 < speed <= FASTEST:
        remedy = f"Write lockstep, or a number above 0 and up to {FASTEST:,.0f}, such as 60."
        raise InputError(f"--speed {text}", "is no speed", remedy)
    return speed


def _greeting(server: Running, scenario: str, keys: Path | None) -> list[str]:
    """What is said at the start: where it is, and how to point a client at it."""
    pair = ("key", "secret") if keys is None else ("YOUR-KEY", "YOUR-SECRET")
    world = server.exchange.world
    return [
        f"{scenario} is being served; ctrl-c ends it",
        console.RULE,
        f"trading and data   {server.url}",
        f"trading stream     {server.trade_stream_url}",
        f"data stream        {server.data_stream_url()}",
        f"control plane      {server.url}/sim/clock",
        f"every route        {server.url}/docs",
        f"keys               {' and '.join(pair) if keys is None else f'those of {keys}'}",
        f"symbols            {', '.join(world.symbols[:8])}{' …' if len(world.symbols) > 8 else ''}",
        "",
        "From alpaca-py:",
        f'  TradingClient("{pair[0]}", "{pair[1]}", url_override="{server.url}")',
        f'  StockHistoricalDataClient("{pair[0]}", "{pair[1]}", url_override="{server.url}")',
        f'  TradingStream("{pair[0]}", "{pair[1]}", url_override="{server.trade_stream_url}")',
        f'  StockDataStream("{pair[0]}", "{pair[1]}", url_override="{server.data_stream_url()}")',
        "",
        "In lockstep the clock waits: move it by a bar with",
        f"  curl -X POST {server.url}/sim/advance -d '{{\"bars\": 1}}'",
    ]
