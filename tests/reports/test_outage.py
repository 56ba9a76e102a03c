"""The outage part of the report: what was in force when, what was done about it, and what it cost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.runs import Run
from reports.charts import Stretch, Track
from reports.charts.scales import Scale
from reports.charts.tracks import HEIGHT, draw_tracks
from reports.facts import Facts
from reports.formats import NEVER
from reports.scenario import report_html
from reports.sections.outage import OutageSection, outage_section

Make = Callable[..., Path]
MINUTE = 60_000_000_000


def fault(book: Any, first: int, last: int, **columns: Any) -> dict[str, Any]:
    """A fault from one row of the equity table to another, seen a minute later and overcome at its end."""
    start, end = int(book.time[first]), int(book.time[last])
    times = {"time": start, "until": end, "first_effect": start, "detected_at": start + MINUTE, "recovered_at": end}
    return {"kind": "outage", "scope": "{}", "parameters": "{}", "fired": 2, **times, **columns}


def breaker(book: Any, row: int, state: str, lane: str = "submit") -> dict[str, Any]:
    texts = {"kind": "breaker_change", "metric": lane, "mode_from": "closed", "mode_to": state, "action": "probe"}
    return {"time": int(book.time[row]), "severity": "critical", "detail": "x", **texts}


def plan(book: Any) -> None:
    book.rows["faults"].append(fault(book, 60, 90, scope='{"symbols": ["AAA"], "lanes": ["submit"]}'))
    act = fault(book, 200, 200, kind="operator_act", until=None, parameters='{"act": "reset_breaker"}')
    book.rows["faults"].append(act)
    book.rows["risk_events"] = [breaker(book, 65, "open"), breaker(book, 100, "ready"), breaker(book, 120, "closed")]


def section(run: Path, clean: Path | None = None) -> OutageSection:
    found = outage_section(Facts(Run.open(run)), None if clean is None else Facts(Run.open(clean)))
    assert found is not None
    return found


@pytest.fixture
def stormy(make_run: Make) -> Path:
    return make_run(plan, signals=20)


def test_a_run_without_faults_has_no_such_section(make_run: Make) -> None:
    facts = Facts(Run.open(make_run(signals=5)))
    assert outage_section(facts, None) is None
    assert 'id="faults"' not in report_html(facts)


def test_the_answers_say_whom_and_what_was_done(stormy: Path) -> None:
    rows = section(stormy).answers.rows
    outage, act = rows
    assert outage[1:7] == (30 * 60.0, "outage", "AAA; submit", 2, 60.0, 30 * 60.0)
    assert str(outage[7]).startswith("probe ×2")
    assert act[1] == ""
    assert act[3] == "reset breaker"


def test_the_tracks_have_faults_modes_and_breakers(stormy: Path) -> None:
    table = section(stormy).figure
    assert table is not None
    assert table.table is not None
    names = [row[0] for row in table.table.rows]
    assert names.count("outage") == 1
    states = [row[1] for row in table.table.rows if row[0] == "breaker submit"]
    assert [words.split(" from ")[0] for words in map(str, states)] == ["breaker submit open", "breaker submit ready"]
    assert "breaker submit" in table.chart


def test_a_cost_is_what_the_clean_run_made_more(stormy: Path, tmp_path: Path) -> None:
    from tests.reports.conftest import Plan, build_run

    clean = build_run(tmp_path / "clean", Plan(sessions=3, losing=(1, 2), signals=20, seed=8), None, True)
    here, there = Facts(Run.open(stormy)).equity, Facts(Run.open(clean)).equity
    rows = section(stormy, clean).costs.rows
    assert [row[0] for row in rows] == ["outage", "all of them"]
    close = int(here.starts[1]) - 1
    made = [float(e.equity[close] - e.equity[60]) for e in (here, there)]
    assert rows[0][2] == here.time[close]
    assert rows[0][3:] == pytest.approx((made[0], made[1], made[1] - made[0]))
    whole = [float(e.equity[-1] - e.equity[0]) for e in (here, there)]
    assert rows[1][3:] == pytest.approx((whole[0], whole[1], whole[1] - whole[0]))


def test_without_a_clean_run_costs_are_not_measured(stormy: Path) -> None:
    costs = section(stormy).costs
    assert costs.rows == []
    assert "--against-clean" in costs.empty


def test_a_stretch_that_is_shorter_than_a_pixel_is_still_seen() -> None:
    x = Scale(0.0, 10_000.0, 50.0, 350.0)
    tracks = [Track("restart", [Stretch(5000, 5000, "ink", "here")]), Track("safe mode", [])]
    markup, bottom = draw_tracks(tracks, x, 100.0)
    assert bottom == 100.0 + 2 * HEIGHT
    assert 'width="2"' in markup
    assert markup.count("<rect") == 1
    edge, _ = draw_tracks([Track("late", [Stretch(10_000, 10_000, "ink", "")])], x, 0.0)
    assert 'x="348"' in edge


def test_a_fault_that_never_came_is_told_and_costs_nothing(make_run: Make) -> None:
    def never(book: Any) -> None:
        nothing = dict.fromkeys(("until", "first_effect", "detected_at", "recovered_at"))
        book.rows["faults"].append(fault(book, 10, 20, fired=0, **nothing))

    run = make_run(never, signals=5)
    found = section(run, run)
    assert [row[0] for row in found.costs.rows] == ["all of them"]
    assert np.isnan(found.answers.rows[0][5])
    assert NEVER not in found.answers.rows[0]
