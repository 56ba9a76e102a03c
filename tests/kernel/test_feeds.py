"""Data that cannot be believed: by symbol and as a whole, confirmed, labelled, and left after a dwell."""

from __future__ import annotations

import pytest

from core.kernel.kinds import (
    CommandKind,
    Condition,
    EventKind,
    HaltKind,
    Mode,
    NoteKind,
    OperatorAct,
    OrderType,
    Refusal,
)
from core.kernel.units import MICRO, NANO, SECOND
from tests.kernel.desk import Desk, OpenDesk


@pytest.fixture
def three(open_desk: OpenDesk) -> Desk:
    """Three symbols, the first one held: one that is silent does not make a feed stale."""
    desk = open_desk(symbols=3)
    desk.minute(100.0, 100.0, 100.0)
    desk.hold()
    return desk


def silence(desk: Desk, minutes: int) -> list[int]:
    """Minutes without a bar of the first symbol; those in which staleness was noted."""
    return [m for m in range(minutes) if NoteKind.STALE_DATA in desk.minute(None, 100.0, 100.0).noted]


def test_a_held_symbol_that_falls_silent_is_labelled_once(three: Desk) -> None:
    assert silence(three, 20) == [3]  # older than three minutes at the third and the fourth
    assert three.symbol().stale_since != 0
    assert three.mode == Mode.NORMAL


def test_the_label_shocks_its_own_value_only_and_goes_after_the_dwell(three: Desk) -> None:
    silence(three, 6)
    three.timer(1)
    assert three.account.drawdown == 2 * NANO // 1000  # 2 % of a tenth of the account
    cleared = [m for m in range(1, 20) if NoteKind.CLEARED in three.minute(100.0, 100.0, 100.0).noted]
    assert cleared == [10]  # nine minutes after the first that was well
    three.timer(1)
    assert three.account.drawdown == 0


def test_one_late_bar_is_no_staleness(three: Desk) -> None:
    silence(three, 3)
    three.minute(100.0, 100.0, 100.0)
    assert silence(three, 3) == []


def test_what_is_not_held_is_not_labelled_and_what_is_sold_is_cleared(three: Desk) -> None:
    trade = three.symbol()
    assert [three.minute(100.0, None, 100.0).noted for _ in range(8)] == [[]] * 8
    silence(three, 5)
    three.fill(trade.stop_order, 100, price=99.0)
    three.canceled(trade.target_order)
    assert NoteKind.CLEARED in three.minute(None, 100.0, 100.0).noted
    assert three.st.run.stale_symbols == 0


def test_a_halted_symbol_is_silent_by_right(three: Desk) -> None:
    three.send(EventKind.HALT, symbol=0, code=HaltKind.LULD)
    assert silence(three, 12) == []


def test_no_market_order_leaves_on_a_frozen_mark(three: Desk) -> None:
    silence(three, 5)
    trade = three.symbol()
    three.operator(OperatorAct.FLATTEN, symbol=0)
    sent = three.canceled(trade.target_order, trade.stop_order).command
    types = []
    for _ in range(4):
        types.append(OrderType(sent.type))
        three.minute(None, 100.0, 100.0)
        sent = three.canceled(sent.order).command
    assert set(types) == {OrderType.LIMIT}


def test_a_crossed_quote_refuses_at_once_and_freezes_when_it_stays(three: Desk) -> None:
    three.send(EventKind.QUOTE, symbol=1, price=101 * MICRO, target=100 * MICRO)
    assert Refusal.DATA_STALE in three.decide(symbol=1).refused
    three.send(EventKind.QUOTE, symbol=0, price=0, target=100 * MICRO)
    noted = [NoteKind.STALE_DATA in three.minute(100.0, 100.0, 100.0).noted for _ in range(3)]
    assert noted == [False, True, False]
    three.send(EventKind.QUOTE, symbol=1, price=100 * MICRO, target=100 * MICRO)
    assert Refusal.DATA_STALE not in three.decide(symbol=1).refused


def test_a_bar_without_a_price_says_nothing(three: Desk) -> None:
    for price in (0.0, -5.0):
        three.now += SECOND
        assert three.bar(0, price, age=0).noted == []
    assert three.symbol().mark == 100 * MICRO


def test_a_bad_print_that_is_repeated_word_for_word_confirms_nothing(three: Desk) -> None:
    for _ in range(3):
        three.bar(0, 60.0)
    assert three.symbol().mark == 100 * MICRO
    three.now += 60 * SECOND
    three.bar(0, 60.0)
    assert three.symbol().mark == 60 * MICRO


def test_a_feed_that_is_down_and_a_stream_that_is_down_are_said_once_and_cleared(three: Desk) -> None:
    seen = []
    for act in (
        lambda: three.send(EventKind.FEED, code=0),
        lambda: three.send(EventKind.FEED, code=0),
        lambda: three.timer(),
        lambda: three.send(EventKind.FEED, code=1),
        lambda: three.stream(up=False),
        lambda: three.stream(up=False),
        lambda: three.stream(up=True),
    ):
        notes = act().notes
        seen.append([(n.kind, n.metric) for n in notes if n.kind in (NoteKind.ALERT, NoteKind.CLEARED)])
    alert, cleared = NoteKind.ALERT, NoteKind.CLEARED
    feed, stream = Condition.FEED_DOWN, Condition.STREAM_DOWN
    assert seen == [[(alert, feed)], [], [], [(cleared, feed)], [(alert, stream)], [], [(cleared, stream)]]


def test_a_quiet_life_raises_nothing(three: Desk) -> None:
    for _ in range(60):
        three.minute(100.0, 100.0, 100.0)
    three.next_session()
    for _ in range(60):
        three.minute(100.0, 100.0, 100.0)
    assert not any(note.severity for step in three.history for note in step.notes if note.kind != NoteKind.MODE_CHANGE)


@pytest.mark.parametrize(
    ("jump", "mode"),
    [(-1, Mode.HALTED), (-3600 * SECOND, Mode.HALTED), (2 * SECOND, Mode.NORMAL), (2 * SECOND + 1, Mode.DATA_DEGRADED)],
)
def test_a_clock_put_back_halts_and_one_put_far_forward_degrades_data(desk: Desk, jump: int, mode: Mode) -> None:
    desk.send(EventKind.CLOCK_JUMP, amount=jump)
    assert desk.mode == mode
    assert desk.timer().sent == []
    assert desk.mode == mode
    desk.operator(OperatorAct.RESUME)
    assert desk.mode == Mode.NORMAL


def test_a_clock_put_back_withdraws_entries(desk: Desk) -> None:
    desk.enter()
    assert desk.send(EventKind.CLOCK_JUMP, amount=-1).sent == [CommandKind.CANCEL]
