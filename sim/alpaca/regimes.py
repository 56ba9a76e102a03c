"""Margin regimes as clients see them: which fields an account has, and the day-trading refusal of the old rule.

    none              a cash account: multiplier 1, no shorts
    legacy_pdt        FINRA 4210(f)(8)(B), until 2026-06-04: day trades are counted, the fields are there, and an
                      account under $25,000 that has made three in five sessions may not make the fourth
    intraday_margin   FINRA Regulatory Notice 26-10: no count and no fields; the venue's buying power is the limit

How many shares there is money for is the venue's business under every regime.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from core.calendar import as_date
from core.kernel.units import MICRO
from sim.alpaca.errors import DAY_TRADING, ApiError
from sim.alpaca.ledger import Ledger
from sim.alpaca.text import dec
from sim.world import World

PDT_EQUITY = 25_000 * MICRO
PDT_TRADES = 4
PDT_PERCENT = 6
MARGIN_EQUITY = 2_000 * MICRO
Name = Literal["none", "legacy_pdt", "intraday_margin"]


@dataclass(frozen=True, slots=True)
class Regime:
    """The margin rules of an account."""

    name: Name
    multiplier: int
    shorting: bool
    maintenance_share: float

    @classmethod
    def of(cls, world: World) -> Regime:
        """The regime of a scenario on its first day."""
        account = world.settings.account
        first = as_date(int(world.dataset.sessions["date"][0]))
        return cls(account.regime_on(first), account.multiplier, account.shorting, float(account.maintenance))

    def configuration(self) -> dict[str, Any]:
        """The account configurations that only the old rule has."""
        return {"dtbp_check": "entry", "pdt_check": "entry"} if self.name == "legacy_pdt" else {}

    def maintenance(self, ledger: Ledger) -> int:
        """Maintenance requirement of all positions, micros."""
        return int((ledger.long_value - ledger.short_value) * self.maintenance_share)

    def initial(self, ledger: Ledger) -> int:
        """Initial requirement: half of the market value with margin, all of it without."""
        gross = ledger.long_value - ledger.short_value
        return gross if self.multiplier == 1 else gross // 2

    def fields(self, ledger: Ledger) -> dict[str, Any]:
        """The account fields that only the old rule has."""
        if self.name != "legacy_pdt":
            return {}
        power = (ledger.last_equity - ledger.last_maintenance) * self.multiplier if self.multiplier == 4 else 0
        return {
            "pattern_day_trader": _is_pattern(ledger),
            "daytrade_count": sum(ledger.day_trades),
            "daytrading_buying_power": dec(max(power, 0)),
        }

    def check(self, ledger: Ledger, configuration: dict[str, Any], symbol: int, side: int) -> None:
        """Refuse the order that could make a fourth day trade. Raises ApiError.

        `pdt_check` says when Alpaca looks: at the order that opens, at the one that closes, or at both. An opening
        order is stopped when the three trades are already made, for closing it the same day would be the fourth.
        """
        if self.name != "legacy_pdt" or ledger.last_equity >= PDT_EQUITY:
            return
        if sum(ledger.day_trades) < PDT_TRADES - 1:
            return
        position = ledger.positions[symbol]
        closing = position.qty * side < 0
        when = "exit" if closing else "entry"
        if configuration["pdt_check"] in (when, "both") and (not closing or position.opened_today):
            raise ApiError(403, DAY_TRADING, "trade denied due to pattern day trading protection")


def _is_pattern(ledger: Ledger) -> bool:
    """Four day trades in five sessions, and more than 6 % of all trades in them."""
    made = sum(ledger.day_trades)
    return made >= PDT_TRADES and made * 100 > PDT_PERCENT * sum(ledger.trades)
