"""Which runs the page is about, and what is said of those that do not fit."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError
from reports.configuration import config_changes
from reports.weekly.choice import choose
from reports.weekly.weeks import labels_of, week_named, week_of

Make = Callable[..., Path]


def altered(run: Path, out: Path, **changes: Any) -> Path:
    """A copy of a run whose run.json says otherwise."""
    shutil.copytree(run, out)
    document = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(document | changes))
    return out


def test_thanksgiving_week_has_its_holiday_and_its_early_close() -> None:
    week = week_of(date(2025, 11, 26))
    assert week.name == "2025-W48"
    assert week.holidays == (date(2025, 11, 27),)
    assert week.early == (date(2025, 11, 28),)
    assert len(week.sessions) == 4
    assert week.before.name == "2025-W47"


def test_the_first_week_of_a_year_is_named_by_iso() -> None:
    assert week_of(date(2027, 1, 1)).name == "2026-W53"
    assert week_named("2026-w53").monday == date(2026, 12, 28)


def test_a_partial_week_is_labelled(make_run: Make) -> None:
    facts = choose([make_run()], None).facts
    told = labels_of(facts)
    assert any(words.startswith("Partial week: the run has 3 of 5 sessions") for words in told)


def test_a_run_cut_short_is_labelled(make_run: Make) -> None:
    def cut(book: Any) -> None:
        del book.rows["equity"][-60:]

    told = labels_of(choose([make_run(cut)], None).facts)
    assert any(words.startswith("Cut short: the last minute is") for words in told)


def test_runs_that_do_not_fit_are_named_and_the_rest_is_done(month: Path, tmp_path: Path) -> None:
    other = altered(month, tmp_path / "other", scenario="something-else")
    old = altered(month, tmp_path / "old", schema=0)
    kind = altered(month, tmp_path / "paper", kind="paper")
    bars = altered(month, tmp_path / "bars", bar_seconds=300)
    chosen = choose([month, other, old, kind, bars, tmp_path / "nothing"], week_named("2026-W11"))
    told = " ".join(chosen.left_out)
    assert "other is not part of this line of runs: its scenario is something-else" in told
    assert "old cannot be read:" in told
    assert "schema is 0" in told
    assert "its kind is paper, not sim" in told
    assert "its bars last 300 s, not 60 s" in told
    assert "nothing cannot be read" in told
    assert [facts.source.path for facts in chosen.line] == [month]


def test_another_configuration_is_named_with_its_keys(month: Path, tmp_path: Path) -> None:
    other = altered(month, tmp_path / "changed", config_hash="00" * 32, code_version="0.0.9")
    text = (other / "config.toml").read_text()
    (other / "config.toml").write_text(text.replace("[risk]\n", "[risk]\nnew_key = 3\n"))
    chosen = choose([month, other], week_named("2026-W11"))
    told = " ".join(chosen.left_out)
    assert "changed ran with another configuration (risk.new_key)" in told
    assert "changed was made by version 0.0.9, not 0.1.0" in told
    assert "sessions that another run has already" in told


def test_the_first_run_must_be_readable(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a run directory"):
        choose([tmp_path / "nowhere"], None)


def test_changes_of_a_configuration() -> None:
    before = {"a": 1, "b": {"c": 2, "d": 3}}
    after = {"a": 1, "b": {"c": 5}, "e": "x"}
    assert config_changes(before, after) == [("b.c", "2", "5"), ("b.d", "3", ""), ("e", "", "x")]
