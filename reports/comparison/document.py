"""The comparison as one JSON document: everything that the page shows, for programs and for later reports.

Money is a number of dollars with its exact digits, times are ISO 8601 UTC, fractions are fractions. What was not
measured is null, never 0.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from core.calendar import as_date, utc_text
from core.comparison import FACTORS, SCHEMA, Attribution, DecisionParity, Place
from core.kernel.units import decimal
from reports.comparison.costs import Costs
from reports.comparison.findings import Findings
from reports.comparison.matching import Intent, counts
from reports.facts import Facts


def document_of(findings: Findings) -> dict[str, Any]:
    """The whole comparison as what JSON knows, in the order of the page."""
    replayed, curves = findings.replayed, findings.curves
    return {
        "schema": SCHEMA,
        "run": _identity(findings.run),
        "simulation": _identity(findings.simulation),
        "not_compared": findings.limits,
        "decision_parity": [_parity(parity) for parity in replayed.parity],
        "matching": counts(findings.matching) | _unmatched(findings),
        "verdict": {**_plain(asdict(findings.verdict)), "sentence": findings.verdict.sentence, "unit": "bp"},
        "attribution": _attribution(replayed.attribution),
        "haircut": [
            {"profile": o.profile, "path": o.path, "profit": decimal(o.profit), "trades": o.trades}
            for o in replayed.haircut
        ],
        "orders": _orders(findings),
        "costs": {"run": _costs(findings.costs[0]), "simulation": _costs(findings.costs[1])},
        "curves": {
            "sessions": [as_date(int(day)).isoformat() for day in curves.days],
            "run": curves.run.tolist(),
            "simulation": curves.simulation.tolist(),
            "correlation": curves.correlation,
            "tracking_error": curves.tracking_error,
            "warped_distance": curves.warped,
        },
        "distributions": [_plain(asdict(item)) for item in findings.distributions],
        "revisions": _revisions(findings),
    }


def text_of(document: dict[str, Any]) -> str:
    """The document as text; equal for equal documents."""
    return json.dumps(_plain(document), indent=1, allow_nan=False, default=_number) + "\n"


def _identity(facts: Facts) -> dict[str, Any]:
    keys = "run_id kind scenario seed profile code_version config_hash data started ended start_cash equity"
    return {key: facts.run[key] for key in keys.split()}


def _parity(parity: DecisionParity) -> dict[str, Any]:
    first = parity.divergence
    found = None if first is None else {**asdict(first), "time": utc_text(first.time)}
    about = {"run_id": parity.run, "identical": parity.ok, "decisions": parity.decisions}
    return {**about, "sentence": parity.sentence, "divergence": found}


def _unmatched(findings: Findings) -> dict[str, Any]:
    matching = findings.matching
    return {
        "run_only_orders": [{**_intent(intent), "why": why} for intent, why in matching.run_only],
        "simulation_only_orders": [{**_intent(intent), "why": why} for intent, why in matching.simulation_only],
        "different_outcomes": [
            {
                **_intent(match.run),
                "run": f"{match.run.outcome}, closed by {match.run.closed_by}",
                "simulation": f"{match.simulation.outcome}, closed by {match.simulation.closed_by}",
            }
            for match in matching.matched
            if not match.same_outcome
        ],
    }


def _intent(intent: Intent) -> dict[str, Any]:
    return {"intent_id": intent.identity, **_place(intent.place)}


def _place(place: Place) -> dict[str, Any]:
    return {"strategy": place.strategy, "symbol": place.symbol, "bar_time": utc_text(place.bar_time)}


def _attribution(found: Attribution | None) -> dict[str, Any] | None:
    if found is None:
        return None
    total = found.total
    return {
        "changes": [change._asdict() for change in found.changes],
        "replays": found.replays,
        "simulation_profit": decimal(found.recorded[0]),
        "run_profit": decimal(found.recorded[1]),
        "unexplained": {name: decimal(v) for name, v in zip(("simulation", "run"), found.unexplained, strict=True)},
        "factors": {
            name: {
                "share": decimal(int(total[i])),
                "smallest_step": decimal(int(found.low[i])),
                "largest_step": decimal(int(found.high[i])),
            }
            for i, name in enumerate(FACTORS)
        },
        "combinations": [decimal(int(value)) for value in found.values],
        "trades": [
            {
                **(_place(place) if place is not None else {"strategy": None, "symbol": None, "bar_time": None}),
                "simulation_profit": decimal(int(found.profits[0, k])),
                "run_profit": decimal(int(found.profits[1, k])),
                "shares": {name: decimal(int(found.shares[i, k])) for i, name in enumerate(FACTORS)},
            }
            for k, place in enumerate(found.places)
        ],
    }


def _orders(findings: Findings) -> list[dict[str, Any]]:
    gaps, rows = findings.gaps, []
    for row in range(len(gaps)):
        ours, theirs = gaps.legs(row)
        parts = {f"{name}_bp": float(values[row]) for name, values in gaps.gap._asdict().items()}
        rows.append(
            {
                **_intent(gaps.match[row].run),
                "role": gaps.role[row],
                "type": ours.kind,
                "run": {"time": utc_text(ours.time), "qty": ours.filled, "price": ours.price},
                "simulation": {"time": utc_text(theirs.time), "qty": theirs.filled, "price": theirs.price},
                "delay_seconds": float(gaps.delay[row]),
                **parts,
            }
        )
    return rows


def _costs(costs: Costs) -> dict[str, Any]:
    parts = {name: _sum(values) for name, values in costs.shortfall._asdict().items()}
    return {
        "entries": costs.entries,
        "shortfall": {**parts, "total": _sum(costs.shortfall.total)},
        "effective_spread_bp": costs.effective,
        "realised_spread_bp": costs.realised,
        "markouts_bp": costs.markouts,
    }


def _sum(values: Sequence[float] | np.ndarray) -> float:
    """Dollars in all; NaN when not one was measured."""
    known = np.asarray(values)[np.isfinite(values)]
    return float(known.sum()) if len(known) else math.nan


def _revisions(findings: Findings) -> dict[str, Any] | None:
    found = findings.revisions
    if found is None:
        return None
    numbers = {name: getattr(found, name) for name in ("bars", "only_run", "only_simulation")}
    changed = found.changed
    sizes = {"median_bp": changed.median_bp, "largest_bp": changed.largest_bp, "turned": int(changed.turned.sum())}
    seen = [
        {**_intent(intent), "run_close": ours, "simulation_close": theirs} for intent, ours, theirs in found.decisions
    ]
    return {**numbers, "revised": len(changed), **sizes, "decisions": seen}


def _plain(value: Any) -> Any:
    """The same with None for every float that is not a number."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _number(value: object) -> object:
    """A Decimal or a numpy scalar as JSON knows it."""
    return float(value)  # type: ignore[arg-type]
