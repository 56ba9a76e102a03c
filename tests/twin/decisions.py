"""The twin's decisions: from a signal's probability to shares, and every check on the way.

Sizing follows the published order of floating-point operations, since its factors are compared to the last bit.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from math import floor
from typing import TYPE_CHECKING

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
from core.kernel.records import MAX_ORDERS, SEEN
from tests.twin.books import Stock, leverage
from tests.twin.money import BILLION, CENT, MICRO, ZERO, down, exact, fraction, micros, part_of, up, use, worth
from tests.twin.trades import stop_of, target_of

if TYPE_CHECKING:
    from tests.twin.engine import Engine

UNIT = 1e-9


def nanos(x: float) -> int:
    return floor(min(max(x, -1e9), 1e9) * 1e9 + 0.5)


def lots(shares: float, lot: int) -> int:
    return floor(min(shares, 1e8) * (1_000_000 / float(lot))) * lot


class Decision(dict[str, int]):
    """The fields of a decision by name, with its sets of refusals and reductions and its recorded checks."""

    def __init__(self) -> None:
        super().__init__(refused=0, reduced=0, approved=0, order=0, action=0)
        self.checks: list[tuple[int, ...]] = []

    def check(self, code: Refusal, measured: int, limit: int, bad: bool) -> None:
        """Keep a check that refuses, or that uses half of its limit."""
        used = use(max(measured, 0), limit) if limit > 0 else BILLION * bad
        if bad:
            self["refused"] |= 1 << code
        if bad or used >= BILLION // 2:
            passed = Result.REDUCE if self["reduced"] >> code & 1 else Result.PASS
            self.checks.append((code, measured, limit, used, Result.DENY if bad else passed))

    def above(self, code: Refusal, measured: int, limit: int) -> None:
        self.check(code, measured, limit, measured > limit)

    def flag(self, code: Refusal, bad: bool) -> None:
        if bad:
            self.check(code, BILLION, 0, True)

    def reduce(self, code: Refusal) -> None:
        self["reduced"] |= 1 << code


class Decisions:
    """Part of the engine: SIGNAL events."""

    def on_signal(self: Engine, signal) -> None:
        d = self.decision = Decision()
        stock, config = self.stocks[signal.symbol], self.config
        self.decisions += 1
        self.measure()
        a = self.account
        price = exact(signal.price)
        reference = price + (part_of(price, config.reference_collar) if signal.code > 0 else ZERO)
        equity = max(self.equity, MICRO)
        a.open_risk = self._open_risk()
        d.update(time=self.now, bar_time=signal.t_market, intent=signal.intent, strategy=signal.strategy)
        d.update(symbol=signal.symbol, side=signal.code, p=signal.ratio, target=signal.target, stop=signal.stop)
        d.update(mode=self.mode, price_ref=micros(reference), equity_ref=micros(equity), lot=config.lot)
        d["cost"] = micros(part_of(price, config.cost))
        self._size(d, stock, signal)
        self._cut_to_largest(d, reference)
        qty, side = exact(d["qty"]), signal.code
        target = target_of(side, reference, exact(signal.target))
        stop = stop_of(side, reference, exact(signal.stop))
        limit = self._entry_limit(side, reference)
        hold_price = self._hold_price(side, reference)
        self._check_state(d, stock)
        self._check_price(d, stock, limit or reference, target, stop)
        self._check_size(d, stock, worth(qty, reference))
        self._check_exposure(d, stock, worth(qty, reference), equity)
        self._check_margin(d, qty, hold_price)
        self._check_losses(d, equity)
        self._check_rates(d, stock)
        if not qty:
            self._nothing_left(d)
        if d["refused"]:
            d["binding"], d["qty"] = Binding.CHECK, 0
            return
        d["approved"] = 1
        d["order"] = self.open_trade(signal, qty, reference, target, stop, limit, hold_price).id
        stock.horizon = self.now + signal.amount if signal.amount > 0 else 0
        stock.openings += 1
        self.orders_minute += 1
        self.orders_day += 1
        self.intents[signal.intent % SEEN] = signal.intent

    def _open_risk(self: Engine) -> Decimal:
        """What is lost if every trade and every working entry ends at its stop."""
        trades = [stock for stock in self.stocks if stock.entry or stock.qty]
        return sum((worth(abs(s.qty) + abs(self.working(s)), s.risk) for s in trades), ZERO)

    def _entry_limit(self: Engine, side: int, reference: Decimal) -> Decimal:
        if not self.config.entry_limit:
            return ZERO
        give = part_of(reference, self.config.limit_offset)
        return up(reference + give) if side > 0 else down(max(reference - give, MICRO))

    def _hold_price(self: Engine, side: int, reference: Decimal) -> Decimal:
        """What buying power is held at, a share: shorts at 3 % above the market at least."""
        price = self._entry_limit(side, reference) or reference + part_of(reference, self.config.market_collar)
        return price if side > 0 else max(price, reference + part_of(reference, 30_000_000))

    # sizing

    def _size(self: Engine, d: Decision, stock: Stock, signal) -> None:
        c = self.config
        price, equity, cost = max(float(d["price_ref"]), 1.0), float(d["equity_ref"]), float(d["cost"])
        p = signal.ratio / 1e6
        loss = (float(signal.stop) + cost + price * (c.gap_loss * UNIT)) / price
        gain = (float(signal.target) - cost) / price
        full = p / loss - (1.0 - p) / gain if loss > 0 and gain > 0 else 0.0
        shrink = self._shrinkage(p, loss, gain)
        throttle, scale = self._throttle(), self.scale * UNIT
        f2 = max(full, 0.0) * shrink * (c.kelly * UNIT) * throttle * scale * (c.calibration_scale * UNIT)
        portfolio = 1.0
        if c.portfolio_risk > 0 and f2 > 0.0:
            room = c.portfolio_risk * UNIT - micros(self.account.open_risk) / equity
            portfolio = min(1.0, max(room, 0.0) / (f2 * loss))
        d.update(gain=nanos(gain), loss=nanos(loss), kelly_full=nanos(full), shrinkage=nanos(shrink))
        d.update(kelly_fraction=c.kelly, throttle=nanos(throttle), mode_scale=nanos(scale))
        d.update(calibration_scale=c.calibration_scale, portfolio_scale=nanos(portfolio))
        self._caps(d, stock, loss, equity)
        f3 = nanos(f2 * portfolio)
        d["binding"] = Binding.KELLY
        if portfolio < 1.0:
            d["binding"] = Binding.PORTFOLIO
            d.reduce(Refusal.PORTFOLIO_RISK)
        least = f3
        for cap, binding, code in (
            ("cap_risk", Binding.TRADE_RISK, Refusal.TRADE_RISK),
            ("cap_symbol", Binding.SYMBOL_CAP, Refusal.SYMBOL_CAP),
            ("cap_gross", Binding.GROSS_CAP, Refusal.GROSS_CAP),
            ("cap_net", Binding.NET_CAP, Refusal.NET_CAP),
            ("cap_liquidity", Binding.LIQUIDITY, Refusal.ADV_SHARE),
            ("cap_buying_power", Binding.BUYING_POWER, Refusal.BUYING_POWER),
        ):
            if d[cap] < least:
                least, d["binding"] = d[cap], binding
                d.reduce(code)
        d["sized_qty"] = lots(max(f3, 0) * UNIT * equity / price, c.lot)
        d["qty"] = lots(max(least, 0) * UNIT * equity / price, c.lot)
        if not d["qty"]:
            self._keep_what_leaves_none(d, nanos(f2), nanos(c.lot / 1_000_000 * price / equity))

    def _keep_what_leaves_none(self: Engine, d: Decision, wanted: int, one_lot: int) -> None:
        """Of the caps only those below one lot are to blame, and none if not even a lot was wanted."""
        caps = {
            "cap_risk": Refusal.TRADE_RISK, "cap_symbol": Refusal.SYMBOL_CAP, "cap_gross": Refusal.GROSS_CAP,
            "cap_net": Refusal.NET_CAP, "cap_liquidity": Refusal.ADV_SHARE, "cap_buying_power": Refusal.BUYING_POWER,
        }  # fmt: skip
        d["reduced"] = 0
        if wanted < one_lot:
            return
        if d["portfolio_scale"] < BILLION and int(wanted * (d["portfolio_scale"] * UNIT)) < one_lot:
            d.reduce(Refusal.PORTFOLIO_RISK)
        for name, code in caps.items():
            if d[name] < one_lot:
                d.reduce(code)

    def _nothing_left(self: Engine, d: Decision) -> None:
        """A quantity of nothing has its reasons, unless another refusal is the reason."""
        others = (Refusal.MODE, Refusal.SYMBOL_BUSY, Refusal.CALIBRATION, Refusal.NO_EDGE, Refusal.DRAWDOWN)
        if any(d["refused"] >> code & 1 for code in others):
            d["reduced"] = 0
        else:
            d["refused"] |= d["reduced"]
            d.flag(Refusal.ZERO_QTY, True)

    def _shrinkage(self: Engine, p: float, loss: float, gain: float) -> float:
        n = float(self.config.observations)
        if n <= 0 or loss <= 0 or gain <= 0:
            return 1.0
        odds = gain / loss + 1.0
        edge = odds * p - 1.0
        return edge * edge / (edge * edge + odds * odds * p * (1.0 - p) / n) if edge > 0 else 0.0

    def _throttle(self: Engine) -> float:
        limit, fallen = self.config.max_drawdown * UNIT, self.account.drawdown * UNIT
        if not self.config.throttle:
            return 1.0
        return (limit - fallen) / (limit * (1.0 - fallen)) if fallen < limit else 0.0

    def _caps(self: Engine, d: Decision, stock: Stock, loss: float, equity: float) -> None:
        c, side = self.config, d["side"]
        held = micros(abs(stock.value) + self.reserved_in(stock))
        net = micros(self.value + self.reserved_net)
        d["cap_risk"] = nanos(c.trade_risk * UNIT / loss) if loss > 0 else 0
        d["cap_symbol"] = nanos(c.symbol_cap * UNIT - held / equity)
        d["cap_gross"] = nanos(c.gross_cap * UNIT - micros(self.gross + self.reserved) / equity)
        d["cap_net"] = nanos(c.net_cap * UNIT - side * net / equity)
        d["cap_liquidity"] = nanos(1e9)
        if c.adv_share > 0:
            shares = max(micros(stock.adv), 0) / 1_000_000
            d["cap_liquidity"] = nanos(c.adv_share * UNIT * shares * d["price_ref"] / equity)
        hold = micros(self._hold_price(side, exact(d["price_ref"])))
        d["cap_buying_power"] = nanos(micros(self.buying_power) / equity * (d["price_ref"] / max(hold, 1)))

    def _cut_to_largest(self: Engine, d: Decision, reference: Decimal) -> None:
        c, largest = self.config, d["qty"]
        if 0 < c.max_order_qty < largest:
            largest = c.max_order_qty
            d.reduce(Refusal.MAX_QTY)
        if 0 < c.max_order_notional < micros(worth(exact(largest), reference)):
            largest = int(float(c.max_order_notional) / float(d["price_ref"]) * 1_000_000)
            d.reduce(Refusal.MAX_NOTIONAL)
        if largest < d["qty"]:
            d["qty"], d["binding"] = largest // c.lot * c.lot, Binding.MAX_ORDER
            if not d["qty"]:
                d["reduced"] &= 1 << Refusal.MAX_QTY | 1 << Refusal.MAX_NOTIONAL

    # checks

    def _check_state(self: Engine, d: Decision, stock: Stock) -> None:
        c = self.config
        closing = c.flat_before_close > 0 and self.now >= self.session_close - c.flat_before_close
        d.flag(Refusal.MODE, self.mode > Mode.REDUCED)
        d.flag(Refusal.RECONCILING, self.reconciling)
        d.flag(Refusal.BREAKER_OPEN, self.worst_circuit == Breaker.OPEN)
        d.flag(Refusal.STREAM_DOWN, self.active(Condition.STREAM_DOWN))
        d.flag(Refusal.SESSION_CLOSED, self.phase != Phase.REGULAR or closing)
        d.flag(Refusal.SYMBOL_HALTED, stock.halted != 0)
        d.flag(Refusal.NOT_TRADABLE, not stock.allowed & AssetFlag.TRADABLE)
        shortable = c.shorting and c.regime != Regime.NONE and stock.allowed & AssetFlag.SHORTABLE
        d.flag(Refusal.NOT_SHORTABLE, d["side"] < 0 and not shortable)
        d.flag(Refusal.SYMBOL_BUSY, bool(stock.entry or stock.qty))
        d.flag(Refusal.SELF_CROSS, not stock.entry and self.any_alive(stock))
        d.flag(Refusal.UNRECONCILED, bool(stock.unreconciled or stock.gap))
        age = self.now - stock.last_bar
        d.check(Refusal.DATA_STALE, age, c.stale_after, age > c.stale_after or stock.crossed)

    def _check_price(self: Engine, d: Decision, stock: Stock, entry, target, stop) -> None:
        away = fraction(abs(entry - stock.mark), stock.mark) if stock.mark > 0 else 0
        collar = self.config.price_collar
        d.check(Refusal.PRICE_COLLAR, away, collar, stock.mark <= 0 or away > collar)
        low, high = (stop, target) if d["side"] > 0 else (target, stop)
        d.flag(Refusal.PRICE_INCREMENT, low <= 0 or entry - low < CENT or high - entry < CENT)
        d.flag(Refusal.STOP_REQUIRED, d["stop"] <= 0)

    def _check_size(self: Engine, d: Decision, stock: Stock, value: Decimal) -> None:
        c = self.config
        if c.max_order_qty > 0:
            d.check(Refusal.MAX_QTY, d["qty"], c.max_order_qty, False)
        if c.max_order_notional > 0:
            d.check(Refusal.MAX_NOTIONAL, micros(value), c.max_order_notional, False)
        if c.adv_share > 0:
            d.flag(Refusal.ADV_UNKNOWN, stock.adv <= 0)
            if stock.adv > 0:
                d.above(Refusal.ADV_SHARE, fraction(exact(d["qty"]), stock.adv), c.adv_share)
        d.flag(Refusal.MIN_NOTIONAL, d["qty"] != 0 and value < exact(c.min_notional))

    def _check_exposure(self: Engine, d: Decision, stock: Stock, value: Decimal, equity: Decimal) -> None:
        c = self.config
        symbol = abs(stock.value) + self.reserved_in(stock) + value
        d.above(Refusal.SYMBOL_CAP, fraction(symbol, equity), c.symbol_cap)
        d.above(Refusal.GROSS_CAP, fraction(self.gross + self.reserved + value, equity), c.gross_cap)
        before = self.value + self.reserved_net
        net = abs(before + d["side"] * value)
        used = fraction(net, equity)
        d.check(Refusal.NET_CAP, used, c.net_cap, used > c.net_cap and net > abs(before))
        risk = worth(exact(d["qty"]), exact(max(d["stop"], 0)))
        d.above(Refusal.TRADE_RISK, fraction(risk, equity), c.trade_risk)
        if c.portfolio_risk > 0:
            total = self.account.open_risk + risk
            d.above(Refusal.PORTFOLIO_RISK, fraction(total, equity), c.portfolio_risk)

    def _check_margin(self: Engine, d: Decision, qty: Decimal, hold_price: Decimal) -> None:
        c, a, power = self.config, self.account, self.buying_power
        cost = worth(qty, hold_price)
        short = d["side"] < 0
        d.check(Refusal.BUYING_POWER, micros(cost), micros(max(power, ZERO)), cost > power)
        d.flag(Refusal.EQUITY_MINIMUM, short and leverage(2, self.equity) == 1)
        debit = cost > a.cash - self.reserved
        d.flag(Refusal.MARGIN_FREEZE, self.now < self.margin.freeze_until and (short or debit))
        if c.regime == Regime.INTRADAY_MARGIN:
            opened = Stock(d["symbol"], mark=hold_price, qty=d["side"] * qty).maintenance(c.maintenance)
            need = self.maintenance + part_of(self.reserved, c.maintenance) + opened
            d.check(Refusal.MARGIN_DEFICIT, micros(need), micros(max(self.equity, ZERO)), need > self.equity)
        more = 1 + sum(bool(s.opened_today if s.qty else s.entry) for s in self.stocks)
        day_trades, trades = self.margin.recent(self.sessions)
        count = day_trades + more
        if c.regime == Regime.LEGACY_PDT and a.last_equity < 25_000:
            pattern = count > 3 and count * 100 > (trades + 2 * more) * 6
            d.check(Refusal.DAY_TRADES, count * BILLION, 3 * BILLION, pattern)
        if c.day_trade_budget > 0:
            d.above(Refusal.DAY_TRADE_BUDGET, count * BILLION, c.day_trade_budget * BILLION)

    def _check_losses(self: Engine, d: Decision, equity: Decimal) -> None:
        c, a = self.config, self.account
        worst = fraction(a.open_risk + worth(exact(d["qty"]), exact(max(d["stop"], 0))), equity)
        limits = [
            (Refusal.DRAWDOWN, a.drawdown, c.max_drawdown),
            (Refusal.DAILY_LOSS, a.daily_loss, c.daily_loss),
            (Refusal.WEEKLY_LOSS, a.weekly_loss, c.weekly_loss),
        ]
        for code, loss, limit in limits[: 3 if c.weekly_loss > 0 else 2]:
            d.check(code, loss + worst, limit, loss + worst >= limit)

    def _check_rates(self: Engine, d: Decision, stock: Stock) -> None:
        c = self.config
        d.above(Refusal.RATE_MINUTE, (self.orders_minute + 1) * BILLION, c.orders_minute * BILLION)
        d.above(Refusal.RATE_DAY, (self.orders_day + 1) * BILLION, c.orders_day * BILLION)
        d.above(Refusal.REPEATED, (stock.openings + 1) * BILLION, c.repeat_limit * BILLION)
        d.flag(Refusal.DUPLICATE_INTENT, self.intents[d["intent"] % SEEN] == d["intent"])
        d.flag(Refusal.TABLE_FULL, len(self.live) > MAX_ORDERS - 384)
        d.above(Refusal.SIGNAL_STALE, self.now - d["bar_time"], c.signal_max_age)
        d.flag(Refusal.CALIBRATION, c.calibration_scale == 0)
        win = d["p"] / 1e6
        edge = int(win * d["gain"] - (1.0 - win) * d["loss"])
        d.flag(Refusal.NO_EDGE, d["kelly_full"] <= 0 or edge < c.min_edge)


def no_intents() -> defaultdict[int, int]:
    """Intents that were sent, by their place in the table; 0 is never a new one."""
    return defaultdict(int)
