"""The engine as tests drive it: events as named tuples in, commands and notes as named tuples out.

`BASE` is a whole configuration with every guard on and the documented defaults; a test overrides what it is about.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from core.kernel import engine
from core.kernel.invariants import broken
from core.kernel.kinds import EventKind, Regime
from core.kernel.records import CHECK, COMMAND, CONFIG, EVENT, NOTE
from core.kernel.state import new_state
from core.kernel.units import MICRO, MINUTE, NANO, SECOND

START = 1_790_000_000 * SECOND
HOUR = 60 * MINUTE

Event = NamedTuple("Event", [(name, int) for name in EVENT.names])  # type: ignore[misc]
Event.__new__.__defaults__ = tuple(-1 if name == "symbol" else 0 for name in EVENT.names)

BASE = dict.fromkeys(CONFIG.names, 0) | {
    "cash": 100_000 * MICRO,
    "multiplier": 2,
    "regime": int(Regime.INTRADAY_MARGIN),
    "shorting": 1,
    "maintenance": 3 * NANO // 10,
    "trade_risk": NANO // 100,
    "symbol_cap": NANO // 10,
    "gross_cap": NANO,
    "net_cap": NANO,
    "portfolio_risk": 6 * NANO // 100,
    "daily_loss": NANO // 20,
    "max_drawdown": 15 * NANO // 100,
    "soft": 7 * NANO // 10,
    "near": 8 * NANO // 10,
    "price_collar": NANO // 20,
    "orders_minute": 60,
    "orders_day": 2000,
    "repeat_limit": 20,
    "stale_after": 180 * SECOND,
    "stale_share": NANO // 2,
    "protect_within": 60 * SECOND,
    "cool_off": 1,
    "reentry_scale": NANO // 2,
    "reentry_step": NANO // 4,
    "stale_shock": NANO // 50,
    "plausible_jump": NANO // 10,
    "exit_step": 60 * SECOND,
    "exit_deadline": 300 * SECOND,
    "signal_max_age": 120 * SECOND,
    "kelly": NANO // 4,
    "observations": 400,
    "throttle": 1,
    "cost": 200_000,
    "min_notional": 100 * MICRO,
    "lot": MICRO,
    "calibration_scale": NANO,
    "tif": 1,
    "breaker_failures": 5,
    "breaker_window": 60 * SECOND,
    "breaker_share": NANO // 2,
    "breaker_min": 10,
    "half_open_orders": 3,
    "backoff_base": SECOND,
    "backoff_cap": 60 * SECOND,
    "trips_day": 3,
    "query_tries": 5,
    "query_step": SECOND,
    "unknown_deadline": 300 * SECOND,
    "reconcile_wait": 60 * SECOND,
    "clock_limit": 2 * SECOND,
    "drift_tolerance": NANO // 100,
    "reject_storm": 5,
    "seed": 1,
    "symbols": 3,
}


def config(**overrides: int) -> np.ndarray:
    """A configuration record, shape (1,): `BASE` with some keys replaced."""
    unknown = set(overrides) - set(BASE)
    assert not unknown, unknown
    record = np.zeros(1, CONFIG)
    for name, value in (BASE | overrides).items():
        record[name] = value
    return record


class Kernel:
    """One engine state with the calls that tests make on it."""

    def __init__(self, **overrides: int) -> None:
        self.state = new_state(config(**overrides)[0])
        self.words = self.state.view(np.int64)
        self._event = np.zeros(1, EVENT)
        self._event_words = self._event.view(np.int64)

    def apply(self, event: Any) -> None:
        """One event through `engine.apply`."""
        self._event_words[:] = event
        engine.apply(self.state, self._event)

    def send(self, kind: EventKind, **fields: int) -> None:
        """The next event in sequence; its time is the last one's unless `t_visible` says otherwise."""
        run = self.st.run
        fields.setdefault("t_visible", int(run.now))
        fields.setdefault("t_market", fields["t_visible"])
        self.apply(Event(kind=kind, seq=int(run.seq) + 1, **fields))

    @property
    def st(self) -> Any:
        return self.state[0]

    @property
    def commands(self) -> list[Any]:
        """Commands of the last step."""
        return _rows(self.st.commands[: self.st.run.commands], COMMAND)

    @property
    def notes(self) -> list[Any]:
        """Risk events of the last step."""
        return _rows(self.st.notes[: self.st.run.notes], NOTE)

    @property
    def checks(self) -> list[Any]:
        """Recorded checks of the last decision."""
        return _rows(self.st.checks[: max(self.st.decision.checks, 0)], CHECK)

    def order(self, number: int) -> Any:
        """The record of an order id."""
        o = self.st.orders[number % len(self.st.orders)]
        assert o.id == number, f"order {number} is not in its slot"
        return o

    def broken(self) -> int:
        """The first invariant that does not hold now or did not after some event; 0 when all hold."""
        return int(self.st.run.broken) or int(broken(self.state))


def _rows(records: np.ndarray, dtype: np.dtype[Any]) -> list[Any]:
    row = NamedTuple("row", [(name, int) for name in dtype.names])  # type: ignore[misc]
    return [row(*(int(r[name]) for name in dtype.names)) for r in records]


def ready(**overrides: int) -> Kernel:
    """A kernel in NORMAL mode in a regular session, with a mark of $100 in each symbol."""
    kernel = Kernel(**overrides)
    kernel.send(EventKind.STREAM, t_visible=START, code=1)
    kernel.send(EventKind.RECONCILE, code=4)
    kernel.send(EventKind.SESSION, code=2, amount=1, qty=6 * HOUR)
    for symbol in range(int(kernel.st.config.symbols)):
        kernel.send(EventKind.BAR, symbol=symbol, price=100 * MICRO, qty=1000 * MICRO)
    kernel.send(EventKind.TIMER)
    return kernel


def signal(kernel: Kernel, symbol: int = 0, side: int = 1, **fields: int) -> None:
    """A signal that the default limits let through: 60 %, $1 stop, $1.50 target, at $100."""
    terms = {
        "intent": int(kernel.st.run.seq) + 1000,
        "price": 100 * MICRO,
        "stop": MICRO,
        "target": 3 * MICRO // 2,
    }
    kernel.send(EventKind.SIGNAL, symbol=symbol, code=side, ratio=600_000, **(terms | fields))
