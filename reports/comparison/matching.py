"""Which order of the run is which of the simulation, and what became of each: counts, before any price is compared.

An intent is one wish to open a position, approved by the risk agent; its orders are the entry and whatever closed the
trade. Intents are matched by their identity, which is equal in every kind of run. Where the identity itself differs,
because name, seed or model version do, they are matched by place: strategy, symbol, and bar of the signal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.comparison import Place
from core.runs import Run
from reports import formats
from reports.columns import floats, labels, times
from reports.formats import NEVER

ELSEWHERE = "it has no such session"
LEGS = ("entry", "target", "stop", "exit", "flatten")


@dataclass(frozen=True, slots=True)
class Leg:
    """What an intent's orders of one role did: shares, mean prices by shares, dollars of fees, times in ns UTC.

    `qty` are the shares ordered; `kind` the order type; prices NaN and times NEVER where nothing filled.
    """

    side: int
    kind: str
    qty: float
    filled: float
    price: float
    mid: float
    mid_arrival: float
    mid_decision: float
    half: float
    fees: float
    submitted: int
    accepted: int
    ended: int
    time: int
    received: int


@dataclass(frozen=True, slots=True)
class Intent:
    """One approved wish to open a position; `row` is that of its decision, `due` the end of its signal's bar."""

    identity: str
    place: Place
    row: int
    due: int
    decided: int
    side: str
    qty: float
    legs: Mapping[str, Leg]

    @property
    def outcome(self) -> str:
        """What became of the entry: filled, partial, not filled or not sent."""
        entry = self.legs.get("entry")
        if entry is None:
            return "not sent"
        return "not filled" if not entry.filled else "filled" if entry.filled >= entry.qty else "partial"

    @property
    def closed_by(self) -> str:
        """Roles that closed the position, or "open"."""
        roles = [role for role in LEGS[1:] if role in self.legs and self.legs[role].filled]
        return " and ".join(roles) or "open"


@dataclass(frozen=True, slots=True)
class Match:
    """One intent in both runs; `by_place` where the identities differ."""

    run: Intent
    simulation: Intent
    by_place: bool

    @property
    def same_outcome(self) -> bool:
        """Whether the entries ended alike, and the positions were closed in the same way."""
        return self.run.outcome == self.simulation.outcome and self.run.closed_by == self.simulation.closed_by


@dataclass(frozen=True, slots=True)
class Matching:
    """Intents in both, in the run only, and in the simulation only; the latter two with why the other has none."""

    matched: list[Match]
    run_only: list[tuple[Intent, str]]
    simulation_only: list[tuple[Intent, str]]

    def apart(self) -> Matching:
        """The same of runs that have no session in common, where none could have made the other's trades."""
        both = ([(intent, ELSEWHERE) for intent, _ in side] for side in (self.run_only, self.simulation_only))
        return Matching([], *both)


def match_runs(run: Run, simulation: Run) -> Matching:
    """Match the approved openings of two runs."""
    ours, theirs = _Openings(run), _Openings(simulation)
    by_identity = {intent.identity: intent for intent in theirs.approved}
    by_place = {intent.place: intent for intent in theirs.approved}
    matched, lonely = [], []
    for intent in ours.approved:
        other = by_identity.get(intent.identity)
        placed = other is None
        other = by_place.get(intent.place) if other is None else other
        if other is None:
            lonely.append((intent, theirs.fate(intent)))
        else:
            matched.append(Match(intent, other, placed))
    taken = {match.simulation.identity for match in matched}
    rest = [(intent, ours.fate(intent)) for intent in theirs.approved if intent.identity not in taken]
    return Matching(matched, lonely, rest)


class _Openings:
    """The wishes to open of one run: those approved with their orders, and what became of the others."""

    def __init__(self, run: Run) -> None:
        names = "intent_id time bar_time strategy symbol side action verdict refusal_codes qty"
        table = run.table("decisions", names.split())
        opening = labels(table, "action").among("open")
        approved = labels(table, "verdict").among("approved")
        strategies, symbols, sides = (labels(table, name) for name in ("strategy", "symbol", "side"))
        starts, decided, qty = times(table, "bar_time"), times(table, "time"), floats(table, "qty")
        identities, codes = table["intent_id"].to_pylist(), table["refusal_codes"]
        legs, bar = _legs(run), int(run.run["bar_seconds"]) * 1_000_000_000
        self.approved: list[Intent] = []
        self._refused: dict[Place, str] = {}
        for row in np.flatnonzero(opening).tolist():
            place = Place(strategies.at(row), symbols.at(row), int(starts[row]))
            if approved[row]:
                known = legs.get(identities[row], {})
                what = (place, row, place.bar_time + bar, int(decided[row]), sides.at(row), float(qty[row]))
                self.approved.append(Intent(identities[row], *what, known))
            else:
                self._refused[place] = ", ".join(formats.words(code) for code in codes[row].as_py())

    def fate(self, intent: Intent) -> str:
        """Why this run has no order for an intent of the other one."""
        refused = self._refused.get(intent.place)
        return f"refused: {refused}" if refused else "no such signal"


def _legs(run: Run) -> dict[str, dict[str, Leg]]:
    """Legs of every intent by role."""
    names = "client_order_id symbol side role type qty filled_qty submitted_at accepted_at terminal_at"
    orders = run.table("orders", names.split())
    identities = orders["client_order_id"].to_pylist()
    fills = _Fills(run)
    found: dict[str, dict[str, Leg]] = {}
    roles, sides, kinds = labels(orders, "role"), labels(orders, "side"), labels(orders, "type")
    qty, stamps = floats(orders, "qty"), [times(orders, f"{name}_at") for name in ("submitted", "accepted", "terminal")]
    for row, identity in enumerate(identities):
        intent = identity[3:19] if identity.startswith("st-") else identity
        side = 1 if sides.at(row) == "buy" else -1
        leg = fills.leg(identity, side, kinds.at(row), float(qty[row]), *(int(stamp[row]) for stamp in stamps))
        role, known = roles.at(row), found.setdefault(intent, {})
        known[role] = _joined(known[role], leg) if role in known else leg
    return found


def _joined(a: Leg, b: Leg) -> Leg:
    """Two orders of one role as one, such as an exit that was sent again for its remainder."""
    if not a.filled or not b.filled:
        return a if a.filled or not b.filled else b
    total = a.filled + b.filled
    mean = {
        name: (getattr(a, name) * a.filled + getattr(b, name) * b.filled) / total
        for name in ("price", "mid", "mid_arrival", "mid_decision", "half")
    }
    return Leg(
        side=a.side,
        kind=a.kind,
        qty=max(a.qty, total),
        filled=total,
        **mean,
        fees=a.fees + b.fees,
        submitted=a.submitted,
        accepted=a.accepted,
        ended=max(a.ended, b.ended),
        time=a.time,
        received=a.received,
    )


class _Fills:
    """Executions by order."""

    def __init__(self, run: Run) -> None:
        prices = "price mid_fill mid_arrival mid_decision half_spread"
        table = run.table("fills", ["client_order_id", "qty", "fee", "time", "t_received", *prices.split()])
        self._rows: dict[str, list[int]] = {}
        for row, identity in enumerate(table["client_order_id"].to_pylist()):
            self._rows.setdefault(identity, []).append(row)
        self._qty, self._fees = floats(table, "qty"), floats(table, "fee")
        self._prices = np.array([floats(table, name) for name in prices.split()]).reshape(5, -1)
        self._time, self._received = times(table, "time"), times(table, "t_received")

    def leg(self, identity: str, side: int, kind: str, qty: float, submitted: int, accepted: int, ended: int) -> Leg:
        """An order with all its executions."""
        rows = self._rows.get(identity, [])
        shares = self._qty[rows]
        filled = float(shares.sum())
        means = self._prices[:, rows] @ shares / filled if filled else np.full(5, np.nan)
        price, mid, mid_arrival, mid_decision, half = (float(value) for value in means)
        first = (int(self._time[rows[0]]), int(self._received[rows[0]])) if rows else (NEVER, NEVER)
        fees = float(self._fees[rows].sum())
        return Leg(
            side,
            kind,
            qty,
            filled,
            price,
            mid,
            mid_arrival,
            mid_decision,
            half,
            fees,
            submitted,
            accepted,
            ended,
            *first,
        )


def counts(matching: Matching) -> dict[str, int]:
    """The counts that come before any price."""
    same = sum(match.same_outcome for match in matching.matched)
    return {
        "matched": len(matching.matched),
        "same_outcome": same,
        "different_outcome": len(matching.matched) - same,
        "run_only": len(matching.run_only),
        "simulation_only": len(matching.simulation_only),
        "matched_by_place": sum(match.by_place for match in matching.matched),
    }
