"""A run directory made up from a seed: prices walk, signals come, some are traded, and the books are kept.

Nothing here is the engine. It is a small bookkeeper that leaves tables which agree with each other: fills
with orders, orders with decisions, equity with fills and marks. So what a report derives can be checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from core.run_schema import COLUMNS

NEW_YORK = ZoneInfo("America/New_York")
MINUTE = 60_000_000_000
ROWS = 391
MAX_DRAWDOWN = 0.05  # as in config.toml
FAST_LATENCY = 200_000_000


@dataclass
class Plan:
    """What kind of run to make up."""

    sessions: int = 20
    symbols: Sequence[str] = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "GGG", "HHH", "III", "JJJ")
    strategies: Sequence[str] = ("breakout", "mean_reversion", "momentum")
    signals: int = 50
    seed: int = 7
    name: str = "breakout-4w"
    title: str = "Breakouts on ten stocks, four weeks"
    invariants: dict[str, str] = field(
        default_factory=lambda: {"cash_ledger": "ok", "position_ledger": "ok", "one_order_per_intent": "ok"}
    )
    expectations: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"text": "max_drawdown at most 0.05", "ok": True, "measured": 0.0457},
            {"text": "never order_submitted while breaker.submit != closed", "ok": True, "measured": 0},
        ]
    )
    losing: tuple[int, int] = (8, 13)


def session_rows(sessions: int) -> np.ndarray:
    """int64[sessions, ROWS] times of the equity rows from 2026-03-02 on, across the change to summer time."""
    day, found = date(2026, 3, 2), []
    while len(found) < sessions:
        if day.weekday() < 5:
            opened = datetime(day.year, day.month, day.day, 9, 30, tzinfo=NEW_YORK)
            found.append(int(opened.timestamp()) * 1_000_000_000 + np.arange(ROWS) * MINUTE)
        day += timedelta(days=1)
    return np.array(found)


def micros(dollars: float) -> int:
    return round(dollars * 1e6)


@dataclass
class Leg:
    """An order to come: `rule` says how it fills at a row, or is empty when it is cancelled there."""

    role: str
    kind: str
    side: int
    qty: float
    row: int
    rule: str


class Book:
    """Signals in order of time, their orders and fills, and the positions that follow."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.rng = plan, np.random.default_rng(plan.seed)
        self.time = session_rows(plan.sessions).reshape(-1)
        self.price = self._prices()
        self.rows: dict[str, list[dict[str, Any]]] = {name: [] for name in COLUMNS}
        self.shares = np.zeros(self.price.shape)
        self.cash = np.zeros(len(self.time))
        self.gross = np.zeros(len(self.time))
        self.net = np.zeros(len(self.time))
        self.free = np.zeros(len(plan.symbols), np.int64)
        self.realised = 0.0

    def _prices(self) -> np.ndarray:
        n, k = len(self.time), len(self.plan.symbols)
        market = self.rng.normal(0, 0.0002, (n, 1))
        first, last = (ROWS * s for s in self.plan.losing)
        market[first:last] -= 0.00002
        own = self.rng.standard_t(4, (n, k)) * 0.0003
        start = np.linspace(18, 240, k)
        return np.round(start * np.exp(np.cumsum(market + own, axis=0)), 2)

    def trade(self) -> None:
        """All signals of the run."""
        n = self.plan.signals * self.plan.sessions
        rows = np.sort(self.rng.integers(30, ROWS - 2, n) + ROWS * self.rng.integers(0, self.plan.sessions, n))
        for number, row in enumerate(rows.tolist()):
            self._signal(number, row, int(self.rng.integers(len(self.plan.symbols))))

    def _signal(self, number: int, row: int, column: int) -> None:
        rng, plan = self.rng, self.plan
        price = float(self.price[row, column])
        p = float(np.clip(rng.normal(0.54, 0.06), 0.36, 0.72))
        ahead = float(self.price[min(row + 90, (row // ROWS + 1) * ROWS - 1), column]) - price
        edge = -0.42 if plan.losing[0] <= row // ROWS < plan.losing[1] else 0.08
        side = 1 if (ahead > 0) == (rng.random() < p + edge) else -1
        target, stop = price * float(rng.uniform(0.004, 0.009)), price * float(rng.uniform(0.004, 0.007))
        gain, loss = target / price - 2e-4, stop / price + 2e-4
        kelly = max(p / loss - (1 - p) / gain, 0.0)
        factors = {
            "shrinkage": float(rng.uniform(0.1, 0.5)),
            "kelly_fraction": 0.25,
            "throttle": float(rng.uniform(0.35, 1.0)),
            "mode_scale": 0.5 if rng.random() < 0.1 else 1.0,
            "calibration_scale": 1.0,
            "portfolio_scale": float(rng.choice([1.0, 1.0, 0.8])),
        }
        equity = 100_000.0 + self.realised
        caps = {
            "cap_risk": 0.004 / loss,
            "cap_symbol": 0.25,
            "cap_gross": max(1.0 - float(self.gross[row]) / equity, 0.0),
            "cap_net": max(0.8 - side * float(self.net[row]) / equity, 0.0),
            "cap_liquidity": float(rng.uniform(0.08, 0.9)),
            "cap_buying_power": 1.6,
        }
        wanted = kelly * float(np.prod(list(factors.values())))
        size = min(wanted, *caps.values())
        binding = "kelly" if size == wanted else min(caps, key=lambda name: caps[name]).removeprefix("cap_")
        sized = np.floor(size * equity / price)
        codes = self._refusals(row, column, kelly, sized)
        qty = 0.0 if codes else sized
        if qty > 20 and rng.random() < 0.05:
            qty, binding = np.floor(qty / 2), "check"
        names = {"risk": "trade_risk", "symbol": "symbol_cap", "gross": "gross_cap", "net": "net_cap"}
        decision = {
            "intent_id": f"i{plan.seed}-{number:06d}",
            "time": int(self.time[row]) + 500_000_000,
            "bar_time": int(self.time[row]) - MINUTE,
            "strategy": plan.strategies[int(rng.integers(len(plan.strategies)))],
            "symbol": plan.symbols[column],
            "side": "long" if side > 0 else "short",
            "action": "open",
            "p": round(p, 6),
            "target": micros(target),
            "stop": micros(stop),
            "price_ref": micros(price),
            "equity_ref": micros(equity),
            "cost": micros(price * 2e-4),
            "gain": gain,
            "loss": loss,
            "kelly_full": kelly,
            **factors,
            **caps,
            "sized_qty": micros(sized),
            "qty": micros(qty),
            "lot": micros(1),
            "verdict": "refused" if codes else "approved",
            "refusal_codes": codes,
            "reduce_codes": ["max_notional"] if binding == "check" else [],
            "binding": names.get(binding, binding),
            "mode": "normal",
        }
        self.rows["decisions"].append(decision)
        self._checks(decision, size)
        if not codes:
            self._trade(decision, row, column, side, qty)

    def _refusals(self, row: int, column: int, kelly: float, sized: float) -> list[str]:
        codes = []
        if self.free[column] > row:
            codes.append("symbol_busy")
        if kelly <= 0:
            codes.append("no_edge")
        if sized < 1:
            codes.append("zero_qty")
        if 120 <= row - 6 * ROWS < 165:
            codes += ["mode", "data_stale"]
        if self.rng.random() < 0.04:
            codes.append("signal_stale")
        return codes

    def _checks(self, decision: dict[str, Any], size: float) -> None:
        for check, limit in (("symbol_cap", 0.25), ("gross_cap", 1.0), ("daily_loss", 0.010)):
            use = float(self.rng.beta(2, 2.2)) * 1.02 if check != "symbol_cap" else size / limit
            result = "pass" if use <= 1 else "deny"
            if use >= 0.5:
                self._add("checks", decision, check=check, measured=use * limit, limit=limit, use=use, result=result)
        for code in decision["refusal_codes"]:
            self._add("checks", decision, check=code, measured=1.0, limit=0.0, use=1.0, result="deny")

    def _add(self, table: str, decision: dict[str, Any], **values: Any) -> None:
        self.rows[table].append({"intent_id": decision["intent_id"], "time": decision["time"], **values})

    def _trade(self, decision: dict[str, Any], row: int, column: int, side: int, qty: float) -> None:
        """Enter on the next minute; leave at the target, the stop or the session's end."""
        entry = row + 1
        end = (row // ROWS + 1) * ROWS - 1
        level = float(self.price[entry, column])
        moves = side * (self.price[entry + 1 : end + 1, column] - level)
        won, lost = moves >= decision["target"] / 1e6, moves <= -decision["stop"] / 1e6
        hits = np.flatnonzero(won | lost)
        leave = entry + 1 + int(hits[0]) if len(hits) else end
        role = "exit" if not len(hits) else "target" if won[hits[0]] else "stop"
        rule = {"exit": "open", "target": "limit_touch", "stop": "stop_gap" if leave % 7 == 0 else "stop"}[role]
        legs = [
            Leg("entry", "market", side, qty, entry, "open"),
            Leg("target", "limit", -side, qty, leave, rule if role == "target" else ""),
            Leg("stop", "stop", -side, qty, leave, rule if role == "stop" else ""),
        ]
        if role == "exit":
            legs.append(Leg("exit", "market", -side, qty, leave, rule))
        paid = sum(self._order(decision, leg, float(self.price[leg.row, column])) for leg in legs)
        self.realised += paid
        self.shares[entry:leave, column] += side * qty
        self.gross[row:leave] += qty * level * 1.06
        self.net[row:leave] += side * qty * level * 1.06
        self.free[column] = leave + 1

    def _order(self, decision: dict[str, Any], leg: Leg, mid: float) -> float:
        """Write an order and its fills; returns the cash that they moved."""
        name, at = f"st-{decision['intent_id']}-{leg.role}", int(self.time[leg.row])
        cost = 0.0 if leg.kind == "limit" else mid * (1e-4 + float(self.rng.gamma(1.5, 4e-5)))
        price = round(mid + leg.side * cost, 6)
        parts = [leg.qty] if leg.rule else []
        if leg.rule and leg.qty > 2 and self.rng.random() < 0.1:
            parts = [np.floor(leg.qty / 3), leg.qty - np.floor(leg.qty / 3)]
        moved = sum(self._fill(decision, leg, part, size, price, mid) for part, size in enumerate(parts))
        self.cash[leg.row] += moved
        self.rows["orders"].append(
            {
                "client_order_id": name,
                "intent_id": decision["intent_id"],
                "parent": None if leg.role == "entry" else f"st-{decision['intent_id']}-entry",
                "symbol": decision["symbol"],
                "side": "buy" if leg.side > 0 else "sell",
                "role": leg.role,
                "type": leg.kind,
                "tif": "day",
                "extended_hours": False,
                "qty": micros(leg.qty),
                "qty_open": 0,
                "status": "filled" if parts else "canceled",
                "filled_qty": micros(leg.qty) if parts else 0,
                "average_price": micros(price) if parts else None,
                "overfill_qty": 0,
                "late_fill": False,
                "cause": "signal" if leg.role == "entry" else "bracket",
                "created_at": decision["time"],
                "submitted_at": decision["time"] if leg.role != "exit" else at - FAST_LATENCY,
                "filled_at": at + len(parts) - 1 if parts else None,
                "canceled_at": None if parts else at,
            }
        )
        return moved

    def _fill(self, decision: dict[str, Any], leg: Leg, part: int, size: float, price: float, mid: float) -> float:
        name, at = f"st-{decision['intent_id']}-{leg.role}", int(self.time[leg.row])
        fee = round(size * price * 2.78e-5, 6) if leg.side < 0 else 0.0
        slippage = abs(price - mid)
        self.rows["fills"].append(
            {
                "execution_id": f"x-{name}-{part}",
                "client_order_id": name,
                "symbol": decision["symbol"],
                "side": "buy" if leg.side > 0 else "sell",
                "qty": micros(size),
                "price": micros(price),
                "fee": micros(fee),
                "time": at + part,
                "t_received": at + FAST_LATENCY,
                "bar_time": at - MINUTE,
                "mid_fill": micros(mid),
                "mid_arrival": micros(mid),
                "mid_decision": decision["price_ref"] if leg.role == "entry" else micros(mid),
                "half_spread": micros(mid * 1e-4) if slippage else 0,
                "slippage": micros(slippage),
                "rule": leg.rule,
                "ambiguous": leg.role in ("stop", "target") and bool(self.rng.random() < 0.06),
                "synthetic": False,
            }
        )
        return -leg.side * size * price - fee

    def account(self) -> None:
        """Equity rows, positions at the end and risk events, from what was traded."""
        equity = 100_000.0 + np.cumsum(self.cash) + (self.shares * self.price).sum(axis=1)
        closes = equity[ROWS - 1 :: ROWS]
        before = np.append(100_000.0, closes[:-1])
        high = np.maximum.accumulate(np.append(100_000.0, closes))
        mark = np.repeat(high[:-1], ROWS)
        mark[ROWS - 1 :: ROWS] = high[1:]
        drawdown = np.maximum(1 - equity / mark, 0.0)
        value = self.shares * self.price
        mode = np.where(drawdown > 0.7 * MAX_DRAWDOWN, "reduced", "normal").astype(object)
        stale = np.zeros(len(equity), np.bool_)
        if self.plan.sessions > 6:
            stale[6 * ROWS + 120 : 6 * ROWS + 165] = True
        mode[stale] = "data_degraded"
        self.rows["equity"] = [
            {
                "time": int(self.time[i]),
                "cash": micros(equity[i] - value[i].sum()),
                "equity": micros(equity[i]),
                "unit_value": micros(equity[i] / 100_000),
                "high_water_mark": micros(mark[i] / 100_000),
                "drawdown": float(drawdown[i]),
                "day_start_equity": micros(before[i // ROWS]),
                "gross": micros(np.abs(value[i]).sum()),
                "net": micros(value[i].sum()),
                "buying_power": micros(2 * equity[i]),
                "open_orders": int((self.shares[i] != 0).sum()) * 2,
                "mode": mode[i],
                "stale": bool(stale[i]),
            }
            for i in range(len(equity))
        ]
        for i in np.flatnonzero(mode[1:] != mode[:-1]) + 1:
            self._event(int(self.time[i]), mode[i - 1], mode[i], float(drawdown[i]))

    def _event(self, time: int, before: str, after: str, drawdown: float) -> None:
        degraded = "data_degraded" in (before, after)
        self.rows["risk_events"].append(
            {
                "time": time,
                "kind": "mode_change",
                "metric": "data_age" if degraded else "drawdown",
                "value": drawdown,
                "limit": MAX_DRAWDOWN,
                "use": drawdown / MAX_DRAWDOWN,
                "severity": "info" if after == "normal" else "warning",
                "action": "openings_reduced",
                "mode_from": before,
                "mode_to": after,
                "detail": "Marks are older than 3 minutes." if degraded else "Drawdown crossed its soft limit.",
            }
        )
