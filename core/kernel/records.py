"""Every record of the engine in one place. All fields are int64, so no record has padding and state is plain bytes.

Suffixes: prices, quantities and amounts are micros; `*_share`, `*_cap` and other fractions are nanos; times and
durations are nanoseconds. Order and symbol numbers start at 0; -1 means none for symbols, 0 means none for orders
(order ids start at 1). Capacities are fixed; a full table is a refusal with a name.
"""

from __future__ import annotations

import numpy as np

MAX_SYMBOLS = 128
MAX_ORDERS = 1024
MAX_COMMANDS = 256
MAX_NOTES = 256
MAX_ENDED = 64
MAX_CHECKS = 43
MAX_STRATEGIES = 16
SEEN = 2048
LANES = 5
CONDITIONS = 17
LEDGER = 16
DEFICITS = 16
PDT_DAYS = 5


def _record(fields: str, *nested: tuple[str, np.dtype, int]) -> np.dtype:
    plain = [(name, np.int64) for name in fields.split()]
    groups = [(name, dtype, (n,)) if n else (name, dtype) for name, dtype, n in nested]
    return np.dtype((np.record, plain + groups))


# One input of the engine. What each kind uses stands beside it in kinds.py; a SIGNAL uses strategy, symbol, intent,
# code: +1 long or -1 short, price: reference, stop and target: distances, ratio: probability in micros,
# amount: horizon in ns (0 = none), t_market: start of the bar. A BAR uses symbol, price: close, qty: volume,
# amount: open, target: high, stop: low.
EVENT = _record(
    "seq t_market t_received t_visible kind code code2 symbol strategy order intent execution "
    "price qty cum_qty stop target amount ratio"
)

# One output. A bracket or OCO names its legs by id; `stop` and `target` are their prices.
COMMAND = _record(
    "kind order target_order stop_order intent leg symbol side role type tif extended "
    "qty limit stop target stop_limit cause created"
)

NOTE = _record("time kind symbol strategy order intent metric value limit use severity action mode_from mode_to detail")

CHECK = _record("check measured limit use result")

DECISION = _record(
    "time bar_time intent strategy symbol side action p target stop price_ref equity_ref cost "
    "gain loss kelly_full shrinkage kelly_fraction throttle mode_scale calibration_scale portfolio_scale "
    "cap_risk cap_symbol cap_gross cap_net cap_liquidity cap_buying_power "
    "sized_qty qty lot approved refused reduced binding mode checks order"
)

ORDER = _record(
    "id intent leg symbol strategy side role type tif extended cause parent sibling replaces "
    "original qty filled cum paid limit stop trail hold_price hold status previous late overfill reason "
    "created submitted accepted activated triggered first_fill filled_at canceled expired rejected replaced terminal "
    "queries query_at cancel_sent unknown_since deadline paged"
)

EXECUTION = _record("execution qty price")

SYMBOL = _record(
    # market
    "number mark suspect suspect_bar last_bar half_spread crossed halted allowed adv "
    "stale_hits stale_since fresh_since split_at split_ratio "
    # position
    "qty cost value realized fees maintenance executed adjusted "
    # where the position stood before the executions that are remembered
    "base_qty base_cost base_realized remembered "
    # working openings: what they may still add, signed shares and reserved dollars
    "working reserved "
    # the trade: one at a time in a symbol, because a bracket must be an entry
    "strategy intent side entry target_order stop_order exit_order target_price stop_price risk "
    "horizon unprotected_since unprotected_time counted_at counted_shares sibling_since "
    # the exit plan
    "stage exit_cause exit_since step_since exit_leg "
    # guards
    "openings opened_today gap unreconciled difference paged alerted",
    ("ledger", EXECUTION, LEDGER),
)

LANE = _record(
    "state failures since backoff next_probe probes window_start window_requests window_failures "
    "half_open trips resets closings last window_slow slow_windows"
)

CONDITION = _record("active since hits checks clear_since session held")

DEFICIT = _record("session amount state")

ACCOUNT = _record(
    "cash start_cash flows units realized fees dividends cost value gross maintenance reserved reserved_net "
    "equity unit_value high_water_mark reference drawdown day_start_equity day_start_unit daily_loss week_units0 "
    "week_units1 week_units2 week_units3 week_units4 weekly_loss last_equity last_maintenance bought_today "
    "unsettled power_drift open_risk suspense difference"
)

MARGIN = _record(
    "day_trades trades imd freeze_until unmet",
    ("day_count", np.dtype(np.int64), PDT_DAYS),
    ("trade_count", np.dtype(np.int64), PDT_DAYS),
    ("deficits", DEFICIT, DEFICITS),
)

RUN = _record(
    "seq now phase session sessions session_open session_close mode command_hash commands notes "
    "reconciling asked tries streaming orders_minute minute_start orders_day rejects_window next_order unknown working "
    "clean_sessions reentry rejects decisions closing turn left drifting equity_before stale_symbols alerted "
    "broken broken_at conditions lanes ended"
)

CONFIG = _record(
    "cash multiplier regime shorting maintenance market_collar "
    "trade_risk symbol_cap gross_cap net_cap portfolio_risk adv_share daily_loss weekly_loss max_drawdown soft near "
    "hwm_intraday max_order_notional max_order_qty price_collar orders_minute orders_day repeat_limit "
    "day_trade_budget stale_after stale_share protect_within cool_off auto_rearm reentry_scale "
    "reentry_step stale_shock plausible_jump exit_step exit_deadline signal_max_age flat_before_close "
    "kelly observations throttle cost gap_loss min_edge min_notional lot calibration_scale reference_collar "
    "entry_limit limit_offset tif "
    "breaker_failures breaker_window breaker_share breaker_min half_open_orders backoff_base backoff_cap "
    "trips_day slow_after silence "
    "query_tries query_step unknown_deadline reconcile_wait clock_limit drift_tolerance reject_storm seed symbols"
)

STATE = _record(
    "",
    ("config", CONFIG, 0),
    ("run", RUN, 0),
    ("account", ACCOUNT, 0),
    ("margin", MARGIN, 0),
    ("lanes", LANE, LANES),
    ("conditions", CONDITION, CONDITIONS),
    ("symbols", SYMBOL, MAX_SYMBOLS),
    ("orders", ORDER, MAX_ORDERS),
    ("intents", np.dtype(np.int64), SEEN),
    ("executions", np.dtype(np.int64), SEEN),
    ("contents", np.dtype(np.int64), SEEN),
    ("ended", np.dtype(np.int64), MAX_ENDED),
    ("commands", COMMAND, MAX_COMMANDS),
    ("notes", NOTE, MAX_NOTES),
    ("decision", DECISION, 0),
    ("checks", CHECK, MAX_CHECKS),
)


def _assert_layout(dtype: np.dtype) -> None:
    base = dtype.base
    if base.fields is None:
        assert base == np.int64
        return
    assert base.itemsize == sum(field[0].itemsize for field in base.fields.values()), "padding"
    for field in base.fields.values():
        _assert_layout(field[0])


_assert_layout(STATE)
_assert_layout(EVENT)
