"""seatrial synth: market data that may be given away."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from core.errors import InputError
from seatrial import console
from seatrial.options import Json, examples

EXAMPLES = examples(
    "seatrial synth data/quarter --sessions 63",
    "seatrial synth data/small --symbols 3 --start 2026-03-02 --seed 7 --quotes",
)


def synth(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write; it may not exist yet.")],
    seed: Annotated[int, typer.Option(help="Seed of the market.")] = 1,
    symbols: Annotated[int, typer.Option(help="How many of the invented companies.")] = 10,
    start: Annotated[str, typer.Option(metavar="DATE", help="First date, such as 2026-03-02.")] = "2025-11-10",
    sessions: Annotated[int, typer.Option(help="How many exchange sessions.")] = 20,
    quotes: Annotated[bool, typer.Option("--quotes", help="Also a quote a minute.")] = False,
    as_json: Json = False,
) -> None:
    """Make market data of invented companies.

    A folder of minute bars that scenarios can use. The same arguments give the same rows. It has what a trial needs:
    quiet and wild hours, gaps, missing minutes, half days, a split and a dividend.
    """
    from sim.synth import SynthSpec, synthesize

    spec = SynthSpec(seed, symbols, _date(start), sessions, quotes)
    with console.progress_of("making the market", quiet=as_json) as progress:
        folder = synthesize(out, spec, lambda done, total: progress(done, total, 0))
    if as_json:
        console.show_json({"out": str(folder), "sessions": sessions, "symbols": symbols, "seed": seed})
    else:
        console.show(f"{sessions} sessions of {symbols} symbols in {folder}")
        console.show(f"use them with: seatrial run breakout-4w --bars {folder}")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"--start {text}", "is no date", "Write year, month and day: 2026-03-02.") from None
