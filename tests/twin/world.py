"""A world for the engine to live in: seeded, mostly plausible, and hostile in ways that change with the seed.

Swarm testing: each seed draws a configuration from a few that make different limits bind, and a weight for each class
of events, many of them zero, so that some runs are all market and some are all mishap. The broker in it answers most
of what the engine asks for, and also repeats itself, contradicts itself, forgets, overfills and takes back. A healer
of varying diligence plays the operator, so that runs come back from where they got stuck.
"""

from __future__ import annotations

from collections import deque
from itertools import accumulate
from random import Random

from core.kernel.kinds import (
    AssetFlag,
    Breaker,
    CashKind,
    Condition,
    EventKind,
    Lane,
    OperatorAct,
    Phase,
    ReconcileStep,
    Regime,
)
from core.kernel.records import CONFIG
from core.kernel.units import MICRO, MINUTE, NANO, SECOND
from tests.twin.broker import NEWS, Broker
from tests.twin.engine import Engine
from tests.twin.kernel import HOUR, START, Event
from tests.twin.money import micros

REPEATABLE = {EventKind.FILL, EventKind.FILL_VOIDED, EventKind.FILL_CORRECTED, EventKind.FOREIGN_FILL, *NEWS}
CLASSES = {
    # class: weights that a seed chooses from
    "bar": (0, 10, 30),
    "minute": (6, 12, 20),
    "signal": (6, 12, 24),
    "answer": (20, 40, 60),
    "heal": (1, 8, 12, 16),
    "session": (0, 0, 1, 6),
    "exit_signal": (0, 0, 1, 2),
    "hostile_news": (0, 0, 2, 8),
    "repeat": (0, 0, 1, 4),
    "correction": (0, 0, 1, 3),
    "foreign": (0, 0, 0, 1),
    "lanes": (0, 0, 2, 8),
    "stream": (0, 0, 1),
    "reconcile": (0, 0, 1),
    "cash": (0, 0, 1),
    "corporate": (0, 0, 0, 1),
    "market_state": (0, 1, 3),
    "operator": (0, 0, 0, 1),
    "restart": (0, 0, 0, 1),
}
VARIANTS = (
    {},
    {"regime": int(Regime.NONE), "multiplier": 1, "shorting": 0, "symbol_cap": NANO // 2, "cash": 20_000 * MICRO},
    {"regime": int(Regime.LEGACY_PDT), "multiplier": 4, "gross_cap": 4 * NANO, "net_cap": 4 * NANO},
    {"regime": int(Regime.LEGACY_PDT), "cash": 24_000 * MICRO, "symbol_cap": NANO, "trade_risk": NANO // 20},
    {"cash": 1_900 * MICRO, "symbol_cap": NANO // 2, "trade_risk": NANO // 10, "portfolio_risk": 0},
    {"maintenance": NANO, "symbol_cap": NANO, "trade_risk": NANO // 5, "portfolio_risk": 0, "daily_loss": NANO // 2,
     "max_drawdown": 6 * NANO // 10, "multiplier": 2, "gross_cap": 2 * NANO, "net_cap": 2 * NANO},
    {"max_order_qty": 3 * MICRO // 2, "max_order_notional": 120 * MICRO, "min_notional": 0},
    {"adv_share": NANO // 200, "lot": 1, "min_notional": 50 * MICRO},
    {"daily_loss": NANO // 500, "max_drawdown": NANO // 250, "weekly_loss": NANO // 300, "auto_rearm": 1},
    {"orders_minute": 1, "orders_day": 2, "day_trade_budget": 2, "flat_before_close": HOUR},
    {"repeat_limit": 1, "symbols": 1},
    {"reject_storm": 1, "query_tries": 2, "protect_within": 10 * SECOND, "exit_step": 30 * SECOND},
    {"entry_limit": 1, "limit_offset": NANO // 1000, "reference_collar": NANO // 500, "hwm_intraday": 1},
    {"calibration_scale": 0, "min_edge": NANO // 100, "symbols": 8},
    {"breaker_failures": 2, "half_open_orders": 1, "trips_day": 1, "slow_after": SECOND, "silence": 2 * MINUTE,
     "breaker_window": MINUTE // 2},
    {"portfolio_risk": NANO // 200, "net_cap": NANO // 10, "gross_cap": NANO // 8, "throttle": 0, "observations": 0},
    {"price_collar": NANO // 400, "signal_max_age": SECOND, "stale_after": MINUTE, "cost": 0, "gap_loss": NANO // 500},
)  # fmt: skip


def chosen(rng: Random) -> dict[str, int]:
    """A configuration: one or two variants over the defaults."""
    picked = [rng.choice(VARIANTS) for _ in range(rng.choice((1, 1, 2)))]
    return {"seed": rng.randrange(1 << 30)} | {key: value for variant in picked for key, value in variant.items()}


class World(Broker):
    """Draws the next event, seeing what the twin sees."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = Random(seed)
        self.config = chosen(rng)
        assert set(self.config) <= set(CONFIG.names)
        weights = {name: rng.choice(choices) for name, choices in CLASSES.items()}
        self.classes = [name for name, weight in weights.items() if weight]
        self.weights = list(accumulate(weights[name] for name in self.classes))
        self.prices: list[int] = []
        self.fills: deque[tuple[int, int, int, int, int]] = deque(maxlen=20)  # order, execution, qty, price, symbol
        self.recent: deque[Event] = deque(maxlen=12)
        self.day, self.queue, self.intent = 1, deque(self._opening()), seed << 20
        self.volatility = rng.choice((0.0005, 0.002, 0.01))
        self.jumpy = rng.choice((0.0, 0.0, 0.01))
        self.feed = rng.choice((0.7, 0.98, 1.0))
        self.faithful = rng.choice((0.3, 0.8, 0.95, 1.0))

    def next(self, twin: Engine) -> Event:
        """The next event for the engines in this state."""
        self.twin = twin
        if not self.prices:
            self.prices = [self.rng.choice((40, 100, 300)) * MICRO for _ in twin.stocks]
        kind, fields = (self.queue.popleft() if self.queue else self._draw()) or (EventKind.TIMER, {})
        now = twin.now + fields.pop("after", 0)
        fields.setdefault("t_market", now - fields.pop("old", 0))
        event = Event(kind=kind, seq=twin.seq + 1, t_visible=now, **fields)
        if kind in REPEATABLE:
            self.recent.append(event)
        return event

    def _draw(self):
        rng = self.rng
        return getattr(self, "_" + rng.choices(self.classes, cum_weights=self.weights)[0])()

    def _opening(self):
        yield EventKind.STREAM, {"after": START, "code": 1}
        yield EventKind.RECONCILE, {"code": int(ReconcileStep.FINISHED)}
        yield EventKind.SESSION, {"code": int(Phase.REGULAR), "amount": 1, "qty": int(6.5 * HOUR)}

    def _symbol(self) -> int:
        return self.rng.randrange(len(self.twin.stocks))

    # market

    def _bar(self):
        return self._bar_of(self._symbol())

    def _bar_of(self, i: int):
        rng = self.rng
        move = rng.gauss(0, self.volatility)
        if rng.random() < self.jumpy:
            move = rng.choice((-0.3, -0.12, 0.12, 0.4))
        price = max(int(self.prices[i] * (1 + move)), 200)
        price -= price % (10_000 if price >= MICRO else 100)
        if rng.random() > self.jumpy:
            self.prices[i] = price
        old = rng.choice((MINUTE, 4 * MINUTE)) if rng.random() < 0.05 else 0
        return EventKind.BAR, {"symbol": i, "price": price, "qty": MICRO, "old": old}

    def _minute(self):
        """A minute goes by: its bars, as far as the feed brings them, and the timer."""
        rng = self.rng
        for i in range(len(self.twin.stocks)):
            if rng.random() < self.feed:
                self.queue.append(self._bar_of(i))
        self.queue.append((EventKind.TIMER, {}))
        kind, fields = self.queue.popleft()
        return kind, fields | {"after": MINUTE if rng.random() < self.feed else 5 * MINUTE}

    def _market_state(self):
        rng, i = self.rng, self._symbol()
        price = self.prices[i]
        adv = rng.choice((0, 0, 1000, 200_000)) * MICRO
        flags = rng.choice((7, 7, 7, int(AssetFlag.TRADABLE), 0))
        return rng.choice((
            (EventKind.QUOTE, {"symbol": i, "price": price - rng.randrange(30_000), "target": price + 10_000}),
            (EventKind.QUOTE, {"symbol": i, "price": price + 10_000, "target": price}),
            (EventKind.HALT, {"symbol": i, "code": rng.randrange(3)}),
            (EventKind.RESUME, {"symbol": i}),
            (EventKind.RESUME, {"symbol": i}),
            (EventKind.ASSET, {"symbol": i, "code": flags, "qty": adv}),
            (EventKind.BAR_REVISION, {"symbol": i, "price": price + 10_000}),
            (EventKind.FEED, {"code": rng.choice((0, 1, 1))}),
        ))  # fmt: skip

    def _corporate(self):
        rng, i = self.rng, self._symbol()
        ratio = rng.choice((2 * NANO, 3 * NANO, NANO // 2, 3 * NANO // 2, NANO // 10))
        if rng.random() < 0.5 or not 5 * MICRO < self.prices[i] < 2000 * MICRO:
            return EventKind.DIVIDEND, {"symbol": i, "amount": rng.randrange(1, 500_000)}
        self.prices[i] = self.prices[i] * NANO // ratio // 10_000 * 10_000
        return EventKind.SPLIT, {"symbol": i, "ratio": ratio}

    # strategies

    def _signal(self):
        rng, i = self.rng, self._symbol()
        self.intent += 1
        price, repeated = micros(self.twin.stocks[i].mark) or self.prices[i], rng.random() < 0.03
        stop = rng.choice((0.002, 0.01, 0.03)) * price
        odd = rng.random() < 0.1
        terms = {
            "symbol": i,
            "strategy": rng.randrange(2),
            "intent": self.intent - repeated,
            "code": rng.choice((1, 1, -1)),
            "price": int(price * (rng.choice((1.02, 0.9)) if odd else 1)),
            "stop": rng.choice((10_000, 0, -10_000)) if odd else int(stop),
            "target": int(stop * (0.3 if odd else rng.choice((1.5, 2.5)))),
            "ratio": rng.randrange(450_000, 900_000),
            "amount": rng.choice((0, 0, 10 * MINUTE)),
            "old": rng.choice((0, MINUTE, 3 * MINUTE)) if odd else 0,
        }
        return EventKind.SIGNAL, terms

    def _exit_signal(self):
        return EventKind.EXIT_SIGNAL, {"symbol": self._symbol(), "strategy": self.rng.randrange(2)}

    # health, account, operator

    def _lanes(self):
        rng = self.rng
        lane = rng.choice((Lane.SUBMIT, Lane.SUBMIT, *Lane))
        return rng.choice((
            (EventKind.LANE_OK, {"code": int(lane), "amount": rng.choice((SECOND // 10, 2 * SECOND)), "after": SECOND}),
            (EventKind.LANE_FAILED, {"code": int(lane), "code2": rng.randrange(1, 6), "amount": rng.choice((0, 0, MINUTE))}),
            (EventKind.LANE_FAILED, {"code": int(lane), "code2": rng.choice((1, 2, 3, 4, 5, 6))}),
            (EventKind.PROBE_OK, {"code": int(lane), "after": SECOND}),
        ))  # fmt: skip

    def _stream(self):
        return EventKind.STREAM, {"code": self.rng.choice((0, 1))}

    def _reconcile(self):
        rng, i = self.rng, self._symbol()
        step = rng.choice(list(ReconcileStep))
        qty = micros(self.twin.stocks[i].qty) + rng.choice((0, 0, 5 * MICRO))
        return EventKind.RECONCILE, {
            "code": int(step),
            "symbol": i,
            "qty": qty,
            "amount": rng.choice((1, -900)) * MICRO,
        }

    def _cash(self):
        equity = micros(self.twin.equity)
        if equity < 1000 * MICRO:
            return self._bar()
        kind = self.rng.choice(list(CashKind))
        amount = self.rng.randrange(1, equity // 20)
        if kind == CashKind.WITHDRAWAL or (kind != CashKind.DEPOSIT and self.rng.random() < 0.5):
            amount = -amount if kind == CashKind.WITHDRAWAL else -(amount // 100)
        if self.rng.random() < 0.2:
            return EventKind.ACCOUNT, {
                "price": amount,
                "target": equity,
                "stop": self.rng.choice((equity * 2, equity // 3, 0)),
            }
        return EventKind.CASH_FLOW, {"code": int(kind), "amount": amount}

    def _operator(self):
        act = self.rng.choice(list(OperatorAct))
        symbol = self._symbol()
        if act == OperatorAct.FLATTEN:
            symbol = self.rng.choice((-1, symbol))
        return EventKind.OPERATOR, {"code": int(act), "code2": self.rng.randrange(5), "symbol": symbol}

    def _restart(self):
        if self.rng.random() < 0.5:
            return EventKind.CLOCK_JUMP, {"amount": self.rng.choice((SECOND, 3 * SECOND, HOUR, -1))}
        return EventKind.RESTART, {}

    def _session(self):
        """The next phase of the day; overnight it is tomorrow."""
        twin, rng = self.twin, self.rng
        if rng.random() < 0.05:
            return EventKind.SESSION, {"code": int(twin.phase), "amount": twin.session, "qty": HOUR}
        order = {Phase.CLOSED: Phase.PRE, Phase.PRE: Phase.REGULAR, Phase.REGULAR: Phase.POST, Phase.POST: Phase.CLOSED}
        phase = rng.choice((order[Phase(twin.phase)],) * 6 + (Phase.REGULAR,))
        after = rng.choice((MINUTE, 2 * HOUR))
        if phase in (Phase.PRE, Phase.REGULAR) and twin.phase != Phase.PRE:
            self.day += 1
            after = 17 * HOUR
        if rng.random() < 0.8:
            self.queue.append((EventKind.TIMER, {}))
        return EventKind.SESSION, {"code": int(phase), "amount": self.day, "qty": int(6.5 * HOUR), "after": after}

    def _heal(self):
        """What would bring the engine nearer to NORMAL."""
        twin, rng = self.twin, self.rng
        cures = [cure for cure in self._cures() if cure]
        for stock in twin.stocks:
            if stock.unreconciled or stock.gap:
                ok, differs = ReconcileStep.SYMBOL_OK, ReconcileStep.SYMBOL_DIFFERS
                step = rng.choice((ok, ok, ok, differs))
                qty = micros(stock.qty) + (step == differs) * rng.choice((-3, 2)) * MICRO
                cures.append((EventKind.RECONCILE, {"code": int(step), "symbol": stock.number, "qty": qty}))
                if step == differs:
                    act = {"code": int(OperatorAct.ADOPT_POSITION), "symbol": stock.number}
                    self.queue.append((EventKind.OPERATOR, act))
            if stock.halted:
                cures.append((EventKind.RESUME, {"symbol": stock.number}))
            if stock.qty and not stock.entry:
                cures.append((EventKind.OPERATOR, {"code": int(OperatorAct.FLATTEN), "symbol": stock.number}))
        return rng.choice(cures) if cures else self._answer()

    def _cures(self):
        twin = self.twin
        resumed = (Condition.OPERATOR, Condition.REJECT_STORM, Condition.TRIPS, Condition.CLOCK,
                   Condition.CLOCK_BACKWARD, Condition.UNRECONCILED)  # fmt: skip
        if twin.active(Condition.STREAM_DOWN):
            yield EventKind.STREAM, {"code": 1}
        if twin.active(Condition.RECONCILING):
            yield EventKind.RECONCILE, {"code": int(ReconcileStep.FINISHED)}
        if twin.active(Condition.SUSPENSE):
            yield EventKind.OPERATOR, {"code": int(OperatorAct.CLEAR_SUSPENSE)}
        if twin.active(*resumed):
            yield EventKind.OPERATOR, {"code": int(OperatorAct.RESUME)}
        if twin.active(Condition.DRAWDOWN):
            yield EventKind.OPERATOR, {"code": int(OperatorAct.REARM)}
        if twin.active(Condition.FEED_DOWN):
            yield EventKind.FEED, {"code": 1}
        if twin.active(Condition.DRAWDOWN, Condition.DAILY_LOSS, Condition.WEEKLY_LOSS) or twin.phase != Phase.REGULAR:
            yield self._session()
        for lane, circuit in enumerate(twin.circuits):
            if circuit.state == Breaker.OPEN:
                yield EventKind.PROBE_OK, {"code": lane, "after": SECOND}
            elif circuit.state == Breaker.READY:
                yield EventKind.OPERATOR, {"code": int(OperatorAct.RESET_BREAKER), "code2": lane}
            elif circuit.state == Breaker.HALF_OPEN:
                yield EventKind.LANE_OK, {"code": lane, "amount": SECOND // 10}
