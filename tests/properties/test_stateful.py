"""T3: hypothesis drives the engine and its twin, so that whatever breaks an invariant is shrunk to its shortest story.

`SEATRIAL_STATEFUL_EXAMPLES` and `SEATRIAL_STATEFUL_STEPS` set the dose.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as some
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from core.kernel.kinds import EventKind, Lane, OperatorAct, Phase, ReconcileStep, RejectReason
from core.kernel.units import MICRO, MINUTE, NANO, SECOND
from tests.doses import NIGHTLY, dose
from tests.twin.compare import Pair
from tests.twin.kernel import HOUR, START, Event
from tests.twin.money import micros

EXAMPLES = dose(300, 20_000, "SEATRIAL_STATEFUL_EXAMPLES")
STEPS = int(os.environ.get("SEATRIAL_STATEFUL_STEPS", 100 if NIGHTLY else 50))
CONFIGS = (
    {},
    {"cash": 20_000 * MICRO, "regime": 0, "multiplier": 1, "shorting": 0, "symbol_cap": NANO},
    {"regime": 1, "multiplier": 4, "gross_cap": 4 * NANO, "daily_loss": NANO // 200, "auto_rearm": 1},
    {"entry_limit": 1, "limit_offset": NANO // 1000, "protect_within": SECOND, "breaker_failures": 1},
)
NEWS = [kind for kind in EventKind if EventKind.ORDER_ACCEPTED <= kind <= EventKind.ORDER_UNRECOGNISED]

symbols = some.integers(0, 2)
picks = some.integers(0, 8)
parts = some.sampled_from((1.0, 0.5, 0.1, 1.5))


class Engine(RuleBasedStateMachine):
    """An account, and everything that can be done to it."""

    @initialize(config=some.sampled_from(CONFIGS))
    def open(self, config: dict[str, int]) -> None:
        self.pair = Pair(config)
        self.fills: list[dict[str, int]] = []
        self.clock = START
        self._send(EventKind.STREAM, code=1)
        self._send(EventKind.RECONCILE, code=int(ReconcileStep.FINISHED))
        self._send(EventKind.SESSION, code=int(Phase.REGULAR), amount=1, qty=6 * HOUR)
        for symbol in range(3):
            self._send(EventKind.BAR, symbol=symbol, price=100 * MICRO)

    def _send(self, kind: EventKind, **fields: int) -> None:
        fields.setdefault("t_market", self.clock)
        self.pair.apply(Event(kind=kind, seq=self.pair.twin.seq + 1, t_visible=self.clock, **fields))

    def _order(self, pick: int) -> int:
        """One of the last orders."""
        numbers = list(self.pair.twin.orders)[-9:]
        return numbers[pick % len(numbers)]

    def _ordered(self) -> bool:
        return bool(self.pair.twin.orders)

    @rule(symbol=symbols, percent=some.sampled_from((-15, -2, -1, 0, 1, 2, 15)))
    def bar(self, symbol: int, percent: int) -> None:
        price = micros(self.pair.twin.stocks[symbol].mark) * (100 + percent) // 100
        self._send(EventKind.BAR, symbol=symbol, price=max(price, MICRO))

    @rule(minutes=some.sampled_from((0, 1, 5)), with_bars=some.booleans())
    def timer(self, minutes: int, with_bars: bool) -> None:
        self.clock += minutes * MINUTE
        for symbol in range(3 * with_bars):
            self._send(EventKind.BAR, symbol=symbol, price=micros(self.pair.twin.stocks[symbol].mark))
        self._send(EventKind.TIMER)

    @rule(symbol=symbols, side=some.sampled_from((1, -1)), strategy=some.integers(0, 1), wide=some.booleans())
    def signal(self, symbol: int, side: int, strategy: int, wide: bool) -> None:
        price = micros(self.pair.twin.stocks[symbol].mark)
        stop = price // (20 if wide else 100)
        terms = {"price": price, "stop": stop, "target": 2 * stop, "ratio": 600_000, "intent": self.pair.twin.seq + 7}
        self._send(EventKind.SIGNAL, symbol=symbol, code=side, strategy=strategy, **terms)

    @rule(symbol=symbols, strategy=some.integers(0, 1))
    def exit_signal(self, symbol: int, strategy: int) -> None:
        self._send(EventKind.EXIT_SIGNAL, symbol=symbol, strategy=strategy)

    @precondition(_ordered)
    @rule(pick=picks, kind=some.sampled_from(NEWS), code=some.sampled_from((0, *RejectReason)), part=parts)
    def news(self, pick: int, kind: EventKind, code: int, part: float) -> None:
        order = self._order(pick)
        qty = int(micros(self.pair.twin.orders[order].qty) * part)
        sized = kind in (EventKind.ORDER_RESTATED, EventKind.ORDER_REPLACED)
        self._send(kind, order=order, code=int(code), qty=qty if sized else 0)

    @precondition(_ordered)
    @rule(pick=picks, part=parts, cumulative=some.sampled_from((-1, 0, MICRO)))
    def fill(self, pick: int, part: float, cumulative: int) -> None:
        order = self.pair.twin.orders[self._order(pick)]
        qty = max(int(micros(order.qty) * part), 1)
        cum = -1 if cumulative < 0 else micros(order.cum) + qty + cumulative
        price = micros(order.limit) or micros(order.stop) or micros(self.pair.twin.stocks[order.symbol].mark)
        said = {"order": order.id, "execution": self.pair.twin.seq + 9, "qty": qty, "price": price, "cum_qty": cum}
        self.fills.append(said)
        self._send(EventKind.FILL, **said)

    @precondition(lambda self: self.fills)
    @rule(pick=picks, again=some.booleans())
    def void_or_repeat(self, pick: int, again: bool) -> None:
        said = self.fills[-1 - pick % len(self.fills)]
        self._send(EventKind.FILL if again else EventKind.FILL_VOIDED, **said)

    @precondition(lambda self: self.fills)
    @rule(pick=picks, part=parts)
    def correct(self, pick: int, part: float) -> None:
        said = self.fills[-1 - pick % len(self.fills)]
        now = {"qty": max(int(said["qty"] * part), 1), "price": said["price"] + 10_000}
        was = {"target": said["qty"], "stop": said["price"]}
        self._send(EventKind.FILL_CORRECTED, order=said["order"], execution=said["execution"], **now, **was)

    @rule(symbol=symbols, shares=some.sampled_from((-30, 5, 200)))
    def foreign(self, symbol: int, shares: int) -> None:
        price = micros(self.pair.twin.stocks[symbol].mark)
        self._send(EventKind.FOREIGN_FILL, symbol=symbol, qty=shares * MICRO, price=price, execution=self.clock)

    @rule(act=some.sampled_from(OperatorAct), symbol=symbols, lane=some.sampled_from(Lane))
    def operator(self, act: OperatorAct, symbol: int, lane: Lane) -> None:
        self._send(EventKind.OPERATOR, code=int(act), symbol=symbol, code2=int(lane))

    @rule(kind=some.sampled_from((EventKind.LANE_OK, EventKind.LANE_FAILED, EventKind.PROBE_OK)),
          lane=some.sampled_from(Lane))  # fmt: skip
    def lane(self, kind: EventKind, lane: Lane) -> None:
        self._send(kind, code=int(lane))

    @rule(step=some.sampled_from(ReconcileStep), symbol=symbols, more=some.sampled_from((0, 0, 10, -700)))
    def reconcile(self, step: ReconcileStep, symbol: int, more: int) -> None:
        qty = micros(self.pair.twin.stocks[symbol].qty) + more * MICRO
        self._send(EventKind.RECONCILE, code=int(step), symbol=symbol, qty=qty, amount=more * MICRO)

    @rule(phase=some.sampled_from(Phase), new_day=some.booleans())
    def session(self, phase: Phase, new_day: bool) -> None:
        self.clock += new_day * 20 * HOUR
        day = self.pair.twin.session + new_day
        self._send(EventKind.SESSION, code=int(phase), amount=day, qty=6 * HOUR)

    @rule(up=some.booleans(), kind=some.sampled_from((EventKind.STREAM, EventKind.FEED)))
    def connection(self, up: bool, kind: EventKind) -> None:
        self._send(kind, code=int(up))

    @rule(symbol=symbols, kind=some.sampled_from((EventKind.HALT, EventKind.RESUME)))
    def halt(self, symbol: int, kind: EventKind) -> None:
        self._send(kind, symbol=symbol)

    @rule(symbol=symbols, ratio=some.sampled_from((2 * NANO, NANO // 2)))
    def split(self, symbol: int, ratio: int) -> None:
        if MICRO < micros(self.pair.twin.stocks[symbol].mark) < 1000 * MICRO:
            self._send(EventKind.SPLIT, symbol=symbol, ratio=ratio)

    @rule(kind=some.sampled_from((EventKind.RESTART, EventKind.CLOCK_JUMP)))
    def restart(self, kind: EventKind) -> None:
        self._send(kind)

    @invariant()
    def nothing_is_broken(self) -> None:
        if hasattr(self, "pair"):
            assert self.pair.kernel.broken() == 0

    def teardown(self) -> None:
        """Whatever the steps have left compares too; every order once, as its place is not used again in a story."""
        if hasattr(self, "pair"):
            self.pair.everything()
            self.pair.all_orders()


ROUND = settings(
    max_examples=min(EXAMPLES, 300),  # of one seed: hypothesis remembers all of them, and its memory is not bounded
    stateful_step_count=STEPS,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("start", range(EXAMPLES // ROUND.max_examples))
def test_no_story_breaks_the_engine(start: int) -> None:
    run_state_machine_as_test(seed(start)(Engine), settings=ROUND)


def test_a_session_that_opens_again_before_its_close_is_booked() -> None:
    state = Engine()
    state.open(config={})
    state.signal(side=1, strategy=0, symbol=0, wide=False)
    state.session(new_day=False, phase=Phase.CLOSED)
    state.session(new_day=False, phase=Phase.REGULAR)
    state.fill(cumulative=-1, part=1.0, pick=0)
    state.bar(percent=-2, symbol=0)
    state.timer(minutes=0, with_bars=False)
    state.nothing_is_broken()
    state.teardown()
