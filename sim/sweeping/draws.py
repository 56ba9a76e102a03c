"""A seed becomes a schedule of faults.

Swarm testing (Groce, Zhang, Eide, Chen and Regehr, 2012): what is left out of a test matters as much as what is in
it, because one fault can hide another. So each seed first switches whole classes of faults on or off, then kinds
within a class, and only then draws times, lengths, scopes and parameters. An operator who looks after the system
each day is such a class too: with one, breakers close again and more of the engine is reached; without one, what
needs a person must wait for one.

Every draw is a hash of the seed and of what is drawn, so a kind that is added, or drawn differently, changes no draw
of another. All faults are over before the last session opens: that one belongs to liveness (unfinished.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from core.kernel.digest import text_hash
from core.settings.fault_kinds import LANES, MINUTE, Kind
from core.settings.fault_table import KINDS
from core.settings.faults import Fault
from core.settings.values import duration_text, moment_of
from sim.faults.schedule import at_time_of_day

T = TypeVar("T")

CALM = 1  # sessions at the end without faults
MOST = 24  # faults of one schedule
HALF = 0.5
KIND = 0.45  # of a class that is on
OFTEN = 0.25
LENGTHS = ("1m", "3m", "10m", "30m", "2h", "7h", "30h")
HOURS = (1, 3, 10, 30, 120, 420, 1800)  # the same in minutes
PROBABILITIES = (1.0, 1.0, 0.5, 0.2, 0.05)
CARE: tuple[Mapping[str, str], ...] = (
    *({"act": "reset_breaker", "lane": lane} for lane in ("submit", "cancel", "query", "trade_stream", "data")),
    {"act": "adopt"},
    {"act": "clear_suspense"},
    {"act": "resume"},
    {"act": "rearm"},
)

CLASSES: dict[str, tuple[str, ...]] = {
    "silence": ("gap", "freeze", "late_bars", "missing_symbol", "feed_down", "clock_skew", "feed_switch"),
    "wrong data": (
        "duplicate_bars",
        "reordered_bars",
        "bar_revision",
        "bad_print",
        "bad_quotes",
        "zero_volume",
        "nan_edge",
        "wrong_adjustment",
    ),
    "requests": ("outage", "accepted_no_answer", "answer_lost", "slow", "rate_limit", "unauthorised"),
    "refusals": ("reject_storm", "untradable", "buying_power_drift"),
    "executions": ("partials", "overfill", "duplicate_executions", "reordered_executions", "dropped_executions"),
    "races": ("late_fill", "cancel_race", "stuck_order", "leg_lost", "duplicate_submit"),
    "stream": ("stream_mute",),
    "account": ("account_reset",),
    "prices": ("price_gap", "flash_crash", "wide_spread", "volatility", "auction_imbalance"),
    "hours": ("luld_chain", "market_halt", "early_close", "split"),
    "ourselves": ("restart", "clock_jump", "kill_switch"),
    "acts": ("operator_act",),
}

PARAMETERS: dict[str, dict[str, tuple[Any, ...]]] = {
    "late_bars": {"delay": ("20s", "90s", "5m")},
    "duplicate_bars": {"delay": ("1s", "45s")},
    "bar_revision": {"size": (0.003, -0.02, 0.1), "delay": ("30s", "3m")},
    "bad_print": {"size": (0.25, -0.25, 0.05, -0.9)},
    "bad_quotes": {"form": ("crossed", "zero")},
    "nan_edge": {"field": ("open", "high", "low", "close", "volume")},
    "feed_switch": {"volume": (0.025, 0.2), "missing": (0.3, 0.9)},
    "clock_skew": {"behind": ("1m", "5m", "30m")},
    "wrong_adjustment": {"ratio": (0.25, 0.5, 2.0)},
    "outage": {"failure": ("timeout", "server_error", "connection", "unparseable"), "timeout": ("2s", "10s", "60s")},
    "answer_lost": {
        "failure": ("timeout", "server_error", "connection", "unparseable"),
        "timeout": ("2s", "10s", "60s"),
    },
    "slow": {"delay": ("1s", "20s", "90s")},
    "rate_limit": {"retry_after": ("1s", "30s", "3m")},
    "late_fill": {"share": (1.0, 0.3), "delay": ("1s", "5s", "2m")},
    "overfill": {"share": (0.1, 1.0)},
    "duplicate_executions": {"delay": ("1s", "90s", "20m")},
    "reordered_executions": {"delay": ("2s", "90s")},
    "leg_lost": {"leg": ("stop", "target")},
    "buying_power_drift": {"factor": (0.5, 0.05)},
    "price_gap": {"size": (-0.08, 0.08, -0.3, 0.3, -0.02)},
    "flash_crash": {"size": (-0.08, -0.3, 0.2)},
    "luld_chain": {"count": (1, 3), "pause": ("5m", "10m"), "size": (-0.05, 0.05, -0.15)},
    "market_halt": {"size": (-0.07, -0.13, 0.0)},
    "wide_spread": {"half_spread_bps": (30, 100, 400)},
    "volatility": {"factor": (3.0, 8.0, 0.3)},
    "auction_imbalance": {"auction": ("open", "close"), "size": (-0.03, 0.03, -0.1)},
    "split": {"new": (2, 4, 1), "old": (1, 3)},
    "restart": {"lose_commands": (False, True)},
    "clock_jump": {"by": ("3s", "10m", "2h"), "direction": ("forward", "back")},
    "kill_switch": {"flatten": (False, True)},
    "operator_act": {
        "act": ("halt", "resume", "rearm", "reset_breaker", "flatten", "adopt", "clear_suspense", "cancel_all"),
        "lane": ("submit", "cancel", "query", "trade_stream", "data"),
    },
}


class Draws:
    """Draws of one seed, each by the name of what it is for."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def unit(self, *what: object) -> float:
        """A number in [0, 1)."""
        return text_hash("sweep", self.seed, *what) / 2**63

    def choice(self, options: Sequence[T], *what: object) -> T:
        """One of several."""
        return options[int(self.unit(*what) * len(options))]


def schedule(seed: int, sessions: np.ndarray, symbols: Sequence[str]) -> tuple[Fault, ...]:
    """The faults of a seed over SESSION rows in which the engine trades, in order of their first times.

    Raises AssertionError when there are too few sessions to keep the last ones calm.
    """
    stormy = sessions[: len(sessions) - CALM]
    assert len(stormy), "a sweep needs a session with faults and one without"
    draws = Draws(seed)
    drawn: list[Fault] = []
    for name, kinds in CLASSES.items():
        if draws.unit("class", name) < HALF:
            for kind in kinds:
                if draws.unit("kind", kind) < (KIND if len(kinds) > 1 else 1):
                    count = 1 + int(draws.unit("count", kind) * 3)
                    drawn += [_fault(draws, kind, i, stormy, symbols) for i in range(count)]
    drawn = sorted(drawn, key=lambda fault: text_hash("keep", seed, fault.kind, fault.at))[:MOST]
    if draws.unit("class", "care") < HALF:
        drawn += _care(draws, stormy)
    return tuple(sorted(drawn, key=lambda fault: fault.at or 0))


def _fault(draws: Draws, kind: str, i: int, stormy: np.ndarray, symbols: Sequence[str]) -> Fault:
    rule, what = KINDS[kind], (kind, i)
    first = int(draws.unit("session", *what) * len(stormy))
    day = stormy[first]
    begin = _moment(draws, kind, day, what)
    entry: dict[str, Any] = {"kind": kind, "at": moment_of(begin)}
    if rule.lasts == "span" or (rule.lasts == "either" and draws.unit("lasts", *what) < HALF):
        room = (int(stormy[-1]["post"]) - begin) // MINUTE
        fitting = [text for text, minutes in zip(LENGTHS, HOURS, strict=True) if minutes <= max(room, 1)]
        entry["for"] = draws.choice(fitting, "length", *what)
    for_good = kind == "split" or (kind == "price_gap" and "for" not in entry)  # would add up beyond all prices
    times = sum(at_time_of_day(begin, later) < int(later["post"]) for later in stormy[first:])  # half days end early
    repeatable = not for_good and entry.get("for") not in LENGTHS[-2:] and times > 1
    if repeatable and draws.unit("again", *what) < OFTEN:
        entry |= {"every": "session", "times": 1 + int(draws.unit("times", *what) * times)}
    entry |= dict(_scope(draws, rule, what, symbols))
    if rule.group in ("data", "broker") and rule.lasts != "instant":
        entry["probability"] = draws.choice(PROBABILITIES, "probability", *what)
    chosen = {key: draws.choice(values, key, *what) for key, values in PARAMETERS.get(kind, {}).items()}
    return Fault.model_validate(entry | {"parameters": chosen})


def _moment(draws: Draws, kind: str, day: np.void, what: tuple[object, ...]) -> int:
    """A whole second of the session, sometimes before or after regular hours, often in a busy minute."""
    begin, end = int(day["open"]), int(day["close"])
    if kind == "split":
        return begin
    if kind != "early_close" and draws.unit("hours", *what) < 0.1:
        begin, end = int(day["pre"]), int(day["post"]) - 10 * MINUTE
    second = MINUTE // 60
    return begin + second + int(draws.unit("at", *what) * ((end - begin) // second - 60)) * second


def _scope(draws: Draws, rule: Kind, what: tuple[object, ...], symbols: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Whom a fault meets: everything, or one or two of them."""
    scope: dict[str, list[str]] = {}
    for key, options in (("symbols", symbols), ("lanes", LANES)):
        if rule.knows(key) and (f"{key}!" in rule.scope or draws.unit("narrow", key, *what) < HALF):
            ranked = sorted(options, key=lambda option: draws.unit(key, option, *what))
            scope[key] = ranked[: 1 + int(draws.unit("many", key, *what) * min(3, len(ranked)))]
    if scope:
        yield "scope", scope


def _care(draws: Draws, stormy: np.ndarray) -> list[Fault]:
    """An operator who does once a session what only a person may do, at some time of the day."""
    day = stormy[0]
    acts = []
    for i, act in enumerate(CARE):
        after = 30 + 2 * i + int(draws.unit("care") * 300)
        at = moment_of(int(day["open"]) + after * MINUTE)
        entry = {"kind": "operator_act", "at": at, "every": "session", "times": len(stormy), "parameters": dict(act)}
        acts.append(Fault.model_validate(entry))
    return acts


def summary(faults: Sequence[Fault]) -> str:
    """A schedule in a line: kinds and lengths."""
    parts = []
    for fault in faults:
        length = "" if fault.duration is None else f" {duration_text(fault.duration)}"
        parts.append(f"{fault.kind}{length}")
    return ", ".join(parts)
