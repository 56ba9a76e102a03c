"""How far each limit was used: the largest use and when, near misses, where the limit held, breaches.

Limits on the account (losses, exposure) are measured at every row of the equity table and counted by
session. Limits on a trade are measured on approved decisions, as the final size against the cap that the
sizing recorded. Risk events that name the limit count too, because the engine sees more instants than the
minute's end. A decision is *held* by a limit that set or reduced its size, or refused it: the limit worked,
which is no breach.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.columns import Bools, Floats, Times, floats, labels, times
from reports.facts import Equity, Facts
from reports.formats import NEVER
from reports.statistics import by_session, local_days, peak, ratio

_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class LimitUse:
    """One row of the limits table; `unit` is what near misses and breaches count (session or trade)."""

    name: str
    limit: float
    use: float
    when: int
    near: int
    held: int
    breaches: int
    unit: str
    soft: float

    @property
    def word(self) -> str:
        """within, near, breached or not measured."""
        if np.isnan(self.use):
            return "not measured"
        if self.breaches:
            return "breached"
        return "near" if self.near else "within"


@dataclass(frozen=True, slots=True)
class _Limit:
    """A limit: its key in `[risk]`, and the names that checks, bindings and events use for it."""

    title: str
    key: str
    names: tuple[str, ...]
    strict: bool = False


ACCOUNT = (
    _Limit("Drawdown", "max_drawdown", ("drawdown", "max_drawdown"), strict=True),
    _Limit("Loss on the day", "daily_loss", ("daily_loss",), strict=True),
    _Limit("Loss over five sessions", "weekly_loss", ("weekly_loss",), strict=True),
    _Limit("Gross exposure", "gross_cap", ("gross_cap", "gross")),
    _Limit("Net exposure", "net_cap", ("net_cap", "net")),
)
TRADE = (
    (_Limit("Risk of one trade", "trade_risk", ("trade_risk",)), "cap_risk"),
    (_Limit("One symbol", "symbol_cap", ("symbol_cap",)), "cap_symbol"),
    (_Limit("Share of daily volume", "adv_share", ("adv_share", "liquidity")), "cap_liquidity"),
    (_Limit("Buying power", "", ("buying_power",)), "cap_buying_power"),
)


def limit_uses(facts: Facts) -> list[LimitUse]:
    """Every limit of the run, losses first; those that the run switched off are left out."""
    uses = []
    for limit in ACCOUNT:
        value = facts.limit(limit.key)
        if limit.key == "weekly_loss" and np.isnan(value):
            continue
        uses.append(_account_use(facts, limit, value))
    for limit, cap in TRADE:
        value = facts.limit(limit.key) if limit.key else np.nan
        if value != 0:
            uses.append(_trade_use(facts, limit, cap, value))
    return uses


@dataclass(frozen=True, slots=True)
class UseSeries:
    """A limit wherever it was measured: by minute those on the account (`every_minute`), else by trade."""

    name: str
    time: Times
    use: Floats
    every_minute: bool


def use_series(facts: Facts) -> list[UseSeries]:
    """Use of every limit over time; one that is switched off or was never measured is left out."""
    found = []
    for limit in ACCOUNT:
        if facts.limit(limit.key) > 0 and len(facts.equity):
            use = account_measure(facts.equity, limit.key) / facts.limit(limit.key)
            found.append(UseSeries(limit.title, facts.equity.time, use, True))
    for limit, cap in TRADE:
        if not limit.key or facts.limit(limit.key) != 0:
            rows, use = _trade_rows(facts, cap)
            if len(use):
                found.append(UseSeries(limit.title, facts.decisions.time[rows], use, False))
    return found


def _trade_rows(facts: Facts, cap: str) -> tuple[Bools, Floats]:
    """Decisions that became trades, and their final size against a cap of the sizing."""
    decisions = facts.decisions
    rows = decisions.approved & decisions.opening & (decisions.qty > 0)
    return rows, ratio(decisions.notional, decisions.caps[cap])[rows]


def _account_use(facts: Facts, limit: _Limit, value: float) -> LimitUse:
    equity = facts.equity
    if not len(equity) or not value > 0:
        return LimitUse(limit.title, value, np.nan, NEVER, 0, _held(facts, limit), 0, "session", facts.soft)
    use = account_measure(equity, limit.key) / value
    event_time, event_use = _events(facts, limit)
    peaks = by_session(use, equity.starts, "max")
    session = np.searchsorted(equity.days, local_days(event_time))
    np.fmax.at(peaks, np.minimum(session, len(peaks) - 1), event_use)
    top, when = peak(np.append(event_use, use), np.append(event_time, equity.time))
    near, breaches = _counts(peaks, facts.near, limit.strict)
    return LimitUse(limit.title, value, top, when, near, _held(facts, limit), breaches, "session", facts.soft)


def _trade_use(facts: Facts, limit: _Limit, cap: str, value: float) -> LimitUse:
    rows, use = _trade_rows(facts, cap)
    top, when = peak(use, facts.decisions.time[rows])
    near, breaches = _counts(use, facts.near, limit.strict)
    return LimitUse(limit.title, value, top, when, near, _held(facts, limit), breaches, "trade", facts.soft)


def account_measure(equity: Equity, key: str) -> Floats:
    """What a limit on the account measures, float64 by equity row."""
    if key == "max_drawdown":
        return equity.drawdown
    if key == "daily_loss":
        return np.maximum(-equity.day_return, 0.0)
    if key == "weekly_loss":
        return _loss_over_sessions(equity, 5)
    return equity.gross if key == "gross_cap" else np.abs(equity.net)


def _loss_over_sessions(equity: Equity, sessions: int) -> Floats:
    """Fall of the unit value since the close `sessions` sessions before or the start, by equity row."""
    base = equity.unit / (1 + equity.day_return)
    bases = base[equity.starts]
    earlier = bases[np.maximum(np.arange(len(bases)) - sessions + 1, 0)]
    rows = np.diff(np.append(equity.starts, len(equity)))
    return np.maximum(1 - equity.unit / np.repeat(earlier, rows), 0.0)


def _counts(peaks: Floats, near: float, strict: bool) -> tuple[int, int]:
    """How many peaks are near misses, and how many breaches (at the limit itself, if `strict`)."""
    over = peaks >= 1 if strict else peaks > 1 + _TOLERANCE
    return int((~over & (peaks >= near - _TOLERANCE)).sum()), int(over.sum())


def _events(facts: Facts, limit: _Limit) -> tuple[Times, Floats]:
    """Time and use of the risk events that measured this limit."""
    events = facts.risk_events
    rows = labels(events, "kind").among("limit_breach", "near_miss")
    rows &= labels(events, "metric").among(*limit.names)
    return times(events, "time")[rows], floats(events, "use")[rows]


def _held(facts: Facts, limit: _Limit) -> int:
    """How many decisions the limit set, reduced or refused."""
    decisions, acts = facts.decisions, facts.acts
    held = decisions.binding.among(*limit.names) & decisions.opening & decisions.approved
    rows = acts.check.among(*limit.names) & (acts.decision >= 0)
    held[acts.decision[rows]] = True
    return int(held.sum())
