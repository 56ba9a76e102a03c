"""A run directory as columns: what every section of every report reads, loaded once and as far as needed.

Rows of one table point at rows of another by number (a fill at its order, an order at its decision); -1 is
none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.run_arrays import count_array
from core.run_schema import TABLES
from core.runs import Run
from reports.columns import (
    Bools,
    Codes,
    Drained,
    Floats,
    Labels,
    Stored,
    Times,
    flags,
    floats,
    labels,
    picked,
    rows_of,
    times,
)
from reports.formats import NEVER
from reports.statistics import by_session, group_starts, local_days, ratio
from reports.trades import MICROS, Flows, Trades, round_trips

FACTORS = ("shrinkage", "kelly_fraction", "throttle", "mode_scale", "calibration_scale", "portfolio_scale")
CAPS = ("cap_risk", "cap_symbol", "cap_gross", "cap_net", "cap_liquidity", "cap_buying_power")


@dataclass(frozen=True, slots=True)
class Equity:
    """The account by row; fractions are of equity. `starts` and `days` have one entry a session."""

    time: Times
    equity: Floats
    unit: Floats
    high_water: Floats
    drawdown: Floats
    day_return: Floats
    gross: Floats
    net: Floats
    open_orders: Floats
    mode: Labels
    stale: Bools
    starts: Codes
    days: Codes

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True, slots=True)
class Decisions:
    """One row a signal. `factors` and `caps` hold the sizing chain by column name."""

    time: Times
    strategy: Labels
    symbol: Labels
    side: Labels
    opening: Bools
    approved: Bools
    p: Floats
    stop: Floats
    price: Floats
    equity: Floats
    kelly: Floats
    factors: Mapping[str, Floats]
    caps: Mapping[str, Floats]
    qty: Floats
    binding: Labels

    def __len__(self) -> int:
        return len(self.time)

    @property
    def notional(self) -> Floats:
        """Final size as a fraction of equity."""
        return ratio(self.qty * self.price, self.equity)


@dataclass(frozen=True, slots=True)
class Acts:
    """One row a check that did not pass; `decision` is the row of its decision."""

    decision: Codes
    check: Labels
    result: Labels


@dataclass(frozen=True, slots=True)
class NearMisses:
    """One row a check that passed with little room; `decision` is the row of its decision."""

    decision: Codes
    time: Times
    check: Labels
    measured: Floats
    limit: Floats
    use: Floats


@dataclass(frozen=True, slots=True)
class Orders:
    """One row an order; `decision` is the row of its decision."""

    decision: Codes
    symbol: Labels
    role: Labels
    kind: Labels
    status: Labels
    qty: Floats
    filled: Floats
    submitted: Times
    filled_at: Times

    def __len__(self) -> int:
        return len(self.decision)


@dataclass(frozen=True, slots=True)
class Fills:
    """One row an execution; `sign` is +1 for a buy; `order` is the row of its order."""

    order: Codes
    symbol: Labels
    sign: Floats
    qty: Floats
    price: Floats
    fee: Floats
    time: Times
    mid_fill: Floats
    mid_arrival: Floats
    mid_decision: Floats
    slippage: Floats
    rule: Labels
    ambiguous: Bools
    synthetic: Bools

    def __len__(self) -> int:
        return len(self.time)

    @property
    def notional(self) -> Floats:
        """Dollars traded, unsigned."""
        return self.qty * self.price

    @property
    def slippage_bp(self) -> Floats:
        """Slippage in basis points of the price."""
        return ratio(self.slippage, self.price) * 1e4


class Facts:
    """A run's tables as columns, each read on first use."""

    def __init__(self, run: Run) -> None:
        self.source = run
        self.run: dict[str, Any] = run.run
        self.config: dict[str, Any] = run.config

    def limit(self, key: str) -> float:
        """A number of the `[risk]` section; NaN where the run has none."""
        value = self.config.get("risk", {}).get(key)
        return float(value) if isinstance(value, int | float) else np.nan

    @property
    def soft(self) -> float:
        """Share of a hard limit at which throttling begins."""
        return float(self.config.get("risk", {}).get("soft", 0.7))

    @property
    def near(self) -> float:
        """Share of a limit from which a pass is a near miss."""
        return float(self.config.get("risk", {}).get("near", 0.8))

    @cached_property
    def equity(self) -> Equity:
        """The equity table; daily results are from close to close."""
        table = Stored(self.source, "equity")
        time, equity, unit = times(table, "time"), floats(table, "equity"), floats(table, "unit_value")
        days = local_days(time)
        starts = group_starts(days)
        base = _day_bases(unit, equity, floats(table, "day_start_equity"), starts)
        return Equity(
            time,
            equity,
            unit,
            floats(table, "high_water_mark") * _units(equity, unit, starts),
            floats(table, "drawdown"),
            ratio(unit, base) - 1,
            ratio(floats(table, "gross"), equity),
            ratio(floats(table, "net"), equity),
            floats(table, "open_orders"),
            labels(table, "mode"),
            flags(table, "stale"),
            starts,
            days[starts],
        )

    @cached_property
    def decisions(self) -> Decisions:
        """The decisions table."""
        table = Stored(self.source, "decisions")
        return Decisions(
            times(table, "time"),
            labels(table, "strategy"),
            labels(table, "symbol"),
            labels(table, "side"),
            labels(table, "action").among("open"),
            labels(table, "verdict").among("approved"),
            floats(table, "p"),
            floats(table, "stop"),
            floats(table, "price_ref"),
            floats(table, "equity_ref"),
            floats(table, "kelly_full"),
            {name: floats(table, name) for name in FACTORS},
            {name: floats(table, name) for name in CAPS},
            floats(table, "qty"),
            labels(table, "binding"),
        )

    @cached_property
    def refusals(self) -> list[tuple[str, int]]:
        """How often each reason refused a decision, most frequent first, then by name; one can have several."""
        reasons = pc.value_counts(pc.list_flatten(Stored(self.source, "decisions")["refusal_codes"]))
        found = [(str(row["values"]), int(row["counts"])) for row in reasons.to_pylist()]
        return sorted(found, key=lambda item: (-item[1], item[0]))

    def _decision_of(self, intents: pa.ChunkedArray) -> Codes:
        """The row of each intent's decision."""
        return rows_of(intents, Stored(self.source, "decisions")["intent_id"])

    @cached_property
    def acts(self) -> Acts:
        """Rows of the checks table: what reduced a size or refused it."""
        return self._checks[0]

    @cached_property
    def near_misses(self) -> NearMisses:
        """Rows of the checks table: what passed, but with a use of `near` or more."""
        return self._checks[1]

    @cached_property
    def _checks(self) -> tuple[Acts, NearMisses]:
        acts, misses = self._telling_checks()
        return (
            Acts(self._decision_of(acts["intent_id"]), labels(acts, "check"), labels(acts, "result")),
            NearMisses(
                self._decision_of(misses["intent_id"]),
                times(misses, "time"),
                labels(misses, "check"),
                *(floats(misses, name) for name in ("measured", "limit", "use")),
            ),
        )

    def _telling_checks(self) -> tuple[Drained, Drained]:
        """What acted and what nearly did, from one pass over a table that is too long to hold."""
        acts, misses = [], []
        for part in self.source.parts("checks", TABLES["checks"].names):
            passed = labels(part, "result").among("pass")
            near = passed & (floats(part, "use") >= self.near)
            acts.append(picked(part, ~passed, ("intent_id", "check", "result")))
            misses.append(picked(part, near, ("intent_id", "time", "check", "measured", "limit", "use")))
        return Drained(pa.concat_tables(acts)), Drained(pa.concat_tables(misses))

    @cached_property
    def orders(self) -> Orders:
        """The orders table."""
        table = Stored(self.source, "orders")
        return Orders(
            self._decision_of(table["intent_id"]),
            labels(table, "symbol"),
            labels(table, "role"),
            labels(table, "type"),
            labels(table, "status"),
            floats(table, "qty"),
            floats(table, "filled_qty"),
            times(table, "submitted_at"),
            times(table, "filled_at"),
        )

    @cached_property
    def fills(self) -> Fills:
        """The fills table."""
        table = Stored(self.source, "fills")
        return Fills(
            rows_of(table["client_order_id"], Stored(self.source, "orders")["client_order_id"]),
            labels(table, "symbol"),
            np.where(labels(table, "side").among("buy"), 1.0, -1.0),
            floats(table, "qty"),
            floats(table, "price"),
            floats(table, "fee"),
            times(table, "time"),
            floats(table, "mid_fill"),
            floats(table, "mid_arrival"),
            floats(table, "mid_decision"),
            floats(table, "slippage"),
            labels(table, "rule"),
            flags(table, "ambiguous"),
            flags(table, "synthetic"),
        )

    @cached_property
    def cash_events(self) -> pa.Table:
        """The cash events as they are."""
        return self.source.table("cash_events")

    @cached_property
    def risk_events(self) -> pa.Table:
        """The risk events as they are."""
        return self.source.table("risk_events")

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol that a fill or a corporate action moved; trades point into it."""
        found = [*self.fills.symbol.names, *labels(self._corporate_actions, "symbol").names]
        return tuple(dict.fromkeys(found))

    @cached_property
    def _corporate_actions(self) -> pa.Table:
        """The cash events that changed a position."""
        moved = np.flatnonzero(floats(self.cash_events, "qty_change"))
        return self.cash_events.take(count_array(moved))

    @cached_property
    def trades(self) -> Trades:
        """Round trips of the run; open ones at the last mark of run.json."""
        positions = self.run.get("positions") or {}
        marks = [float(positions.get(symbol, {}).get("mark") or np.nan) for symbol in self.symbols]
        return round_trips(self._flows(), np.array(marks, np.float64))

    @cached_property
    def trade_strategy(self) -> Labels:
        """Strategy of each trade, by the decision behind its opening order."""
        order = np.append(self.orders.decision, -1)[self.trades.order]
        return self.decisions.strategy.take(order)

    def _flows(self) -> Flows:
        fills, events = self.fills, self._corporate_actions
        place = {symbol: code for code, symbol in enumerate(self.symbols)}
        moved = labels(events, "symbol")
        codes = np.array([place[name] for name in (*fills.symbol.names, *moved.names)], np.int64)
        event_codes = moved.codes + len(fills.symbol.names)
        empty = np.zeros(events.num_rows)
        return Flows(
            np.concatenate([codes[fills.symbol.codes], codes[event_codes]]),
            np.concatenate([fills.time, times(events, "time")]),
            np.concatenate([_micros(fills.sign * fills.qty), _micros(floats(events, "qty_change"))]),
            np.concatenate([-fills.sign * fills.notional - fills.fee, floats(events, "amount")]),
            np.concatenate([fills.slippage * fills.qty, empty]),
            np.concatenate([fills.notional, empty]),
            np.concatenate([fills.order, np.full(events.num_rows, -1)]),
        )


def _micros(values: Floats) -> Codes:
    return np.rint(values * MICROS).astype(np.int64)


def _units(equity: Floats, unit: Floats, starts: Codes) -> Floats:
    """How many units the account has, by row: one number a session, because only flows of cash change it.

    While marks are frozen the unit is valued with a shock, and equity is not: the least of a session is without it.
    """
    fewest = np.fmin.reduceat(ratio(equity, unit), starts) if len(equity) else equity
    return np.repeat(fewest, np.diff(np.append(starts, len(equity))))


def _day_bases(unit: Floats, equity: Floats, day_start: Floats, starts: Codes) -> Floats:
    """Unit value at the previous session's close for every row; in the first session, at the start."""
    if not len(unit):
        return unit
    first = unit[0] * day_start[0] / equity[0] if equity[0] > 0 else np.nan
    closes = np.append(first, by_session(unit, starts, "last")[:-1])
    return np.repeat(closes, np.diff(np.append(starts, len(unit))))


def span(facts: Facts) -> tuple[int, int]:
    """First and last instant of the run's equity; `NEVER` twice for none."""
    time = facts.equity.time
    return (int(time[0]), int(time[-1])) if len(time) else (NEVER, NEVER)
