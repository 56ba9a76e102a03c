"""The benchmark's reference and generator, by hand: the yardstick must be right before it measures."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

HERE = Path(__file__).parent / "peers"
CLOSE = 100.43
QUIET = (100.6, 100.7, 100.5, 100.6)
SIZE = 995  # a tenth of a million
ATR = (13 * 0.2 + 0.6) / 14  # thirteen quiet bars and the one that breaks out


@pytest.fixture
def workload(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(HERE))
    return importlib.import_module("workload")


@pytest.fixture
def reference(workload: ModuleType) -> ModuleType:
    return importlib.import_module("reference")


def market(workload: ModuleType, after: list[tuple[float, ...]], symbols: int = 1):
    """Sixty quiet bars, one that closes at 100.43, and what comes `after` (open, high, low, close)."""
    bars = [(100.0, 100.1, 99.9, 100.0)] * 60 + [(100.0, 100.5, 99.9, CLOSE), *after]
    grid = np.repeat(np.array(bars).T[:, :, None], symbols, axis=2)
    return workload.Market(
        tuple(f"S{k}" for k in range(symbols)), np.arange(len(bars)), *grid, np.full(grid.shape[1:], 1e6)
    )


@pytest.mark.parametrize(
    ("after", "cents", "price"),
    [
        ((100.6, 102.0, 100.4, 101.0), False, CLOSE + 3 * ATR),
        ((100.6, 102.0, 100.4, 101.0), True, 101.12),  # 3 ATR = 0.6857, to the cent 0.69
        ((100.6, 100.7, 99.0, 100.0), False, CLOSE - 2 * ATR),
        ((95.0, 95.5, 94.0, 95.0), False, 95.0),  # opens beyond the stop
        (
            (104.0, 104.5, 94.0, 95.0),
            False,
            104.0,
        ),  # opens beyond the target, though the stop is in reach too
        ((100.6, 102.0, 99.0, 101.0), False, CLOSE - 2 * ATR),  # both in reach: the stop
    ],
)
def test_one_trade(
    reference: ModuleType, workload: ModuleType, after: tuple[float, ...], cents: bool, price: float
) -> None:
    entry, exit_ = reference.replay(market(workload, [QUIET, after]), cents).fills
    assert (entry["row"], entry["quantity"], entry["price"]) == (61, SIZE, pytest.approx(100.6 * 1.0001))
    assert (exit_["row"], exit_["quantity"], exit_["price"]) == (62, -SIZE, pytest.approx(price))


def test_a_trade_may_end_in_the_bar_of_its_entry(reference: ModuleType, workload: ModuleType) -> None:
    outcome = reference.replay(market(workload, [(100.6, 102.0, 100.4, 101.0)]))
    assert outcome.fills["row"].tolist() == [61, 61]
    gain = SIZE * (CLOSE + 3 * ATR - 100.6 * 1.0001)
    assert outcome.equity == pytest.approx(1e6 + gain)


@pytest.mark.parametrize(
    ("power", "sizes"),
    [
        ("AT_FILL", [SIZE] * 9),  # the open is dearer than the close: the tenth is not covered any more
        ("REFUSE", [SIZE] * 10),
        ("REDUCE", [SIZE] * 10 + [7]),
    ],
)
def test_eleven_want_a_tenth_each(reference: ModuleType, workload: ModuleType, power: str, sizes: list[int]) -> None:
    outcome = reference.replay(market(workload, [QUIET], symbols=11), power=getattr(reference, power))
    assert outcome.fills["quantity"].tolist() == sizes


def test_bars_of_a_symbol_depend_on_nothing_else(workload: ModuleType) -> None:
    first, again = workload.symbol_bars(3, 2), workload.symbol_bars(3, 2)
    for name in workload.COLUMNS:
        np.testing.assert_array_equal(first[name], again[name])
    assert (first["high"] >= np.maximum(first["open"], first["close"])).all()
    assert (first["low"] <= np.minimum(first["open"], first["close"])).all()
    assert first["volume"].min() >= 200_000
    assert not np.array_equal(first["close"], workload.symbol_bars(4, 2)["close"])


def test_what_is_written_is_read(workload: ModuleType, tmp_path: Path) -> None:
    starts = np.arange(2 * workload.MINUTES) * 60_000_000_000
    digest = workload.write_parquet(tmp_path / "two.parquet", ("A", "B"), starts)
    read = workload.load(tmp_path / "two.parquet")
    assert read.symbols == ("A", "B")
    np.testing.assert_array_equal(read.time, starts)
    np.testing.assert_array_equal(read.close[:, 1], workload.symbol_bars(1, 2)["close"])
    assert workload.write_parquet(tmp_path / "again.parquet", ("A", "B"), starts) == digest
