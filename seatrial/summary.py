"""A finished run in a few lines: the object that `--json` prints and the table that a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.runs import Run
from reports import formats
from reports.facts import Facts
from seatrial.console import RULE, facing, pairs
from sim.expectations import METRICS

STAGES = ("compile", "load", "faults", "signals", "replay", "report", "total")


def summary_of(
    facts: Facts, seconds: Mapping[str, float], report: Path | None, clean: Facts | None = None
) -> dict[str, Any]:
    """What a run has come to, and its twin without faults. `seconds` has entries of STAGES, `replay` among them."""
    run, record = facts.source, facts.run
    held = [witness == "ok" for witness in record["invariants"].values()]
    return {
        "run_id": record["run_id"],
        "scenario": record["scenario"],
        "title": record["title"],
        "seed": record["seed"],
        "passed": all(held) and all(expectation["ok"] for expectation in record["expectations"]),
        "out": str(run.path),
        "report": None if report is None else str(report),
        "bars": record["bars"],
        "bars_per_s": record["bars"] / seconds["replay"] if seconds["replay"] > 0 else None,
        "seconds": {stage: round(seconds.get(stage, 0.0), 6) for stage in STAGES},
        "decisions": record["counts"]["decisions"],
        "refused": METRICS["refused"](record, run),
        "orders": record["counts"]["orders"],
        "fills": record["counts"]["fills"],
        "trades": len(facts.trades),
        "final_equity": record["equity"],
        "return": METRICS["return"](record, run),
        "max_drawdown": METRICS["max_drawdown"](record, run),
        "command_hash": record["command_stream_hash"],
        "state_hash": record["final_state_hash"],
        "invariants": record["invariants"],
        "expectations": record["expectations"],
        "repeat": record["repeat"],
        "clean": None if clean is None else _twin(run, clean.source),
    }


def _twin(run: Run, clean: Run) -> dict[str, Any]:
    """The run without faults, and what they cost."""
    calm = clean.run
    return {
        "out": str(clean.path),
        "final_equity": calm["equity"],
        "fills": calm["counts"]["fills"],
        "decisions": calm["counts"]["decisions"],
        "cost": calm["equity"] - run.run["equity"],
    }


def table_of(summary: Mapping[str, Any]) -> list[str]:
    """The summary as ruled lines."""
    name, title = summary["scenario"], summary["title"]
    lines = [facing(name if title == name else f"{name}: {title}", verdict(summary)), RULE]
    lines += pairs(_results(summary), _speed(summary))
    lines += [RULE, f"commands   {summary['command_hash']}", f"state      {summary['state_hash']}"]
    lines += [RULE, *_promises(summary), RULE, f"run        {summary['out']}"]
    if summary["report"]:
        lines.append(f"report     {summary['report']}")
    if summary["clean"]:
        cost = formats.money(summary["clean"]["cost"])
        lines.append(facing(f"clean      {summary['clean']['out']}", f"the faults cost {cost}"))
    if not summary["passed"]:
        lines.append(f"repeat     {summary['repeat']}")
    return lines


def verdict(summary: Mapping[str, Any]) -> str:
    """One word."""
    return "passed" if summary["passed"] else "FAILED"


def _results(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("final equity", formats.money(summary["final_equity"])),
        ("return", formats.percent(summary["return"], plus=True)),
        ("max drawdown", formats.percent(summary["max_drawdown"])),
        *((name, formats.count(summary[name])) for name in ("trades", "fills", "orders", "decisions", "refused")),
    ]


def _speed(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    seconds = {stage: spent for stage, spent in summary["seconds"].items() if spent > 0}
    return [
        ("bars", formats.count(summary["bars"])),
        ("replay speed", f"{formats.count(summary['bars_per_s'])} bars/s"),
        *((stage, f"{spent:.2f} s") for stage, spent in seconds.items()),
    ]


def _promises(summary: Mapping[str, Any]) -> list[str]:
    """A line for all invariants that hold, one for each that broke, one an expectation; witnesses included."""
    invariants = summary["invariants"]
    broken = {name: witness for name, witness in invariants.items() if witness != "ok"}
    lines = [facing("ok         built-in invariants", f"{len(invariants) - len(broken)} of {len(invariants)} hold")]
    lines += [facing(f"BROKEN     {name}", witness) for name, witness in broken.items()]
    for expectation in summary["expectations"]:
        mark = "ok     " if expectation["ok"] else "NOT MET"
        at = "" if expectation["ok"] else f" (event {expectation['event']:,})"
        lines.append(facing(f"{mark}    {expectation['text']}", f"{expectation['measured']}{at}"))
    return lines
