"""seatrial compare: a run against its simulation, or against another run, with every difference given a cause."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import InputError
from seatrial import console
from seatrial.options import Json, examples

if TYPE_CHECKING:
    from reports.comparison.findings import Findings

EXAMPLES = examples(
    "seatrial compare runs/paper-w46       against the simulation of it",
    "seatrial compare runs/rehearsal-001 runs/breakout-4w-001",
    "seatrial compare runs/paper-w46 --margin 5 --json | jq .verdict",
)


def compare(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run in question.")],
    other: Annotated[
        Path | None,
        typer.Argument(metavar="OTHER", help="Folder of the run to measure it against; default: its simulation."),
    ] = None,
    bars: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the run's market data lie now, if they have moved.")
    ] = None,
    margin: Annotated[
        float, typer.Option(min=0.01, help="Largest mean price gap that counts as parity, basis points.")
    ] = 3.0,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for compare.html and compare.json; default: RUN.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say why a run and its simulation differ, order by order.

    Replays the run's own decisions, which must come out identical; matches its orders with those of the simulation;
    shares the difference in profit between five causes, to the micro-dollar; and says whether prices are on a par.

    Exit code: 0 decisions are identical, 1 they are not, 2 a run cannot be used.
    """
    with findings_of(run, other, bars, margin, quiet=as_json) as findings:
        page, document = _write(findings, out or run)
    if as_json:
        import json

        console.show_json(json.loads(document.read_text(encoding="utf-8")))
    else:
        console.show(*_lines(findings, page, document))
    failed = any(parity.ok is False for parity in findings.replayed.parity)
    raise typer.Exit(1 if failed else 0)


@contextmanager
def findings_of(run: Path, other: Path | None, bars: Path | None, margin: float, quiet: bool) -> Iterator[Findings]:
    """Everything that can be found about a run against another, or against its simulation. Raises InputError.

    Tables are read when they are asked for, and a simulation that was made for this lasts as long as the context.
    """
    import tempfile

    from core.runs import Run
    from reports.comparison.findings import Sources, find
    from seatrial.engine import COMPILING, compiled
    from sim.comparing import pair_of, replay_pair, simulate_run
    from sim.worlds import World

    recorded = Run.open(run)
    if not compiled():
        console.say(COMPILING, quiet)
    with tempfile.TemporaryDirectory(prefix="seatrial-") as folder:
        with console.stages_of(f"comparing {recorded.run['scenario']}", quiet) as progress:
            if other is None:
                simulation = simulate_run(recorded, Path(folder) / "simulation", bars, progress)
            else:
                simulation = Run.open(other)
                if other.resolve() == run.resolve():
                    raise InputError(str(other), "is the run itself", "Leave it out, or name another run.")
            pair = pair_of(recorded, simulation, bars, fresh=other is None)
            worlds = pair.run_world, pair.simulation_world
            ours, theirs = (world.dataset if isinstance(world, World) else None for world in worlds)
            replayed = replay_pair(pair, progress)
        yield find(Sources(recorded, simulation, ours, theirs, margin), replayed)


def _write(findings: Findings, out: Path) -> tuple[Path, Path]:
    from reports.compare import write_comparison

    return write_comparison(findings, out)


def _lines(findings: Findings, page: Path, document: Path) -> list[str]:
    from core.comparison import FACTORS
    from reports import formats
    from reports.comparison.matching import counts

    lines = [console.RULE, *(console.facing("decisions", parity.sentence) for parity in findings.replayed.parity)]
    found = counts(findings.matching)
    lines += [
        console.facing("orders matched", f"{found['matched']:,}, {found['different_outcome']:,} with another outcome"),
        console.facing("only in the run", f"{found['run_only']:,}"),
        console.facing("only in the simulation", f"{found['simulation_only']:,}"),
        console.facing("mean price gap", _gap(findings)),
        console.facing("verdict", f"{findings.verdict.sentence}, margin {formats.bp(findings.verdict.margin)}"),
        console.RULE,
    ]
    attribution = findings.replayed.attribution
    if attribution is None:
        lines.append(f"not attributed: {findings.replayed.reason}")
    else:
        simulation, run = (formats.money(value / 1e6, plus=True) for value in attribution.recorded)
        lines.append(console.facing("profit of the simulation", simulation))
        for i, factor in enumerate(FACTORS):
            lines.append(console.facing(f"  {factor}", formats.money(int(attribution.total[i]) / 1e6, plus=True)))
        rest = attribution.unexplained[1] - attribution.unexplained[0]
        if rest:
            lines.append(console.facing("  not repeated by replay", formats.money(rest / 1e6, plus=True)))
        lines.append(console.facing("profit of the run", run))
    return [
        *lines,
        console.RULE,
        *(f"note       {words}" for words in findings.limits),
        f"report     {page}",
        f"data       {document}",
    ]


def _gap(findings: Findings) -> str:
    from reports import formats

    verdict = findings.verdict
    if not verdict.n:
        return formats.NOT_MEASURED
    interval = f"{formats.bp(verdict.low, plus=True)} to {formats.bp(verdict.high, plus=True)}"
    return f"{formats.bp(verdict.mean, 2, plus=True)}, 90 % interval {interval}"
