"""seatrial report: the weekly risk envelope of a run, from run directories alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import InputError
from seatrial import console
from seatrial.options import Json, examples

if TYPE_CHECKING:
    from reports.comparison.prices import Prices
    from reports.week import Report
    from reports.weekly.choice import Chosen

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
EXAMPLES = examples(
    "seatrial report runs/breakout-4w-001                     its latest week",
    "seatrial report runs/paper-w46 runs/paper-w45 --week 2026-W46",
    "seatrial report runs/paper-w46 --compare --pdf --out reports/",
)


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Folder of the week's run, then of runs before it and of drills."),
    ],
    week: Annotated[
        str | None,
        typer.Option(metavar="YEAR-Wnn", help="ISO week, such as 2026-W46; default: the latest of the first run."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE|DIR", help="Page to write, or the folder for it; default: the first RUN."),
    ] = None,
    bars: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the run's market data lie now, if they have moved.")
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="How many settings were tried before this one was chosen.")] = 1,
    compare: Annotated[
        bool, typer.Option("--compare", help="First compare the run with its simulation, as `seatrial compare` does.")
    ] = False,
    pdf: Annotated[bool, typer.Option("--pdf", help="Also print the page as PDF; needs Chromium or Chrome.")] = False,
    as_json: Json = False,
) -> None:
    """Write the weekly risk envelope of a run.

    Whether the limits held, how close they came, and what the guards did: twenty-one sections from limits to changes,
    for simulation, rehearsal and paper alike. What a run did not record is named as not measured. A page, and beside
    it the same as JSON.

    Exit code: 0 nothing was breached, 1 something was, 2 a run cannot be used.
    """
    from reports.weekly.choice import choose
    from reports.weekly.weeks import week_named

    browser = _printer() if pdf else None
    chosen = choose(runs, None if week is None else week_named(week))
    if compare:
        _compare(chosen, bars, as_json)
    found, page, document = _write(chosen, _prices(chosen, bars), trials, out or runs[0])
    if browser is not None:
        _print(browser, page)
    if as_json:
        import json

        console.show_json(json.loads(document.read_text(encoding="utf-8")))
    else:
        console.show(*_lines(found, page, document))
    words = [found.head.word, *(str(row[2]) for row in found.head.checks.rows)]
    raise typer.Exit(1 if "breached" in words else 0)


def _write(chosen: Chosen, prices: Prices | None, trials: int, place: Path) -> tuple[Report, Path, Path]:
    from reports.week import page_name, weekly_report, write_weekly

    found = weekly_report(chosen, prices, trials)
    return found, *write_weekly(found, place if place.suffix == ".html" else place / page_name(found))


def _compare(chosen: Chosen, bars: Path | None, quiet: bool) -> None:
    """Compare the week's run with its simulation and leave the result beside the run, where the report reads it."""
    from reports.compare import write_comparison
    from seatrial.commands.compare import findings_of

    run = chosen.facts.source.path
    with findings_of(run, None, bars, 3.0, quiet) as findings:
        write_comparison(findings, run)


def _prices(chosen: Chosen, bars: Path | None) -> Prices | None:
    """The week's bars that the run was made on; None where they are not at hand, unless they were named."""
    from core.config import load_settings
    from core.datasets.dataset import Dataset
    from reports.comparison.prices import Prices

    run, days = chosen.facts.whole.source, chosen.week.sessions
    kept = run.path / "bars"
    try:
        data = load_settings(run.path / "config.toml")
        place = bars or (kept if kept.is_dir() else data.bars_path())
        dataset = Dataset.open(place, None if data.data.symbols is None else list(data.data.symbols), days[0], days[-1])
        known = kept.is_dir() or dataset.manifest_sha256 == run.run["data"][0]["manifest_sha256"]
        return Prices(dataset) if known else None
    except InputError:
        if bars is not None:
            raise
        return None


def _printer() -> str:
    """The browser that prints pages. Raises InputError where there is none."""
    import shutil

    found = next((place for name in BROWSERS if (place := shutil.which(name))), None)
    if found is None:
        problem = f"needs a browser to print with, and none of {', '.join(BROWSERS)} is installed"
        raise InputError("--pdf", problem, "Install Chromium, or print the page from your own browser.")
    return found


def _print(browser: str, page: Path) -> Path:
    """Print a page beside itself; returns the PDF's path."""
    import os
    import subprocess
    import tempfile

    pdf = page.with_suffix(".pdf")
    with tempfile.TemporaryDirectory(prefix="seatrial-") as profile:
        flags = ["--headless", "--disable-gpu", "--no-pdf-header-footer", f"--user-data-dir={profile}"]
        flags += ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        words = [browser, *flags, f"--print-to-pdf={pdf.resolve()}", page.resolve().as_uri()]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode or not pdf.exists():
        told = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise InputError("--pdf", f"{browser} did not print the page ({told})", "Print the page from your own browser.")
    return pdf


def _lines(found: Report, page: Path, document: Path) -> list[str]:
    from reports.week import summary_lines

    head, week = found.head, found.chosen.week
    return [
        console.facing(f"week {week.name}", head.word),
        head.sentence,
        console.RULE,
        *(console.facing(name, words) for name, words in summary_lines(found)),
        console.RULE,
        *(f"note       {words}" for words in (*head.labels, *found.chosen.left_out)),
        *(f"to do      {words}" for words in head.actions),
        f"report     {page}",
        f"data       {document}",
    ]
