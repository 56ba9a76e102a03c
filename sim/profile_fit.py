"""Fitting a venue profile to recorded fills: delays, spread, and how often an order fills in parts.

What can be measured, and what the venue makes of it:

    delay    base (1 ± jitter), evenly spread; one jitter for all delays (latency.py). One observation in a hundred is
             allowed to lie anywhere, on an exponential of three times the base, so that a hiccup costs little
    spread   market orders pay half-spread and slippage beyond the mid; what they paid is Laplace around the profile's
             number, which makes the median the best fit
    partial  an execution of two shares or more leaves a remainder with the profile's probability

The days are split in time: two thirds to fit, one to judge. A part is taken only if the orders of the judging days are
more likely under the fitted numbers than under those in force, by an interval (by day, 90 %) that does not reach 0.
Then it is fitted again, on all days. Numbers that better none of it are worse than none: nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from core.config import load_settings
from core.errors import InputError
from core.profiles import Profile
from core.runs import Run
from core.settings.values import duration_text
from core.settings.venue import PROFILES, Venue
from core.statistics.blocks import Interval, mean_interval
from sim.profile_data import DELAYS, Observations, Sample, observe

Floats = npt.NDArray[np.float64]

LEAST_ORDERS = 30
LEAST_DAYS = 6
OUTLIERS = 0.01
LEAST_SCALE = 0.05  # bp; prices end at the micro, so a spread is never known better
LEAST_BASE = 1e-3  # milliseconds
Numbers = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a profile: its numbers in force and fitted, and the gain in log likelihood an order, judged.

    `reason` says why the part is not taken; empty when it is.
    """

    name: str
    orders: int
    days: int
    before: Numbers
    after: Numbers
    gain: Interval | None
    reason: str


@dataclass(frozen=True, slots=True)
class Fit:
    """The outcome: every part, and the profile where at least one was taken."""

    parts: tuple[Part, ...]
    profile: Profile | None


@dataclass(frozen=True, slots=True)
class _Model:
    """A part's model: fit numbers to samples, and the log likelihood of each observation under some."""

    name: str
    fit: Callable[[Mapping[str, Sample]], Numbers]
    likelihood: Callable[[Mapping[str, Sample], Numbers], Floats]


def fit_profile(runs: Sequence[Run], name: str | None = None) -> Fit:
    """Fit the profile that the runs share to what they recorded.

    Raises InputError when they were not made under the same profile.
    """
    venue = _shared_venue(runs)
    observed = observe(runs, float(venue.participation) > 0)
    parts = tuple(_judged(model, observed, _numbers(venue, model.name)) for model in _models(venue))
    taken = [part for part in parts if not part.reason]
    if not taken:
        return Fit(parts, None)
    kept = venue.model_dump(include=set(PROFILES[venue.profile]))
    values = kept | {key: _setting(key, value) for part in taken for key, value in part.after.items()}
    told = {
        part.name: {
            "orders": part.orders,
            "days": part.days,
            "gain": round(part.gain.value, 4) if part.gain is not None else 0.0,
        }
        for part in taken
    }
    identities = [str(run.run["run_id"]) for run in runs]
    return Fit(parts, Profile(name or _next_name(venue), venue.profile, identities, values, told))


def _shared_venue(runs: Sequence[Run]) -> Venue:
    venues = [load_settings(run.path / "config.toml").venue for run in runs]
    for run, venue in zip(runs, venues, strict=True):
        if venue != venues[0]:
            problem = f"was made under another profile than {runs[0].path.name}"
            raise InputError(f"{run.path}: venue", problem, "Calibrate from runs of one profile at a time.")
    return venues[0]


def _next_name(venue: Venue) -> str:
    """alpaca_paper-v1 after alpaca_paper, and -v2 after that."""
    stem, _, version = venue.profile_name.rpartition("-v")
    return f"{stem}-v{int(version) + 1}" if stem and version.isdigit() else f"{venue.profile_name}-v1"


def _judged(model: _Model, observed: Observations, before: Numbers) -> Part:
    samples = observed.of(model.name)
    days = np.unique(np.concatenate([sample.day for sample in samples.values()])) if samples else np.zeros(0)
    orders = sum(len(sample) for sample in samples.values())
    known = (model.name, orders, len(days), before)
    if orders < LEAST_ORDERS or len(days) < LEAST_DAYS:
        reason = f"{orders} observations over {len(days)} days; it takes {LEAST_ORDERS} over {LEAST_DAYS}"
        return Part(*known, before, None, reason)
    edge = days[len(days) * 2 // 3]
    early = {key: sample.take(sample.day < edge) for key, sample in samples.items()}
    late = {key: sample.take(sample.day >= edge) for key, sample in samples.items()}
    fitted = {**before, **model.fit({key: sample for key, sample in early.items() if len(sample)})}
    gains = model.likelihood(late, fitted) - model.likelihood(late, before)
    gain = mean_interval(gains, np.concatenate([sample.day for sample in late.values()]))
    if not gain.low > 0.0:
        return Part(*known, fitted, gain, "the days held back are no likelier under the fitted numbers")
    return Part(*known, {**before, **model.fit(samples)}, gain, "")


def _models(venue: Venue) -> tuple[_Model, ...]:
    """The models of the three parts; what the profile gives up to slippage is no spread."""
    slippage = float(venue.slippage_bps)
    return (
        _Model("latency", _fit_delays, _likelihood_of_delays),
        _Model("spread", lambda s: _fit_spread(s, slippage), lambda s, n: _likelihood_of_spread(s, n, slippage)),
        _Model("partial", _fit_partial, _likelihood_of_partial),
    )


def _numbers(venue: Venue, part: str) -> Numbers:
    """The profile's numbers of a part: milliseconds, basis points, shares."""
    if part == "latency":
        delays = {key: getattr(venue, key) / 1e6 for key in DELAYS}
        return {**delays, "latency_jitter": float(venue.latency_jitter)}
    key = "half_spread_bps" if part == "spread" else "partial_probability"
    return {key: float(getattr(venue, key))}


def _fit_delays(samples: Mapping[str, Sample]) -> Numbers:
    """Each base the middle of the inner 98 %, then the jitter that makes all delays together likeliest."""
    bases = {}
    for key, sample in samples.items():
        low, high = np.quantile(sample.value, [0.01, 0.99])
        bases[key] = max(float(low + high) / 2.0, LEAST_BASE)
    jitters = np.linspace(0.01, 1.0, 100)
    totals = [float(_likelihood_of_delays(samples, {**bases, "latency_jitter": j}).sum()) for j in jitters]
    return {**bases, "latency_jitter": round(float(jitters[int(np.argmax(totals))]), 2)}


def _likelihood_of_delays(samples: Mapping[str, Sample], numbers: Numbers) -> Floats:
    """Log density of each delay, (n,), in the order of the samples."""
    jitter = max(numbers["latency_jitter"], 0.01)
    found = []
    for key, sample in samples.items():
        base = max(numbers[key], LEAST_BASE)
        even = (np.abs(sample.value - base) <= base * jitter * (1 + 1e-9)) / (2.0 * base * jitter)
        stray = np.exp(-sample.value / (3.0 * base)) / (3.0 * base)
        found.append(np.log((1.0 - OUTLIERS) * even + OUTLIERS * np.maximum(stray, 1e-12)))
    return np.concatenate(found)


def _fit_spread(samples: Mapping[str, Sample], slippage: float) -> Numbers:
    return {"half_spread_bps": max(round(float(np.median(samples["spread"].value)) - slippage, 3), 0.0)}


def _likelihood_of_spread(samples: Mapping[str, Sample], numbers: Numbers, slippage: float) -> Floats:
    """Laplace around half-spread and slippage, with the scale that fits these numbers best."""
    apart = np.abs(samples["spread"].value - numbers["half_spread_bps"] - slippage)
    scale = max(float(apart.mean()), LEAST_SCALE)
    return np.asarray(-apart / scale - np.log(2.0 * scale))


def _fit_partial(samples: Mapping[str, Sample]) -> Numbers:
    """The share of executions that left a remainder, drawn half an observation towards the middle (Jeffreys)."""
    left = samples["partial"].value
    return {"partial_probability": round(float((left.sum() + 0.5) / (len(left) + 1.0)), 4)}


def _likelihood_of_partial(samples: Mapping[str, Sample], numbers: Numbers) -> Floats:
    p = float(np.clip(numbers["partial_probability"], 1e-3, 1.0 - 1e-3))
    return np.asarray(np.where(samples["partial"].value > 0.0, np.log(p), np.log(1.0 - p)), np.float64)


def _setting(key: str, value: float) -> Any:
    """A fitted number as [venue] writes it."""
    return duration_text(round(value * 10) * 100_000) if key in DELAYS else Decimal(str(round(value, 6)))
