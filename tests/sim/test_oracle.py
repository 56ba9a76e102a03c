"""The oracle against books kept by hand: longs, shorts, partial fills, a crossing of zero, fees, splits."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from core.errors import InputError
from core.run_schema import RUN_KEYS, TABLES
from core.runs import Run, RunWriter
from sim.oracle import Marks, check_run, oracle

MONDAY_CLOSE = datetime(2026, 3, 2, 21, tzinfo=UTC)
TUESDAY_CLOSE = datetime(2026, 3, 3, 21, tzinfo=UTC)

# time, symbol, side, quantity, price, fee
FILLS = [
    (datetime(2026, 3, 2, 14, 31, tzinfo=UTC), "AAA", "buy", 100, 10.0, 1.0),
    (datetime(2026, 3, 2, 14, 31, tzinfo=UTC), "AAA", "sell", 150, 11.0, 0.5),  # crosses zero at once
    (datetime(2026, 3, 2, 15, 0, tzinfo=UTC), "BBB", "sell", 10, 50.0, 0.25),
    (datetime(2026, 3, 3, 16, 0, tzinfo=UTC), "AAA", "buy", 20, 10.5, 0.1),  # covers in two parts
    (datetime(2026, 3, 3, 16, 0, tzinfo=UTC), "AAA", "buy", 30, 10.4, 0.1),
]
CASH = [11_148.25, 10_626.05]
HELD = [[-50, -10], [0, -10]]
MARKS = [[10.8, 49.0], [np.nan, 52.0]]
EQUITY = [11_148.25 - 50 * 10.8 - 10 * 49, 10_626.05 - 10 * 52]


def _blank(kind: pa.DataType) -> object:
    if pa.types.is_timestamp(kind):
        return MONDAY_CLOSE
    return "x" if pa.types.is_string(kind) else False if pa.types.is_boolean(kind) else 0


def rows(table: str, *known: dict[str, Any]) -> pa.Table:
    """Rows of a published table: the columns that matter, the others filled."""
    columns = {
        field.name: [row.get(field.name, None if field.nullable else _blank(field.type)) for row in known]
        for field in TABLES[table]
    }
    exact = {
        name: [None if v is None else Decimal(repr(round(float(v), 6))) for v in values]
        for name, values in columns.items()
        if pa.types.is_decimal(TABLES[table].field(name).type)
    }
    return pa.table(columns | exact, schema=TABLES[table])


def fill_rows(fills: list[tuple[Any, ...]]) -> pa.Table:
    names = ("time", "symbol", "side", "qty", "price", "fee")
    return rows("fills", *(dict(zip(names, fill, strict=True)) for fill in fills))


def nanoseconds(*times: datetime) -> np.ndarray:
    return np.array([int(time.timestamp()) * 1_000_000_000 for time in times], np.int64)


def marks(price: list[list[float]] = MARKS) -> Marks:
    return Marks(("AAA", "BBB"), nanoseconds(MONDAY_CLOSE, TUESDAY_CLOSE), np.array(price))


def test_books_kept_by_hand() -> None:
    books = oracle(fill_rows(FILLS), marks(), start_cash=10_000.0)
    np.testing.assert_allclose(books.cash, CASH, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(books.quantity, HELD)
    np.testing.assert_allclose(books.equity, EQUITY, rtol=0, atol=1e-9)


def test_what_is_no_fill_is_added() -> None:
    flows = rows(
        "cash_events",
        {"time": MONDAY_CLOSE, "kind": "dividend", "symbol": "BBB", "amount": -4},
        {"time": TUESDAY_CLOSE, "kind": "deposit", "amount": 1_000},
        {"time": TUESDAY_CLOSE, "kind": "split", "symbol": "BBB", "qty_change": -10, "ratio": 2.0},
    )
    books = oracle(fill_rows(FILLS), marks([[10.8, 49.0], [np.nan, 26.0]]), 10_000.0, flows)
    np.testing.assert_allclose(books.cash, [CASH[0] - 4, CASH[1] + 996], rtol=0, atol=1e-9)
    np.testing.assert_array_equal(books.quantity, [[-50, -10], [0, -20]])
    np.testing.assert_allclose(books.equity, books.cash - [50 * 10.8 + 10 * 49, 20 * 26], rtol=0, atol=1e-9)


def test_a_sale_may_cost_more_than_it_brings() -> None:
    crumbs = [(MONDAY_CLOSE, "AAA", "sell", 1, 0.02, 0.05)]
    books = oracle(fill_rows(crumbs), marks([[0.02, np.nan]] * 2), 100.0)
    np.testing.assert_allclose(books.cash, [99.97, 99.97], rtol=0, atol=1e-12)


@pytest.mark.parametrize("symbols", [("AAA", "BBB"), ()])
def test_without_fills_nothing_moves(symbols: tuple[str, ...]) -> None:
    times = nanoseconds(MONDAY_CLOSE, TUESDAY_CLOSE)
    books = oracle(fill_rows([]), Marks(symbols, times, np.ones((2, len(symbols)))), 500.0)
    assert books.cash.tolist() == books.equity.tolist() == [500.0, 500.0]
    assert not books.quantity.any()


def test_one_symbol_alone() -> None:
    books = oracle(fill_rows(FILLS[:1]), Marks(("AAA",), nanoseconds(MONDAY_CLOSE), np.array([[11.0]])), 2_000.0)
    assert (books.cash[0], books.quantity[0, 0], books.equity[0]) == (999.0, 100.0, 2_099.0)


def test_a_held_symbol_without_a_mark_has_no_equity() -> None:
    books = oracle(fill_rows(FILLS), marks([[np.nan, 49.0], [np.nan, 52.0]]), 10_000.0)
    assert np.isnan(books.equity[0])
    assert books.equity[1] == pytest.approx(EQUITY[1])


def test_many_fills_against_integer_books() -> None:
    rng = np.random.default_rng(5)
    at = rng.integers(0, 40, 3_000)
    quantity, cents = rng.integers(1, 500, 3_000), rng.integers(100, 50_000, 3_000)
    buys, symbol = rng.random(3_000) < 0.5, rng.integers(0, 3, 3_000)
    times = nanoseconds(MONDAY_CLOSE) + np.arange(40) * 60_000_000_000
    fills = [
        (datetime.fromtimestamp(times[at[i]] / 1e9, UTC), "ABC"[symbol[i]], "buy" if buys[i] else "sell")
        + (int(quantity[i]), cents[i] / 100, 0.01)
        for i in np.argsort(at, kind="stable")
    ]
    books = oracle(fill_rows(fills), Marks(tuple("ABC"), times, np.ones((40, 3))), 0.0)
    signed = np.where(buys, quantity, -quantity)
    for mark in range(40):
        until = at <= mark
        assert books.quantity[mark].tolist() == [signed[until & (symbol == s)].sum() for s in range(3)]
        spent = int((signed * cents)[until].sum()) + int(until.sum())
        assert books.cash[mark] == pytest.approx(-spent / 100, abs=1e-6)


@pytest.mark.parametrize(
    ("fill", "place"),
    [
        ((MONDAY_CLOSE, "AAA", "buy", 0, 10.0, 0.0), "fills.parquet row 0"),
        ((MONDAY_CLOSE, "CCC", "buy", 1, 10.0, 0.0), "marks"),
        ((datetime(2026, 3, 4, tzinfo=UTC), "AAA", "buy", 1, 10.0, 0.0), "marks"),
    ],
    ids=["no quantity", "unknown symbol", "after the last mark"],
)
def test_what_cannot_be_booked_is_named(fill: tuple[Any, ...], place: str) -> None:
    with pytest.raises(InputError) as error:
        oracle(fill_rows([fill]), marks(), 0.0)
    assert error.value.place == place


def write_run(folder: Path, cash: list[float], held: list[list[int]], equity: list[float]) -> Run:
    """A run directory of two sessions that claims these books."""
    closes = [MONDAY_CLOSE, TUESDAY_CLOSE]
    claims = zip(closes, cash, equity, strict=True)
    tables = {
        "fills": fill_rows(FILLS),
        "equity": rows("equity", *({"time": t, "cash": c, "equity": e} for t, c, e in claims)),
        "positions": rows(
            "positions",
            *(
                {"time": t, "symbol": "AB"[s] * 3, "qty": held[i][s], "mark": MARKS[i][s]}
                for i, t in enumerate(closes)
                for s in range(2)
                if held[i][s]
            ),
        ),
    }
    run = dict.fromkeys(RUN_KEYS, "") | {
        "start_cash": 10_000,
        "ended": "2026-03-04T01:00:00Z",
        "cash": cash[-1],
        "equity": equity[-1],
        "positions": {"BBB": {"qty": held[-1][1], "average_cost": 50, "mark": 52}},
    }
    with RunWriter(folder) as writer:
        for name, table in tables.items():
            for batch in table.to_batches():
                writer.append(name, batch)
        writer.write_config("")
        writer.finish(run)
    return Run.open(folder)


def test_a_true_run_agrees(tmp_path: Path) -> None:
    result = check_run(write_run(tmp_path / "run", CASH, HELD, EQUITY))
    assert result.agrees
    assert (result.rows, result.fills) == (3, 5)  # two closes and the end
    assert result.max_cash_difference <= result.tolerance


def test_a_lost_cent_is_found(tmp_path: Path) -> None:
    result = check_run(write_run(tmp_path / "run", [CASH[0], CASH[1] - 0.01], HELD, EQUITY))
    assert not result.agrees
    assert result.max_cash_difference == pytest.approx(0.01)
    assert result.max_equity_difference <= result.tolerance
    assert result.first_difference == nanoseconds(TUESDAY_CLOSE)[0]


def test_a_wrong_sign_is_found(tmp_path: Path) -> None:
    result = check_run(write_run(tmp_path / "run", CASH, [[50, -10], [0, -10]], EQUITY))
    assert not result.agrees
    assert result.max_position_difference == 100
    assert result.first_difference == nanoseconds(MONDAY_CLOSE)[0]
