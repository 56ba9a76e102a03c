"""Scenario drills: which fault scenarios ran, and whether every invariant held. Section 20."""

from __future__ import annotations

from collections.abc import Sequence

from reports import formats
from reports.columns import records
from reports.facts import Facts
from reports.page import Table, columns
from reports.weekly.parts import Part, Section, missing
from reports.weekly.summary import BREACHED, WITHIN


def drills(runs: Sequence[Facts], code_version: str) -> Section:
    """The runs with a fault schedule among those given."""
    lead = "Fault scenarios given beside the week’s run. A drill of another version proves little for this one."
    if not runs:
        words = "no run of a fault scenario was given; name their folders after the week’s run."
        return Section(20, "drills", "Scenario drills", lead, [missing(words)])
    parts: list[Part] = [_matrix(runs, code_version), _broken(runs)]
    return Section(20, "drills", "Scenario drills", lead, parts)


def _matrix(runs: Sequence[Facts], code_version: str) -> Table:
    rows = []
    for facts in runs:
        run = facts.run
        faults = records(facts.source.table("faults", ["kind", "fired"]))
        invariants: dict[str, str] = run.get("invariants") or {}
        expected = run.get("expectations") or []
        held = sum(witness == "ok" for witness in invariants.values())
        met = sum(bool(item.get("ok")) for item in expected)
        version = "this version" if run["code_version"] == code_version else f"version {run['code_version']}"
        rows.append(
            (
                str(run["scenario"]),
                run["seed"],
                ", ".join(dict.fromkeys(formats.words(fault["kind"]) for fault in faults)),
                int(sum(fault["fired"] for fault in faults)),
                f"{held} of {len(invariants)}" if invariants else formats.NOT_MEASURED,
                f"{met} of {len(expected)}" if expected else formats.NOT_MEASURED,
                version,
                drill_word(facts),
            )
        )
    titles = columns(
        "Scenario",
        "Seed|count",
        "Faults",
        "Took effect|count",
        "Invariants held|range",
        "Expectations met|range",
        "Made by",
        "Verdict|state",
    )
    return Table(titles, rows, "Scenarios against their invariants")


def drill_word(facts: Facts) -> str:
    """within where all that was promised held, breached where something did not."""
    invariants: dict[str, str] = facts.run.get("invariants") or {}
    expected = facts.run.get("expectations") or []
    if not invariants and not expected:
        return formats.NOT_MEASURED
    fine = all(witness == "ok" for witness in invariants.values()) and all(item.get("ok") for item in expected)
    return WITHIN if fine else BREACHED


def _broken(runs: Sequence[Facts]) -> Table:
    rows = []
    for facts in runs:
        name, seed = str(facts.run["scenario"]), facts.run["seed"]
        broken = (facts.run.get("invariants") or {}).items()
        rows += [(name, seed, formats.words(key), str(witness)) for key, witness in broken if witness != "ok"]
        missed = [item for item in facts.run.get("expectations") or [] if not item.get("ok")]
        rows += [(name, seed, str(item.get("text")), f"measured {item.get('measured')}") for item in missed]
    titles = columns("Scenario", "Seed|count", "What did not hold", "Witness")
    return Table(titles, rows, "Failing seeds", "Everything held in every drill.")
