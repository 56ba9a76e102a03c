"""Round trips from fills."""

from __future__ import annotations

import numpy as np
import pytest

from reports.trades import MICROS, Flows, Trades, round_trips


def trips(rows: list[tuple[int, int, float, float]], marks: list[float], fee: float = 0.0) -> Trades:
    """Trades of (symbol, time, signed shares, price); each row is an order with one dollar of slippage."""
    symbol, time, shares, price = (np.array(column) for column in zip(*rows, strict=True))
    cash = -shares * price - fee
    flows = Flows(
        symbol,
        time,
        np.rint(shares * MICROS).astype(np.int64),
        cash,
        np.ones(len(rows)),
        np.abs(shares * price),
        np.arange(len(rows)),
    )
    return round_trips(flows, np.array(marks))


def test_a_trade_lasts_until_the_symbol_is_flat() -> None:
    found = trips([(0, 1, 10, 5.0), (1, 2, -4, 9.0), (0, 3, -6, 6.0), (0, 4, -4, 7.0), (1, 9, 4, 8.0)], [0, 0], 0.5)
    assert found.symbol.tolist() == [0, 1]
    assert found.opened.tolist() == [1, 2]
    assert found.last.tolist() == [4, 9]
    assert found.side.tolist() == [1, -1]
    assert found.profit == pytest.approx([64 - 50 - 1.5, 36 - 32 - 1.0])
    assert found.slippage == pytest.approx([3, 2])
    assert found.closed.all()


def test_a_fill_through_zero_ends_one_trade_and_begins_the_next() -> None:
    found = trips([(0, 1, 10, 5.0), (0, 2, -16, 6.0), (0, 3, 6, 4.0)], [0], fee=1.6)
    assert found.side.tolist() == [1, -1]
    assert found.order.tolist() == [0, 1]
    assert found.profit == pytest.approx([10 - 1.6 - 1.0, 12 - 0.6 - 1.6])
    assert found.turnover == pytest.approx([50 + 60, 36 + 24])


def test_an_open_trade_is_valued_at_the_mark() -> None:
    found = trips([(0, 1, 10, 5.0), (1, 1, 3, 2.0)], [5.5, np.nan])
    assert not found.closed.any()
    assert found.profit[0] == pytest.approx(5.0)
    assert np.isnan(found.profit[1])


def test_a_split_changes_the_position_inside_the_trade() -> None:
    found = trips([(0, 1, 10, 8.0), (0, 2, 30, 0.0), (0, 3, -40, 2.1)], [0])
    assert len(found) == 1
    assert found.closed.all()
    assert found.profit == pytest.approx([84 - 80])


def test_fractions_of_a_share_close_exactly() -> None:
    found = trips([(0, 1, 0.1, 5.0), (0, 2, 0.2, 5.0), (0, 3, -0.3, 5.0)], [0])
    assert found.closed.tolist() == [True]


def test_nothing_traded_and_nothing_moved() -> None:
    none = np.zeros(0, np.int64)
    assert len(round_trips(Flows(none, none, none, np.zeros(0), np.zeros(0), np.zeros(0), none), np.zeros(0))) == 0
    assert len(trips([(0, 1, 0, 5.0)], [0])) == 0


def test_results_add_up_to_cash_and_marks_whatever_the_fills() -> None:
    rng = np.random.default_rng(11)
    rows = [
        (int(s), int(t), int(q), float(p))
        for s, t, q, p in zip(
            rng.integers(0, 4, 300),
            rng.permutation(300),
            rng.integers(-9, 10, 300),
            rng.uniform(1, 9, 300),
            strict=True,
        )
        if q
    ]
    marks = np.array([3.0, 4.0, 5.0, 6.0])
    found = trips(rows, marks.tolist(), fee=0.25)
    cash = sum(-q * p - 0.25 for _, _, q, p in rows)
    value = sum(q * marks[s] for s, _, q, _ in rows)
    assert found.profit.sum() == pytest.approx(cash + value)
    assert found.slippage.sum() == pytest.approx(len(rows))
