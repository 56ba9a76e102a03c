"""The head of the page: the verdict, what it rests on, and what could not be compared."""

from __future__ import annotations

from dataclasses import dataclass

from core.comparison import DecisionParity
from reports import formats
from reports.comparison.findings import Findings
from reports.comparison.matching import counts
from reports.page import Table, Tile, columns

MICRO = 1e6
KINDS = {"sim": "simulation", "rehearsal": "rehearsal", "paper": "paper trading"}
DECISIONS_DIFFER = "decisions differ"


@dataclass(frozen=True, slots=True)
class Summary:
    """What the head says; `word` is a verdict of equivalence, or that decisions differ."""

    word: str
    sentence: str
    identity: list[tuple[str, str]]
    tiles: list[Tile]
    parity: Table
    states: list[Table]
    counts: Table
    limits: list[str]


def summary(findings: Findings) -> Summary:
    """The head of the page."""
    failed = [parity for parity in findings.replayed.parity if parity.ok is False]
    word = DECISIONS_DIFFER if failed else findings.verdict.verdict
    return Summary(
        word,
        _sentence(findings, bool(failed)),
        _identity(findings),
        _tiles(findings),
        _parity(findings),
        [_states(parity) for parity in failed],
        _counts(findings),
        findings.limits,
    )


def _sentence(findings: Findings, failed: bool) -> str:
    if failed:
        return "A run’s own inputs do not give its own decisions again. Until that is understood, nothing below counts."
    verdict, margin = findings.verdict, formats.bp(findings.verdict.margin)
    if not verdict.n:
        return "No order filled in both runs, so no prices can be compared."
    gap = f"On average the run paid {formats.bp(verdict.mean, 2, plus=True)} an order beyond the simulation"
    if formats.unknown(verdict.low):
        return f"{gap}, over one day; {verdict.sentence}."
    interval = f"{formats.bp(verdict.low, 2, plus=True)} to {formats.bp(verdict.high, 2, plus=True)}"
    return f"{gap}, 90 % interval {interval}, margin ±{margin}: {verdict.sentence}."


def _identity(findings: Findings) -> list[tuple[str, str]]:
    run, simulation, days = findings.run.run, findings.simulation.run, findings.curves.days
    found = [
        ("Run", f"{run['run_id']}, {KINDS.get(str(run['kind']), str(run['kind']))}"),
        ("Measured against", f"{simulation['run_id']}, {KINDS.get(str(simulation['kind']), str(simulation['kind']))}"),
    ]
    if len(days):
        span = f"{formats.day(int(days[0]))} to {formats.day(int(days[-1]))}"
        found.append(("Sessions in both", f"{len(days)}, {span}"))
    return found


def _tiles(findings: Findings) -> list[Tile]:
    attribution, verdict, found = findings.replayed.attribution, findings.verdict, counts(findings.matching)
    profits = (None, None) if attribution is None else tuple(value / MICRO for value in attribution.recorded)
    difference = None if profits[0] is None or profits[1] is None else profits[1] - profits[0]
    lonely = found["run_only"] + found["simulation_only"]
    return [
        Tile("Profit of the run", formats.money(profits[1], plus=True), ""),
        Tile("Profit of the simulation", formats.money(profits[0], plus=True), ""),
        Tile("Difference", formats.money(difference, plus=True), "run less simulation", _tone(difference)),
        Tile("Trades in both", formats.count(found["matched"]), f"{lonely:,} in one of them only"),
        Tile("Other outcome", formats.count(found["different_outcome"]), "of the trades in both"),
        Tile("Mean price gap", formats.bp(verdict.mean, 2, plus=True), formats.plural(verdict.n, "order")),
        Tile("Deviation of the gap", formats.bp(verdict.deviation, 2), formats.plural(verdict.days, "day")),
        Tile("Orders needed", formats.count(verdict.needed), "for this margin at this deviation"),
        Tile("Correlation", formats.factor(findings.curves.correlation, 3), "of session returns"),
        Tile("Tracking error", formats.percent(findings.curves.tracking_error), "a year"),
    ]


def _tone(value: float | None) -> str:
    return "" if value is None else "gain" if value > 0 else "loss" if value < 0 else ""


def _parity(findings: Findings) -> Table:
    words = {True: "identical", False: "not identical", None: formats.NOT_MEASURED}
    rows = [(p.run, p.decisions, p.sentence, words[p.ok]) for p in findings.replayed.parity]
    note = "Each run’s recorded inputs are replayed; its decisions must come out bit for bit."
    return Table(columns("Run", "Decisions|count", "Finding", "Result|state"), rows, "Decision parity", note=note)


def _states(parity: DecisionParity) -> Table:
    first = parity.divergence
    assert first is not None
    keys = dict.fromkeys((*first.recorded_state, *first.replayed_state))
    rows = [("the decision’s " + first.field, first.recorded, first.replayed)]
    rows += [(formats.words(key), _value(first.recorded_state, key), _value(first.replayed_state, key)) for key in keys]
    caption = f"State at decision {first.sequence:,} of {parity.run}, {formats.second(first.time)}"
    return Table(columns("What", "Recorded", "Replayed"), rows, caption)


def _value(state: object, key: str) -> str:
    value = state.get(key) if isinstance(state, dict) else None
    return formats.NOT_MEASURED if value is None else f"{value:,.6f}" if isinstance(value, float) else str(value)


def _counts(findings: Findings) -> Table:
    found = counts(findings.matching)
    rows = [
        ("In both, with the same outcome", found["same_outcome"]),
        ("In both, with another outcome", found["different_outcome"]),
        ("In the run only", found["run_only"]),
        ("In the simulation only", found["simulation_only"]),
    ]
    placed = found["matched_by_place"]
    note = (
        f"{placed:,} were matched by strategy, symbol and bar, because the two runs give signals other identities."
        if placed
        else "Trades are matched by the identity of their intent."
    )
    return Table(columns("Trades", "Number|count"), rows, "What became of the same signals", note=note)
