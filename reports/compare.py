"""The comparison of two runs: one self-contained HTML page and one JSON document, verdict first.

The page computes no truth of its own. What replays have shown comes from where the engine is; the rest is read from the
two run directories and from the bars that they were made on.
"""

from __future__ import annotations

import os
from pathlib import Path

from reports import formats
from reports.comparison.causes import causes, haircut_figure
from reports.comparison.delays import delay_figures
from reports.comparison.document import document_of, text_of
from reports.comparison.findings import Findings, same_data
from reports.comparison.orders import orders
from reports.comparison.overlay import distribution_table, likeness_table, overlay
from reports.comparison.revisions import revision_figure
from reports.comparison.stories import Stories
from reports.comparison.summary import summary
from reports.page import Figure, Table, columns, render

MOST_REVISED = 30


def write_comparison(findings: Findings, out: Path) -> tuple[Path, Path]:
    """Write compare.html and compare.json into a folder, which is made if need be; returns their paths.

    Equal findings give equal bytes. Each file appears whole or not at all.
    """
    out.mkdir(parents=True, exist_ok=True)
    document = _write(out / "compare.json", text_of(document_of(findings)))
    return _write(out / "compare.html", comparison_html(findings)), document


def comparison_html(findings: Findings) -> str:
    """The comparison as HTML."""
    stories = Stories(findings)
    run, simulation = findings.run.run, findings.simulation.run
    return render(
        "compare.html.j2",
        title=f"{run.get('title') or run['scenario']}: {run['kind']} against {simulation['kind']}",
        kind="Comparison of runs",
        run=run,
        simulation=simulation,
        summary=summary(findings),
        causes=causes(findings, stories.linked),
        overlay=overlay(findings, stories.anchors),
        likeness=likeness_table(findings),
        orders=orders(findings, stories.linked),
        distributions=distribution_table(findings),
        delays=delay_figures(findings),
        haircut=haircut_figure(findings.replayed.haircut),
        revisions=_revisions(findings),
        revised=_revised(findings, stories),
        revision_figure=_revision_figure(findings),
        unrevised=_unrevised(findings),
        stories=stories.told(),
        left_out=stories.left_out,
    )


def _revisions(findings: Findings) -> Table | None:
    found = findings.revisions
    if found is None:
        return None
    rows = [
        ("Bars that both have", formats.count(found.bars)),
        ("Bars that only the run’s data have", formats.count(found.only_run)),
        ("Bars that only the simulation’s data have", formats.count(found.only_simulation)),
        ("Closes that differ", formats.count(len(found.changed))),
        ("Median revision", formats.bp(found.changed.median_bp)),
        ("Largest revision", formats.bp(found.changed.largest_bp)),
        ("Rises that became falls, or the other way", formats.count(int(found.changed.turned.sum()))),
        ("Trades decided on a revised bar", formats.count(len(found.decisions))),
    ]
    return Table(columns("What", "Value"), rows, "Revised bars")


def _unrevised(findings: Findings) -> str:
    """Why no bars are compared."""
    sources = findings.sources
    if same_data(sources.run, sources.simulation):
        return "Both runs were made on the same data."
    if sources.run_data is None or sources.simulation_data is None:
        return "Not measured: the data of one run are not at hand."
    return "Not measured: the bars of the two runs are of different length."


def _revision_figure(findings: Findings) -> Figure | None:
    found = findings.revisions
    axes = ("in the simulation’s data, bp", "in the run’s data, bp")
    return revision_figure(found.changed, "revisions", axes) if found is not None else None


def _revised(findings: Findings, stories: Stories) -> Table | None:
    found = findings.revisions
    if found is None:
        return None
    rows = [
        (stories.linked(intent.place), theirs, ours, abs(ours / theirs - 1) * 1e4)
        for intent, ours, theirs in found.decisions[:MOST_REVISED]
    ]
    titles = columns("Trade|mark", "Close, simulation|money", "Close, run|money", "Revision|bp")
    return Table(titles, rows, "Trades decided on a revised bar", "No trade was decided on a revised bar.")


def _write(path: Path, text: str) -> Path:
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    partial.write_text(text, encoding="utf-8", newline="\n")
    partial.replace(path)
    return path
