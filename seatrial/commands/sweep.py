"""seatrial sweep: faults drawn from seeds by the thousand, and the smallest case of whatever breaks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import InputError
from seatrial import console
from seatrial.options import Json, examples

if TYPE_CHECKING:
    from sim.sweeping.sweep import Findings

NAME = 42
EXAMPLES = examples(
    "seatrial sweep --seeds 300                  the bundled four weeks",
    "seatrial sweep my/scenario.toml --seeds 5000 --from 1000",
    "seatrial sweep --seeds 20000 --cluster tcp://scheduler:8786",
    "seatrial sweep --json | jq .failing",
)


def sweep(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="Name of a bundled scenario, or path of a file.")
    ] = "breakout-4w",
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds to try.")] = 300,
    first: Annotated[int, typer.Option("--from", min=0, help="The first of them.")] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the sweep; default: runs/sweep-SCENARIO.")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A dask scheduler to work on, in place of this machine.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Search for faults that break a promise.

    Each seed draws a schedule of faults for the scenario's market, in place of its own, and runs it: nothing may break
    while they last, and after them everything must finish. What fails is made as small as possible and written as a
    scenario that `seatrial run` repeats. The table says which faults, refusals and modes were reached, and which never.
    Seeds that the folder has already are not run again.

    Exit code: 0 all clean, 1 something failed, 2 the input cannot be used, 130 interrupted.
    """
    from core.config import load_settings
    from seatrial.engine import COMPILING, compile_for, compiled
    from sim.sweeping import executors
    from sim.sweeping.sweep import sweep as search

    settings = load_settings(scenario)
    folder = out or Path("runs") / f"sweep-{settings.name}"
    if folder.exists() and not folder.is_dir():
        raise InputError(str(folder), "is a file", "Name another folder with --out.")
    if cluster is None and not compiled():
        console.say(COMPILING, as_json)
        compile_for(settings)
    opened = executors.processes if cluster is None else partial(executors.cluster, cluster)
    began = time.perf_counter()
    with console.progress_of(f"sweep {settings.name}", "seeds", as_json) as progress:
        findings = search(settings, range(first, first + seeds), folder, opened, lambda a, b, _: progress(a, b, 0))
    seconds = time.perf_counter() - began
    if as_json:
        console.show_json(_document(settings.name, first, findings, seconds, folder))
    else:
        console.show(*_lines(settings.name, first, findings, seconds, folder))
    raise typer.Exit(1 if findings.failures else 0)


def _document(name: str, first: int, findings: Findings, seconds: float, folder: Path) -> dict[str, Any]:
    return {
        "scenario": name,
        "first_seed": first,
        "seeds": findings.seeds,
        "reused": findings.reused,
        "run_twice": findings.twice,
        "events": findings.events,
        "seconds": round(seconds, 3),
        "passed": not findings.failures,
        "failures": dict(findings.failures),
        "failing": [
            {
                "seed": found.seed,
                "failure": found.failure,
                "witness": found.witness,
                "faults": found.faults,
                "repeat": None if found.path is None else f"seatrial run {found.path}",
            }
            for found in findings.failing
        ],
        "coverage": {mark: {"seeds": seeds, "times": times} for mark, seeds, times in findings.coverage.table()},
        "never": findings.coverage.never(),
        "folder": str(folder),
    }


def _lines(name: str, first: int, findings: Findings, seconds: float, folder: Path) -> Iterator[str]:
    from sim.sweeping.coverage import BEYOND

    failed = sum(findings.failures.values())
    title = f"{name}: seeds {first:,} to {first + findings.seeds - 1:,}"
    yield console.facing(title, f"{failed:,} failed" if failed else "clean")
    yield console.RULE
    fresh = findings.seeds - findings.reused
    speed = f"{fresh / seconds * 60:,.0f} a minute" if fresh else "nothing left to run"
    yield from console.pairs(
        [("seeds", f"{findings.seeds:,}"), ("of them run before", f"{findings.reused:,}"), ("speed", speed)],
        [
            ("events", f"{findings.events:,}"),
            ("run twice, equal", f"{findings.twice:,}"),
            ("seconds", f"{seconds:,.1f}"),
        ],
    )
    yield console.RULE
    yield f"{'reached':{NAME}}{'in seeds':>18}{'times':>20}"
    for mark, seeds, times in findings.coverage.table():
        yield f"{mark:{NAME}}{seeds:>18,}{times:>20,}" if seeds else f"{mark:{NAME}}{'never':>18}"
        if not seeds and mark in BEYOND:
            yield f"    {BEYOND[mark]}"
    yield console.RULE
    for found in findings.failing:
        yield f"FAILED     seed {found.seed}: {found.failure}, {found.witness}"
        if found.path is not None:
            yield f"           {found.faults or 'without any fault'}"
            yield f"repeat     seatrial run {found.path}"
    if failed > len(findings.failing):
        yield f"           and {failed - len(findings.failing):,} more"
    yield f"sweep      {folder}"
