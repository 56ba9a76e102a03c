"""Portfolio history: the account's equity, sampled over time as Alpaca's route gives it.

The samples are those of each minute's end. An interval shows the last of its samples, stamped with its start. Profit
and loss count from the base value, the equity before the first sample, and `per_day` (the default below a day) begins
anew each day.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from core.kernel.units import MICRO, MINUTE, SECOND
from sim.alpaca.errors import invalid
from sim.alpaca.ledger import Ledger
from sim.alpaca.tape import DAY, interval_starts
from sim.alpaca.text import parse_bool, parse_time

TIMEFRAMES = {"1Min": 1, "5Min": 5, "15Min": 15, "1H": 60, "1D": 1440}
PERIODS = {"D": 1, "W": 7, "M": 30, "A": 365}


def portfolio_history(ledger: Ledger, now: int, question: Mapping[str, str | None]) -> dict[str, Any]:
    """The answer to a question in the route's own parameters. Raises ApiError."""
    start, end, days = _span(now, question)
    timeframe = question["timeframe"] or ("1Min" if days < 7 else "15Min" if days < 30 else "1D")
    if timeframe not in TIMEFRAMES:
        raise invalid("invalid timeframe")
    if days > 30 and timeframe != "1D":
        raise invalid("timeframe must be 1D for periods of more than 30 days")
    for name, allowed in (
        ("intraday_reporting", ("market_hours", "extended_hours", "continuous")),
        ("pnl_reset", ("per_day", "no_reset")),
    ):
        if question[name] not in (None, "", *allowed):
            raise invalid(f"invalid {name}")
    whole = question["intraday_reporting"] in ("extended_hours", "continuous") or _flag(question["extended_hours"])
    time, equity = _samples(ledger, start, end, TIMEFRAMES[timeframe], whole)
    base = _base(ledger, start)
    daily = timeframe != "1D" and question["pnl_reset"] != "no_reset"
    profit, shares = _profit(time, equity, base, daily)
    flows = [name for name in (question["cashflow_types"] or "").split(",") if name]
    return {
        "timestamp": [int(t // SECOND) for t in time],
        "equity": [amount / MICRO for amount in equity],
        "profit_loss": profit,
        "profit_loss_pct": shares,
        "base_value": base / MICRO,
        "timeframe": timeframe,
        "cashflow": {name: _flows(ledger, name, time) for name in flows},
    }


def _flag(text: str | None) -> bool:
    try:
        return parse_bool(text) if text else False
    except ValueError:
        raise invalid("invalid extended_hours") from None


def _span(now: int, question: Mapping[str, str | None]) -> tuple[int, int, int]:
    """First and last time, and the length in days."""
    given = [name for name in ("start", "end", "period") if question[name]]
    if len(given) == 3:
        raise invalid("only two of start, end and period are accepted")
    times: dict[str, int | None] = {"start": None, "end": None}
    for name in times:
        text = question[name]
        if text:
            try:
                times[name] = parse_time(text) + (DAY - 1 if name == "end" and len(text) == 10 else 0)
            except (ValueError, OverflowError):
                raise invalid(f"invalid {name}") from None
    match = re.fullmatch(r"([1-9]\d{0,3})([DWMA])", question["period"] or "1M")
    if match is None:
        raise invalid("invalid period")
    length = int(match[1]) * PERIODS[match[2]]
    start, end = times["start"], times["end"]
    if start is not None and (end is not None or not question["period"]):
        end = min(end if end is not None else now, now)
        length = max((end - start) // DAY, 0)
    elif start is not None:
        end = min(start + length * DAY, now)
    else:
        end = min(end if end is not None else now, now)
        start = end - length * DAY
    return start, end, length


def _samples(ledger: Ledger, start: int, end: int, minutes: int, whole: bool) -> tuple[list[int], list[int]]:
    """Interval starts and the equity at the end of each."""
    rows = [
        (t - MINUTE, e) for t, e, regular in ledger.equity_rows if start <= t - MINUTE <= end and (regular or whole)
    ]
    if not rows:
        return [], []
    time, equity = np.array([t for t, _ in rows], np.int64), [e for _, e in rows]
    unit = ("Day", 1) if minutes == 1440 else ("Min", minutes)
    starts = interval_starts(time, unit[1], unit[0])
    last = np.flatnonzero(np.r_[starts[1:] != starts[:-1], True])
    return starts[last].tolist(), [equity[i] for i in last]


def _base(ledger: Ledger, start: int) -> int:
    """The equity before the first sample of the span."""
    before = [equity for time, equity, _ in ledger.equity_rows if time - MINUTE < start]
    return before[-1] if before else ledger.start_cash


def _profit(time: list[int], equity: list[int], base: int, daily: bool) -> tuple[list[float], list[float]]:
    profit, shares = [], []
    day, reference, previous = None, base, base
    for t, amount in zip(time, equity, strict=True):
        date = np.datetime64(t, "ns").astype("datetime64[D]")
        if daily and date != day:
            day, reference = date, previous
        profit.append((amount - reference) / MICRO)
        shares.append((amount - reference) / reference if reference else 0.0)
        previous = amount
    return profit, shares


def _flows(ledger: Ledger, name: str, time: list[int]) -> list[float]:
    """Cash flows of a type in each interval."""
    ends = [*time[1:], 2**62]
    amounts = [
        sum(amount for at, kind, amount in ledger.cashflows if kind == name and first <= at < last)
        for first, last in zip(time, ends, strict=True)
    ]
    return [amount / MICRO for amount in amounts]
