"""The engine as a compiled whole: fresh machine code for every change, plain records, stable numbers and hashes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from enum import IntEnum
from pathlib import Path

import numpy as np
import pytest

from core.kernel import kinds, records
from core.kernel.compiled import ROOT
from core.kernel.digest import state_digest, text_hash
from core.kernel.kinds import PRIORITY, TERMINAL, CashKind, Condition, EventKind, Lane, Mode, OrderStatus, Refusal
from core.kernel.modes import MODE_OF
from core.kernel.units import MICRO, NANO, SECOND, decimal, micros
from tests.kernel.desk import Desk, OpenDesk

ENUMS = [e for e in vars(kinds).values() if isinstance(e, type) and issubclass(e, IntEnum) and e is not IntEnum]
RECORDS = {name: dtype for name, dtype in vars(records).items() if isinstance(dtype, np.dtype)}


# -- the cache --------------------------------------------------------------------------------------------------

# One signal into a fresh engine, and the price of its stop: what an edited constant has to change.
QUESTION = """
from core.kernel.compiled import CACHE, source_hash
from core.kernel.units import PENNY
print(source_hash(), CACHE.name, PENNY)
"""


def ask(root: Path, question: str = QUESTION, **environment: str) -> list[str]:
    kept = {"PATH": os.environ["PATH"], "HOME": str(root), "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", question]
    run = subprocess.run(command, cwd=root, env=kept | environment, capture_output=True, text=True, check=True)
    return run.stdout.split()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what compilation takes part in."""
    for part in ("core/kernel", "core/errors.py", "core/__init__.py"):
        source, target = ROOT / part, tmp_path / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return tmp_path


def test_the_cache_folder_is_named_by_the_sources(tree: Path) -> None:
    before = ask(tree)
    assert before[0] == before[1]
    assert ask(tree) == before
    units = tree / "core/kernel/units.py"
    units.write_text(units.read_text().replace("PENNY = 10_000", "PENNY = 20_000"))
    after = ask(tree)
    assert after[2] == "20000"
    assert after[0] != before[0]
    assert after[1] == after[0]


def test_a_kernel_anywhere_else_counts_and_other_code_does_not(tree: Path) -> None:
    before = ask(tree)[0]
    (tree / "sim").mkdir()
    (tree / "sim/report.py").write_text("X = 1\n")
    assert ask(tree)[0] == before
    (tree / "sim/venue.py").write_text("@kernel\ndef f():\n    return 1\n")
    assert ask(tree)[0] != before


def test_an_edited_constant_changes_the_compiled_answer(tree: Path) -> None:
    """The constant lies in another file than the function that is cached, where numba itself looks for no change."""
    (tree / "core/kernel/asked.py").write_text(
        "from core.kernel.compiled import entry\n"
        "from core.kernel.units import tick\n\n"
        "@entry\ndef answer(price):\n    return tick(price)\n"
    )
    question = "from core.kernel.asked import answer; print(answer(5_000_000))"
    assert ask(tree, question) == ["10000"]
    units = tree / "core/kernel/units.py"
    units.write_text(units.read_text().replace("PENNY = 10_000", "PENNY = 20_000"))
    assert ask(tree, question) == ["20000"]


def test_compiled_and_interpreted_code_agree_to_the_last_bit(open_desk: OpenDesk) -> None:
    """The same story told to both; the state's digest holds every field of it."""
    story = "from tests.kernel.test_compiled import Desk, tell; print(tell(Desk))"
    interpreted = ask(ROOT, story, NUMBA_DISABLE_JIT="1", PYTHONDONTWRITEBYTECODE="1")
    assert interpreted == [tell(open_desk)]


def tell(open_desk: OpenDesk) -> str:
    """A short day: a bracket filled in parts, a loss, a risk exit, a breaker; returns the state's digest."""
    desk = open_desk(portfolio_risk=NANO // 50, seed=7, gap_loss=300_000, market_collar=NANO // 40)
    held = desk.hold(p=0.57, stop=0.83, target=1.21)
    desk.minute(101.37, 55.55)
    desk.decide(symbol=1, p=0.61, side=-1)
    desk.fill(held.target, held.qty / 2, price=101.21, fee=0.01)
    for _ in range(5):
        desk.failed(Lane.CANCEL)
    desk.cash(-5_432.10, CashKind.FEE)
    desk.minute(100.9, 55.1)
    desk.minute(100.8, 55.2)
    desk.close_session()
    return state_digest(desk.state)


# -- records and numbers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECORDS)
def test_records_are_int64_without_padding(name: str) -> None:
    def words(dtype: np.dtype) -> int:
        base, count = dtype.base, int(np.prod(dtype.shape, dtype=int))
        if base.fields is None:
            assert base == np.int64
            return count
        return count * sum(words(part[0]) for part in base.fields.values())

    assert words(RECORDS[name]) * 8 == RECORDS[name].itemsize


def test_a_new_state_is_plain_bytes_and_equal_to_another(open_desk: OpenDesk) -> None:
    first, second = (open_desk(live=False).state for _ in range(2))
    assert first.tobytes() == second.tobytes()
    copy = np.frombuffer(first.tobytes(), first.dtype)
    assert state_digest(copy) == state_digest(first)


@pytest.mark.parametrize("kind", ENUMS, ids=lambda kind: kind.__name__)
def test_numbers_of_an_enumeration_are_unique(kind: type[IntEnum]) -> None:
    assert len(kind.__members__) == len({member.value for member in kind})


def test_tables_indexed_by_an_enumeration_cover_it() -> None:
    assert len(MODE_OF) == len(Condition) == records.CONDITIONS
    assert set(MODE_OF) <= set(Mode)
    assert len(TERMINAL) == max(OrderStatus) + 1
    assert len(Refusal) == records.MAX_CHECKS <= 63  # a set of them is one int64
    assert max(EventKind) < len(PRIORITY)


def test_order_of_events_at_one_instant() -> None:
    kinds_in_order = [
        EventKind.SESSION,
        EventKind.OPERATOR,
        EventKind.FILL,
        EventKind.ORDER_CANCELED,
        EventKind.SPLIT,
        EventKind.BAR,
        EventKind.TIMER,
        EventKind.SIGNAL,
    ]
    classes = [int(PRIORITY[kind]) for kind in kinds_in_order]
    assert classes == sorted(set(classes))


# -- hashes -----------------------------------------------------------------------------------------------------


def test_the_same_events_leave_the_same_digest(open_desk: OpenDesk) -> None:
    assert tell(open_desk) == tell(open_desk)


def test_one_field_of_one_event_changes_the_digest(open_desk: OpenDesk) -> None:
    desks = [open_desk(), open_desk()]
    for desk, volume in zip(desks, (0, 1), strict=True):
        desk.send(EventKind.ASSET, symbol=0, code=7, qty=1 + volume)
    assert state_digest(desks[0].state) != state_digest(desks[1].state)


def test_the_command_stream_has_a_rolling_hash(open_desk: OpenDesk) -> None:
    desks = [open_desk(), open_desk(), open_desk()]
    for desk, stop in zip(desks, (1.0, 1.0, 1.01), strict=True):
        desk.enter(stop=stop)
    hashes = [int(desk.st.run.command_hash) for desk in desks]
    assert hashes[0] == hashes[1] != hashes[2]
    before = hashes[0]
    desks[0].timer()
    assert desks[0].st.run.command_hash == before  # nothing was sent


def test_intents_hash_to_the_same_number_everywhere() -> None:
    assert text_hash("breakout", "AAA", 1) == 9_208_884_573_724_870_728
    assert text_hash("breakout", "AAA", 1) != text_hash("breakout", "AA", "A1")
    with pytest.raises(AssertionError):
        text_hash("a\nb")


# -- the engine's own conditions --------------------------------------------------------------------------------


def test_events_come_in_sequence_and_time_never_goes_back(desk: Desk) -> None:
    with pytest.raises(AssertionError):
        desk.send(EventKind.TIMER, seq=int(desk.st.run.seq) + 2)
    with pytest.raises(AssertionError):
        desk.send(EventKind.TIMER, t_visible=desk.now - SECOND)


def test_an_event_that_nobody_knows_is_no_event(desk: Desk) -> None:
    with pytest.raises(AssertionError):
        desk.send(EventKind.RESTART, kind=95)


@pytest.mark.parametrize("text", ["1e-7", "abc", "NaN", "Infinity", "1000000000001"])
def test_text_that_is_no_exact_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        micros(text)


def test_amounts_pass_through_micros_unchanged() -> None:
    for text in ("0", "-12.345678", "1000000000000", "1.50"):
        assert decimal(micros(text)) == decimal(micros(str(decimal(micros(text)))))
        assert micros(text) == int(float(text) * MICRO)
