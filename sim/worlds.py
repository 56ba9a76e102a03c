"""All that determines a run, and mixtures of two such worlds, factor by factor.

    data                bars, quotes, calendar, halts, faults of market and data; the versions of bars that the run saw
    latency             every delay of [venue]; of a paper run the recorded delay of each order
    fill model          the rest of [venue], faults of the broker and of our process, and what chance draws from, seed
                        and name; of paper its recorded fills
    risk and config     [account], [risk], [sizing], [orders], [breaker], and the fees
    strategy and state  [strategies], the code's model versions, the sessions of warm-up

A rehearsal's broker is the simulated venue, so its configuration says all; only paper has a script.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.comparison import FACTORS, Change
from core.config import load_settings
from core.datasets.dataset import Dataset
from core.errors import InputError
from core.runs import Run
from core.settings.faults import Fault
from core.settings.scenario import Settings
from core.settings.values import duration_text
from core.strategies.contract import Strategy
from sim import scenario
from sim.recording import Script, script_of

DATA, LATENCY, FILL_MODEL, CONFIG, STRATEGY = range(len(FACTORS))
DELAYS = ("submit_latency", "cancel_latency", "ack_latency", "fill_latency", "feed_latency", "latency_jitter")
FEES = ("fees", "sec_fee", "taf_fee", "taf_cap")
MARKET_FAULTS, BROKER_FAULTS = ("data", "market"), ("broker", "operator")
CONFIG_SECTIONS = ("account", "risk", "sizing", "orders", "breaker")


@dataclass(frozen=True, slots=True)
class World:
    """The inputs of a run; `script` replaces modelled delays and fills by recorded ones where it is asked to."""

    settings: Settings
    dataset: Dataset
    strategies: list[Strategy]
    script: Script | None = None
    scripted_latency: bool = False
    scripted_fills: bool = False


def world_of(run: Run, bars: Path | None = None) -> World:
    """The world of a recorded run.

    Its data are the bars that it kept, else those of its configuration; `bars` says where they lie now. Raises
    InputError when they cannot be found, are not what the run was made on, or a strategy cannot be loaded.
    """
    kept = bars is None and (run.path / "bars").is_dir()
    place = run.path / "bars" if kept else bars
    overrides = {"data.bars": str(place.resolve())} if place is not None else {}
    settings = load_settings(run.path / "config.toml", overrides)
    dataset = _recorded_data(run, settings, kept)
    script = script_of(run) if run.run["kind"] == "paper" else None
    scripted = script is not None
    return World(settings, dataset, scenario.load_strategies(settings), script, scripted, scripted)


def _recorded_data(run: Run, settings: Settings, kept: bool) -> Dataset:
    recorded = run.run["data"][0]
    try:
        dataset = scenario.open_data(settings)
    except InputError as error:
        if kept:
            raise
        problem = f"the data that it was made on, {recorded['folder']}, cannot be used: {error.place} {error.problem}"
        raise InputError(str(run.path), problem, "Say with --bars where it is now.") from None
    if not kept and dataset.manifest_sha256 != recorded["manifest_sha256"]:
        before = recorded["manifest_sha256"]
        problem = f"has the hash {dataset.manifest_sha256[:12]}…, and the run was made on {before[:12]}…"
        raise InputError(str(dataset.folder), problem, "Say with --bars where the run's own data is.")
    return dataset


def sharing(world: World, other: World) -> World:
    """The same world, with the data and the strategies of another one where they are equal, to be read once."""
    a, b = world.dataset, other.dataset
    same_days = np.array_equal(a.sessions["date"], b.sessions["date"])
    if a.manifest_sha256 == b.manifest_sha256 and a.symbols == b.symbols and same_days:
        world = replace(world, dataset=b)
    versions = [[strategy.model_version for strategy in side.strategies] for side in (world, other)]
    if world.settings.strategies == other.settings.strategies and versions[0] == versions[1]:
        world = replace(world, strategies=other.strategies)
    return world


def mixed(simulation: World, run: World, members: int) -> World:
    """The world with the factors whose bits are set in `members` as in the run, and the others as in the simulation."""
    data, latency, fills, config, strategy = (run if members >> i & 1 else simulation for i in range(len(FACTORS)))
    venue = fills.settings.venue
    venue = venue.model_copy(update={key: getattr(latency.settings.venue, key) for key in DELAYS})
    venue = venue.model_copy(update={key: getattr(config.settings.venue, key) for key in FEES})
    warm_up = {"warm_up_sessions": strategy.settings.data.warm_up_sessions}
    settings = data.settings.model_copy(
        update={
            "name": fills.settings.name,
            "seed": fills.settings.seed,
            "faults": _mixed_faults(data.settings, fills.settings),
            "data": data.settings.data.model_copy(update=warm_up),
            "venue": venue,
            "strategies": strategy.settings.strategies,
            **{section: getattr(config.settings, section) for section in CONFIG_SECTIONS},
        }
    )
    script = run.script if latency.scripted_latency or fills.scripted_fills else None
    return World(settings, data.dataset, strategy.strategies, script, latency.scripted_latency, fills.scripted_fills)


def _mixed_faults(data: Settings, fills: Settings) -> tuple[Fault, ...]:
    """Faults of market and data as in the one, faults of the broker and of our own process as in the other."""
    if data.faults == fills.faults:
        return data.faults
    return (*_faults_of(data, MARKET_FAULTS), *_faults_of(fills, BROKER_FAULTS))


def _faults_of(settings: Settings, groups: tuple[str, ...]) -> tuple[Fault, ...]:
    return tuple(fault for fault in settings.faults if fault.rule.group in groups)


def under(world: World, profile: str, path: str) -> World:
    """The same world at a venue of another profile, whose own numbers hold, with another path through each bar."""
    kept = {"path": path, "use_quotes": world.settings.venue.use_quotes}
    venue = type(world.settings.venue).model_validate({"profile": profile, **kept})
    settings = world.settings.model_copy(update={"venue": venue})
    return replace(world, settings=settings, script=None, scripted_latency=False, scripted_fills=False)


def changes(simulation: World, run: World) -> tuple[Change, ...]:
    """Every input in which the two worlds differ, by factor."""
    found = []
    for factor, (a, b) in enumerate(zip(_inputs(simulation), _inputs(run), strict=True)):
        for key in dict.fromkeys([*a, *b]):
            before, after = a.get(key), b.get(key)
            if before != after:
                found.append(Change(FACTORS[factor], key, _text(key, before), _text(key, after)))
    return tuple(found)


def _inputs(world: World) -> Iterator[Mapping[str, Any]]:
    """The inputs of each factor by key, in the order of FACTORS."""
    settings, venue = world.settings, world.settings.venue
    yield {
        "data": world.dataset.manifest_sha256,
        "symbols": world.dataset.symbols,
        "halts": settings.halts,
        "faults": _faults_of(settings, MARKET_FAULTS),
    }
    yield {f"venue.{key}": getattr(venue, key) for key in DELAYS} | {"recorded latency": world.scripted_latency}
    rest = [key for key in type(venue).model_fields if key not in (*DELAYS, *FEES, "calibration")]
    yield {
        **{f"venue.{key}": getattr(venue, key) for key in rest},
        "seed": settings.seed,
        "name": settings.name,
        "faults": _faults_of(settings, BROKER_FAULTS),
        "recorded fills": world.scripted_fills,
    }
    config = {f"venue.{key}": getattr(venue, key) for key in FEES}
    for section in CONFIG_SECTIONS:
        values = getattr(settings, section)
        config |= {f"{section}.{key}": getattr(values, key) for key in type(values).model_fields}
    yield config
    state: dict[str, Any] = {"data.warm_up_sessions": settings.data.warm_up_sessions}
    for (name, given), strategy in zip(settings.strategies.items(), world.strategies, strict=True):
        state |= {f"strategies.{name}.{key}": value for key, value in given.model_dump().items()}
        state[f"strategies.{name} model version"] = strategy.model_version
    yield state


def _text(key: str, value: Any) -> str:
    if value is None:
        return "none"
    if key.endswith("_latency"):
        return duration_text(value)
    if key == "data":
        return f"{value[:12]}…"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value) or "none"
    return str(value)
