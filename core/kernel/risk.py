"""The risk agent's checks: every one is evaluated, every refusal kept, each with its use of a limit.

Sizing has already cut the quantity to the caps. The checks look at the order that would really be sent. They are
grouped by what they look at: the state of the run, the symbol, the order's price and size, exposure, margin, losses,
rates, and the signal itself. Reducing orders never come here: our own guards must not be able to block an exit.

Measured values and limits of a check are nanos of their unit: fractions as they are, counts and seconds times 1e9,
money and quantities in micros.
"""

from __future__ import annotations

from core.kernel import breakers, margin, modes
from core.kernel.brackets import stop_price, target_price
from core.kernel.compiled import kernel
from core.kernel.kinds import (
    AssetFlag,
    Binding,
    Breaker,
    Condition,
    Mode,
    Phase,
    Refusal,
    Regime,
    Result,
)
from core.kernel.orders import live
from core.kernel.positions import maintenance
from core.kernel.records import MAX_ORDERS, SEEN
from core.kernel.types import Decision, State, Symbol
from core.kernel.units import MICRO, NANO, PENNY, notional, ratio, share, tick_down, tick_up

WORTH_KEEPING = NANO // 2  # checks below half of their limit are not recorded
SPARE_ORDERS = 3 * 128  # slots kept free for exits: entry, stop and target of every symbol
UNSIZED = (  # refusals that make a size of nothing, or that come with a position in the way of another
    1 << Refusal.MODE
    | 1 << Refusal.SYMBOL_BUSY
    | 1 << Refusal.CALIBRATION
    | 1 << Refusal.NO_EDGE
    | 1 << Refusal.DRAWDOWN
)
SHORT_COLLAR = 30_000_000  # an opening short is valued at 1.03 times the ask (Alpaca)


@kernel
def check(st: State, d: Decision, code: int, measured: int, limit: int, bad: bool) -> None:
    """Record one check: refused when `bad`; kept when refused or at half its limit or more."""
    if not bad and 2 * measured < limit:
        return
    use = ratio(max(measured, 0), limit) if limit > 0 else (NANO if bad else 0)
    if bad:
        d.refused |= 1 << code
    if bad or use >= WORTH_KEEPING:
        k = st.checks[d.checks]
        k.check = code
        k.measured = measured
        k.limit = limit
        k.use = use
        k.result = Result.DENY if bad else Result.PASS
        if not bad and (d.reduced >> code) & 1:
            k.result = Result.REDUCE
        d.checks += 1


@kernel
def flag(st: State, d: Decision, code: int, bad: bool) -> None:
    """Record a check that has no measure, only an answer."""
    if bad:
        check(st, d, code, NANO, 0, True)


@kernel
def _run_state(st: State, d: Decision) -> None:
    """1: the run gate and the mode."""
    c = st.conditions
    flag(st, d, Refusal.MODE, st.run.mode > Mode.REDUCED)
    flag(st, d, Refusal.RECONCILING, st.run.reconciling != 0)
    flag(st, d, Refusal.BREAKER_OPEN, breakers.worst(st) == Breaker.OPEN)
    flag(st, d, Refusal.STREAM_DOWN, c[Condition.STREAM_DOWN].active != 0)
    closing = st.config.flat_before_close > 0 and st.run.now >= st.run.session_close - st.config.flat_before_close
    flag(st, d, Refusal.SESSION_CLOSED, st.run.phase != Phase.REGULAR or closing)


@kernel
def _symbol_state(st: State, sym: Symbol, d: Decision) -> None:
    """2: what may be done in this symbol now."""
    flag(st, d, Refusal.SYMBOL_HALTED, sym.halted != 0)
    flag(st, d, Refusal.NOT_TRADABLE, sym.allowed & AssetFlag.TRADABLE == 0)
    shortable = st.config.shorting != 0 and sym.allowed & AssetFlag.SHORTABLE != 0
    cash_account = st.config.regime == Regime.NONE
    flag(st, d, Refusal.NOT_SHORTABLE, d.side < 0 and (cash_account or not shortable))
    flag(st, d, Refusal.SYMBOL_BUSY, sym.entry != 0 or sym.qty != 0)
    working_exit = live(st, sym.target_order) or live(st, sym.stop_order) or live(st, sym.exit_order)
    flag(st, d, Refusal.SELF_CROSS, sym.entry == 0 and working_exit)
    flag(st, d, Refusal.UNRECONCILED, sym.unreconciled != 0 or sym.gap != 0)
    age = st.run.now - sym.last_bar
    check(st, d, Refusal.DATA_STALE, age, st.config.stale_after, age > st.config.stale_after or sym.crossed != 0)


@kernel
def _price(st: State, sym: Symbol, d: Decision, target: int, stop: int, limit: int) -> None:
    """3, 4: prices near the market and on the grid, with Alpaca's bracket geometry."""
    cfg = st.config
    entry = limit if limit > 0 else d.price_ref
    away = abs(entry - sym.mark) if sym.mark > 0 else 0
    measured = ratio(away, max(sym.mark, 1))
    check(st, d, Refusal.PRICE_COLLAR, measured, cfg.price_collar, sym.mark <= 0 or measured > cfg.price_collar)
    low, high = (stop, target) if d.side > 0 else (target, stop)
    bad = low <= 0 or low > entry - PENNY or high < entry + PENNY
    flag(st, d, Refusal.PRICE_INCREMENT, bad)
    flag(st, d, Refusal.STOP_REQUIRED, d.stop <= 0)


@kernel
def _size(st: State, sym: Symbol, d: Decision, value: int) -> None:
    """5: the order's own size. Too large is cut, too small is refused."""
    cfg = st.config
    if cfg.max_order_qty > 0:
        check(st, d, Refusal.MAX_QTY, d.qty, cfg.max_order_qty, False)
    if cfg.max_order_notional > 0:
        check(st, d, Refusal.MAX_NOTIONAL, value, cfg.max_order_notional, False)
    if cfg.adv_share > 0:
        flag(st, d, Refusal.ADV_UNKNOWN, sym.adv <= 0)
        if sym.adv > 0:
            used = ratio(d.qty, sym.adv)
            check(st, d, Refusal.ADV_SHARE, used, cfg.adv_share, used > cfg.adv_share)
    flag(st, d, Refusal.MIN_NOTIONAL, d.qty != 0 and value < cfg.min_notional)


@kernel
def _exposure(st: State, sym: Symbol, d: Decision, value: int) -> None:
    """6, 7: worst-case exposure with everything that works counted as filled; what lessens the net may pass it."""
    cfg = st.config
    a = st.account
    equity = max(d.equity_ref, 1)
    symbol = ratio(abs(sym.value) + sym.reserved + value, equity)
    check(st, d, Refusal.SYMBOL_CAP, symbol, cfg.symbol_cap, symbol > cfg.symbol_cap)
    gross = ratio(a.gross + a.reserved + value, equity)
    check(st, d, Refusal.GROSS_CAP, gross, cfg.gross_cap, gross > cfg.gross_cap)
    before = abs(a.value + a.reserved_net)
    after = abs(a.value + a.reserved_net + d.side * value)
    net = ratio(after, equity)
    check(st, d, Refusal.NET_CAP, net, cfg.net_cap, net > cfg.net_cap and after > before)
    risk = notional(d.qty, max(d.stop, 0))
    trade = ratio(risk, equity)
    check(st, d, Refusal.TRADE_RISK, trade, cfg.trade_risk, trade > cfg.trade_risk)
    if cfg.portfolio_risk > 0:
        total = ratio(a.open_risk + risk, equity)
        check(st, d, Refusal.PORTFOLIO_RISK, total, cfg.portfolio_risk, total > cfg.portfolio_risk)


@kernel
def _margin(st: State, d: Decision, hold: int) -> None:
    """8, 9: buying power and the regime's own rules."""
    cfg = st.config
    a = st.account
    power = margin.buying_power(st)
    cost = notional(d.qty, hold)
    check(st, d, Refusal.BUYING_POWER, cost, max(power, 0), cost > power)
    flag(st, d, Refusal.EQUITY_MINIMUM, d.side < 0 and a.equity < margin.LEVERAGE_EQUITY)
    flag(st, d, Refusal.MARGIN_FREEZE, margin.frozen(st) and (d.side < 0 or cost > a.cash - a.reserved))
    if cfg.regime == Regime.INTRADAY_MARGIN:
        need = a.maintenance + share(a.reserved, cfg.maintenance) + maintenance(st, d.side * d.qty, hold)
        check(st, d, Refusal.MARGIN_DEFICIT, need, max(a.equity, 0), need > a.equity)
    if cfg.regime == Regime.LEGACY_PDT or cfg.day_trade_budget > 0:
        more = _open_today(st) + 1
        count = margin.day_trades(st) + more
        if cfg.regime == Regime.LEGACY_PDT and a.last_equity < margin.PDT_EQUITY:
            bad = margin.pattern_day_trader(st, more)
            check(st, d, Refusal.DAY_TRADES, count * NANO, margin.PDT_TRADES * NANO, bad)
        if cfg.day_trade_budget > 0:
            limit = cfg.day_trade_budget
            check(st, d, Refusal.DAY_TRADE_BUDGET, count * NANO, limit * NANO, count > limit)


@kernel
def _open_today(st: State) -> int:
    """Positions and working entries of today: each may still become a day trade."""
    total = 0
    for i in range(st.config.symbols):
        sym = st.symbols[i]
        if (sym.qty != 0 and sym.opened_today != 0) or (sym.qty == 0 and sym.entry != 0):
            total += 1
    return total


@kernel
def _losses(st: State, d: Decision) -> None:
    """10: room for the stop of this order and of all open trades before a loss limit."""
    cfg = st.config
    a = st.account
    worst = ratio(a.open_risk + notional(d.qty, max(d.stop, 0)), max(d.equity_ref, 1))
    down = a.drawdown + worst
    check(st, d, Refusal.DRAWDOWN, down, cfg.max_drawdown, down >= cfg.max_drawdown)
    day = a.daily_loss + worst
    check(st, d, Refusal.DAILY_LOSS, day, cfg.daily_loss, day >= cfg.daily_loss)
    if cfg.weekly_loss > 0:
        week = a.weekly_loss + worst
        check(st, d, Refusal.WEEKLY_LOSS, week, cfg.weekly_loss, week >= cfg.weekly_loss)


@kernel
def _rates(st: State, sym: Symbol, d: Decision) -> None:
    """11, 12, 13: how much is sent, how often, and never the same intent twice."""
    cfg = st.config
    minute = st.run.orders_minute + 1
    check(st, d, Refusal.RATE_MINUTE, minute * NANO, cfg.orders_minute * NANO, minute > cfg.orders_minute)
    day = st.run.orders_day + 1
    check(st, d, Refusal.RATE_DAY, day * NANO, cfg.orders_day * NANO, day > cfg.orders_day)
    again = sym.openings + 1
    check(st, d, Refusal.REPEATED, again * NANO, cfg.repeat_limit * NANO, again > cfg.repeat_limit)
    flag(st, d, Refusal.DUPLICATE_INTENT, st.intents[d.intent % SEEN] == d.intent)
    flag(st, d, Refusal.TABLE_FULL, st.run.working > MAX_ORDERS - SPARE_ORDERS)


@kernel
def _signal(st: State, d: Decision, edge: int) -> None:
    """15: the signal's own standing."""
    cfg = st.config
    age = st.run.now - d.bar_time
    check(st, d, Refusal.SIGNAL_STALE, age, cfg.signal_max_age, age > cfg.signal_max_age)
    flag(st, d, Refusal.CALIBRATION, cfg.calibration_scale == 0)
    flag(st, d, Refusal.NO_EDGE, d.kelly_full <= 0 or edge < cfg.min_edge)


@kernel
def open_risk(st: State) -> int:
    """Micros lost if every open trade and working entry ends at its stop."""
    total = 0
    for i in range(st.config.symbols):
        sym = st.symbols[i]
        if sym.entry != 0 or sym.qty != 0:
            total += notional(abs(sym.qty) + abs(sym.working), sym.risk)
    return total


@kernel
def entry_limit(st: State, side: int, reference: int) -> int:
    """Limit of a marketable-limit entry, 0 when entries are market orders."""
    if st.config.entry_limit == 0:
        return 0
    give = share(reference, st.config.limit_offset)
    return tick_up(reference + give) if side > 0 else tick_down(max(reference - give, 1))


@kernel
def hold_price(st: State, side: int, reference: int, limit: int) -> int:
    """The price at which buying power is held for an entry (Alpaca's order valuation)."""
    price = limit if limit > 0 else reference + share(reference, st.config.market_collar)
    return max(price, reference + share(reference, SHORT_COLLAR)) if side < 0 else price


@kernel
def cut_to_order_limits(st: State, d: Decision) -> None:
    """Reduce the quantity to the largest order allowed."""
    cfg = st.config
    largest = d.qty
    if cfg.max_order_qty > 0 and largest > cfg.max_order_qty:
        largest = cfg.max_order_qty
        d.reduced |= 1 << Refusal.MAX_QTY
    if cfg.max_order_notional > 0 and notional(largest, d.price_ref) > cfg.max_order_notional:
        largest = int(float(cfg.max_order_notional) / float(d.price_ref) * MICRO)
        d.reduced |= 1 << Refusal.MAX_NOTIONAL
    if largest < d.qty:
        d.qty = largest // cfg.lot * cfg.lot
        d.binding = Binding.MAX_ORDER
        if d.qty == 0:
            d.reduced &= 1 << Refusal.MAX_QTY | 1 << Refusal.MAX_NOTIONAL


@kernel
def evaluate(st: State, sym: Symbol, d: Decision) -> None:
    """All checks on a sized decision; sets `approved`, `refused` and the recorded checks."""
    target = target_price(d.side, d.price_ref, d.target)
    stop = stop_price(d.side, d.price_ref, d.stop)
    limit = entry_limit(st, d.side, d.price_ref)
    value = notional(d.qty, d.price_ref)
    hold = hold_price(st, d.side, d.price_ref, limit)
    win = float(d.p) / 1e6
    edge = int(win * float(d.gain) - (1.0 - win) * float(d.loss))
    _run_state(st, d)
    _symbol_state(st, sym, d)
    _price(st, sym, d, target, stop, limit)
    _size(st, sym, d, value)
    _exposure(st, sym, d, value)
    _margin(st, d, hold)
    _losses(st, d)
    _rates(st, sym, d)
    _signal(st, d, edge)
    if d.qty == 0:
        _nothing_left(st, d)
    d.approved = 1 if d.refused == 0 else 0
    if d.approved == 0:
        d.binding = Binding.CHECK
        d.qty = 0


@kernel
def _nothing_left(st: State, d: Decision) -> None:
    """Why no lot is left: the caps that leave none, unless a refusal says already that there was nothing to size."""
    if d.refused & UNSIZED != 0:
        d.reduced = 0
        return
    d.refused |= d.reduced
    flag(st, d, Refusal.ZERO_QTY, True)


@kernel
def reset_decision(d: Decision) -> None:
    """Clear the parts of a decision that are accumulated."""
    d.refused = d.reduced = d.checks = d.approved = d.order = 0
    d.sized_qty = d.qty = d.binding = 0


@kernel
def measured_equity(st: State) -> int:
    """Equity that sizes are based on: the account's, under the rules for stale marks."""
    modes.measure(st)
    return max(st.account.equity, 1)
