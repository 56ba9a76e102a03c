"""The simulator's records for a scenario: venue with its profile, message queue, journal."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from core.bars import SessionBlock
from core.engine_config import bps, engine_config, micros, nanos
from core.kernel.compiled import entry
from core.kernel.digest import text_hash
from core.kernel.records import MAX_SYMBOLS
from core.kernel.state import new_state
from core.kernel.units import MICRO, NANO
from core.settings.scenario import Settings
from core.strategies.contract import Strategy
from sim import messages
from sim.fills import NEVER
from sim.records import LOG, QUEUE, VENUE, PathModel

MILLION = 1_000_000


@dataclass(slots=True)
class Desk:
    """Everything that the compiled loop works on; every array has shape (1,)."""

    state: np.ndarray
    venue: np.ndarray
    queue: np.ndarray
    log: np.ndarray


def new_desk(settings: Settings, symbols: tuple[str, ...], strategies: list[Strategy], day: int) -> Desk:
    """Fresh records for a run that starts on exchange date `day` (days since 1970)."""
    first = np.datetime64(int(day), "D").item()
    state = new_state(engine_config(settings, len(symbols), first))
    queue = np.zeros(1, QUEUE)
    empty_queue(queue)
    log = np.zeros(1, LOG)
    log["tick_time"] = NEVER
    for k, strategy in enumerate(strategies):
        for s, symbol in enumerate(symbols):
            root = text_hash(settings.name, settings.seed, strategy.name, strategy.model_version, symbol)
            log["bases"][0, k * MAX_SYMBOLS + s] = root
    return Desk(state, _venue(settings, len(symbols)), queue, log)


def _venue(settings: Settings, symbols: int) -> np.ndarray:
    """The broker's side of the account and its fill profile."""
    venue = np.zeros(1, VENUE)
    v = venue[0]
    v["cash"] = micros(settings.account.cash)
    v["multiplier"] = settings.account.multiplier
    v["symbols"] = symbols
    v["session"] = -1
    v["power"] = NANO
    venue["symbol"]["tradable"][0, :symbols] = 1
    rules = settings.venue
    fraction_of_million = Decimal(NANO) / MILLION
    profile: dict[str, int] = {
        "path": PathModel[rules.path.upper()],
        "half_spread": bps(rules.half_spread_bps),
        "slippage": bps(rules.slippage_bps),
        "impact": nanos(rules.impact),
        "participation": nanos(rules.participation),
        "partial": nanos(rules.partial_probability),
        "fees": rules.fees,
        "sec_rate": int(rules.sec_fee * fraction_of_million),
        "taf_rate": nanos(rules.taf_fee),
        "taf_cap": micros(rules.taf_cap),
        "touch": rules.touch_fills,
        "collar": rules.buy_stop_collar,
        "halt_reject": rules.halt_orders == "reject",
        "use_quotes": rules.use_quotes,
        "submit_latency": rules.submit_latency,
        "cancel_latency": rules.cancel_latency,
        "ack_latency": rules.ack_latency,
        "fill_latency": rules.fill_latency,
        "feed_latency": rules.feed_latency,
        "jitter": nanos(rules.latency_jitter),
        "seed": settings.seed,
        "dividends": rules.profile != "alpaca_paper",
    }
    for name, value in profile.items():
        v["profile"][name] = int(value)
    return venue


@entry
def empty_queue(queues: np.ndarray) -> None:
    """Clear a queue of shape (1,)."""
    messages.reset(queues[0])


def brief_venue(venue: np.ndarray, block: SessionBlock, sigma: np.ndarray | None) -> None:
    """Tell the venue what is known of a day beforehand: its hours, liquidity, volatility and official prints.

    Average volume is in the day's own shares, after its splits. `sigma` int64 (S,) nanos of daily volatility, None
    when no impact is modelled.
    """
    v = venue[0]
    v["session"] = block.session["date"]
    v["session_open"] = block.session["open"]
    v["session_close"] = block.session["close"]
    v["session_end"] = block.session["post"]
    symbols = venue["symbol"][0]
    n = len(block.bars.symbols)
    symbols["adv"][:n] = np.where(np.isnan(block.adv), 0, block.adv).astype(np.int64) * MICRO
    symbols["sigma"][:n] = 0 if sigma is None else sigma
    symbols["open_print"][:n] = _micros(block.auctions.open_price)
    symbols["close_print"][:n] = _micros(block.auctions.close_price)


def _micros(prices: np.ndarray) -> np.ndarray:
    """Dollars to micros, 0 where not known."""
    return np.where(np.isnan(prices), 0, np.rint(prices * MICRO)).astype(np.int64)
