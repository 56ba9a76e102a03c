"""Lines for people and objects for programs."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from seatrial import console


def test_facing_texts_share_a_line_where_they_fit():
    assert console.facing("left", "right") == "left" + " " * 71 + "right"
    left, right = "l" * 50, "r" * 40
    assert console.facing(left, right) == f"{left}\n{' ' * 40}{right}"


def test_columns_of_unequal_length_stand_side_by_side():
    lines = console.pairs([("bars", "1"), ("fills", "22")], [("load", "0.1 s")])
    assert lines[0] == "bars" + " " * 33 + "1" + "    " + "load" + " " * 29 + "0.1 s"
    assert lines[1] == "fills" + " " * 31 + "22"


def test_json_has_numbers_for_money_and_null_for_what_is_not_known(capsys):
    console.show_json({"money": Decimal("1.50"), "none": float("nan"), "far": float("inf"), "deep": [{"flag": True}]})
    assert json.loads(capsys.readouterr().out) == {"money": 1.5, "none": None, "far": None, "deep": [{"flag": True}]}


@pytest.mark.parametrize(("total", "lines"), [(3, 3), (10, 10), (20, 10), (1000, 10)])
def test_progress_without_a_terminal_is_a_line_a_tenth(capsys, total, lines):
    with console.progress_of("title") as advance:
        for done in range(1, total + 1):
            advance(done, total, 1000 * done)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == lines
    assert told[-1].startswith(f"title: {total}/{total} sessions, {1000 * total:,} bars, ")


def test_progress_may_be_silent(capsys):
    with console.progress_of("title", quiet=True) as advance:
        advance(1, 1, 0)
    assert capsys.readouterr() == ("", "")


def test_progress_on_a_terminal_is_a_bar_that_leaves(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with console.progress_of("title") as advance:
        advance(1, 2, 500)
    assert capsys.readouterr().out == ""
