"""The benchmark's market and its file formats: the one module that every peer script imports.

The market is made, not recorded, so that anyone can repeat the comparison without a data subscription. Each
symbol is a price path of its own counter-based random stream: Student-t minute returns (five degrees of
freedom, so the tails are fat), a small gap between minutes, a larger one over night, and volume that is heavy
at both ends of the session. Minutes are deep on purpose: the thinnest holds fifty times the largest order of
the workload, so that nobody's participation or partial-fill rule binds and all engines trade the same
quantities.

Only numpy and pyarrow are imported here, because each peer lives in an environment of its own.

    python workload.py DIR [small medium large]

writes DIR/NAME.parquet for the peers and DIR/NAME/, the same bars as a seatrial dataset of session files.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

# The rules of the workload; README.md states them in words.
CASH = 1_000_000.0
LOOKBACK = 60  # bars whose highest high must be exceeded
ATR_BARS = 14  # bars in the plain mean of the true range
TRADE_RISK = 0.01  # of equity, against two ATR
SYMBOL_CAP = 0.10  # of equity
STOP_ATR = 2.0
TARGET_ATR = 3.0
SLIPPAGE = 1e-4  # of the price, on the market entry

SIZES = {"small": (10, 20), "medium": (10, 256), "large": (50, 512)}  # symbols, sessions
MINUTES = 390
FIRST_SESSION = date(2023, 1, 3)
SEED = 20_260_302
COLUMNS = ("open", "high", "low", "close", "volume")

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Market:
    """All symbols on one grid: `time` int64[T] is the bar's start in ns UTC, the rest float64[T, S]."""

    symbols: tuple[str, ...]
    time: Longs
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


def full_sessions(count: int) -> npt.NDArray[np.void]:
    """The first `count` sessions of 390 minutes from FIRST_SESSION on, as SESSION rows of core.calendar."""
    from core.calendar import sessions

    rows = sessions(FIRST_SESSION, FIRST_SESSION + timedelta(days=2 * count + 30))
    return rows[rows["early"] == 0][:count]


def symbol_bars(symbol: int, days: int) -> dict[str, npt.NDArray[np.generic]]:
    """Bars of one symbol in time order: prices float64 rounded to the cent, volume int64 shares."""
    rng = np.random.Generator(np.random.Philox(key=[SEED, symbol]))
    grid = (days, MINUTES)
    sigma = rng.uniform(0.20, 0.50) / np.sqrt(252 * MINUTES)
    start = np.log(rng.uniform(50.0, 300.0))
    body = rng.standard_t(5, grid) * sigma * np.sqrt(3 / 5)
    gap = rng.standard_normal(grid) * sigma * 0.1
    gap[:, 0] = rng.standard_normal(days) * 0.008
    close = start + np.cumsum(gap + body).reshape(grid)
    above, below = np.abs(rng.standard_normal((2, *grid))) * sigma * 0.5
    prices = {
        "open": close - body,
        "high": np.maximum(close, close - body) + above,
        "low": np.minimum(close, close - body) - below,
        "close": close,
    }
    place = np.linspace(-1.0, 1.0, MINUTES)
    depth = rng.uniform(0.5e6, 2e6) * (0.6 + 1.4 * place**2)
    volume = np.maximum(depth * np.exp(0.4 * rng.standard_normal(grid)), 200_000.0)
    bars: dict[str, npt.NDArray[np.generic]] = {k: np.exp(v).round(2).ravel() for k, v in prices.items()}
    return bars | {"volume": volume.astype(np.int64).ravel()}


def write_parquet(path: Path, names: tuple[str, ...], starts: Longs) -> str:
    """Write one plain file sorted by (symbol, timestamp); return the hash of its numbers."""
    stamps = pa.array(starts).cast(pa.timestamp("ns", "UTC"))
    schema = pa.schema(
        [("symbol", pa.dictionary(pa.int32(), pa.string())), ("timestamp", stamps.type)]
        + [(name, pa.int64() if name == "volume" else pa.float64()) for name in COLUMNS]
    )
    digest = sha256(starts.tobytes())
    with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1) as writer:
        for index in range(len(names)):
            bars = symbol_bars(index, len(starts) // MINUTES)
            for column in bars.values():
                digest.update(column.tobytes())
            code = pa.DictionaryArray.from_arrays(np.full(len(starts), index, np.int32), names)
            writer.write_table(pa.table([code, stamps, *bars.values()], schema=schema))
    return digest.hexdigest()[:16]


def load(path: Path) -> Market:
    """Read a plain file back on the (time, symbol) grid."""
    table = pq.read_table(path)
    symbols = tuple(table["symbol"].unique().to_pylist())
    rows = table.num_rows // len(symbols)
    grid = {
        name: np.ascontiguousarray(table[name].to_numpy().reshape(len(symbols), rows).T, dtype=np.float64)
        for name in COLUMNS
    }
    starts = table["timestamp"].slice(0, rows).cast(pa.int64()).to_numpy()
    return Market(symbols=symbols, time=starts, **grid)


@dataclass(slots=True)
class Stopwatch:
    """Seconds that the block under `replaying` took."""

    seconds: float = 0.0


@contextmanager
def replaying() -> Iterator[Stopwatch]:
    """Time the replay: from the data in the engine's own form to the end of the simulation."""
    watch = Stopwatch()
    begin = time.perf_counter()
    yield watch
    watch.seconds = time.perf_counter() - begin


def report(version: str, bars: int, seconds: float, fills: int, equity: float, **more: float) -> None:
    """Print what compare.py reads: one line of JSON."""
    answer = {"version": version, "bars": bars, "replay_s": seconds, "fills": int(fills)}
    sys.stdout.write(json.dumps(answer | {"equity": round(float(equity), 2)} | more) + "\n")


def main(folder: Path, names: list[str]) -> None:
    """Write both forms of each market."""
    from core.datasets import convert

    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        symbols, days = SIZES[name]
        plain, dataset = folder / f"{name}.parquet", folder / name
        starts = full_sessions(days)["open"][:, None] + np.arange(MINUTES) * 60_000_000_000
        digest = write_parquet(plain, tuple(f"S{index:03}" for index in range(symbols)), starts.ravel())
        print(f"{name}: {symbols * days * MINUTES:,} bars, hash {digest}")
        convert(plain, dataset, feed="made", adjustment="raw")


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).resolve().parents[3]))  # seatrial, when it is not installed
    main(Path(sys.argv[1]), sys.argv[2:] or list(SIZES))
