"""The scenario report: one self-contained HTML file about one run directory, verdict first.

The report computes no truth of its own. It reads the run's tables, condenses them with small pure functions
and prints the same bytes for the same run. What the run did not measure is said to be not measured.
"""

from __future__ import annotations

import os
from pathlib import Path

from core.runs import Run
from reports.charts import Axis, Canvas, Timeline, draw_timeline
from reports.facts import Facts
from reports.page import chart_style, render
from reports.sections.calibration import calibration_section
from reports.sections.equity import bands, equity_panels, equity_section, exposure_panels
from reports.sections.events import events_section
from reports.sections.execution import execution_section
from reports.sections.outage import outage_section
from reports.sections.provenance import provenance_section
from reports.sections.results import results_section
from reports.sections.sizing import sizing_section
from reports.sections.verdict import verdict

SUMMARY_WIDTH = 880


def write_report(facts: Facts, clean: Facts | None = None) -> Path:
    """Write `report.html` into a run's directory and return its path.

    `clean` is the same run without its faults, to compare with.
    Raises InputError where a table cannot be read. The file appears whole or not at all.
    """
    page = report_html(facts, clean)
    folder = facts.source.path
    report = folder / "report.html"
    partial = folder / f".report.html.partial-{os.getpid()}"
    partial.write_text(page, encoding="utf-8", newline="\n")
    partial.replace(report)
    return report


def report_html(facts: Facts, clean: Facts | None = None) -> str:
    """The report of a run as HTML, compared with the same run without faults if there is one."""
    run = facts.run
    title = str(run.get("title") or run.get("scenario"))
    return render(
        "scenario.html.j2",
        title=title,
        kind="Scenario report",
        proves=str(facts.config.get("proves") or ""),
        run=run,
        verdict=verdict(facts),
        equity=equity_section(facts),
        outage=outage_section(facts, clean),
        sizing=sizing_section(facts),
        execution=execution_section(facts),
        calibration=calibration_section(facts),
        results=results_section(facts),
        events=events_section(facts),
        provenance=provenance_section(facts),
    )


def summary_svg(run_dir: Path) -> str:
    """A picture of a run for a README: equity, drawdown and gross exposure, as one standalone SVG.

    Raises InputError where the run cannot be read. A run without equity rows gives an empty frame.
    """
    run = Run.open(run_dir)
    facts = Facts(run)
    title = str(run.run.get("title") or run.run.get("scenario"))
    canvas = Canvas(
        "summary",
        SUMMARY_WIDTH,
        title,
        f"Equity, drawdown and exposure of {title}.",
        standalone=True,
        style=chart_style(),
    )
    equity = facts.equity
    if not len(equity):
        return canvas.picture(40.0)
    panels = [*equity_panels(facts)[:2], exposure_panels(facts)[0]]
    return draw_timeline(canvas, Timeline(Axis(equity.time, equity.starts, equity.days), panels, bands(equity)))
