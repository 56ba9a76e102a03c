"""Tables of a run directory from the engine's own records, a batch at a time.

Each function takes records as the engine wrote them and gives the columns that `core.run_schema` publishes:
micros become decimals, nanos fractions, codes names. Columns are made whole, without a Python object a row.
What the simulator records about its own venue is not here; risk events, which need sentences, are in
`core.run_risk`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cache

import numpy as np
import pyarrow as pa

from core.identities import OrderIndex, Records, broker_order_id, client_order_id, hex_text
from core.kernel.kinds import (
    PRIORITY,
    Binding,
    CashKind,
    Cause,
    EventKind,
    HaltKind,
    LaneFailure,
    Mode,
    NoteKind,
    OrderStatus,
    OrderType,
    Refusal,
    RejectReason,
    Result,
    Role,
    TimeInForce,
)
from core.kernel.units import MICRO, NANO
from core.run_arrays import (
    Bools,
    Floats,
    Int64s,
    bytes_array,
    codes_list_array,
    count_array,
    factor_array,
    flag_array,
    money_array,
    names_array,
    time_array,
)
from core.run_schema import COLUMNS


@dataclass(frozen=True, slots=True)
class Names:
    """What the numbers of symbols and strategies stand for."""

    symbols: tuple[str, ...]
    strategies: tuple[str, ...]


@cache
def names_of(kind: type[IntEnum]) -> tuple[str, ...]:
    """Lower-case names of an enumeration by their numbers; a number without a name has an empty one."""
    names = [""] * (max(kind) + 1)
    for member in kind:
        names[member] = member.name.lower()
    return tuple(names)


def words_of(kind: type[IntEnum]) -> tuple[str, ...]:
    """The names as words."""
    return tuple(name.replace("_", " ") for name in names_of(kind))


def side_array(sides: Int64s, names: tuple[str, str] = ("buy", "sell")) -> pa.Array:
    """Name column of sides: the first name for +1, the second for -1."""
    return names_array((sides < 0).astype(np.int8), names)


REASONS = words_of(RejectReason)

_MONEY = [c.name for c in COLUMNS["decisions"] if c.kind == "money" and not c.nullable]
_FACTORS = [c.name for c in COLUMNS["decisions"] if c.kind == "factor" and not c.nullable]


def fractions(nanos: Int64s) -> Floats:
    """Nanos as float64, the nearest to the exact value."""
    return nanos / NANO


def decisions(rows: Records, names: Names) -> pa.RecordBatch:
    """Rows of `decisions` from DECISION records; exits have no probability and no distances."""
    opens = rows["action"] == 0
    columns: dict[str, pa.Array] = {
        "intent_id": hex_text(rows["intent"]),
        "time": time_array(rows["time"]),
        "bar_time": time_array(rows["bar_time"]),
        "strategy": names_array(rows["strategy"], names.strategies),
        "symbol": names_array(rows["symbol"], names.symbols),
        "side": side_array(rows["side"], ("long", "short")),
        "action": names_array(rows["action"], ("open", "exit")),
        "p": factor_array(rows["p"] / MICRO, opens),
        "target": money_array(rows["target"], opens),
        "stop": money_array(rows["stop"], opens),
        **{name: money_array(rows[name]) for name in _MONEY},
        **{name: factor_array(fractions(rows[name])) for name in _FACTORS},
        "verdict": names_array(rows["approved"], ("refused", "approved")),
        "refusal_codes": _code_lists(rows["refused"]),
        "reduce_codes": _code_lists(rows["reduced"]),
        "binding": names_array(rows["binding"], names_of(Binding)),
        "mode": names_array(rows["mode"], names_of(Mode)),
    }
    return pa.record_batch(columns)


def _code_lists(masks: Int64s) -> pa.Array:
    """Names of the bits of each mask; few masks are different, so each of those is spelled once."""
    distinct, rows = np.unique(masks, return_inverse=True)
    return codes_list_array(distinct, names_of(Refusal)).take(count_array(rows))


_CHECK_UNITS = np.full(len(Refusal), NANO)
_CHECK_UNITS[[Refusal.MAX_QTY, Refusal.MAX_NOTIONAL, Refusal.BUYING_POWER, Refusal.MARGIN_DEFICIT]] = MICRO


def checks(intents: Int64s, times: Int64s, rows: Records) -> pa.RecordBatch:
    """Rows of `checks` from CHECK records: shares, dollars, seconds, counts or fractions by the check."""
    unit = _CHECK_UNITS[rows["check"]]
    columns = {
        "intent_id": hex_text(intents),
        "time": time_array(times),
        "check": names_array(rows["check"], names_of(Refusal)),
        "measured": factor_array(rows["measured"] / unit),
        "limit": factor_array(rows["limit"] / unit),
        "use": factor_array(fractions(rows["use"])),
        "result": names_array(rows["result"], names_of(Result)),
    }
    return pa.record_batch(columns)


_HAS_INTENT = np.ones(len(Cause), np.bool_)
_HAS_INTENT[[Cause.RISK_EXIT, Cause.OPERATOR]] = False
_BROKER_TIMES = {
    "accepted_at": "accepted",
    "activated_at": "activated",
    "triggered_at": "triggered",
    "filled_at": "filled_at",
    "canceled_at": "canceled",
    "expired_at": "expired",
    "rejected_at": "rejected",
    "terminal_at": "terminal",
}


def orders(rows: Records, broker: Records, replaced: OrderIndex, names: Names) -> pa.RecordBatch:
    """Rows of `orders` from ORDER records, in their order.

    `broker` has a record for each row, with the broker's own times under the names that ORDER has for them; a
    time of 0 there leaves the engine's. `replaced` knows every order that another of the rows has replaced.
    """
    intent, leg = rows["intent"], rows["leg"]
    filled, open_qty = rows["filled"], rows["qty"] - rows["filled"]
    times = {column: _known(broker[name], rows[name]) for column, name in _BROKER_TIMES.items()}
    columns: dict[str, pa.Array] = {
        "client_order_id": client_order_id(intent, leg),
        "broker_order_id": broker_order_id(intent, leg, broker["accepted"] != 0),
        "intent_id": hex_text(intent, (intent != 0) & _HAS_INTENT[rows["cause"]]),
        "parent": client_order_id(intent, np.zeros_like(leg), rows["parent"] != 0),
        "replaces": replaced.client_order_ids(rows["replaces"]),
        "oco_group": client_order_id(intent, leg - (rows["role"] == Role.STOP), rows["sibling"] != 0),
        "symbol": names_array(rows["symbol"], names.symbols),
        "side": side_array(rows["side"]),
        "role": names_array(rows["role"], names_of(Role)),
        "type": names_array(rows["type"], names_of(OrderType)),
        "tif": names_array(rows["tif"], names_of(TimeInForce)),
        "extended_hours": flag_array(rows["extended"]),
        "qty": money_array(rows["original"]),
        "qty_open": money_array(np.where(rows["terminal"] != 0, 0, np.maximum(open_qty, 0))),
        "limit_price": money_array(rows["limit"], rows["limit"] != 0),
        "stop_price": money_array(rows["stop"], rows["stop"] != 0),
        "trail": money_array(rows["trail"], rows["trail"] != 0),
        "status": names_array(rows["status"], names_of(OrderStatus)),
        "filled_qty": money_array(filled),
        "average_price": money_array(average_price(rows["paid"], filled), filled > 0),
        "overfill_qty": money_array(rows["overfill"]),
        "late_fill": flag_array(rows["late"]),
        "cause": names_array(rows["cause"], names_of(Cause)),
        "created_at": time_array(rows["created"]),
        "submitted_at": time_array(rows["submitted"]),
        **{column: time_array(values, values != 0) for column, values in times.items()},
        "replaced_at": time_array(rows["replaced"], rows["replaced"] != 0),
        "reject_reason": names_array(rows["reason"], REASONS, rows["status"] == OrderStatus.REJECTED),
    }
    return pa.record_batch(columns)


def _known(broker: Int64s, engine: Int64s) -> Int64s:
    return np.where(broker != 0, broker, engine)


def average_price(amounts: Int64s, quantities: Int64s) -> Int64s:
    """floor(amount / quantity) as a price, all in micros; 0 where the quantity is 0.

    Long division by three digits at a time: exact for every quantity within `units.QTY_LIMIT`.
    """
    divisor = np.maximum(quantities, 1)
    dollars, rest = np.divmod(amounts, divisor)
    thousandths, rest = np.divmod(rest * 1000, divisor)
    price: Int64s = (dollars * 1000 + thousandths) * 1000 + rest * 1000 // divisor
    return np.where(quantities > 0, price, 0)


def positions(time: int, rows: Records, names: Names) -> pa.RecordBatch:
    """Rows of `positions` at `time` from the SYMBOL records of all symbols: those held now or ever traded."""
    symbols = np.flatnonzero((rows["qty"] != 0) | (rows["realized"] != 0))
    held = rows[symbols]
    columns = {
        "time": time_array(np.full(len(held), time)),
        "symbol": names_array(symbols, names.symbols),
        "qty": money_array(held["qty"]),
        "average_cost": money_array(average_price(np.abs(held["cost"]), np.abs(held["qty"]))),
        "mark": money_array(held["mark"]),
        "market_value": money_array(held["value"]),
        "realized": money_array(held["realized"]),
        "unrealized": money_array(held["value"] - held["cost"]),
    }
    return pa.record_batch(columns)


def _mask(*kinds: EventKind) -> Bools:
    """bool by number of event kind."""
    mask = np.zeros(len(PRIORITY), np.bool_)
    mask[list(kinds)] = True
    return mask


_FILLS = (EventKind.FILL, EventKind.FILL_VOIDED, EventKind.FILL_CORRECTED, EventKind.FOREIGN_FILL)
_BARS = (EventKind.BAR, EventKind.BAR_REVISION)
_HAS_PRICE = _mask(*_FILLS, *_BARS, EventKind.SIGNAL, EventKind.DIVIDEND)
_HAS_QTY = _mask(
    *_FILLS, *_BARS, EventKind.ORDER_RESTATED, EventKind.ORDER_REPLACED, EventKind.RECONCILE, EventKind.ASSET
)
_HAS_AMOUNT = _mask(
    EventKind.FILL, EventKind.FILL_VOIDED, EventKind.FOREIGN_FILL, EventKind.CASH_FLOW, EventKind.ACCOUNT
)
_IS_REFUSAL = _mask(EventKind.ORDER_REJECTED, EventKind.CANCEL_REJECTED, EventKind.REPLACE_REJECTED)
_WORDS = REASONS + words_of(HaltKind) + words_of(LaneFailure)


def events(rows: Records, index: OrderIndex, names: Names) -> pa.RecordBatch:
    """Rows of `events` from EVENT records. A price is a dividend's dollars a share too, an amount a fill's fee."""
    kind, symbol = rows["kind"], rows["symbol"]
    price = np.where(kind == EventKind.DIVIDEND, rows["amount"], rows["price"])
    amount = np.where(kind == EventKind.ACCOUNT, rows["price"], rows["amount"])
    word, worded = _reasons(rows)
    columns = {
        "sequence": count_array(rows["seq"]),
        "t_market": time_array(rows["t_market"]),
        "t_received": time_array(rows["t_received"]),
        "t_visible": time_array(rows["t_visible"]),
        "priority": count_array(PRIORITY[kind]),
        "kind": names_array(kind, names_of(EventKind)),
        "symbol": names_array(symbol, names.symbols, symbol >= 0),
        "client_order_id": index.client_order_ids(rows["order"]),
        "payload": bytes_array(rows),
        "price": money_array(price, _HAS_PRICE[kind] & (price != 0)),
        "qty": money_array(rows["qty"], _HAS_QTY[kind] & (symbol >= 0)),
        "ratio": factor_array(fractions(rows["ratio"]), kind == EventKind.SPLIT),
        "amount": money_array(amount, _HAS_AMOUNT[kind]),
        "reason": names_array(word, _WORDS, worded),
    }
    return pa.record_batch(columns)


def _reasons(rows: Records) -> tuple[Int64s, Bools]:
    """Places in _WORDS that say why, and which events have one: refusals, halts and failed requests."""
    kind = rows["kind"]
    halted, failed = kind == EventKind.HALT, kind == EventKind.LANE_FAILED
    word = np.where(failed, rows["code2"] + len(REASONS) + len(HaltKind), rows["code"])
    return np.where(halted, word + len(REASONS), word), _IS_REFUSAL[kind] | halted | failed


_IS_CASH = _mask(EventKind.CASH_FLOW, EventKind.SPLIT, EventKind.DIVIDEND)


def cash_events(rows: Records, notes: Records, index: OrderIndex, held: Int64s, names: Names) -> pa.RecordBatch | None:
    """Rows of `cash_events` from EVENT records and the NOTE records that came with them, None when nothing moved.

    `held` int64 by symbol, micro-shares: the engine's positions before the first of the events. A split or dividend
    of what is not held moves nothing, nor does a dividend of 0, which announces one that a cash flow pays later. A
    difference that the operator adopted is an adjustment: shares without cash, or cash alone.
    """
    held = held.copy()
    found: list[tuple[int, int, int, int, int, int]] = []
    for place in np.flatnonzero(_IS_CASH[rows["kind"]]).tolist():
        event = rows[place]
        time, symbol = int(event["t_visible"]), int(event["symbol"])
        amount, ratio = int(event["amount"]), int(event["ratio"])
        if event["kind"] == EventKind.CASH_FLOW:
            found.append((time, int(event["code"]), symbol, amount, 0, 0))
            continue
        qty = int(held[symbol]) + _filled(rows[:place], symbol, index) + _adopted(notes, symbol, time)
        if event["kind"] == EventKind.SPLIT:
            change = (abs(qty) * ratio // NANO - abs(qty)) * (1 if qty > 0 else -1)
            held[symbol] += change
            found.append((time, CashKind.SPLIT, symbol, 0, change, ratio))
        else:
            found.append((time, CashKind.DIVIDEND, symbol, qty * amount // MICRO, 0, 0))
    adopted = notes[(notes["kind"] == NoteKind.RECONCILIATION) & (notes["action"] == 1)]
    for time, symbol, value in adopted[["time", "symbol", "value"]].tolist():
        cash, change = (value, 0) if symbol < 0 else (0, value)
        found.append((time, CashKind.ADJUSTMENT, symbol, cash, change, 0))
    found = sorted((row for row in found if row[3] != 0 or row[4] != 0), key=lambda row: row[0])
    if not found:
        return None
    time_, kind, symbols, amounts, changes, ratios = np.array(found, np.int64).T
    columns = {
        "time": time_array(time_),
        "kind": names_array(kind, names_of(CashKind)),
        "symbol": names_array(symbols, names.symbols, symbols >= 0),
        "amount": money_array(amounts),
        "qty_change": money_array(changes),
        "ratio": factor_array(fractions(ratios), ratios != 0),
    }
    return pa.record_batch(columns)


def _adopted(notes: Records, symbol: int, until: int) -> int:
    """Signed micro-shares that the operator has adopted in a symbol by a time."""
    adopted = (notes["kind"] == NoteKind.RECONCILIATION) & (notes["action"] == 1)
    return int(notes["value"][adopted & (notes["symbol"] == symbol) & (notes["time"] <= until)].sum())


def _filled(rows: Records, symbol: int, index: OrderIndex) -> int:
    """Signed micro-shares that the executions among the events brought into a symbol."""
    fills = rows[(rows["kind"] == EventKind.FILL) & (rows["symbol"] == symbol)]
    order, known = index.find(fills["order"])
    return int((fills["qty"] * index.side[order] * known).sum()) if known.any() else 0
