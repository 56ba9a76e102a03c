"""Delays between engine and venue, each direction by itself, drawn from a hash of what is being delayed.

A delay is its base, spread evenly by ± `jitter`. The draw depends on the seed, the order's identity and how many
messages that order has had, never on what else happened: simulation and rehearsal draw alike. News travels on one
stream, so what is drawn is how long it takes at least: it is never heard before older news of the same symbol.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.digest import mix, unit
from core.kernel.units import NANO
from sim.types import Profile, VenueOrder


@kernel
def delay(profile: Profile, base: int, identity: int, count: int) -> int:
    """Nanoseconds of one delay; 0 stays 0."""
    if base == 0 or profile.jitter == 0:
        return base
    draw = 2.0 * unit(mix(mix(mix(profile.seed, identity), count), base)) - 1.0
    return base + int(draw * float(base) * (float(profile.jitter) / float(NANO)))


@kernel
def identity(intent: int, leg: VenueOrder) -> int:
    """What an order is known by wherever it goes: its intent and its leg."""
    return mix(intent, leg)
