"""All that is found about two runs, before any of it becomes a page or a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.comparison import Replayed
from core.datasets.dataset import Dataset
from core.runs import Run
from core.statistics.equivalence import Equivalence
from reports.comparison.common import common_part
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
from reports.configuration import config_changes
from reports.facts import Facts

MOST_NAMES = 6


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
    common = common_part(Facts(sources.run), Facts(sources.simulation))
    run, simulation = common.run, common.simulation
    matching = match_runs(run.source, simulation.source)
    if not len(common.days):
        matching = matching.apart()
    ours = [match.run for match in matching.matched] + [intent for intent, _ in matching.run_only]
    theirs = [match.simulation for match in matching.matched] + [intent for intent, _ in matching.simulation_only]
    prices, other = _prices(sources)
    gaps = order_gaps(matching.matched)
    compared = None
    if prices is not None and other is not None and prices is not other and prices.bar_ns == other.bar_ns:
        compared = revisions_of(prices, other, ours)
    return Findings(
        sources,
        run,
        simulation,
        replayed,
        matching,
        (ours, theirs),
        gaps,
        (costs_of(ours, prices), costs_of(theirs, other)),
        compare_curves(run, simulation),
        compare_distributions(run, simulation, ours, theirs),
        verdict_of(gaps, sources.margin),
        compared,
        prices,
        [*common.left_out, *_limits(run, simulation, sources, prices, replayed)],
    )


def _prices(sources: Sources) -> tuple[Prices | None, Prices | None]:
    """Prices of the run and of the simulation, the same where the data are."""
    same = same_data(sources.run, sources.simulation)
    prices = Prices(sources.run_data) if sources.run_data is not None else None
    if same:
        return prices, prices
    return prices, Prices(sources.simulation_data) if sources.simulation_data is not None else None


def same_data(run: Run, simulation: Run) -> bool:
    """Whether two runs were made on the same version of the same data."""
    return bool(run.run["data"][0]["manifest_sha256"] == simulation.run["data"][0]["manifest_sha256"])


def _limits(run: Facts, simulation: Facts, sources: Sources, prices: Prices | None, replayed: Replayed) -> list[str]:
    """What cannot be compared, one sentence each."""
    found = []
    if replayed.attribution is None:
        found.append(f"The difference is not attributed and no haircut is given: {replayed.reason}.")
        found += _settings(run, simulation)
    found += _symbols(run, simulation, sources)
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


def _settings(run: Facts, simulation: Facts) -> list[str]:
    """Keys in which the configurations differ, where no attribution lists them."""
    keys = [key for key, _, _ in config_changes(simulation.config, run.config)]
    if not keys:
        return []
    return [f"The configurations differ in {_listed(keys)}."]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
    return f"{', '.join(names[:MOST_NAMES])}{more}"


def _symbols(run: Facts, simulation: Facts, sources: Sources) -> list[str]:
    """Symbols that one run alone could trade: those of its data, else those that it had signals in."""
    datasets = sources.run_data, sources.simulation_data
    ours, theirs = (
        set(data.symbols if data is not None else facts.decisions.symbol.names)
        for data, (_, facts) in zip(datasets, _named(run, simulation), strict=True)
    )
    alone = [
        f"{_listed(sorted(mine - others))} only in the {name}"
        for name, mine, others in (("run", ours, theirs), ("simulation", theirs, ours))
        if mine - others
    ]
    if not alone:
        return []
    return [f"The runs have different symbols: {'; '.join(alone)}. Their trades have no counterpart in the other run."]


def _named(run: Facts, simulation: Facts) -> tuple[tuple[str, Facts], tuple[str, Facts]]:
    return ("run", run), ("simulation", simulation)
