"""Every record of the simulated venue, its message queue and its journal. All fields are int64, as in the engine.

Prices, quantities and amounts are micros, fractions nanos, times nanoseconds. The venue keeps its own book of orders,
positions and cash: it is another party and trusts nothing that the engine believes.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from core.kernel.records import (
    CHECK,
    COMMAND,
    DECISION,
    EVENT,
    MAX_ORDERS,
    MAX_STRATEGIES,
    MAX_SYMBOLS,
    NOTE,
    ORDER,
    SYMBOL,
)

PATH_POINTS = 16
LIVE_ORDERS = 16
MESSAGES = 4096
LOG_EVENTS = 32768
LOG_ROWS = 8192
HEADROOM = 2048  # journal rows that one minute may need at the most


class PathModel(IntEnum):
    """The order in which the prices of a bar are assumed to have been visited (paths.py)."""

    ADVERSE = 0
    NEAREST = 1
    OHLC = 2
    OLHC = 3
    BRIDGE = 4


class Rule(IntEnum):
    """How a fill got its price."""

    OPEN = 0
    PATH = 1
    LIMIT_TOUCH = 2
    LIMIT_IMPROVED = 3
    STOP = 4
    STOP_GAP = 5
    AUCTION = 6
    NBBO = 7


class Stand(IntEnum):
    """Where an order stands at the venue."""

    NONE = 0
    QUEUED = 1  # accepted, waits for a session or an auction
    HELD = 2
    WORKING = 3
    TRIGGERED = 4  # a stop that is now a market or limit order
    DONE = 5


class To(IntEnum):
    """Whom a message is for."""

    ENGINE = 0
    VENUE = 1
    MARKET = 2  # the venue's own calendar: phases, halts, corporate actions; told to both sides


def _record(fields: str, *nested: tuple[str, np.dtype, int]) -> np.dtype:
    plain = [(name, np.int64) for name in fields.split()]
    groups = [(name, dtype, (n,)) if n else (name, dtype) for name, dtype, n in nested]
    return np.dtype((np.record, plain + groups))


_INT = np.dtype(np.int64)

# One minute of one symbol; volume 0 = no trade in that minute. bid and ask 0 = no quote.
BAR = _record("open high low close volume half_spread bid ask")

# One minute of the grid.
MINUTE = _record("time phase")

# One signal, extracted from a strategy's arrays.
SIGNAL = _record("minute strategy symbol side probability target stop horizon exit")

PROFILE = _record(
    "path half_spread slippage impact participation partial fees sec_rate taf_rate taf_cap touch collar "
    "halt_reject use_quotes submit_latency cancel_latency ack_latency fill_latency feed_latency jitter seed dividends"
)

VORDER = _record(
    "id intent leg symbol side role type tif extended qty filled paid limit stop trail trail_share high parent sibling "
    "stand reason arrived accepted activated triggered first_fill filled_at canceled expired rejected terminal "
    "decided mid_decision mid_arrival fills next_try session last_fill last_qty last_price last_fee"
)

VSYMBOL = _record(
    "halted resumed told last shown half mid room adv sigma position points cursor due due_order bar_time "
    "open_print close_print tradable hot live_count",
    ("price", _INT, PATH_POINTS),
    ("time", _INT, PATH_POINTS),
    ("live", _INT, LIVE_ORDERS),
    ("bar", BAR, 0),
)

VENUE = _record(
    "now phase session executions exits ambiguous_exits cash multiplier symbols session_open session_close session_end "
    "hot_count trading minute",
    ("profile", PROFILE, 0),
    ("hot", _INT, MAX_SYMBOLS),
    ("symbol", VSYMBOL, MAX_SYMBOLS),
    ("orders", VORDER, MAX_ORDERS),
)

QUEUE = _record(
    "count free serial",
    ("heap", _INT, MESSAGES),
    ("time", _INT, MESSAGES),
    ("priority", _INT, MESSAGES),
    ("order", _INT, MESSAGES),
    ("to", _INT, MESSAGES),
    ("mid", _INT, MESSAGES),
    ("next", _INT, MESSAGES),
    ("events", EVENT, MESSAGES),
    ("commands", COMMAND, MESSAGES),
)

FILL = _record(
    "execution order intent leg symbol side qty price fee time received bar_time mid_fill mid_arrival mid_decision "
    "half_spread slippage rule ambiguous exit"
)

EQUITY = _record(
    "time cash equity unit_value high_water_mark drawdown day_start_equity gross net "
    "buying_power open_orders mode stale"
)

CLOSED = np.dtype((np.record, [("engine", ORDER), ("venue", VORDER)]))

CHECKED = np.dtype((np.record, [("intent", np.int64), ("time", np.int64), ("row", CHECK)]))

LOG = _record(
    "events_n fills_n decisions_n checks_n notes_n orders_n equity_n "
    "tick_minute tick_start tick_phase tick_time signal bars",
    ("bar_event", EVENT, 0),
    ("timer_event", EVENT, 0),
    ("bases", _INT, MAX_STRATEGIES * MAX_SYMBOLS),
    ("events", EVENT, LOG_EVENTS),
    ("fills", FILL, LOG_ROWS),
    ("decisions", DECISION, LOG_ROWS),
    ("checks", CHECKED, LOG_EVENTS),
    ("notes", NOTE, LOG_ROWS),
    ("orders", CLOSED, LOG_ROWS),
    ("equity", EQUITY, LOG_ROWS),
    ("closing", SYMBOL, MAX_SYMBOLS),  # the engine's books when the timer of the session's last minute had closed them
)
