"""Where the numbers come from: data, fill model, and all that is needed to make the run again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports import formats
from reports.facts import Facts
from reports.page import Table, columns
from reports.sections.execution import ambiguity
from reports.statistics import fraction


@dataclass(frozen=True, slots=True)
class ProvenanceSection:
    """Tables of data, model and hashes; the command; the configuration's text."""

    data: Table
    model: Table
    hashes: Table
    repeat: str
    config: str


def provenance_section(facts: Facts) -> ProvenanceSection:
    """What profile, which data, and how to repeat."""
    run = facts.run
    data = [
        (
            str(item.get("folder")),
            str(item.get("feed")),
            str(item.get("adjustment")),
            str(item.get("manifest_sha256")),
        )
        for item in run.get("data") or []
    ]
    hashes = [
        (title, str(run.get(key)))
        for title, key in (
            ("Run", "run_id"),
            ("Code", "code_version"),
            ("Configuration, sha256", "config_hash"),
            ("Commands", "command_stream_hash"),
            ("Final state", "final_state_hash"),
        )
    ]
    return ProvenanceSection(
        Table(
            columns("Folder|code", "Feed", "Adjustment", "Manifest, sha256|code"),
            data,
            "Market data",
            "The run names no data.",
        ),
        Table(columns("Setting", "Value"), _model(facts), "Fill model and run"),
        Table(columns("Identity", "Value|code"), hashes, "Identity"),
        str(run.get("repeat") or ""),
        (facts.source.path / "config.toml").read_text(encoding="utf-8"),
    )


def _model(facts: Facts) -> list[tuple[str, str]]:
    run, venue = facts.run, facts.config.get("venue", {})
    ambiguous, exits = ambiguity(facts)
    rows = [("Fill profile", str(run.get("profile"))), ("Seed", str(run.get("seed")))]
    rows += [
        (formats.title(key.removesuffix("_bps")), _value(key, value))
        for key, value in venue.items()
        if key != "profile"
    ]
    rows.append(("Marks", formats.words(str(run.get("mark_rule")))))
    rows.append(("Bar", formats.duration(run.get("bar_seconds"))))
    rows.append(
        (
            "Ambiguity ratio",
            f"{formats.percent(fraction(ambiguous, exits), 1)} of {exits:,} exits by stop or target",
        )
    )
    rows.append(("Engine events", formats.count(run.get("events"))))
    wall: Mapping[str, object] = run.get("wall_seconds") or {}
    spent = [f"{name} {formats.duration(float(s))}" for name, s in wall.items() if isinstance(s, int | float)]
    rows.append(("Time to run", ", ".join(spent) or formats.NOT_MEASURED))
    return rows


def _value(key: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if key.endswith("_bps"):
            return formats.bp(float(value), 2)
        if key in ("participation", "partial_probability"):
            return formats.percent(float(value), 1)
        return f"{value:g}"
    return str(value)
