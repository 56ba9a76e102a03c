"""The twin's books: a stock with its position and trade, the account, and the margin counters."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache

from core.kernel.kinds import Regime
from core.kernel.records import LEDGER
from tests.twin.money import BILLION, ZERO, floor6, part_of, worth

TWO_AND_A_HALF, FIVE = Decimal("2.5"), Decimal(5)


_worth = lru_cache(4096)(worth)  # positions are valued many times between two prices


@dataclass
class Stock:
    """One symbol: its market, the position, the one trade it may carry and the plan that closes it."""

    number: int
    allowed: int = 7
    mark: Decimal = ZERO
    suspect: Decimal = ZERO
    suspect_bar: int = 0
    crossed: int = 0
    stale_hits: int = 0
    stale_since: int = 0
    fresh_since: int = 0
    last_bar: int = 0
    half_spread: Decimal = ZERO
    halted: int = 0
    adv: Decimal = ZERO
    split_at: int = 0
    split_ratio: int = 0
    qty: Decimal = ZERO
    cost: Decimal = ZERO
    realized: Decimal = ZERO
    fees: Decimal = ZERO
    adjusted: Decimal = ZERO
    base: tuple[Decimal, Decimal, Decimal] = (ZERO, ZERO, ZERO)
    executions: list[tuple[int, Decimal, Decimal]] = field(default_factory=list)
    alerted: int = 0
    strategy: int = 0
    intent: int = 0
    side: int = 0
    entry: int = 0
    target_order: int = 0
    stop_order: int = 0
    exit_order: int = 0
    target_price: Decimal = ZERO
    stop_price: Decimal = ZERO
    risk: Decimal = ZERO
    horizon: int = 0
    unprotected_since: int = 0
    unprotected_time: int = 0
    counted_at: int = 0
    counted_shares: int = 0
    sibling_since: int = 0
    stage: int = 0
    exit_cause: int = 0
    exit_since: int = 0
    step_since: int = 0
    exit_leg: int = 0
    paged: int = 0
    openings: int = 0
    opened_today: int = 0
    gap: Decimal = ZERO
    unreconciled: int = 0
    difference: Decimal = ZERO

    @property
    def value(self) -> Decimal:
        """Market value, negative when short."""
        return _worth(self.qty, self.mark) if self.qty else ZERO

    def maintenance(self, rate: int) -> Decimal:
        """What must stay behind the position overnight; `rate` in nanos."""
        if not self.qty:
            return ZERO
        if self.qty > 0:
            return self.value if self.mark < TWO_AND_A_HALF else part_of(self.value, rate)
        if self.mark < FIVE:
            return max(worth(-self.qty, TWO_AND_A_HALF), -self.value)
        return max(worth(-self.qty, FIVE), part_of(-self.value, rate))

    def after_split(self, at: int, qty: Decimal, price: Decimal) -> tuple[Decimal, Decimal]:
        """An execution in today's shares, whenever it is told."""
        ratio = Decimal(self.split_ratio) / BILLION
        return (qty, price) if at >= self.split_at else (floor6(qty * ratio), floor6(price / ratio))

    def book(self, execution: int, qty: Decimal, price: Decimal, fee: Decimal) -> Decimal:
        """Book an execution and remember it; the oldest of more than can be remembered becomes part of the base."""
        cash = self.trade(qty, price, fee)
        self.executions.append((execution, qty, price))
        if len(self.executions) > LEDGER:
            before = Stock(0)
            before.qty, before.cost, before.realized = self.base
            before.trade(*self.executions.pop(0)[1:], ZERO)
            self.base = before.qty, before.cost, before.realized
        return cash

    def rebase(self) -> None:
        """Forget how the position came to be."""
        self.base, self.executions = (self.qty, self.cost, self.realized), []

    def without(self, execution: int, qty: Decimal, price: Decimal, fee: Decimal) -> Decimal | None:
        """Everything again, with another execution or none (qty 0) in one's place; the cash, None if it is not known."""
        if execution not in [known for known, *_ in self.executions if known]:
            return None
        now = [(execution, qty, price) if row[0] == execution else row for row in self.executions]
        again = Stock(0)
        again.qty, again.cost, again.realized = self.base
        self.executions = [row for row in now if row[1]]
        for _, signed, at in self.executions:
            again.trade(signed, at, ZERO)
        cash = (again.realized - self.realized) - (again.cost - self.cost)
        self.qty, self.cost, self.realized = again.qty, again.cost, again.realized
        self.fees += fee
        return cash - fee

    def trade(self, qty: Decimal, price: Decimal, fee: Decimal) -> Decimal:
        """Book an execution of signed `qty`; the cash that it brings. Through zero it closes first, then opens."""
        closed = min(abs(qty), abs(self.qty)) if qty * self.qty < 0 else ZERO
        closing = closed if qty > 0 else -closed
        cash = ZERO
        if closed:
            before, left = self.cost, abs(self.qty) - closed
            # a long keeps the smaller share of its cost, a short gives up the smaller share of its proceeds
            kept = floor6(before * left / self.qty) if self.qty > 0 else before + floor6(before * closed / self.qty)
            cash = worth(-closing, price)
            self.realized += cash - (before - kept)
            self.cost = kept
        opening = qty - closing
        if opening:
            opened = worth(-opening, price)
            self.cost -= opened
            cash += opened
        self.qty += qty
        self.fees += fee
        self.mark = self.mark or price
        return cash - fee


@dataclass
class Account:
    """Cash, capital and results; fractions in nanos."""

    cash: Decimal
    flows: Decimal = ZERO
    fees: Decimal = ZERO
    dividends: Decimal = ZERO
    units: Decimal = ZERO
    unit_value: int = 10**9
    high_water_mark: int = 10**9
    reference: int = 10**9
    drawdown: int = 0
    day_start_equity: Decimal = ZERO
    day_start_unit: int = 10**9
    daily_loss: int = 0
    weekly_loss: int = 0
    closes: list[int] = field(default_factory=lambda: [10**9] * 5)
    last_equity: Decimal = ZERO
    last_maintenance: Decimal = ZERO
    bought_today: Decimal = ZERO
    unsettled: Decimal = ZERO
    power_drift: Decimal = ZERO
    open_risk: Decimal = ZERO
    suspense: int = 0
    difference: Decimal = ZERO

    def __post_init__(self) -> None:
        self.start_cash = self.units = self.day_start_equity = self.last_equity = self.cash


@dataclass
class Deficit:
    """An intraday margin deficit that counts, with the session of its day."""

    session: int
    amount: Decimal
    unmet: bool = False


@dataclass
class Margin:
    """Day trades and trades by session number, and the deficits of the intraday regime by their slot."""

    day_trades: Counter[int] = field(default_factory=Counter)
    trades: Counter[int] = field(default_factory=Counter)
    deficits: dict[int, Deficit] = field(default_factory=dict)
    worst_today: Decimal = ZERO
    freeze_until: int = 0

    def recent(self, session: int) -> tuple[int, int]:
        """Day trades and trades of the last five sessions, today included."""
        window = range(session - 4, session + 1)
        return sum(self.day_trades[s] for s in window), sum(self.trades[s] for s in window)

    @property
    def unmet(self) -> int:
        """Deficits that were not covered in time and have not lapsed."""
        return sum(deficit.unmet for deficit in self.deficits.values())


def leverage(multiplier: int, equity: Decimal) -> int:
    """Below $2,000 there is no margin."""
    return multiplier if equity >= 2000 else 1


def counts(shortfall: Decimal, equity: Decimal) -> bool:
    """Whether a day's deficit is more than the minor one that is not held against anybody."""
    return shortfall > min(Decimal(1000), part_of(max(equity, ZERO), 50_000_000))


REGIMES_WITH_MARGIN = {Regime.LEGACY_PDT, Regime.INTRADAY_MARGIN}
