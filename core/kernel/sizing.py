"""How many shares a signal is worth: fractional Kelly, cut by what we do not know and by what we may not do.

In this order, and with every factor recorded:

    f*  = p/a - (1-p)/b           loss a and gain b as fractions of price, net of cost and expected gap
    f1  = f* x shrinkage x c      s = e2/(e2 + (b'+1)2 var), e = (b'+1)p - 1, b' = b/a, var = p(1-p)/n  (Baker & McHale)
    f2  = f1 x m(d) x mode x calibration     m(d) = (D-d)/(D(1-d))  (Grossman, Zhou 1993, normalised)
    f3  = f2 x portfolio          so that the risk of all open trades to their stops stays within its budget
    f4  = min(f3, caps)           trade risk, symbol, gross, net, liquidity, buying power, largest order
    qty = floor(f4 x equity / price) to whole lots, never rounded up

This is the one place where the engine calculates in float64, with the four operations only, so that compiled and
interpreted code agree to the last bit. Nothing of it is kept as a float: factors are recorded in nanos.
"""

from __future__ import annotations

import numpy as np

from core.kernel.compiled import kernel
from core.kernel.kinds import Binding, Refusal
from core.kernel.margin import buying_power
from core.kernel.modes import scale
from core.kernel.risk import entry_limit, hold_price
from core.kernel.types import Decision, Event, State, Symbol
from core.kernel.units import MICRO, NANO

UNIT = 1e-9
BOUND = 1e9
OFF = 1e9  # a cap that is switched off


@kernel
def nanos(x: float) -> int:
    """A factor as int64 nanos, rounded to nearest, held within ±1e9."""
    return int(np.floor(min(max(x, -BOUND), BOUND) * 1e9 + 0.5))


@kernel
def kelly(p: float, a: float, b: float) -> float:
    """Kelly fraction of equity for gain b with probability p and loss a otherwise; 0 if nothing can be gained."""
    if a <= 0.0 or b <= 0.0:
        return 0.0
    return p / a - (1.0 - p) / b


@kernel
def shrinkage(p: float, a: float, b: float, n: float) -> float:
    """Factor in [0, 1] for the uncertainty of p estimated from n effective outcomes; 1 when n is 0 (off)."""
    if n <= 0.0 or a <= 0.0 or b <= 0.0:
        return 1.0
    odds = b / a + 1.0
    edge = odds * p - 1.0
    variance = odds * odds * p * (1.0 - p) / n
    return 0.0 if edge <= 0.0 else edge * edge / (edge * edge + variance)


@kernel
def throttle(st: State) -> float:
    """Grossman-Zhou factor for the drawdown so far, 1 at a high and 0 at the limit."""
    if st.config.throttle == 0:
        return 1.0
    limit = st.config.max_drawdown * UNIT
    d = st.account.drawdown * UNIT
    return 0.0 if d >= limit else (limit - d) / (limit * (1.0 - d))


@kernel
def _caps(st: State, sym: Symbol, d: Decision, a: float, equity: float) -> None:
    """Each cap as a fraction of equity, into the decision."""
    cfg = st.config
    account = st.account
    d.cap_risk = nanos(cfg.trade_risk * UNIT / a) if a > 0.0 else 0
    held = abs(sym.value) + sym.reserved
    d.cap_symbol = nanos(cfg.symbol_cap * UNIT - held / equity)
    d.cap_gross = nanos(cfg.gross_cap * UNIT - (account.gross + account.reserved) / equity)
    net = account.value + account.reserved_net
    d.cap_net = nanos(cfg.net_cap * UNIT - d.side * net / equity)
    d.cap_liquidity = nanos(OFF)
    if cfg.adv_share > 0:
        d.cap_liquidity = nanos(cfg.adv_share * UNIT * (max(sym.adv, 0) / MICRO) * d.price_ref / equity)
    hold = hold_price(st, d.side, d.price_ref, entry_limit(st, d.side, d.price_ref))
    d.cap_buying_power = nanos(buying_power(st) / equity * (d.price_ref / max(hold, 1)))


@kernel
def _cut(st: State, d: Decision, fraction: int, cap: int, binding: int, code: int) -> int:
    """Apply one cap: remember it as reducing, and as binding if it is the least so far."""
    if cap < fraction:
        d.reduced |= 1 << code
        d.binding = binding
        return cap
    return fraction


@kernel
def size(st: State, sym: Symbol, ev: Event, d: Decision) -> None:
    """Fill the sizing part of a decision from a SIGNAL: all factors, the caps, and the quantity before the checks."""
    cfg = st.config
    price = max(float(d.price_ref), 1.0)  # a signal without a price is for the checks to refuse
    equity = float(d.equity_ref)
    p = ev.ratio / 1e6
    cost = float(d.cost)
    a = (float(ev.stop) + cost + float(d.price_ref) * (cfg.gap_loss * UNIT)) / price
    b = (float(ev.target) - cost) / price
    full = kelly(p, a, b)
    s = shrinkage(p, a, b, float(cfg.observations))
    m = throttle(st)
    mode = scale(st) * UNIT
    calibration = cfg.calibration_scale * UNIT
    f2 = max(full, 0.0) * s * (cfg.kelly * UNIT) * m * mode * calibration
    portfolio = 1.0
    if cfg.portfolio_risk > 0 and f2 > 0.0:
        room = cfg.portfolio_risk * UNIT - st.account.open_risk / equity
        portfolio = min(1.0, max(room, 0.0) / (f2 * a))
    d.gain = nanos(b)
    d.loss = nanos(a)
    d.kelly_full = nanos(full)
    d.shrinkage = nanos(s)
    d.kelly_fraction = cfg.kelly
    d.throttle = nanos(m)
    d.mode_scale = nanos(mode)
    d.calibration_scale = cfg.calibration_scale
    d.portfolio_scale = nanos(portfolio)
    _caps(st, sym, d, a, equity)
    f3 = nanos(f2 * portfolio)
    d.binding = Binding.KELLY if portfolio == 1.0 else Binding.PORTFOLIO
    if portfolio < 1.0:
        d.reduced |= 1 << Refusal.PORTFOLIO_RISK
    f = _cut(st, d, f3, d.cap_risk, Binding.TRADE_RISK, Refusal.TRADE_RISK)
    f = _cut(st, d, f, d.cap_symbol, Binding.SYMBOL_CAP, Refusal.SYMBOL_CAP)
    f = _cut(st, d, f, d.cap_gross, Binding.GROSS_CAP, Refusal.GROSS_CAP)
    f = _cut(st, d, f, d.cap_net, Binding.NET_CAP, Refusal.NET_CAP)
    f = _cut(st, d, f, d.cap_liquidity, Binding.LIQUIDITY, Refusal.ADV_SHARE)
    f = _cut(st, d, f, d.cap_buying_power, Binding.BUYING_POWER, Refusal.BUYING_POWER)
    wanted = max(f, 0) * UNIT * equity / price
    d.sized_qty = _lots(max(f3, 0) * UNIT * equity / price, cfg.lot)
    d.qty = _lots(wanted, cfg.lot)
    d.lot = cfg.lot
    if d.qty == 0:
        d.reduced = _leaving_none(d, nanos(f2), nanos(cfg.lot / MICRO * price / equity))


@kernel
def _leaving_none(d: Decision, wanted: int, least: int) -> int:
    """The caps that by themselves are too small for the `least` order of one lot; none if nothing more was wanted."""
    codes = 0
    if wanted < least:
        return codes
    if d.portfolio_scale < NANO and int(wanted * (d.portfolio_scale * UNIT)) < least:
        codes |= 1 << Refusal.PORTFOLIO_RISK
    codes |= int(d.cap_risk < least) << Refusal.TRADE_RISK
    codes |= int(d.cap_symbol < least) << Refusal.SYMBOL_CAP
    codes |= int(d.cap_gross < least) << Refusal.GROSS_CAP
    codes |= int(d.cap_net < least) << Refusal.NET_CAP
    codes |= int(d.cap_liquidity < least) << Refusal.ADV_SHARE
    codes |= int(d.cap_buying_power < least) << Refusal.BUYING_POWER
    return codes


@kernel
def _lots(shares: float, lot: int) -> int:
    """Shares (float) as micros, floored to whole lots; bounded by what a quantity may be."""
    lots = np.floor(min(shares, 1e8) * (MICRO / float(lot)))
    return int(lots) * lot
