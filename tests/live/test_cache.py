"""Bars on disk: what is kept, what is missing, and that everything else reads it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from core.calendar import MINUTE, day_number, sessions
from core.datasets.dataset import Dataset
from core.errors import InputError
from core.kernel.units import MICRO
from live.alpaca.market_data import Candles, Split
from live.alpaca.values import Instant, Price, Quantity
from live.alpaca.wire import Candle
from live.cache import BarCache
from tests.tidy.test_tidy import ROOT

DAYS = sessions(date(2026, 3, 2), date(2026, 3, 6))
MONDAY, TUESDAY = DAYS[0], DAYS[1]
BUNDLED = ROOT / "scenarios/data/us10-4w"


def candle(time: int, close: float, volume: int = 100) -> Candle:
    price = Price(round(close * MICRO))
    return Candle(start=Instant(time), open=price, high=price, low=price, close=price, volume=Quantity(volume * MICRO))


def day(session: np.void, **closes: Sequence[float]) -> Candles:
    """Bars from a session's open on, by symbol."""
    start = int(session["open"])
    return {symbol: [candle(start + i * MINUTE, c) for i, c in enumerate(found)] for symbol, found in closes.items()}


def split(symbol: str, ex_date: date, new: float, old: float) -> Split:
    return Split(symbol=symbol, ex_date=ex_date, new_rate=Price(new * MICRO), old_rate=Price(old * MICRO))


def test_what_was_asked_for_once_is_not_lacking(tmp_path: Path):
    cache = BarCache(tmp_path / "bars", ("AAA", "QUIET"))
    assert len(cache.lacking(DAYS[:2])) == 2
    cache.keep(MONDAY, day(MONDAY, AAA=[1.5, 2.25]))
    assert [int(s["date"]) for s in cache.lacking(DAYS[:2])] == [int(TUESDAY["date"])]
    assert len(BarCache(tmp_path / "bars", ("AAA", "BBB")).lacking(DAYS[:1])) == 1, "of another symbol nothing is known"
    cache.keep(TUESDAY, {})
    assert len(cache.lacking(DAYS[:2])) == 1, "a session without any bar is asked for again"


def test_what_is_kept_is_read_as_it_came(tmp_path: Path):
    cache = BarCache(tmp_path / "bars", ("BBB", "AAA"))
    cache.keep(MONDAY, day(MONDAY, AAA=[1.5, 0.1], BBB=[30.123456]))
    (block,) = cache.open(date(2026, 3, 1), date(2026, 3, 2)).blocks()
    assert block.bars.symbols == ("BBB", "AAA")
    assert block.bars.close[:2].tolist()[0] == [30.123456, 1.5]
    assert block.bars.close[1, 1] == 0.1
    assert np.isnan(block.bars.close[1, 0])
    assert not list((tmp_path / "bars").glob("*.part")), "nothing half-written"


def test_other_symbols_of_a_session_stay(tmp_path: Path):
    folder = tmp_path / "bars"
    BarCache(folder, ("AAA", "BBB")).keep(MONDAY, day(MONDAY, AAA=[1.0, 2.0], BBB=[3.0]))
    BarCache(folder, ("BBB", "CCC")).keep(MONDAY, day(MONDAY, BBB=[4.0], CCC=[5.0]))
    (block,) = BarCache(folder, ("AAA", "BBB", "CCC")).open(date(2026, 3, 2), date(2026, 3, 2)).blocks()
    assert block.bars.close[0].tolist() == [1.0, 4.0, 5.0]
    assert BarCache(folder, ("AAA", "CCC")).lacking(DAYS[:1]) == []


def test_volumes_and_splits_are_kept_beside_them(tmp_path: Path):
    cache = BarCache(tmp_path / "bars", ("AAA", "BBB"))
    midnight = int(MONDAY["pre"]) - 240 * MINUTE
    cache.keep_daily({"AAA": [candle(midnight, 10, 1_000)], "BBB": []})
    cache.keep_daily({"AAA": [candle(midnight + 1_440 * MINUTE, 10, 2_000)], "BBB": [candle(midnight, 5, 7)]})
    monday = day_number(date(2026, 3, 2))
    assert cache.daily() == {monday: {"AAA": 1_000.0, "BBB": 7.0}, monday + 1: {"AAA": 2_000.0}}
    cache.keep_splits([split("AAA", date(2026, 3, 3), 3, 2)])
    cache.keep_splits([split("AAA", date(2026, 3, 3), 3, 2), split("BBB", date(2026, 3, 4), 1, 8)])
    found = [action for actions in cache.actions().values() for action in actions]
    ratios = [(a.symbol, Fraction(a.numerator, a.denominator)) for a in found]
    assert ratios == [("AAA", Fraction(3, 2)), ("BBB", Fraction(1, 8))]


def test_a_run_takes_its_market_along(tmp_path: Path):
    cache = BarCache(tmp_path / "bars", ("AAA",))
    cache.keep(MONDAY, day(MONDAY, AAA=[10.0]))
    cache.keep_splits([split("AAA", date(2026, 3, 3), 2, 1)])
    span = (date(2026, 3, 2), date(2026, 3, 2))
    copied = cache.copy(tmp_path / "kept", "iex", span, (date(2026, 3, 3), day(TUESDAY, AAA=[5.0, 5.5])))
    assert (copied.feed, copied.adjustment) == ("iex", "raw")
    first, second = Dataset.open(tmp_path / "kept").blocks()
    assert first.bars.close[0, 0] == 10.0
    assert second.bars.close[:2, 0].tolist() == [5.0, 5.5]
    assert second.split_ratios.tolist() == [2.0]
    alone = cache.copy(tmp_path / "alone", "iex", span, (date(2026, 3, 3), {}))
    assert len(alone.sessions) == 1


def test_a_dataset_of_somebodys_is_read_and_not_touched(tmp_path: Path):
    cache = BarCache(BUNDLED, ("ALFA",))
    before = {path: path.stat().st_mtime_ns for path in BUNDLED.rglob("*")}
    assert cache.lacking(DAYS) == []
    cache.keep(MONDAY, day(MONDAY, ALFA=[1.0]))
    cache.keep_daily(day(MONDAY, ALFA=[1.0]))
    cache.keep_splits([split("ALFA", date(2026, 3, 3), 3, 2)])
    assert {path: path.stat().st_mtime_ns for path in BUNDLED.rglob("*")} == before
    assert len(cache.open(date(2025, 11, 10), date(2025, 11, 11)).sessions) == 2


def test_plain_files_of_somebodys_are_read_and_not_touched(tmp_path: Path):
    cache = BarCache(tmp_path, ("AAA",))
    cache.keep(MONDAY, day(MONDAY, AAA=[1.0]))
    (tmp_path / "2026-03-02.parquet").rename(tmp_path / "mine.parquet")
    again = BarCache(tmp_path, ("AAA",))
    assert again.lacking(DAYS[:2]) == []
    again.keep(TUESDAY, day(TUESDAY, AAA=[1.0]))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.parquet"]
    assert len(again.open(date(2026, 3, 2), date(2026, 3, 3)).sessions) == 1


def test_a_file_that_only_looks_like_the_caches_is_not_replaced(tmp_path: Path):
    cache = BarCache(tmp_path, ("AAA",))
    cache.keep(MONDAY, day(MONDAY, AAA=[1.0]))
    file = tmp_path / "2026-03-02.parquet"
    pq.write_table(pq.read_table(file).replace_schema_metadata(None), file)
    with pytest.raises(InputError, match=r"2026-03-02\.parquet: was not written by this cache"):
        cache.lacking(DAYS[:1])


def test_a_damaged_file_is_asked_for_again(tmp_path: Path):
    cache = BarCache(tmp_path / "bars", ("AAA",))
    with pytest.raises(InputError):
        cache.open(date(2026, 3, 2), date(2026, 3, 2))
    cache.keep(MONDAY, day(MONDAY, AAA=[1.0]))
    (tmp_path / "bars" / "2026-03-02.parquet").write_bytes(b"PAR1 no more")
    assert len(cache.lacking(DAYS[:1])) == 1
    cache.keep(MONDAY, day(MONDAY, AAA=[2.0]))
    assert cache.lacking(DAYS[:1]) == []
    (block,) = cache.open(date(2026, 3, 2), date(2026, 3, 2)).blocks()
    assert block.bars.close[0, 0] == 2.0
