"""seatrial run: a scenario from its name to a folder, a report and a verdict."""

from __future__ import annotations

import re
import shlex
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from core.errors import InputError
from seatrial import console
from seatrial.options import Json, assignments, examples

if TYPE_CHECKING:
    from core.config import Settings
    from core.runs import Run
    from reports.facts import Facts
    from sim.scenario import Progress

EXAMPLES = examples(
    "seatrial run breakout-4w                   into runs/breakout-4w-001",
    "seatrial run my/scenario.toml --out runs/first",
    "seatrial run breakout-4w --seed 7 --profile live_conservative",
    "seatrial run breakout-4w --set strategies.breakout.lookback=90",
    "seatrial run breakout-4w --json | jq .final_equity",
    "seatrial run answer-lost --against-clean   and what the faults cost",
    "seatrial run --all --group broker          a whole group, and the matrix",
)


def run(
    scenario: Annotated[
        str | None, typer.Argument(metavar="SCENARIO", help="Name of a bundled scenario, or path of a file.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every random draw, in place of the scenario's.")] = None,
    bars: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Market data to use in place of the scenario's.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder to write; default: the next runs/SCENARIO-NNN.")
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Venue profile: alpaca_paper, live_conservative, or a calibrated one's file."
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any key of the scenario; may be given several times."),
    ] = None,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Write report.html.")] = True,
    against_clean: Annotated[
        bool, typer.Option("--against-clean", help="Run it without its faults too, and say what they cost.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Run every bundled scenario, and print the matrix.")] = False,
    group: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --all: only this group, such as broker.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Simulate a scenario and judge it.

    Leaves a folder with everything that happened (decisions, checks, orders, fills, equity and more as parquet),
    the configuration in force and a report. A run passes when every built-in invariant and every expectation of
    the scenario holds.

    Exit code: 0 passed, 1 something did not hold, 2 the input cannot be used, 130 interrupted.
    """
    given = {"seed": seed, "data.bars": bars.resolve() if bars is not None else None}
    asked = [f"{key}={item}" for key, item in given.items() if item is not None]
    all_changes = [*_profile_changes(profile), *(changes or ()), *asked]
    wish = Wish(tuple(all_changes), report, against_clean, quiet=as_json)
    if every:
        _run_all(scenario, wish, group, out or next_folder("all"))
    if group is not None:
        raise InputError("--group", "chooses among all scenarios", "Add --all, or leave it out.")
    if scenario is None:
        remedy = "Name one: `seatrial scenarios` lists those that are bundled. --all runs them all."
        raise InputError("seatrial run", "no scenario is named", remedy)
    summary = _run_one(scenario, wish, out)
    if as_json:
        console.show_json(summary)
    raise typer.Exit(0 if summary["passed"] else 1)


def _profile_changes(profile: str | None) -> list[str]:
    """The keys that a profile sets: a name its own, a file every number that it has."""
    if profile is None:
        return []
    if not profile.endswith(".toml"):
        return [f"venue.profile={profile}"]
    from core.profiles import read_profile

    numbers = read_profile(Path(profile)).settings()
    return [f"venue.{key}={str(value).lower()}" for key, value in numbers.items()]


@dataclass(frozen=True, slots=True)
class Wish:
    """How the runs of one call are to be made; `changes` are KEY=VALUE."""

    changes: tuple[str, ...]
    report: bool
    against_clean: bool
    quiet: bool

    def command(self, scenario: str) -> str:
        """The command that makes this run again."""
        return shlex.join(["seatrial", "run", scenario, *(f"--set={change}" for change in self.changes)])


def _run_one(scenario: str, wish: Wish, out: Path | None) -> dict[str, Any]:
    from core.config import load_settings
    from seatrial.summary import table_of

    settings = load_settings(scenario, assignments(wish.changes, "--set"))
    compiling = _compile(settings, wish.quiet)
    with console.progress_of(settings.name, quiet=wish.quiet) as progress:
        summary = play(scenario, wish, out or next_folder(settings.name), compiling, progress)
    if not wish.quiet:
        console.show(*table_of(summary))
    return summary


def _run_all(scenario: str | None, wish: Wish, group: str | None, out: Path) -> NoReturn:
    """Every bundled scenario, over all cores: a line for each, and the matrix of scenarios and invariants."""
    from core.config import bundled, load_settings
    from seatrial import library

    if scenario is not None:
        raise InputError("seatrial run", f"both {scenario} and --all are given", "Give one of them.")
    chosen = [found for found in bundled() if group in (None, found.group)]
    if not chosen:
        groups = ", ".join(dict.fromkeys(found.group for found in bundled()))
        raise InputError(f"--group {group}", "there is no such group", f"Name one of {groups}.")
    _compile(load_settings(chosen[0].name), wish.quiet)
    passed = library.run_all(chosen, wish, out)
    raise typer.Exit(0 if passed else 1)


def play(
    scenario: str, wish: Wish, out: Path, compiling: float = 0.0, progress: Progress | None = None
) -> dict[str, Any]:
    """Run one scenario into its folder, with its clean twin if wished, draw the report and sum it all up."""
    began = time.perf_counter()
    from core.config import load_settings
    from core.runs import Run
    from reports.facts import Facts
    from seatrial.summary import summary_of
    from sim import scenario as simulation

    settings = load_settings(scenario, assignments(wish.changes, "--set"))
    outcome = simulation.run(settings, out, progress, wish.command(scenario))
    facts = Facts(Run.open(outcome.path))
    clean = Facts(_clean_twin(settings, out)) if wish.against_clean else None
    page, drawing = _report(facts, clean) if wish.report else (None, 0.0)
    seconds = {**outcome.run["wall_seconds"], "compile": compiling, "report": drawing}
    total = {"total": compiling + time.perf_counter() - began}
    return summary_of(facts, seconds | total, page, clean)


def _clean_twin(settings: Settings, out: Path) -> Run:
    """The same scenario without its faults, in the folder beside it."""
    from core.runs import Run
    from sim import scenario as simulation

    calm = settings.model_copy(update={"faults": (), "expect": ()})
    return Run.open(simulation.run(calm, out.with_name(f"{out.name}-clean")).path)


def _compile(settings: Settings, quiet: bool) -> float:
    """Get compilation over with, so that the run's own figures are not about it; returns its seconds."""
    began = time.perf_counter()
    from seatrial.engine import COMPILING, compile_for, compiled
    from sim.scenario import open_data

    if compiled():
        return 0.0
    open_data(settings)  # what cannot be run is not compiled for
    console.say(COMPILING, quiet)
    compile_for(settings)
    return time.perf_counter() - began


def _report(facts: Facts, clean: Facts | None) -> tuple[Path, float]:
    """The report of a run and the seconds it took."""
    began = time.perf_counter()
    from reports.scenario import write_report

    return write_report(facts, clean), time.perf_counter() - began


def next_folder(name: str, below: Path = Path("runs")) -> Path:
    """The first folder runs/NAME-NNN after all that are there."""
    numbers = [re.fullmatch(re.escape(name) + r"-(\d+)", path.name) for path in below.glob(f"{name}-*")]
    last = max((int(number[1]) for number in numbers if number), default=0)
    return below / f"{name}-{last + 1:03d}"
