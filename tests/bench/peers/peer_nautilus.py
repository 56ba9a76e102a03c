"""The workload in nautilus_trader: one Python strategy over all symbols, bracket orders, one cash account.

    python peer_nautilus.py DIR/small.parquet

Where nautilus_trader 1.221.0 cannot follow the rules: a market order sent from on_bar meets the book that the
bar left behind, so the entry fills at the signal bar's close plus one tick and not at the next open; inside a
bar the engine walks open, high, low, close, so a bar that holds both exits may take the target first; a stop
that the market gaps through fills at its trigger price. Cash is checked by the strategy when it decides.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import nautilus_trader
import pandas as pd
import workload
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.backtest.models import FillModel
from nautilus_trader.config import LoggingConfig
from nautilus_trader.indicators import AverageTrueRange, DonchianChannel, MovingAverageType
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide, OrderType
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy

VENUE = Venue("XNYS")


@dataclass(slots=True)
class Watch:
    """What the strategy keeps for one symbol; `ceiling` is the channel's top before the current bar."""

    instrument: Equity
    channel: DonchianChannel
    true_range: AverageTrueRange
    ceiling: float = float("inf")
    close: float = 0.0
    bars: int = 0
    engaged: bool = False


class Breakout(Strategy):
    """Buys a breakout with a bracket while flat and without a working order in the symbol."""

    def __init__(self, instruments: dict[BarType, Equity]) -> None:
        super().__init__()
        self.instruments = instruments
        self.watches: dict[BarType, Watch] = {}
        self.by_instrument: dict[InstrumentId, Watch] = {}
        self.fill_count = 0

    def on_start(self) -> None:
        for bar_type, instrument in self.instruments.items():
            watch = Watch(
                instrument=instrument,
                channel=DonchianChannel(workload.LOOKBACK),
                true_range=AverageTrueRange(workload.ATR_BARS, MovingAverageType.SIMPLE),
            )
            self.watches[bar_type] = self.by_instrument[instrument.id] = watch
            self.register_indicator_for_bars(bar_type, watch.channel)
            self.register_indicator_for_bars(bar_type, watch.true_range)
            self.subscribe_bars(bar_type)

    def on_bar(self, bar: Bar) -> None:
        watch = self.watches[bar.bar_type]
        watch.close = bar.close.as_double()
        watch.bars += 1
        ceiling, watch.ceiling = watch.ceiling, watch.channel.upper
        if watch.engaged or watch.bars <= workload.LOOKBACK or watch.close <= ceiling:
            return
        cash, equity = self.account()
        atr = watch.true_range.value
        by_risk = workload.TRADE_RISK * equity / (workload.STOP_ATR * atr)
        quantity = int(min(by_risk, workload.SYMBOL_CAP * equity / watch.close))
        if quantity >= 1 and quantity * (watch.close + 0.01) <= cash:
            self.enter(watch, quantity, atr)

    def enter(self, watch: Watch, quantity: int, atr: float) -> None:
        watch.engaged = True
        bracket = self.order_factory.bracket(
            instrument_id=watch.instrument.id,
            order_side=OrderSide.BUY,
            quantity=watch.instrument.make_qty(quantity),
            entry_order_type=OrderType.MARKET,
            sl_trigger_price=watch.instrument.make_price(watch.close - workload.STOP_ATR * atr),
            tp_order_type=OrderType.LIMIT,
            tp_price=watch.instrument.make_price(watch.close + workload.TARGET_ATR * atr),
            tp_post_only=False,
        )
        self.submit_order_list(bracket)

    def account(self) -> tuple[float, float]:
        """Cash, and cash plus all positions at their last close."""
        cash = self.cache.account_for_venue(VENUE).balance_total(USD).as_double()
        positions = self.cache.positions_open()
        return cash, cash + sum(p.signed_qty * self.by_instrument[p.instrument_id].close for p in positions)

    def on_order_filled(self, event) -> None:
        self.fill_count += 1

    def on_position_closed(self, event) -> None:
        self.by_instrument[event.instrument_id].engaged = False

    def on_order_rejected(self, event) -> None:
        self.by_instrument[event.instrument_id].engaged = False

    on_order_denied = on_order_rejected


def build(market: workload.Market) -> tuple[BacktestEngine, Breakout]:
    """An engine that holds the whole market as nautilus bars, stamped at the bar's end."""
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        VENUE,
        OmsType.NETTING,
        AccountType.CASH,
        [Money(workload.CASH, USD)],
        base_currency=USD,
        fill_model=FillModel(prob_fill_on_limit=1.0, prob_slippage=1.0, random_seed=1),
    )
    ends = pd.DatetimeIndex(pd.to_datetime(market.time + 60_000_000_000, utc=True))
    instruments: dict[BarType, Equity] = {}
    for index, name in enumerate(market.symbols):
        instrument = Equity(
            instrument_id=InstrumentId(Symbol(name), VENUE),
            raw_symbol=Symbol(name),
            currency=USD,
            price_precision=2,
            price_increment=Price.from_str("0.01"),
            lot_size=Quantity.from_int(1),
            ts_event=0,
            ts_init=0,
        )
        engine.add_instrument(instrument)
        bar_type = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
        frame = pd.DataFrame({c: getattr(market, c)[:, index] for c in workload.COLUMNS}, index=ends)
        complete = index == len(market.symbols) - 1
        engine.add_data(BarDataWrangler(bar_type, instrument).process(frame), sort=complete)
        instruments[bar_type] = instrument
    strategy = Breakout(instruments)
    engine.add_strategy(strategy)
    return engine, strategy


def main() -> None:
    market = workload.load(Path(sys.argv[1]))
    engine, strategy = build(market)
    with workload.replaying() as watch:
        engine.run()
    fills, equity = strategy.fill_count, strategy.account()[1]
    workload.report(nautilus_trader.__version__, market.close.size, watch.seconds, fills, equity)


main()
