"""seatrial replay: a recorded run made again and compared, and its books kept again by another library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seatrial import console
from seatrial.options import Json, examples

if TYPE_CHECKING:
    from core.runs import Run
    from sim.rerun import Divergence

EXAMPLES = examples(
    "seatrial replay runs/breakout-4w-001",
    "seatrial replay runs/breakout-4w-001 --oracle    and its books",
    "seatrial replay runs/mine-001 --bars /data/minutes",
)


def replay(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a simulated run.")],
    bars: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the run's market data lies now, if it has moved.")
    ] = None,
    oracle: Annotated[
        bool, typer.Option("--oracle", help="Also recompute cash, positions and equity from the fills, by vectorbt.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a run again and compare every decision.

    The run's own config.toml and data must give the same decisions, orders, fills and equity to the last bit, and
    the same hashes of the commands and of the final state. If they do not, the earliest difference is shown: table,
    row, column and both values.

    Exit code: 0 identical, 1 not, 2 the run or its data cannot be used.
    """
    from core.runs import Run

    recorded = Run.open(run)
    divergence = _repeat(recorded, bars, quiet=as_json)
    books = _keep_books(recorded) if oracle else {}
    same = divergence is None and books.get("agrees", True)
    if as_json:
        console.show_json({**_compared(recorded, divergence), **({"oracle": books} if oracle else {})})
    else:
        console.show(*_lines(recorded, divergence, books))
    raise typer.Exit(0 if same else 1)


def _repeat(recorded: Run, bars: Path | None, quiet: bool) -> Divergence | None:
    import tempfile

    from seatrial.engine import COMPILING, compiled
    from sim.rerun import compare_runs, rerun

    if not compiled():
        console.say(COMPILING, quiet)
    with (
        tempfile.TemporaryDirectory(prefix="seatrial-") as folder,
        console.progress_of(f"replaying {recorded.run['scenario']}", quiet=quiet) as progress,
    ):
        return compare_runs(recorded, rerun(recorded, Path(folder) / "run", bars, progress))


def _keep_books(recorded: Run) -> dict[str, Any]:
    from sim.oracle import check_run

    result = check_run(recorded)
    return {
        "agrees": result.agrees,
        "marks": result.rows,
        "max_cash_difference": result.max_cash_difference,
        "max_position_difference": result.max_position_difference,
        "max_equity_difference": result.max_equity_difference,
        "tolerance": result.tolerance,
    }


def _compared(recorded: Run, divergence: Divergence | None) -> dict[str, Any]:
    first = None
    if divergence is not None:
        first = {key: getattr(divergence, key) for key in ("table", "row", "column", "recorded", "repeated")}
    return {
        "run_id": recorded.run["run_id"],
        "identical": divergence is None,
        "decisions": recorded.run["counts"]["decisions"],
        "divergence": first,
    }


def _lines(recorded: Run, divergence: Divergence | None, books: dict[str, Any]) -> list[str]:
    from importlib.metadata import version

    lines = [f"identical over {recorded.run['counts']['decisions']:,} decisions"]
    if divergence is not None:
        lines = [f"first divergence: {divergence}"]
        before, now = recorded.run["code_version"], version("seatrial")
        lines += [f"the run was recorded by version {before}, this is {now}"] if before != now else []
    if books:
        word = "agree" if books["agrees"] else "DO NOT AGREE"
        cash, equity = books["max_cash_difference"], books["max_equity_difference"]
        lines.append(
            f"vectorbt's books {word} at {books['marks']} marks: cash within ${cash:.2g}, "
            f"equity within ${equity:.2g}, tolerance ${books['tolerance']:.2g}"
        )
    return lines
