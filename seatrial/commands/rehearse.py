"""seatrial rehearse: a scenario through the whole live stack, weeks in minutes."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from core.errors import InputError
from seatrial import console
from seatrial.commands.run import next_folder
from seatrial.options import Json, assignments, examples

if TYPE_CHECKING:
    from core.config import Settings
    from core.runs import Run
    from seatrial.rehearsal import Wish
    from sim.rerun import Divergence

EXAMPLES = examples(
    "seatrial rehearse breakout-4w                 four weeks, in a few minutes",
    "seatrial rehearse breakout-4w --parity        does it trade as simulated",
    "seatrial rehearse three-strategies-4w --kill-every 1d",
    "seatrial rehearse stale-feed --set data.end=2025-11-12",
    "seatrial rehearse breakout-4w --database-url postgresql://me@host/trials",
)
LEAST = "10m"


def rehearse(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="Name of a bundled scenario, or path of a file.")],
    kill_every: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Kill the trading process so often, at random places; such as 6h."),
    ] = None,
    parity: Annotated[
        bool, typer.Option("--parity", help="Simulate it too, and compare decisions, orders and fills row for row.")
    ] = False,
    database_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="SQLite or PostgreSQL to keep it in; default: a file that is thrown away."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every random draw, in place of the scenario's.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder to write; default: the next runs/SCENARIO-live-NNN.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any key of the scenario; may be given several times."),
    ] = None,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Write report.html.")] = True,
    as_json: Json = False,
) -> None:
    """Trade a scenario with everything that trades on paper.

    The trading process, the database, alpaca-py, HTTP and both websockets are the real ones; only the broker is the
    server of `seatrial serve`, and time is virtual: it stands still while anything is under way. The scenario's faults
    happen on the wire, and with --kill-every the process is killed for real and recovers. Leaves a run directory like
    that of `seatrial run`. Passes when every invariant and expectation holds and the books are the broker's.

    Exit code: 0 passed, 1 something did not hold, 2 the input cannot be used, 130 interrupted.
    """
    from core.config import load_settings
    from core.runs import refuse_occupied
    from seatrial.rehearsal import Wish

    if parity and kill_every is not None:
        problem = "a process that is killed misses what a simulation sees"
        raise InputError("--parity", problem, "Ask for --parity or for --kill-every.")
    given = [f"seed={seed}"] if seed is not None else []
    asked = [*(changes or ()), *given]
    settings = load_settings(scenario, assignments(asked, "--set"))
    wish = Wish(_kill_every(kill_every), database_url, _repeat(scenario, asked, kill_every))
    folder = out or next_folder(f"{settings.name}-live")
    for place in (folder, *([_twin(folder)] if parity else [])):
        refuse_occupied(place)
    summary = _traded(settings, folder, wish, _Show(report, as_json))
    if parity:
        summary["parity"] = _simulated(settings, folder, as_json)
        summary["passed"] &= summary["parity"]["identical"]
    if as_json:
        console.show_json(summary)
    else:
        console.show(*_lines(summary))
    raise typer.Exit(0 if summary["passed"] else 1)


class _Show(NamedTuple):
    """What is to be seen of it: a page, and no progress if `quiet`."""

    page: bool
    quiet: bool


def _traded(settings: Settings, out: Path, wish: Wish, show: _Show) -> dict[str, Any]:
    """Trade it, draw its page, and sum it up."""
    began = time.perf_counter()
    from core.runs import Run
    from reports.facts import Facts
    from reports.scenario import write_report
    from seatrial.engine import COMPILING, compiled
    from seatrial.rehearsal import rehearse as trade
    from seatrial.summary import summary_of

    if not compiled():
        console.say(COMPILING, show.quiet)
    with console.progress_of(f"{settings.name}, live", quiet=show.quiet) as progress:
        outcome = trade(settings, out, wish, progress)
    drawn = time.perf_counter()
    facts = Facts(Run.open(outcome.path))
    page = write_report(facts) if show.page else None
    now = time.perf_counter()
    seconds = {"replay": outcome.seconds, "report": now - drawn, "total": now - began}
    more = {key: facts.run[key] for key in ("deaths", "unjudged")}
    return summary_of(facts, seconds, page) | more | {"parity": None}


def _twin(folder: Path) -> Path:
    """Where the simulation of a rehearsal goes."""
    return folder.with_name(f"{folder.name}-sim")


def _simulated(settings: Settings, live: Path, quiet: bool) -> dict[str, Any]:
    """Simulate the same scenario, and compare."""
    from core.runs import Run
    from sim import scenario as simulation
    from sim.rerun import same_trading

    with console.progress_of(f"{settings.name}, simulated", quiet=quiet) as progress:
        simulated = Run.open(simulation.run(settings, _twin(live), progress).path)
    return _compared(simulated, same_trading(simulated, Run.open(live)))


def _compared(simulated: Run, divergence: Divergence | None) -> dict[str, Any]:
    counts = simulated.run["counts"]
    return {
        "identical": divergence is None,
        "simulation": str(simulated.path),
        "divergence": None if divergence is None else str(divergence),
        **{table: counts[table] for table in ("decisions", "orders", "fills")},
    }


def _kill_every(text: str | None) -> int:
    """The mean virtual time between two deaths, ns; 0 for never."""
    from core.settings.values import parse_duration
    from seatrial.rehearsal import LEAST_LIFE

    if text is None:
        return 0
    try:
        every: int = parse_duration(text)
    except (TypeError, ValueError):
        every = 0
    if every < LEAST_LIFE:
        remedy = f"Write a duration of {LEAST} or more, such as 6h or 1d."
        raise InputError(f"--kill-every {text}", "is no time to live", remedy)
    return every


def _repeat(scenario: str, changes: list[str], kill_every: str | None) -> str:
    """The command that makes this rehearsal again."""
    words = ["seatrial", "rehearse", scenario, *(f"--set={change}" for change in changes)]
    return shlex.join([*words, *([f"--kill-every={kill_every}"] if kill_every else [])])


def _lines(summary: dict[str, Any]) -> list[str]:
    from seatrial.summary import table_of

    lines = table_of(summary)
    lines += [console.facing(f"not judged {text}", "a broker does not tell") for text in summary["unjudged"]]
    if summary["deaths"]:
        lines.append(f"deaths     {len(summary['deaths'])}, each with a recovery from the database")
    if summary["parity"] is not None:
        found = summary["parity"]
        counts = ", ".join(f"{found[table]:,} {table}" for table in ("decisions", "orders", "fills"))
        text = f"identical over {counts}" if found["identical"] else f"DIVERGES: {found['divergence']}"
        lines += [f"parity     {text}", f"simulation {found['simulation']}"]
    return lines
