"""The twin's guards: loss limits, safe modes, stale feeds and circuit breakers."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.kernel.kinds import (
    Breaker,
    Cause,
    CommandKind,
    Condition,
    Lane,
    LaneFailure,
    Mode,
    NoteKind,
    Phase,
    Severity,
)
from tests.twin.money import BILLION, ZERO, fraction, hash64, part_of, use

if TYPE_CHECKING:
    from tests.twin.books import Stock
    from tests.twin.engine import Engine

MINUTE = 60 * BILLION
ASKS_FOR = {
    Condition.SOFT_LIMIT: Mode.REDUCED,
    Condition.REENTRY: Mode.REDUCED,
    Condition.FEED_STALE: Mode.DATA_DEGRADED,
    Condition.FEED_DOWN: Mode.DATA_DEGRADED,
    Condition.CLOCK: Mode.DATA_DEGRADED,
    Condition.BREAKER: Mode.BROKER_DEGRADED,
    Condition.STREAM_DOWN: Mode.BROKER_DEGRADED,
    Condition.RECONCILING: Mode.BROKER_DEGRADED,
    Condition.REJECT_STORM: Mode.BROKER_DEGRADED,
    Condition.DRAWDOWN: Mode.RISK_EXIT,
    Condition.DAILY_LOSS: Mode.RISK_EXIT,
    Condition.WEEKLY_LOSS: Mode.RISK_EXIT,
    Condition.UNRECONCILED: Mode.HALTED,
    Condition.SUSPENSE: Mode.HALTED,
    Condition.TRIPS: Mode.HALTED,
    Condition.OPERATOR: Mode.HALTED,
    Condition.CLOCK_BACKWARD: Mode.HALTED,
}
ALERTS = {Condition.FEED_DOWN, Condition.STREAM_DOWN, Condition.TRIPS}
ROUTINE = {Condition.SOFT_LIMIT, Condition.REENTRY, Condition.BREAKER, Condition.RECONCILING, Condition.OPERATOR}
SHUT = {Breaker.OPEN, Breaker.READY}


@dataclass
class Reason:
    """One condition; `last` are its answers at the last three timers."""

    active: bool = False
    since: int = 0
    session: int = 0
    clear_since: int = 0
    checks: int = 0
    held: int = 0
    last: deque[bool] = field(default_factory=lambda: deque([False] * 3, 3))

    def confirmed(self, bad: bool) -> bool:
        self.last.append(bad)
        return sum(self.last) >= 2


@dataclass
class Circuit:
    """The breaker of one lane."""

    state: int = Breaker.CLOSED
    failures: int = 0
    since: int = 0
    backoff: int = 0
    next_probe: int = 0
    probes: int = 0
    window_start: int = 0
    window_requests: int = 0
    window_failures: int = 0
    window_slow: int = 0
    slow_windows: int = 0
    half_open: int = 0
    trips: int = 0
    resets: int = 0
    closings: int = 0
    last: int = 0


class Guards:
    """Part of the engine: everything that decides what may be done now."""

    def set(self: Engine, condition: Condition, active: bool) -> None:
        reason = self.reasons[condition]
        if reason.active != active:
            reason.held = self.now - reason.since
            reason.active, reason.since, reason.clear_since = active, self.now, 0

    def active(self: Engine, *conditions: Condition) -> bool:
        return any(self.reasons[condition].active for condition in conditions)

    # losses

    def measure(self: Engine) -> None:
        """Unit value, with a shock while the marks are stale, and the three losses measured on it."""
        a = self.account
        equity = self.equity
        frozen = sum((abs(s.value) for s in self.stocks if self.blind(s)), ZERO)
        equity -= part_of(frozen, self.config.stale_shock)
        a.unit_value = fraction(equity, a.units)
        if self.config.hwm_intraday:
            self._raise_high(a.unit_value)
        a.drawdown = self._loss_since(a.reference)
        a.daily_loss = self._loss_since(a.day_start_unit)
        a.weekly_loss = self._loss_since(a.closes[0])

    def _raise_high(self: Engine, value: int) -> None:
        a = self.account
        a.high_water_mark = max(a.high_water_mark, value)
        a.reference = max(a.reference, value)

    def _loss_since(self: Engine, base: int) -> int:
        a = self.account
        return max(BILLION - use(a.unit_value, base), 0)

    def watch_losses(self: Engine) -> None:
        a, config = self.account, self.config
        self._watch(Condition.DRAWDOWN, a.drawdown, config.max_drawdown)
        self._watch(Condition.DAILY_LOSS, a.daily_loss, config.daily_loss)
        self._watch(Condition.WEEKLY_LOSS, a.weekly_loss, config.weekly_loss)
        worst = max(use(a.drawdown, config.max_drawdown), use(a.daily_loss, config.daily_loss))
        if config.weekly_loss > 0:
            worst = max(worst, use(a.weekly_loss, config.weekly_loss))
        if worst >= config.soft:
            self.set(Condition.SOFT_LIMIT, True)
        elif worst < config.soft - BILLION // 10:
            self.set(Condition.SOFT_LIMIT, False)

    def _watch(self: Engine, condition: Condition, measured: int, limit: int) -> None:
        if limit <= 0:
            return
        reason, used = self.reasons[condition], use(measured, limit)
        confirmed = reason.confirmed(used >= BILLION) or used >= 12 * BILLION // 10
        if confirmed and not reason.active:
            self.note(NoteKind.LIMIT_BREACH, Severity.CRITICAL)
            self.clean_sessions = 0
            self.set(condition, True)
            reason.session = self.sessions
        elif not confirmed and used >= self.config.near:
            if not reason.checks:
                self.note(NoteKind.NEAR_MISS, Severity.WARNING)
            reason.checks = 1
        elif not confirmed and used < self.config.near - BILLION // 10:
            reason.checks = 0

    def rearm(self: Engine) -> None:
        reason, a = self.reasons[Condition.DRAWDOWN], self.account
        rested = self.sessions - reason.session >= self.config.cool_off
        if not (reason.active and self.flat and rested):
            return
        self.set(Condition.DRAWDOWN, False)
        reason.last.extend([False] * 3)
        a.reference = max(a.unit_value, 1)
        self.measure()
        self.reentry, self.clean_sessions = self.config.reentry_scale, 0
        if self.reentry < BILLION:
            self.set(Condition.REENTRY, True)

    def begin_session(self: Engine) -> None:
        """A regular session opens: the day's limits end if all is flat."""
        self.measure()
        a, config = self.account, self.config
        for condition, loss, limit in (
            (Condition.DAILY_LOSS, a.daily_loss, config.daily_loss),
            (Condition.WEEKLY_LOSS, a.weekly_loss, config.weekly_loss),
        ):
            if self.active(condition) and self.flat and loss < limit:
                self.set(condition, False)
                self.reasons[condition].last.extend([False] * 3)
        if config.auto_rearm:
            self.rearm()

    def end_session(self: Engine) -> None:
        """A regular session's close, on marks as they stand: high-water mark, bases of the losses, the way back."""
        a = self.account
        self.measure()
        value = max(fraction(self.equity, a.units), 1)
        self._raise_high(value)
        a.drawdown = self._loss_since(a.reference)
        a.closes = [*a.closes[1:], value]
        a.day_start_unit = value
        a.day_start_equity = self.equity
        if self.active(Condition.REENTRY) and self.mode < Mode.RISK_EXIT:
            self.clean_sessions += 1
            if self.clean_sessions % 5 == 0:
                self.reentry = min(BILLION, self.reentry + self.config.reentry_step)
                if self.reentry == BILLION:
                    self.set(Condition.REENTRY, False)

    # feeds

    def watch_feed(self: Engine) -> None:
        if self.phase != Phase.REGULAR:
            return
        config, reason = self.config, self.reasons[Condition.FEED_STALE]
        for stock in self.stocks:
            self._watch_data(stock)
        traded = [stock for stock in self.stocks if stock.last_bar >= self.session_open]
        late = [s for s in traded if self.now - s.last_bar > config.stale_after and not s.halted]
        if traded:
            bad = len(late) * BILLION > len(traded) * config.stale_share
        else:
            bad = self.now - self.session_open > config.stale_after
        confirmed = reason.confirmed(bad)
        if not reason.active:
            if confirmed:
                self.note(NoteKind.STALE_DATA, Severity.CRITICAL)
                self.set(Condition.FEED_STALE, True)
        elif bad:
            reason.clear_since = 0
        elif not reason.clear_since:
            reason.clear_since = self.now
        elif self.now - reason.clear_since >= 3 * config.stale_after:
            self.set(Condition.FEED_STALE, False)

    def _watch_data(self: Engine, stock: Stock) -> None:
        """The label of marks that cannot be believed, of symbols in which something is at stake."""
        patience, at_stake = self.config.stale_after, bool(stock.qty or stock.entry)
        silent = self.now - max(stock.last_bar, self.session_open) > patience and not stock.halted
        bad = silent or bool(stock.crossed)
        stock.stale_hits = (stock.stale_hits * 2 + bad) % 8
        if not stock.stale_since:
            if at_stake and stock.stale_hits.bit_count() >= 2:
                stock.stale_since, stock.fresh_since = self.now, 0
                self.note(NoteKind.STALE_DATA, Severity.WARNING, stock.number)
        elif bad and at_stake:
            stock.fresh_since = 0
        else:
            stock.fresh_since = stock.fresh_since or self.now
            if not at_stake or self.now - stock.fresh_since >= 3 * patience:
                self.note(NoteKind.CLEARED, Severity.INFO, stock.number)
                stock.stale_since = 0

    def blind(self: Engine, stock: Stock) -> bool:
        return bool(stock.stale_since) or self.active(Condition.FEED_STALE, Condition.FEED_DOWN)

    # breakers

    @property
    def worst_circuit(self: Engine) -> int:
        states = {circuit.state for circuit in self.circuits}
        if states & SHUT:
            return Breaker.OPEN
        return Breaker.HALF_OPEN if Breaker.HALF_OPEN in states else Breaker.CLOSED

    def _switch(self: Engine, lane: int, state: Breaker) -> None:
        self.note(NoteKind.BREAKER_CHANGE, Severity.CRITICAL if state == Breaker.OPEN else Severity.INFO)
        circuit = self.circuits[lane]
        circuit.state, circuit.since = state, self.now
        circuit.failures = circuit.probes = circuit.half_open = 0
        circuit.closings += state == Breaker.CLOSED

    def trip(self: Engine, lane: int) -> None:
        circuit = self.circuits[lane]
        circuit.backoff = circuit.backoff + 1 if circuit.state == Breaker.HALF_OPEN else 0
        circuit.trips += 1
        self._switch(lane, Breaker.OPEN)
        self.plan_probe(lane)

    def plan_probe(self: Engine, lane: int) -> None:
        circuit, config = self.circuits[lane], self.config
        longest = min(config.backoff_cap, config.backoff_base * 2 ** min(circuit.backoff, 20))
        draw = hash64(config.seed, lane, circuit.trips, circuit.backoff, circuit.probes) % (1 << 64) >> 11
        circuit.next_probe = self.now + int(draw * 2.0**-53 * longest)

    def _request(self: Engine, lane: int) -> Circuit:
        """Count a request in its window."""
        circuit = self.circuits[lane]
        if self.now - circuit.window_start >= self.config.breaker_window:
            slow = circuit.window_slow * 20 > circuit.window_requests > 0
            circuit.slow_windows = circuit.slow_windows + 1 if slow else 0
            circuit.window_start = self.now
            circuit.window_requests = circuit.window_failures = circuit.window_slow = 0
        circuit.window_requests += 1
        return circuit

    def on_lane_ok(self: Engine, event) -> None:
        circuit = self._request(event.code)
        circuit.last, circuit.failures = self.now, 0
        slow = 0 < self.config.slow_after < event.amount
        circuit.window_slow += slow
        if circuit.state == Breaker.HALF_OPEN:
            if slow:
                self.trip(event.code)
                return
            circuit.half_open += 1
            if circuit.half_open >= self.config.half_open_orders:
                circuit.backoff = 0
                self._switch(event.code, Breaker.CLOSED)
        elif circuit.state == Breaker.CLOSED and circuit.slow_windows >= 3:
            circuit.slow_windows = 0
            self.trip(event.code)

    def on_lane_failed(self: Engine, event) -> None:
        circuit, config = self._request(event.code), self.config
        circuit.window_failures += 1
        circuit.failures += 1
        circuit.probes = 0
        share = circuit.window_failures * BILLION >= circuit.window_requests * config.breaker_share
        if circuit.state == Breaker.OPEN:
            circuit.backoff += 1
            self.plan_probe(event.code)
        elif (
            circuit.state != Breaker.CLOSED
            or event.code2 == LaneFailure.UNAUTHORISED
            or circuit.failures >= config.breaker_failures
            or (circuit.window_requests >= config.breaker_min and share)
        ):
            self.trip(event.code)
        if circuit.state == Breaker.OPEN and event.amount > 0:
            circuit.next_probe = self.now + event.amount

    def on_probe_ok(self: Engine, event) -> None:
        circuit = self.circuits[event.code]
        if circuit.state == Breaker.OPEN:
            circuit.probes += 1
            if circuit.probes >= 3 and self.streaming and not self.reconciling:
                self._switch(event.code, Breaker.READY)
            else:
                self.plan_probe(event.code)

    def reset_breaker(self: Engine, lane: int) -> None:
        circuit = self.circuits[lane]
        if circuit.state == Breaker.READY:
            circuit.resets += 1
            self._switch(lane, Breaker.HALF_OPEN)

    def watch_circuits(self: Engine) -> None:
        for lane, circuit in enumerate(self.circuits):
            if circuit.state == Breaker.OPEN and self.now >= circuit.next_probe:
                self.order_nothing(CommandKind.PROBE, lane)
                circuit.next_probe = self.now + self.config.backoff_cap
        stream = self.circuits[Lane.TRADE_STREAM]
        silent = 0 < self.config.silence < self.now - max(stream.last, self.session_open)
        waiting = self.live and self.phase == Phase.REGULAR
        if silent and waiting and stream.state == Breaker.CLOSED:
            self.trip(Lane.TRADE_STREAM)

    # the mode

    def settle_mode(self: Engine) -> None:
        """The strictest mode that any condition asks for."""
        worst = self.worst_circuit
        self.set(Condition.BREAKER, worst != Breaker.CLOSED)
        trips = sum(circuit.trips for circuit in self.circuits)
        if worst != Breaker.CLOSED:
            counted = self.reasons[Condition.TRIPS]
            if trips > max(counted.checks, self.config.trips_day):
                self.set(Condition.TRIPS, True)
            counted.checks = trips
        self._announce()
        asked = {condition: ASKS_FOR[condition] for condition, reason in self.reasons.items() if reason.active}
        if worst == Breaker.HALF_OPEN:
            asked[Condition.BREAKER] = Mode.REDUCED
        mode = max(asked.values(), default=Mode.NORMAL)
        asked.pop(Condition.RECONCILING, None)
        if max(asked.values(), default=Mode.NORMAL) > Mode.REDUCED:
            self.withdraw_entries()
        if mode == self.mode:
            return
        self.note(NoteKind.MODE_CHANGE, Severity.CRITICAL if mode > Mode.REDUCED else Severity.INFO)
        self.mode = mode
        if mode == Mode.RISK_EXIT:
            for stock in self.stocks:
                self.begin_exit(stock, Cause.RISK_EXIT)

    def _announce(self: Engine) -> None:
        """One alert for each condition that calls for a person, one note when it is over; nothing from before birth."""
        for condition, reason in self.reasons.items():
            if condition in ROUTINE or (condition in self.announced) == reason.active:
                continue
            if not reason.active:
                self.announced.remove(condition)
                self.note(NoteKind.CLEARED, Severity.INFO)
            elif reason.since:
                self.announced.add(condition)
                if condition in ALERTS:
                    self.note(NoteKind.ALERT, Severity.CRITICAL)

    @property
    def scale(self: Engine) -> int:
        """Size factor of the mode in nanos."""
        if self.mode > Mode.REDUCED:
            return 0
        factor = BILLION // 2 if self.active(Condition.SOFT_LIMIT, Condition.BREAKER) else BILLION
        return min(factor, self.reentry) if self.active(Condition.REENTRY) else factor
