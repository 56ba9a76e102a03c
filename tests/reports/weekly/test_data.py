"""Corrected bars in a journal: paired with what came first, with the decisions that were made on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reports.weekly.choice import choose
from reports.weekly.data import data_quality, revised_bars
from reports.weekly.parts import section_document

Make = Callable[..., Path]
MINUTE = 60_000_000_000


def journal(*rows: tuple[str, str, int, float], start: int) -> list[dict[str, Any]]:
    """Events of (kind, symbol, minute, close)."""
    found = []
    for number, (kind, symbol, minute, close) in enumerate(rows, start=1):
        time = start + minute * MINUTE
        seen = {"t_market": time, "t_received": time + MINUTE, "t_visible": time + MINUTE}
        place = {"sequence": number, "priority": 5, "kind": kind, "symbol": symbol, "payload": b""}
        found.append(place | seen | {"price": round(close * 1e6), "qty": 1_000_000})
    return found


def made(make_run: Make, *rows: tuple[str, str, int, float]) -> Any:
    """A run with these events; its first approved decision is taken on the bar of minute 1 of the symbol AAA."""

    def change(book: Any) -> None:
        start = book.rows["equity"][0]["time"]
        book.rows["events"] = journal(*rows, start=start)
        first = next(row for row in book.rows["decisions"] if row["action"] == "open" and row["verdict"] == "approved")
        first |= {"symbol": "AAA", "bar_time": start + MINUTE}

    return choose([make_run(change)], None).facts


def test_a_correction_is_held_against_what_came_first(make_run: Make) -> None:
    facts = made(
        make_run,
        ("bar", "AAA", 0, 100.0),
        ("bar", "AAA", 1, 101.0),
        ("bar", "AAA", 1, 101.0),  # delivered twice
        ("bar_revision", "AAA", 1, 99.0),
        ("bar_revision", "AAA", 1, 99.5),  # the last word
        ("bar", "BBB", 1, 50.0),
        ("bar_revision", "BBB", 1, 50.0),  # another volume, the same close
        ("bar", "AAA", 2, 102.0),
        ("bar_revision", "AAA", 2, 102.5),
        ("bar_revision", "CCC", 2, 9.0),  # whose bar never came
    )
    found = revised_bars(facts)
    assert found is not None
    assert found.symbol == ["AAA", "AAA"]
    assert found.received.tolist() == [101.0, 102.0]
    assert found.final.tolist() == [99.5, 102.5]
    assert found.before.tolist() == [100.0, 99.5], "the close before is the corrected one"
    assert found.decided.tolist() == [True, False]
    assert found.turned.tolist() == [True, False]
    assert found.apart_bp == pytest.approx([(99.5 / 101 - 1) * 1e4, (102.5 / 102 - 1) * 1e4])
    section = section_document(data_quality(facts))
    drawn = next(table for table in section["tables"] if table["caption"].startswith("Revised bars, as received"))
    moves = [row[4:6] for row in drawn["rows"]]
    assert np.array(moves) == pytest.approx(
        np.array([[100.0, -50.0], [(102 / 99.5 - 1) * 1e4, (102.5 / 99.5 - 1) * 1e4]])
    )
    assert section["figures"]["revised"] == 2
    assert section["figures"]["decided_on_revised"] == 1


def test_a_journal_without_bars_says_so(make_run: Make) -> None:
    facts = made(make_run, ("bar_revision", "AAA", 1, 99.0))
    assert revised_bars(facts) is None
    section = section_document(data_quality(facts))
    assert section["figures"] == {"revised": None, "median_revision_bp": None, "decided_on_revised": None}
    assert any("does not hold the bars as they came" in note for note in section["notes"])


def test_without_corrections_nothing_is_revised(make_run: Make) -> None:
    facts = made(make_run, ("bar", "AAA", 1, 99.0))
    section = section_document(data_quality(facts))
    assert section["figures"] == {"revised": 0, "median_revision_bp": None, "decided_on_revised": 0}
    assert any("No bar was revised" in note for note in section["notes"])


def test_a_correction_without_a_bar_before_it_is_counted_and_not_drawn(make_run: Make) -> None:
    facts = made(make_run, ("bar", "AAA", 1, 101.0), ("bar_revision", "AAA", 1, 99.5))
    section = section_document(data_quality(facts))
    assert section["figures"]["revised"] == 1
    assert not any(table["caption"].startswith("Revised bars, as received") for table in section["tables"])
