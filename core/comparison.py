"""What a comparison of two runs finds by replay, as plain data: made where an engine is, drawn where a page is.

The *run* is the one in question, most often paper or a rehearsal; the *simulation* is what it is measured against.
Money is int64 micro-dollars, so that parts add up to their whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]

SCHEMA = 1
"""Version of the document that a comparison leaves, compare.json."""

FACTORS = ("data", "latency", "fill model", "risk and config", "strategy and state")
"""What can make two runs differ, in the order of the bits of a set of factors; a bit set means: as in the run."""


class Place(NamedTuple):
    """Where a trade began, whatever its identity: strategy, symbol and start of the signal's bar, ns UTC."""

    strategy: str
    symbol: str
    bar_time: int


class Change(NamedTuple):
    """An input that differs: its key, and its value in the simulation and in the run."""

    factor: str
    key: str
    simulation: str
    run: str


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first decision that a replay of a run's own journal does not repeat.

    `sequence` counts decisions from 1; `recorded_state` and `replayed_state` hold the account at that moment.
    """

    sequence: int
    time: int
    intent: str
    field: str
    recorded: str
    replayed: str
    recorded_state: Mapping[str, Any]
    replayed_state: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DecisionParity:
    """Whether a run's own inputs give its own decisions again, bit for bit; `reason` says why it is not known."""

    run: str
    decisions: int
    divergence: Divergence | None
    reason: str = ""

    @property
    def ok(self) -> bool | None:
        """None where it is not measured."""
        return None if self.reason else self.divergence is None

    @property
    def sentence(self) -> str:
        """The finding in words."""
        if self.reason:
            return f"not measured: {self.reason}"
        if self.divergence is None:
            return f"identical over {self.decisions:,} decisions"
        first = self.divergence
        return f"decision {first.sequence:,}, {first.field}: recorded {first.recorded}, replayed {first.replayed}"


@dataclass(frozen=True, slots=True)
class Attribution:
    """Why the two runs earned differently.

    values    int64 (32,) profit of every combination; the last is the run's inputs, the first the simulation's
    low, high int64 (5,) smallest and largest step of a factor over all orders in which factors can be changed
    places    the trades, by place, and at the end None for what belongs to no trade
    profits   int64 (2, k) profit of each trade: simulation, run
    shares    int64 (5, k) each trade's shares; columns add up to the profits' difference
    recorded  profit that the two runs themselves recorded up to the last common session: simulation, run
    replays   how many different replays the 32 combinations took
    """

    changes: tuple[Change, ...]
    values: Int64s
    low: Int64s
    high: Int64s
    places: tuple[Place | None, ...]
    profits: Int64s
    shares: Int64s
    recorded: tuple[int, int]
    replays: int

    @property
    def total(self) -> Int64s:
        """int64 (5,) shares of the whole difference, the sums of the trades'."""
        return np.asarray(self.shares.sum(axis=1))

    @property
    def unexplained(self) -> tuple[int, int]:
        """What the record has beyond the replay of its own inputs: simulation, run; 0 when they are repeatable."""
        return self.recorded[0] - int(self.values[0]), self.recorded[1] - int(self.values[-1])


class Outcome(NamedTuple):
    """One replay of the haircut: venue profile, path through a bar, profit in micros, trades."""

    profile: str
    path: str
    profit: int
    trades: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """All that replays can say about two runs; without attribution and haircut there is a reason for it."""

    parity: tuple[DecisionParity, ...]
    attribution: Attribution | None
    reason: str
    haircut: tuple[Outcome, ...]
