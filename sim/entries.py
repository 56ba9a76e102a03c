"""What the loop enters into its log beside events and notes: ended orders, exits, and the account by the minute."""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.margin import buying_power
from core.kernel.records import MAX_ORDERS
from core.kernel.types import Event, State
from sim.records import HEADROOM, LOG_EVENTS, LOG_ROWS
from sim.types import Log, Venue


@kernel
def full(log: Log) -> bool:
    """Whether the next minute might not fit into the log."""
    rows = max(log.fills_n, log.decisions_n, log.notes_n, log.orders_n, log.equity_n)
    return rows > LOG_ROWS - HEADROOM or max(log.events_n, log.checks_n) > LOG_EVENTS - 4 * HEADROOM


@kernel
def orders(st: State, v: Venue, log: Log, number: int) -> None:
    """Keep copies of the orders that this step ended, and of an ended one that it changed after all."""
    for i in range(st.run.ended):
        _order(st, v, log, st.ended[i] % MAX_ORDERS)
    o = st.orders[number % MAX_ORDERS]
    if number > 0 and o.id == number and o.terminal != 0 and o.terminal != st.run.now:
        _order(st, v, log, number % MAX_ORDERS)


@kernel
def _order(st: State, v: Venue, log: Log, slot: int) -> None:
    row = log.orders[log.orders_n]
    row.engine = st.orders[slot]
    row.venue = v.orders[slot]
    log.orders_n += 1


@kernel
def exit_decision(st: State, log: Log, e: Event, held: int) -> None:
    """The decisions table has exits too: they are never refused and never sized."""
    d = log.decisions[log.decisions_n]
    log.decisions_n += 1
    d.time = st.run.now
    d.bar_time = e.t_market
    d.intent = e.intent
    d.strategy = e.strategy
    d.symbol = e.symbol
    d.side = st.symbols[e.symbol].side
    d.action = 1
    d.price_ref = e.price
    d.equity_ref = st.account.equity
    d.p = d.target = d.stop = d.cost = d.gain = d.loss = d.kelly_full = d.shrinkage = d.kelly_fraction = 0
    d.throttle = d.mode_scale = d.calibration_scale = d.portfolio_scale = d.cap_risk = d.cap_symbol = 0
    d.cap_gross = d.cap_net = d.cap_liquidity = d.cap_buying_power = d.refused = d.reduced = d.binding = 0
    d.checks = d.order = 0
    d.sized_qty = d.qty = held
    d.lot = st.config.lot
    d.mode = st.run.mode
    d.approved = 1


@kernel
def equity_row(st: State, log: Log, time: int, base: int) -> None:
    """One row of the equity table."""
    a = st.account
    r = log.equity[log.equity_n]
    log.equity_n += 1
    r.time = time
    r.cash = a.cash
    r.equity = a.equity
    r.unit_value = a.unit_value
    r.high_water_mark = a.high_water_mark
    r.drawdown = max(1_000_000_000 - int(float(a.unit_value) / float(a.high_water_mark) * 1e9), 0)
    r.day_start_equity = base
    r.gross = a.gross
    r.net = a.value
    r.buying_power = buying_power(st)
    r.open_orders = st.run.working
    r.mode = st.run.mode
    r.stale = 1 if st.conditions[2].active != 0 or st.conditions[3].active != 0 else 0
