"""The weekly risk envelope: one self-contained HTML page and one JSON document about one exchange week, verdict first.

Everything is read from run directories: the week's run, those that continue it, drills, and the comparison that lies
beside the run when one was made. The same folders give the same bytes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.calendar import utc_text
from reports import formats
from reports.comparison.prices import Prices
from reports.page import render
from reports.sections.verdict import KINDS
from reports.weekly.account import changes, margin
from reports.weekly.calibration import calibration
from reports.weekly.choice import Chosen
from reports.weekly.data import data_quality
from reports.weekly.drawdown import drawdown
from reports.weekly.drills import drills
from reports.weekly.envelope import envelope, exposure, limit_use
from reports.weekly.incidents import availability, breaches, refusals
from reports.weekly.latency import latency
from reports.weekly.luck import standing
from reports.weekly.parity import compared, haircut, parity
from reports.weekly.parts import Section, kind_of, plain, section_document
from reports.weekly.risk import tail_risk
from reports.weekly.sizing import sizing
from reports.weekly.trading import attribution, execution, intents_of
from reports.weekly.verdict import Head, head, head_document

SCHEMA = 1
HELD = ["run_id", "kind", "scenario", "title", "seed", "profile", "code_version", "config_hash", "data"]


@dataclass(frozen=True, slots=True)
class Report:
    """A week's page before it is written: what was chosen, its head, and sections 2 to 21."""

    chosen: Chosen
    head: Head
    sections: list[Section]


def weekly_report(chosen: Chosen, prices: Prices | None, trials: int) -> Report:
    """Everything about the week. `prices` are those of the run's data, None where they are not to be had.

    `trials` is how many settings were tried before this one was chosen; the deflated Sharpe ratio needs it.
    Raises InputError when a table cannot be read.
    """
    facts = chosen.facts
    found, intents = compared(facts), intents_of(facts)
    judged, word = calibration(chosen)
    sections = [
        envelope(facts),
        limit_use(facts),
        breaches(facts),
        exposure(facts),
        tail_risk(chosen),
        drawdown(chosen),
        sizing(facts),
        judged,
        execution(facts, intents, prices),
        refusals(facts),
        latency(facts, intents),
        availability(facts),
        data_quality(facts),
        parity(found),
        haircut(found, facts),
        attribution(facts),
        standing(chosen, trials),
        margin(facts),
        drills(chosen.drills, str(facts.run["code_version"])),
        changes(facts, chosen.line),
    ]
    return Report(chosen, head(chosen, found, word), sections)


def report_html(report: Report) -> str:
    """The page."""
    facts = report.chosen.facts
    title = f"{facts.run.get('title') or facts.run['scenario']}: week {facts.week.name}"
    return render(
        "weekly.html.j2",
        title=title,
        kind="Weekly risk envelope",
        head=report.head,
        left_out=report.chosen.left_out,
        sections=report.sections,
        kind_of=kind_of,
        run=facts.run,
        what=KINDS.get(str(facts.run["kind"]), str(facts.run["kind"])),
    )


def report_document(report: Report) -> dict[str, Any]:
    """The same for programs; `docs/weekly-report.schema.json` describes it. What was not measured is null, never 0."""
    facts, week = report.chosen.facts, report.chosen.week
    verdict = head_document(report.head)
    for limit in verdict["limits"]:
        limit["when"] = None if limit["when"] is None else utc_text(limit["when"])
    missing = [day.isoformat() for day in week.sessions if day not in facts.days]
    document = {
        "schema": SCHEMA,
        "week": {
            "name": week.name,
            "sessions": [day.isoformat() for day in week.sessions],
            "missing_sessions": missing,
            "holidays": [day.isoformat() for day in week.holidays],
            "early_closes": [day.isoformat() for day in week.early],
            "partial": bool(missing),
        },
        "run": {key: facts.run.get(key) for key in HELD},
        "other_runs": [
            {key: item.run.get(key) for key in HELD} for item in (*report.chosen.line[1:], *report.chosen.drills)
        ],
        "not_compared": list(report.chosen.left_out),
        **verdict,
        "figures": asdict(report.head.figures),
        "sections": [section_document(section) for section in report.sections],
    }
    found: dict[str, Any] = plain(document)
    return found


def document_text(report: Report) -> str:
    """The document as text; equal for equal runs."""
    return json.dumps(report_document(report), indent=1, allow_nan=False) + "\n"


def write_weekly(report: Report, page: Path) -> tuple[Path, Path]:
    """Write the page and, beside it, the JSON document of the same name; each appears whole or not at all."""
    page.parent.mkdir(parents=True, exist_ok=True)
    return _write(page, report_html(report)), _write(page.with_suffix(".json"), document_text(report))


def page_name(report: Report) -> str:
    """What the page's file is called where no name was given."""
    return f"weekly-{report.chosen.week.name}.html"


def summary_lines(report: Report) -> Sequence[tuple[str, str]]:
    """The verdict in pairs of name and value, for a terminal."""
    limits = [(use.name, f"{formats.share(use.use)}  {use.word}") for use in report.head.uses]
    checks = [(str(name), str(word)) for name, _, word in report.head.checks.rows]
    return [*limits, *checks]


def _write(path: Path, text: str) -> Path:
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    partial.write_text(text, encoding="utf-8", newline="\n")
    partial.replace(path)
    return path
