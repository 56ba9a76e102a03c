"""The weekly page and its document: sound, self-contained, complete, the same bytes each time, true to the run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from core.errors import InputError
from core.runs import Run
from reports.facts import Facts
from reports.statistics import by_session
from reports.week import document_text, report_html, weekly_report
from reports.weekly.choice import Chosen, choose
from reports.weekly.weeks import week_named
from tests.reports.test_scenario_report import Make, Page

SCHEMA = Path(__file__).parents[3] / "docs" / "weekly-report.schema.json"
ORDER = [
    "verdict",
    "envelope",
    "limits",
    "breaches",
    "exposure",
    "tail",
    "drawdown",
    "sizing",
    "calibration",
    "execution",
    "refusals",
    "latency",
    "availability",
    "data",
    "parity",
    "haircut",
    "attribution",
    "standing",
    "margin",
    "drills",
    "changes",
]


def document_of(chosen: Chosen) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document_text(weekly_report(chosen, None, 1)))
    jsonschema.validate(found, json.loads(SCHEMA.read_text(encoding="utf-8")))
    return found


def section(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(item for item in document["sections"] if item["name"] == name)


def table(document: dict[str, Any], name: str, caption: str) -> list[list[Any]]:
    found: list[list[Any]] = next(
        t["rows"] for t in section(document, name)["tables"] if t["caption"].startswith(caption)
    )
    return found


@pytest.fixture(scope="module")
def chosen(month: Path) -> Chosen:
    return choose([month], week_named("2026-W11"))


@pytest.fixture(scope="module")
def html(chosen: Chosen) -> str:
    return report_html(weekly_report(chosen, None, 1))


@pytest.fixture(scope="module")
def document(chosen: Chosen) -> dict[str, Any]:
    return document_of(chosen)


def test_the_page_holds_all_sections_and_nothing_from_outside(html: str) -> None:
    page = Page(html)
    assert [name for name in page.ids if name in ORDER] == ORDER
    assert len(page.ids) == len(set(page.ids))
    assert page.references <= set(page.ids)
    assert not page.tags & {"script", "link", "img", "iframe", "object"}
    assert "://" not in html
    assert not re.search(r"\b(nan|NaN|inf|None)\b", page.text)
    assert len(html) < 3_000_000
    figures = re.findall(r"<figure>.*?</figure>", html, re.DOTALL)
    assert len(figures) > 12
    assert all("<details><summary>Data</summary>" in figure for figure in figures)


def test_the_week_is_told_from_its_own_rows(document: dict[str, Any], month: Path) -> None:
    equity = Run.open(month).table("equity").to_pandas()
    when = equity["time"].dt.tz_convert("America/New_York")
    mine = equity[(when >= "2026-03-09") & (when < "2026-03-16")]
    before = equity[when < "2026-03-09"]["unit_value"].iloc[-1]
    assert document["week"]["name"] == "2026-W11"
    assert document["figures"]["result"] == pytest.approx(float(mine["unit_value"].iloc[-1] / before - 1))
    assert document["figures"]["drawdown"] == pytest.approx(float(mine["drawdown"].max()))
    assert document["figures"]["sessions"] == 5
    assert document["week"]["partial"] is False


def test_the_result_by_symbol_adds_up_to_the_change_in_equity(document: dict[str, Any]) -> None:
    rows = table(document, "attribution", "Result by symbol")
    assert rows[-1][0] == "Change in equity"
    assert sum(row[1] for row in rows[:-1]) == pytest.approx(rows[-1][1], abs=1e-4)
    assert rows[-1][1] == pytest.approx(document["figures"]["profit"])
    assert "Not explained" not in [row[0] for row in rows]


def test_the_weeks_of_a_run_are_disjoint_and_make_up_the_whole(month: Path) -> None:
    whole = Facts(Run.open(month))
    weeks = [choose([month], week_named(f"2026-W{n:02d}")).facts for n in (10, 11, 12, 13)]
    assert sum(len(week.equity) for week in weeks) == len(whole.equity)
    assert sum(len(week.decisions) for week in weeks) == len(whole.decisions)
    assert sum(len(week.trades) for week in weeks) == int(whole.trades.closed.sum())
    results = [by_session(week.equity.day_return, week.equity.starts, "last") for week in weeks]
    assert np.prod(1 + np.concatenate(results)) == pytest.approx(float(whole.run["equity"]) / 100_000)


def test_the_weeks_before_stand_beside_it(html: str, chosen: Chosen) -> None:
    assert [facts.week.name for facts in chosen.history] == ["2026-W10", "2026-W11"]
    text = Page(html).text
    assert "2026-W10" in text
    assert "2026-W12" not in text
    assert "Mean of the last 2 (of 4)" in text


def test_parity_is_not_measured_and_says_how_to(document: dict[str, Any]) -> None:
    checks = {item["name"]: item for item in document["checks"]}
    assert checks["Parity with simulation"]["verdict"] == "not measured"
    assert "--compare" in checks["Parity with simulation"]["finding"]
    assert section(document, "parity")["measured"] is False
    assert section(document, "parity")["tables"] == []
    assert section(document, "haircut")["measured"] is False


def test_without_a_week_it_is_the_latest(month: Path) -> None:
    assert choose([month], None).week.name == "2026-W13"


def test_the_same_folders_give_the_same_bytes(month: Path, html: str) -> None:
    code = (
        "import sys; from pathlib import Path; from reports.week import *; from reports.weekly.choice import choose;"
        "from reports.weekly.weeks import week_named;"
        "found = weekly_report(choose([Path(sys.argv[1])], week_named('2026-W11')), None, 1);"
        "sys.stdout.buffer.write((report_html(found) + document_text(found)).encode())"
    )
    made = []
    for seed, zone in (("1", "Asia/Tokyo"), ("77", "America/Los_Angeles")):
        env = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone}
        made.append(
            subprocess.run([sys.executable, "-c", code, str(month)], env=env, capture_output=True, check=True).stdout
        )
    assert made[0] == made[1]
    assert made[0].decode().startswith(html)


def test_a_week_that_no_run_has_is_refused(month: Path) -> None:
    with pytest.raises(InputError, match="no run has a session in it; the runs have 2026-W10 to 2026-W13"):
        choose([month], week_named("2026-W20"))


@pytest.mark.parametrize("text", ["2026", "2026-46", "2026-W54", "2026-W00", "week 3"])
def test_what_is_no_week_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no ISO week"):
        week_named(text)


def test_a_week_without_trades_measures_nothing_that_needs_them(make_run: Make) -> None:
    run = make_run(traded=False)
    with pytest.raises(InputError, match="has no equity, so it has no week"):
        choose([run], None)


def test_an_idle_week_is_told_without_zeros(make_run: Make) -> None:
    def idle(book: Any) -> None:
        for name in ("decisions", "checks", "orders", "fills", "positions"):
            book.rows[name] = []

    found = choose([make_run(idle)], None)
    document = document_of(found)
    assert document["figures"]["trades"] == 0
    assert document["figures"]["entry_cost_bp"] is None
    assert document["figures"]["profit_factor"] is None
    assert section(document, "execution")["measured"] is False
    text = Page(report_html(weekly_report(found, None, 1))).text
    assert "nothing was filled in this week" in text
    assert not re.search(r"\b(nan|inf|None)\b", text)


def test_the_parts_of_the_brier_score_add_up_and_the_intervals_hold_it(document: dict[str, Any]) -> None:
    found = section(document, "calibration")["figures"]
    parts = found["reliability"] - found["resolution"] + found["uncertainty"] + found["within_bins"]
    assert parts == pytest.approx(found["brier"])
    assert found["skill"] == pytest.approx(1 - found["brier"] / found["uncertainty"])
    assert found["outcomes"] > 20
    shown = {row[0]: row[1] for row in table(document, "calibration", "Parts of the Brier score")}
    assert shown["Brier score"] == found["brier"]
    if found["brier_low"] is not None:
        assert found["brier_low"] < found["brier"] < found["brier_high"]
        assert found["skill_low"] < found["skill"] < found["skill_high"]


def test_drawdowns_are_as_deep_as_the_run_recorded_them_by_the_minute(document: dict[str, Any], month: Path) -> None:
    equity = Run.open(month).table("equity").to_pandas()
    when = equity["time"].dt.tz_convert("America/New_York")
    mine = equity[when < "2026-03-16"]
    found = section(document, "drawdown")["figures"]
    assert found["deepest"] == pytest.approx(float(mine["drawdown"].max()), abs=1e-6)
    assert found["deepest_close"] <= found["deepest"]
    rows = table(document, "drawdown", "Drawdown by session")
    days = mine.groupby(when[mine.index].dt.date)["drawdown"].max()
    assert [-row[2] for row in rows] == pytest.approx(days.tolist(), abs=1e-6)
