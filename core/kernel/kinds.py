"""Every closed enumeration of the engine. Numbers are stored in journals: explicit, and never reused.

The total order of events is (t_visible, priority class, source, sequence); `PRIORITY` gives each kind its class.
Within one instant the clock speaks first, then the operator, then the broker's executions before its
acknowledgements (a fill that arrives together with a cancel confirmation is applied before the order closes), then
corporate actions, then market data, and the strategies last, because they may use everything else.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class EventKind(IntEnum):
    """What the world can tell the engine."""

    # clock and calendar
    SESSION = 1  # code: Phase; a session phase begins
    TIMER = 2  # a minute is over and all of its bars have been delivered
    RESTART = 3  # the process started again; price, qty unused
    CLOCK_JUMP = 4  # amount: nanoseconds of the step, signed
    # the operator
    OPERATOR = 10  # code: OperatorAct; symbol or lane in `code2`
    # executions
    FILL = 20  # order, execution, qty, price, amount: fee, cum_qty or -1
    FILL_VOIDED = 21  # order, execution, qty, price, amount: fee
    FILL_CORRECTED = 22  # order, execution, qty, price: new; stop: old price, target: old qty
    FOREIGN_FILL = 23  # execution of an order that is not ours: symbol, qty signed, price
    # acknowledgements and other news of orders
    ORDER_ACCEPTED = 30
    ORDER_WORKING = 31
    ORDER_HELD = 32
    ORDER_TRIGGERED = 33
    ORDER_CANCELED = 34
    ORDER_EXPIRED = 35
    ORDER_REJECTED = 36  # code: RejectReason
    ORDER_REPLACED = 37  # order: old, code2: new id
    ORDER_PENDING_CANCEL = 38
    ORDER_PENDING_REPLACE = 39
    CANCEL_REJECTED = 40  # code: RejectReason
    REPLACE_REJECTED = 41
    ORDER_SUSPENDED = 42
    ORDER_DONE_FOR_DAY = 43
    ORDER_RESTATED = 44  # qty: the broker's new quantity
    SUBMIT_AMBIGUOUS = 45  # the outcome of a submit is not known
    ORDER_NOT_FOUND = 46  # a query by client id found nothing
    ORDER_UNRECOGNISED = 47  # an event name that nobody knows
    # the broker's health and account
    LANE_OK = 50  # code: Lane, amount: latency ns
    LANE_FAILED = 51  # code: Lane, code2: LaneFailure, amount: ns that the broker asks to wait, 0 = not said
    STREAM = 52  # code: 1 authorised and listening, 0 lost
    PROBE_OK = 53  # code: Lane
    ACCOUNT = 54  # price: cash, target: equity, stop: buying power; only the last moves the engine
    RECONCILE = 55  # code: ReconcileStep; symbol, qty: the broker's quantity
    # cash and corporate actions
    CASH_FLOW = 60  # amount signed, code: CashKind
    SPLIT = 61  # ratio: new shares per old, in nanos
    DIVIDEND = 62  # amount: dollars a share in micros
    # market data
    BAR = 70  # open, high, low, price: close; qty: volume
    BAR_REVISION = 71
    QUOTE = 72  # price: bid, target: ask
    HALT = 73  # code: HaltKind
    RESUME = 74
    ASSET = 75  # code: bit set of AssetFlag
    FEED = 76  # code: 1 up, 0 down
    # strategies
    SIGNAL = 80  # see records.EVENT
    EXIT_SIGNAL = 81


class CommandKind(IntEnum):
    """What the engine wants done."""

    SUBMIT = 1
    SUBMIT_BRACKET = 2
    SUBMIT_OCO = 3
    CANCEL = 4
    QUERY = 5  # ask the broker for this order by client id
    PROBE = 6  # one read-only request; `leg` names the lane
    RECONCILE = 7
    REPLACE = 8  # new terms for an order, under a new number; `target_order` is the old one. Not the engine's own


SUBMITS = frozenset({CommandKind.SUBMIT, CommandKind.SUBMIT_BRACKET, CommandKind.SUBMIT_OCO})


class OrderStatus(IntEnum):
    """The quantity ledger lives beside it and never follows it."""

    NONE = 0
    INITIALIZED = 1
    SUBMITTED = 3
    UNKNOWN = 4
    ACCEPTED = 5
    HELD = 6
    WORKING = 7
    TRIGGERED = 8
    PARTIALLY_FILLED = 9
    PENDING_REPLACE = 10
    PENDING_CANCEL = 11
    SUSPENDED = 12
    DONE_FOR_DAY = 13
    FILLED = 14
    CANCELED = 15
    EXPIRED = 16
    REJECTED = 17
    REPLACED = 18


class Role(IntEnum):
    """What an order is for."""

    ENTRY = 0
    TARGET = 1
    STOP = 2
    EXIT = 3
    FLATTEN = 4


class Cause(IntEnum):
    """Why an order exists."""

    SIGNAL = 0
    BRACKET = 1
    RISK_EXIT = 2
    OPERATOR = 3
    PROTECTION = 4


class OrderType(IntEnum):
    """Alpaca's order types."""

    MARKET = 0
    LIMIT = 1
    STOP = 2
    STOP_LIMIT = 3
    TRAILING_STOP = 4


class TimeInForce(IntEnum):
    """Alpaca's times in force."""

    DAY = 0
    GTC = 1
    OPG = 2
    CLS = 3
    IOC = 4
    FOK = 5


class Phase(IntEnum):
    """Phases of an exchange day."""

    CLOSED = 0
    PRE = 1
    REGULAR = 2
    POST = 3


class Mode(IntEnum):
    """Safe modes, from free to strict; the effective mode is the strictest that any condition asks for."""

    NORMAL = 0
    REDUCED = 1
    DATA_DEGRADED = 2
    BROKER_DEGRADED = 3
    RISK_EXIT = 4
    HALTED = 5


class Condition(IntEnum):
    """Independent reasons for a mode; each enters and leaves by its own rule (modes.py)."""

    SOFT_LIMIT = 0
    REENTRY = 1
    FEED_STALE = 2
    FEED_DOWN = 3
    CLOCK = 4
    BREAKER = 5
    STREAM_DOWN = 6
    RECONCILING = 7
    DRAWDOWN = 8
    DAILY_LOSS = 9
    WEEKLY_LOSS = 10
    UNRECONCILED = 11
    SUSPENSE = 12
    TRIPS = 13
    REJECT_STORM = 14
    OPERATOR = 15
    CLOCK_BACKWARD = 16


class Lane(IntEnum):
    """Routes to the broker that fail apart; each has its own circuit breaker."""

    SUBMIT = 0
    CANCEL = 1
    QUERY = 2
    TRADE_STREAM = 3
    DATA = 4


class Breaker(IntEnum):
    """States of a circuit breaker; READY waits for the operator."""

    CLOSED = 0
    OPEN = 1
    READY = 2
    HALF_OPEN = 3


class LaneFailure(IntEnum):
    """How a request failed."""

    TIMEOUT = 1
    SERVER_ERROR = 2
    CONNECTION = 3
    RATE_LIMIT = 4
    UNPARSEABLE = 5
    UNAUTHORISED = 6


class OperatorAct(IntEnum):
    """Acts of a person, recorded with actor and reason outside the engine."""

    HALT = 1
    RESUME = 2
    REARM = 3
    RESET_BREAKER = 4  # code2: Lane
    FLATTEN = 5  # symbol, or -1 for all
    ADOPT_POSITION = 6  # symbol: take the broker's quantity as an adjustment
    CLEAR_SUSPENSE = 7
    CANCEL_ALL = 8
    ADOPT_CASH = 9  # take the broker's cash as an adjustment


class ReconcileStep(IntEnum):
    """Stages of a reconciliation as the engine sees them."""

    STARTED = 1
    SYMBOL_OK = 2
    SYMBOL_DIFFERS = 3
    FINISHED = 4
    CASH_DIFFERS = 5  # amount: theirs less ours
    CASH_OK = 6  # told where it did not agree before


class RejectReason(IntEnum):
    """Why the broker refused."""

    OTHER = 0
    BUYING_POWER = 1
    QUANTITY = 2
    PRICE_INCREMENT = 3
    BRACKET_GEOMETRY = 4
    NOT_TRADABLE = 5
    NOT_SHORTABLE = 6
    WASH_TRADE = 7
    SESSION = 8
    HALTED = 9
    ALREADY_FILLED = 10
    NOT_CANCELABLE = 11
    NOT_FOUND = 12
    DUPLICATE_ID = 13
    NOT_ENTRY = 14
    ORDER_RULE = 15
    UNCONFIRMED = 16
    ACCOUNT = 17


class HaltKind(IntEnum):
    """Kinds of trading halt."""

    REGULATORY = 0
    LULD = 1
    MARKET_WIDE = 2


class AssetFlag(IntEnum):
    """Bits of what the broker allows in an asset."""

    TRADABLE = 1
    SHORTABLE = 2
    FRACTIONABLE = 4


class CashKind(IntEnum):
    """Kinds of cash movement other than trades."""

    DEPOSIT = 0
    WITHDRAWAL = 1
    DIVIDEND = 2
    INTEREST = 3
    FEE = 4
    BORROW_FEE = 5
    CASH_IN_LIEU = 6
    SPLIT = 7
    ADJUSTMENT = 8


class Regime(IntEnum):
    """Margin regimes (margin.py)."""

    NONE = 0
    LEGACY_PDT = 1
    INTRADAY_MARGIN = 2


class Refusal(IntEnum):
    """Checks of the risk agent, in their order; a decision keeps the set of those that refused or reduced it."""

    MODE = 0
    RECONCILING = 1
    BREAKER_OPEN = 2
    STREAM_DOWN = 3
    SESSION_CLOSED = 4
    SYMBOL_HALTED = 5
    NOT_TRADABLE = 6
    NOT_SHORTABLE = 7
    PRICE_COLLAR = 8
    PRICE_INCREMENT = 9
    MAX_QTY = 10
    MAX_NOTIONAL = 11
    MIN_NOTIONAL = 12
    ADV_SHARE = 13
    ADV_UNKNOWN = 14
    SYMBOL_CAP = 15
    GROSS_CAP = 16
    NET_CAP = 17
    PORTFOLIO_RISK = 18
    TRADE_RISK = 19
    BUYING_POWER = 20
    DAY_TRADES = 21
    DAY_TRADE_BUDGET = 22
    MARGIN_DEFICIT = 23
    MARGIN_FREEZE = 24
    EQUITY_MINIMUM = 25
    DRAWDOWN = 26
    DAILY_LOSS = 27
    WEEKLY_LOSS = 28
    RATE_MINUTE = 29
    RATE_DAY = 30
    REPEATED = 31
    DUPLICATE_INTENT = 32
    SYMBOL_BUSY = 33
    SELF_CROSS = 34
    SIGNAL_STALE = 35
    CALIBRATION = 36
    STOP_REQUIRED = 37
    DATA_STALE = 38
    UNRECONCILED = 39
    NO_EDGE = 40
    ZERO_QTY = 41
    TABLE_FULL = 42


class Result(IntEnum):
    """Outcome of one check."""

    PASS = 0
    REDUCE = 1
    DENY = 2


class Binding(IntEnum):
    """What set the quantity of a decision."""

    KELLY = 0
    PORTFOLIO = 1
    TRADE_RISK = 2
    SYMBOL_CAP = 3
    GROSS_CAP = 4
    NET_CAP = 5
    LIQUIDITY = 6
    BUYING_POWER = 7
    MAX_ORDER = 8
    CHECK = 9


class NoteKind(IntEnum):
    """Risk events: what a run's `risk_events` table holds (the published list)."""

    LIMIT_BREACH = 1
    NEAR_MISS = 2
    HALT = 3
    RESUME = 4
    MODE_CHANGE = 5
    BREAKER_CHANGE = 6
    REJECT_STORM = 7
    LATE_FILL = 8
    OVERFILL = 9
    DOUBLE_EXIT = 10
    UNPROTECTED = 11
    UNKNOWN_ORDER = 12
    RECONCILIATION = 13
    STALE_DATA = 14
    BAR_REVISION = 15
    OPERATOR = 16
    ALERT = 17
    DUPLICATE_FILL = 18
    QUARANTINE = 19
    MARGIN_DEFICIT = 20
    SUSPECT_MARK = 21
    EXIT_OVERDUE = 22
    CORPORATE_ACTION = 23
    ORDER_REJECTED = 24
    FOREIGN_FILL = 25  # an execution that belongs to no order of ours
    FOREIGN_VOID = 26  # a void or correction of an order that is not ours
    FILL_VOIDED = 27  # an execution was taken back, or corrected
    UNRECOGNISED_NEWS = 28  # news that nobody can read
    UNRESOLVED_ORDER = 29  # an order's fate is unknown beyond its deadline
    BUYING_POWER_DRIFT = 30  # the broker allows less than we do
    CLEARED = 31  # what an alert was about is over


class Severity(IntEnum):
    """How loud a risk event is."""

    INFO = 0
    WARNING = 1
    CRITICAL = 2


class ExitStage(IntEnum):
    """Stages of an exit plan (exits.py)."""

    NONE = 0
    WANTED = 1
    CANCELLING = 2
    TOUCH = 3
    THROUGH = 4
    MARKET = 5


class Invariant(IntEnum):
    """What must hold after every event (invariants.py)."""

    HOLDS = 0
    ORDER_QUANTITY = 1
    ORDER_TERMINAL = 2
    POSITION_LEDGER = 3
    CASH_LEDGER = 4
    EQUITY_IDENTITY = 5
    EXPOSURE_LEDGER = 6
    HOLDS_LEDGER = 7
    OPENING_IN_SAFE_MODE = 8
    ONE_ORDER_PER_INTENT = 9
    UNPROTECTED_TOO_LONG = 10
    OCO_BOTH_FILLED = 11
    BREAKER_CLOSED_ITSELF = 12
    SEQUENCE = 13
    LIMIT_EXCEEDED = 14
    UNKNOWN_WITHOUT_DEADLINE = 15
    EXIT_OPENS = 16
    MODE_RULES = 17
    CONSERVATION = 18
    EXIT_WITHOUT_ALERT = 19
    LEG_TOO_LARGE = 20
    RECONCILIATION_WITHOUT_ALERT = 21
    OPENING_BLIND = 22
    EXIT_STALLED = 23
    ORDER_ASTRAY = 24
    LOSS_BASE = 25


def _priority() -> np.ndarray:
    """Priority class of each event kind: clock, operator, execution, acknowledgement, corporate, market, strategy."""
    table = np.full(96, 9, np.int64)
    for kind in EventKind:
        table[kind] = _CLASSES[kind // 10] if kind != EventKind.TIMER else 6
    return table


_CLASSES = {0: 0, 1: 1, 2: 2, 3: 3, 4: 3, 5: 3, 6: 4, 7: 5, 8: 7}
PRIORITY = _priority()
TERMINAL = np.array([s in (0, 14, 15, 16, 17, 18) for s in range(19)], np.int64)
