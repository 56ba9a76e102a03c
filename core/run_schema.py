"""The tables of a run directory, column by column: the one place that knows their names, types and order.

A run directory is a published format: whoever holds one can audit the run without this project's code. So the
schema is data. Each table below is written the way it is documented, one line a column: name, kind, meaning.
A `?` after the kind allows null. `docs/run-directory.md` prints the same lines, and a test keeps the two
equal.

Kinds, and what they are in the parquet file:

    text    string; identifiers and sentences, mostly distinct
    name    string; an enumeration or a symbol, few distinct values, therefore dictionary-encoded
    names   list of string
    time    timestamp[ns, UTC]
    money   decimal128(20, 6); dollars, dollars a share, or shares: whatever must be exact
    factor  float64; a pure number
    count   int64
    flag    bool
    bytes   binary

Enumerations are lower-case names, never numbers. Rows are ordered by time, then by sequence.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

SCHEMA_VERSION = 1

MONEY = pa.decimal128(20, 6)
TIME = pa.timestamp("ns", "UTC")
NAMES = pa.list_(pa.string())
KINDS: dict[str, pa.DataType] = {
    "text": pa.string(),
    "name": pa.string(),
    "names": NAMES,
    "time": TIME,
    "money": MONEY,
    "factor": pa.float64(),
    "count": pa.int64(),
    "flag": pa.bool_(),
    "bytes": pa.binary(),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `kind` is a key of KINDS, `meaning` one phrase with the unit."""

    name: str
    kind: str
    nullable: bool
    meaning: str


def _columns(lines: str) -> tuple[Column, ...]:
    """Columns from lines of `name kind meaning`; a kind that ends in `?` may be null."""
    rows = (line.split(maxsplit=2) for line in lines.strip().splitlines())
    return tuple(Column(name, kind.rstrip("?"), kind.endswith("?"), meaning) for name, kind, meaning in rows)


_DECISIONS = """
intent_id          text    hash of scenario or account, seed, strategy, model, symbol, session and signal
time               time    when the signal became visible to the engine
bar_time           time    start of the bar that made the signal
strategy           name    name of the strategy
symbol             name    symbol
side               name    long, short
action             name    open, exit
p                  factor? calibrated probability of the target before the stop; null in exits
target             money?  distance to the target, dollars a share; null in exits
stop               money?  distance to the stop, dollars a share; null in exits
price_ref          money   reference price that the size was computed at
equity_ref         money   equity that the size was computed from
cost               money   expected round-trip cost, dollars a share
gain               factor  gain on a win net of cost, as a fraction of price
loss               factor  loss at the stop with cost and expected gap, as a fraction of price
kelly_full         factor  full Kelly notional, as a fraction of equity
shrinkage          factor  factor for the estimation error of p
kelly_fraction     factor  share of Kelly that is bet
throttle           factor  Grossman-Zhou factor of the drawdown
mode_scale         factor  factor of the safe mode
calibration_scale  factor  factor of the strategy's calibration
portfolio_scale    factor  factor that keeps the summed risk of all positions within its budget
cap_risk           factor  largest notional that the risk of one trade allows, as a fraction of equity
cap_symbol         factor  room under the symbol cap, as a fraction of equity
cap_gross          factor  room under the gross cap, as a fraction of equity
cap_net            factor  room under the net cap, as a fraction of equity
cap_liquidity      factor  largest notional that the share of daily volume allows, as a fraction of equity
cap_buying_power   factor  notional that the buying power allows, as a fraction of equity
sized_qty          money   shares after sizing, before the checks
qty                money   shares after the checks' reductions; 0 when refused
lot                money   shares of one lot
verdict            name    approved, refused
refusal_codes      names   every check that refused, in the order of the checks
reduce_codes       names   every check that reduced the quantity
binding            name    what set the quantity: kelly, a cap or a check
mode               name    safe mode at the decision
"""

_CHECKS = """
intent_id  text    the decision
time       time    time of the decision
check      name    name of the check
measured   factor  what the check measured
limit      factor  what it allows
use        factor  measured / limit
result     name    pass, reduce, deny
"""

_ORDERS = """
client_order_id  text    our identity of the order: prefix, intent and leg
broker_order_id  text?   the broker's identity
intent_id        text?   the decision behind it; null for risk exits and adopted orders
parent           text?   client_order_id of the entry that this order belongs to
replaces         text?   client_order_id of the order that this one replaced
oco_group        text?   orders of one group: a fill of one cancels the others
symbol           name    symbol
side             name    buy, sell
role             name    what the order is for
type             name    order type
tif              name    time in force
extended_hours   flag    whether it may fill outside the regular session
qty              money   original quantity, shares
qty_open         money   shares still open
limit_price      money?  limit, dollars a share
stop_price       money?  stop trigger, dollars a share
trail            money?  trailing distance, dollars a share
status           name    last known status
filled_qty       money   shares filled
average_price    money?  average price of the fills
overfill_qty     money   shares filled beyond the quantity
late_fill        flag    whether a fill came after a terminal status
cause            name    why the order exists
created_at       time    decision
submitted_at     time    when it left us
accepted_at      time?   accepted by the broker, venue time like all that follow
activated_at     time?   a held leg became active
triggered_at     time?   stop elected
filled_at        time?   last fill
canceled_at      time?   cancel confirmed
expired_at       time?   time in force ended
rejected_at      time?   refused by the broker
replaced_at      time?   succeeded by another order
terminal_at      time?   no longer open
reject_reason    text?   the broker's reason
"""

_FILLS = """
execution_id     text    the venue's identity of the execution
client_order_id  text    the order
symbol           name    symbol
side             name    buy, sell
qty              money   shares
price            money   dollars a share
fee              money   dollars, positive = cost
time             time    venue time
t_received       time    when we learned of it
bar_time         time    start of the bar that it happened in
mid_fill         money   mid price at the fill
mid_arrival      money   mid price when the order reached the venue
mid_decision     money   mid price at the decision
half_spread      money   half-spread of the market at the fill, dollars a share; 0 in an auction
slippage         money   dollars a share by which the price was worse than the rule's raw price, 0 or more; 0 for limits
rule             name    open, path, limit_touch, limit_improved, stop, stop_gap, auction, nbbo, fault
ambiguous        flag    one bar reached both the stop and the target: the order of events is not known
synthetic        flag    booked by reconciliation, not by an execution report
"""

_EQUITY = """
time              time    end of the minute, or the session's open; every fill with time <= row is in
cash              money   dollars
equity            money   cash + long value - short value
unit_value        money   value of one unit of the account, so that flows of cash are no performance
high_water_mark   money   highest unit value so far, raised by session closes only, on the close's row
drawdown          factor  1 - unit_value / high_water_mark, 0 to 1
day_start_equity  money   equity at the previous session's close: base of the daily loss
gross             money   long value + short value, dollars
net               money   long value - short value, dollars
buying_power      money   dollars that may still be opened
open_orders       count   orders that can still fill
mode              name    safe mode
stale             flag    whether any mark is frozen
"""

_POSITIONS = """
time          time    session close, or the end of the run
symbol        name    symbol
qty           money   shares, negative = short
average_cost  money   dollars a share
mark          money   price by the run's mark_rule
market_value  money   qty x mark
realized      money   realised result since the start, dollars
unrealized    money   (mark - average_cost) x qty
"""

_CASH_EVENTS = """
time        time    when it was booked
kind        name    kind of cash event
symbol      name?   symbol of a dividend, split or cash in lieu
amount      money   dollars, positive = received
qty_change  money   shares, positive = received
ratio       factor? new shares per old share of a split
"""

_RISK_EVENTS = """
time             time    when the engine saw it
kind             name    kind of risk event
symbol           name?   symbol
strategy         name?   strategy
client_order_id  text?   order
intent_id        text?   decision
metric           name    what was measured; for breaker_change the lane
value            factor  measured
limit            factor  allowed
use              factor  value / limit
severity         name    info, warning, critical
action           name    what the engine did about it
mode_from        name?   safe mode before; for breaker_change the breaker's state before
mode_to          name?   safe mode after; for breaker_change the breaker's state after
detail           text    one sentence for a reader
"""

_EVENTS = """
sequence         count   place in the total order of events, from 1
t_market         time    when it happened
t_received       time    when we saw it
t_visible        time    when the engine may see it
priority         count   class that orders events of one instant
kind             name    kind of event
symbol           name?   symbol
client_order_id  text?   order
payload          bytes   the event record as the engine read it
price            money?  dollars a share
qty              money?  shares
ratio            factor? new shares per old share
amount           money?  dollars
reason           text?   why, in words
"""

_FAULTS = """
time          time   start of the fault
until         time?  end of the fault
kind          name   kind of fault
scope         text   whom it meets, JSON
parameters    text   its parameters, JSON
fired         count  how many times it took effect
first_effect  time?  first effect
detected_at   time?  when the engine raised it
recovered_at  time?  when normal work went on
"""

COLUMNS: dict[str, tuple[Column, ...]] = {
    "decisions": _columns(_DECISIONS),
    "checks": _columns(_CHECKS),
    "orders": _columns(_ORDERS),
    "fills": _columns(_FILLS),
    "equity": _columns(_EQUITY),
    "positions": _columns(_POSITIONS),
    "cash_events": _columns(_CASH_EVENTS),
    "risk_events": _columns(_RISK_EVENTS),
    "events": _columns(_EVENTS),
    "faults": _columns(_FAULTS),
}

TABLES: dict[str, pa.Schema] = {
    table: pa.schema([pa.field(c.name, KINDS[c.kind], nullable=c.nullable) for c in columns])
    for table, columns in COLUMNS.items()
}

DICTIONARY: dict[str, tuple[str, ...]] = {
    table: tuple(c.name for c in columns if c.kind == "name") for table, columns in COLUMNS.items()
}

OPTIONAL_TABLES = frozenset({"faults"})

RUN_KEYS: dict[str, str] = {
    "schema": "version of this format",
    "run_id": "identity of the run",
    "kind": "sim, rehearsal or paper",
    "scenario": "name of the scenario",
    "title": "title of the scenario",
    "seed": "seed of every random draw",
    "profile": "venue profile in force",
    "code_version": "version of the code",
    "config_hash": "sha256 of the bytes of config.toml",
    "data": "list of {folder, manifest_sha256, feed, adjustment}",
    "started": "simulated time of the start, ISO 8601 UTC",
    "ended": "simulated time of the end, ISO 8601 UTC",
    "bar_seconds": "length of a bar",
    "mark_rule": "how positions are marked",
    "start_cash": "dollars",
    "cash": "dollars at the end",
    "equity": "dollars at the end",
    "positions": "symbol to {qty, average_cost, mark} at the end",
    "counts": "table to number of rows",
    "command_stream_hash": "rolling hash of everything that the engine commanded",
    "final_state_hash": "hash of the engine's state at the end",
    "events": "number of events that the engine consumed",
    "bars": "number of bars among them",
    "wall_seconds": "{load, faults, signals, replay, report}",
    "invariants": "name to ok, or the witness that broke it",
    "expectations": "list of {text, ok, measured, and event where not met}",
    "repeat": "command that makes this run again",
}
