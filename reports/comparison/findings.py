"""All that is found about two runs, before any of it becomes a page or a document."""

from __future__ import annotations

from dataclasses import dataclass

from core.comparison import Replayed
from core.datasets.dataset import Dataset
from core.runs import Run
from core.statistics.equivalence import Equivalence
from reports import formats
from reports.comparison.costs import Costs, OrderGaps, costs_of, order_gaps
from reports.comparison.likeness import (
    Curves,
    Distribution,
    compare_curves,
    compare_distributions,
    verdict_of,
)
from reports.comparison.matching import Intent, Matching, match_runs
from reports.comparison.prices import Prices
from reports.comparison.revisions import Revisions, revisions_of
from reports.facts import Facts


@dataclass(frozen=True, slots=True)
class Sources:
    """The two runs with the data that they were made on, None where these are not to be had; `margin` in bp."""

    run: Run
    simulation: Run
    run_data: Dataset | None
    simulation_data: Dataset | None
    margin: float


@dataclass(frozen=True, slots=True)
class Findings:
    """What the pages and the document tell; `limits` says what could not be compared, and why.

    `intents` are all of the run and all of the simulation, matched or not.
    """

    sources: Sources
    run: Facts
    simulation: Facts
    replayed: Replayed
    matching: Matching
    intents: tuple[list[Intent], list[Intent]]
    gaps: OrderGaps
    costs: tuple[Costs, Costs]
    curves: Curves
    distributions: list[Distribution]
    verdict: Equivalence
    revisions: Revisions | None
    prices: Prices | None
    limits: list[str]


def find(sources: Sources, replayed: Replayed) -> Findings:
    """Compare two runs. Raises InputError when a table cannot be read."""
    run, simulation = Facts(sources.run), Facts(sources.simulation)
    matching = match_runs(sources.run, sources.simulation)
    ours = [match.run for match in matching.matched] + [intent for intent, _ in matching.run_only]
    theirs = [match.simulation for match in matching.matched] + [intent for intent, _ in matching.simulation_only]
    same_data = sources.run.run["data"][0]["manifest_sha256"] == sources.simulation.run["data"][0]["manifest_sha256"]
    prices = Prices(sources.run_data) if sources.run_data is not None else None
    other = prices if same_data else Prices(sources.simulation_data) if sources.simulation_data is not None else None
    gaps = order_gaps(matching.matched)
    curves = compare_curves(run, simulation)
    compared = None if same_data or prices is None or other is None else revisions_of(prices, other, ours)
    return Findings(
        sources,
        run,
        simulation,
        replayed,
        matching,
        (ours, theirs),
        gaps,
        (costs_of(ours, prices), costs_of(theirs, other)),
        curves,
        compare_distributions(run, simulation, ours, theirs),
        verdict_of(gaps, sources.margin),
        compared,
        prices,
        _limits(run, simulation, curves, prices, replayed),
    )


def _limits(run: Facts, simulation: Facts, curves: Curves, prices: Prices | None, replayed: Replayed) -> list[str]:
    """What cannot be compared, one sentence each."""
    found = []
    if replayed.attribution is None:
        found.append(f"The difference is not attributed and no haircut is given: {replayed.reason}.")
    if curves.left_out:
        spans = " and ".join(f"the {name} {_span(facts)}" for name, facts in _named(run, simulation))
        found.append(f"Only {formats.plural(len(curves.days), 'session')} are in both runs: {spans}.")
    silent = [name for name, facts in _named(run, simulation) if not len(facts.fills)]
    if silent:
        found.append(f"The {' and the '.join(silent)} has no fills, so no prices are compared.")
    if prices is None:
        found.append(
            "The data of the run are not at hand: markouts, opportunity cost and price strips are not measured."
        )
    else:
        if not prices.quoted:
            found.append("The data have no quotes: a mid is the price of the bar's path, a spread that of the profile.")
        seconds = prices.bar_ns // 1_000_000_000
        found.append(f"Bars are {seconds} s long: no markout is measured at a shorter horizon.")
    versions = [str(facts.run["code_version"]) for _, facts in _named(run, simulation)]
    if versions[0] != versions[1]:
        found.append(f"The run was made by version {versions[0]}, the simulation by {versions[1]}.")
    return found


def _named(run: Facts, simulation: Facts) -> tuple[tuple[str, Facts], tuple[str, Facts]]:
    return ("run", run), ("simulation", simulation)


def _span(facts: Facts) -> str:
    days = facts.equity.days
    return f"has {formats.day(int(days[0]))} to {formats.day(int(days[-1]))}" if len(days) else "has none"
