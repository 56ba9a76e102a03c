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
SCRIPT_ROWS = 2048  # recorded executions that one session may have
LOG_EVENTS = 32768
LOG_ROWS = 8192
HEADROOM = 2048  # journal rows that one minute may need at the most
TAPE = 1024  # executions that the broker remembers, for those who ask again
MAX_FAULTS = 64


class PathModel(IntEnum):
    """The order in which the prices of a bar are assumed to have been visited (paths.py)."""

    ADVERSE = 0
    NEAREST = 1
    OHLC = 2
    OLHC = 3
    BRIDGE = 4
    FAVOURABLE = 5


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
    FAULT = 8  # the market would not have filled it: a fault of the scenario did


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
    FAULT = 3  # the schedule of faults: `code` is the fault's number, `code2` 1 for its begin and 0 for its end


class Mark(IntEnum):
    """What is known of a message; a command's mark is how long it was held up, or AGAIN."""

    FRESH = 0
    REPLY = 1  # answers a question, so that the stream's troubles do not touch it
    JUDGED = 2  # no fault looks at it again
    COMPARE = 3  # the end of a reconciliation: the books are compared when it arrives
    UNTOLD = 4  # the broker's own books hear of it, and nobody else does
    AGAIN = -1  # a request that the broker asked to send again


class FaultKind(IntEnum):
    """The kinds of fault that the loop itself acts on; numbers as in core.settings.fault_table."""

    OUTAGE = 20
    STREAM_MUTE = 21
    ACCEPTED_NO_ANSWER = 22
    ANSWER_LOST = 23
    SLOW = 24
    RATE_LIMIT = 25
    REJECT_STORM = 26
    PARTIALS = 27
    LATE_FILL = 28
    OVERFILL = 29
    DUPLICATE_EXECUTIONS = 30
    REORDERED_EXECUTIONS = 31
    DROPPED_EXECUTIONS = 32
    CANCEL_RACE = 33
    STUCK_ORDER = 34
    LEG_LOST = 35
    BUYING_POWER_DRIFT = 36
    UNTRADABLE = 37
    UNAUTHORISED = 38
    ACCOUNT_RESET = 39
    DUPLICATE_SUBMIT = 40
    RESTART = 80
    CLOCK_JUMP = 81
    KILL_SWITCH = 82
    OPERATOR_ACT = 83


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
    "halt_reject use_quotes submit_latency cancel_latency ack_latency fill_latency feed_latency jitter seed dividends "
    "scripted_latency scripted_fills"
)

VORDER = _record(
    "id intent leg symbol side role type tif extended qty filled paid limit stop trail trail_share high parent sibling "
    "stand reason arrived accepted activated triggered first_fill filled_at canceled expired rejected terminal "
    "decided mid_decision mid_arrival fills next_try session unanswered"
)

VSYMBOL = _record(
    "halted resumed told last shown half mid room adv sigma position points cursor due due_order bar_time "
    "open_print close_print tradable hot live_count partial stuck",
    ("price", _INT, PATH_POINTS),
    ("time", _INT, PATH_POINTS),
    ("live", _INT, LIVE_ORDERS),
    ("bar", BAR, 0),
)

# One execution as the broker remembers it; `cum` is the order's quantity after it.
EXECUTION = _record("id order symbol qty price fee cum time")

# One scheduled fault. `lanes` is a set of bits, `probability` nanos, `a` and `b` what its kind takes (schedule.py);
# `fired` counts how often it took effect, `first` and `last` are when.
FAULT = _record(
    "kind active begin end lanes probability seed fired first last a b",
    ("symbols", _INT, MAX_SYMBOLS),
)

# The schedule, and what the troubles have led to. `down` and `mute` count the reasons for a lost and a silent stream,
# `gap` says that news was lost, `dead` that our process is, until `back`; commands decided up to `lost` died with it.
FAULTS = _record(
    "count down mute gap dead back lost poll next_poll rounds asked quiet start_cash",
    ("table", FAULT, MAX_FAULTS),
)

# One execution of an order as a run has recorded it (script.py): `wait` since its arrival, `gap` from the mid of then.
SCRIPT = _record("intent leg submit accept wait time qty price gap heard")

VENUE = _record(
    "now phase session executions exits ambiguous_exits cash multiplier symbols session_open session_close session_end "
    "hot_count trading minute power script_count",
    ("profile", PROFILE, 0),
    ("faults", FAULTS, 0),
    ("tape", EXECUTION, TAPE),
    ("hot", _INT, MAX_SYMBOLS),
    ("symbol", VSYMBOL, MAX_SYMBOLS),
    ("orders", VORDER, MAX_ORDERS),
    ("script", SCRIPT, SCRIPT_ROWS),
)

QUEUE = _record(
    "count free serial",
    ("heap", _INT, MESSAGES),
    ("time", _INT, MESSAGES),
    ("priority", _INT, MESSAGES),
    ("order", _INT, MESSAGES),
    ("to", _INT, MESSAGES),
    ("mid", _INT, MESSAGES),
    ("mark", _INT, MESSAGES),
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
    "tick_minute tick_start tick_phase tick_time signal late bars",
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
