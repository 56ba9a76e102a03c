"""The scenario report: well-formed, self-contained, the same bytes each time, true to the run's tables."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from core.runs import Run
from reports.facts import Facts
from reports.scenario import report_html, summary_svg, write_report
from reports.sections.calibration import outcomes
from reports.sections.limits import LimitUse, limit_uses
from reports.sections.sizing import stages

Make = Callable[..., Path]
HOSTILE = '<script>alert("x")</script>'
VOID = frozenset({"meta", "br", "hr", "img", "input", "link"})
SECTIONS = ["verdict", "equity", "exposure", "sizing", "fills", "calibration", "results", "events", "data"]


class Page(HTMLParser):
    """Reads a page strictly: every element is closed in order. Collects texts, ids and references."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: set[str] = set()
        self.tags: set[str] = set()
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("aria-labelledby", "aria-describedby"):
                self.references.update((value or "").split())
            if name == "href":
                self.references.add((value or "").removeprefix("#"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def assert_sound(html: str) -> Page:
    """What holds for the report of any run."""
    page = Page(html)
    assert len(page.ids) == len(set(page.ids))
    assert page.references <= set(page.ids)
    assert [name for name in page.ids if name in SECTIONS] == SECTIONS
    assert not page.tags & {"script", "link", "img", "iframe", "object"}
    assert "://" not in html
    assert "@import" not in html
    assert set(re.findall(r"url\((.)", html)) <= {"#"}
    assert not re.search(r"\b(nan|NaN|inf|None(?! of))\b", page.text)
    for picture in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        drawn = ElementTree.fromstring(picture)
        assert not re.search(r"nan|inf", picture.replace("inflow", ""))
        assert drawn.get("aria-hidden") or drawn.find("title") is not None
    assert len(html) < 1_500_000
    return page


@pytest.fixture(scope="module")
def html(month: Path) -> str:
    return report_html(Facts(Run.open(month)))


@pytest.fixture(scope="module")
def facts(month: Path) -> Facts:
    return Facts(Run.open(month))


def page_of(run: Path) -> Page:
    """The report of a run, known to be sound."""
    return assert_sound(report_html(Facts(Run.open(run))))


def use_of(facts: Facts, name: str) -> LimitUse:
    return next(use for use in limit_uses(facts) if use.name == name)


def test_the_report_of_a_month_is_sound(html: str) -> None:
    page = assert_sound(html)
    assert "Passed All 3 invariants held after every event and all 2 expectations met." in page.text
    assert html.count("<figure>") == html.count("<figure>\n") >= 10
    figures = re.findall(r"<figure>.*?</figure>", html, re.DOTALL)
    assert all("<details><summary>Data</summary>" in figure for figure in figures)


def test_the_tiles_say_what_the_tables_hold(html: str, facts: Facts) -> None:
    text = Page(html).text
    equity = facts.equity
    final = facts.source.table("equity")["equity"][-1].as_py()
    assert f"Final equity ${final:,.2f} from $100,000.00" in text
    assert f"Max drawdown {np.max(equity.drawdown):.2%}" in text
    approved = sum(v == "approved" for v in facts.source.table("decisions")["verdict"].to_pylist())
    assert f"Trades {approved} none is open" in text
    assert f"Signals 1,000 {approved} approved, {1000 - approved} refused" in text
    fees = sum(facts.source.table("fills")["fee"].to_pylist())
    assert f"Fees ${fees:,.2f}" in text


def test_trades_explain_the_change_in_equity(html: str, facts: Facts) -> None:
    change = facts.equity.equity[-1] - 100_000
    assert facts.trades.profit.sum() == pytest.approx(change, abs=1e-4)
    assert facts.trades.closed.all()
    assert "Not explained" not in html


def test_a_difference_between_fills_and_equity_is_shown(make_run: Make) -> None:
    def lose(book: Any) -> None:
        book.rows["fills"].pop()

    assert "Not explained by fills and cash" in page_of(make_run(lose)).text


def test_results_belong_to_the_strategy_that_decided(facts: Facts) -> None:
    trades = facts.trades
    opening = facts.orders.decision[trades.order]
    assert (facts.orders.role.take(trades.order).among("entry")).all()
    chosen = [facts.decisions.strategy.at(int(row)) for row in opening]
    assert [facts.trade_strategy.at(i) for i in range(len(trades))] == chosen


def test_a_day_begins_at_the_previous_close(facts: Facts) -> None:
    equity = facts.equity
    assert len(equity.starts) == 20
    opened = equity.starts[5]
    gain = equity.equity[opened + 17] / equity.equity[opened - 1] - 1
    assert equity.day_return[opened + 17] == pytest.approx(gain, abs=1e-6)
    assert equity.day_return[3] == pytest.approx(equity.equity[3] / 100_000 - 1, abs=1e-6)


def test_outcomes_are_the_leg_that_filled(facts: Facts) -> None:
    known, hit = outcomes(facts)
    orders = facts.source.table("orders", ["intent_id", "role", "status"]).to_pylist()
    filled = {(row["intent_id"], row["role"]) for row in orders if row["status"] == "filled"}
    intents = facts.source.table("decisions", ["intent_id"])["intent_id"].to_pylist()
    assert [i for i, k in zip(intents, known, strict=True) if k] == [
        i for i in intents if (i, "target") in filled or (i, "stop") in filled
    ]
    assert all(((i, "target") in filled) == h for i, k, h in zip(intents, known, hit, strict=True) if k)


def test_the_sizing_chain_never_grows_and_ends_at_the_order(facts: Facts) -> None:
    rows = facts.decisions.approved
    chain = [values[rows] for _, values in stages(facts.decisions)]
    for before, after in pairwise(chain):
        assert (after <= before * (1 + 1e-9)).all()
    assert chain[-1] == pytest.approx((facts.decisions.qty * facts.decisions.price / facts.decisions.equity)[rows])


def test_limits_are_within_near_or_breached(make_run: Make, facts: Facts) -> None:
    assert use_of(facts, "Drawdown").word == "near"
    assert use_of(facts, "Risk of one trade").word == "within"
    assert use_of(facts, "Drawdown").use == pytest.approx(np.max(facts.equity.drawdown) / 0.05)

    def fall(book: Any) -> None:
        book.rows["equity"][398]["drawdown"] = 0.05
        book.rows["equity"][5]["drawdown"] = 0.0401

    run = Facts(Run.open(make_run(fall)))
    use = use_of(run, "Drawdown")
    assert (use.word, use.near, use.breaches) == ("breached", 1, 1)
    assert use.when == run.equity.time[398]


def test_a_breach_between_two_minutes_is_found_in_the_risk_events(make_run: Make) -> None:
    def breach(book: Any) -> None:
        book.rows["risk_events"].append(
            {
                "time": int(book.time[394]) + 7,
                "kind": "limit_breach",
                "metric": "daily_loss",
                "value": 0.0123,
                "limit": 0.01,
                "use": 1.23,
                "severity": "critical",
                "action": "flatten",
                "detail": "Loss on the day passed its limit.",
            }
        )

    run = make_run(breach, signals=5)
    use = use_of(Facts(Run.open(run)), "Loss on the day")
    assert (use.word, use.breaches, use.use) == ("breached", 1, 1.23)
    assert "Loss on the day passed its limit." in page_of(run).text


def test_faults_say_how_soon_they_were_seen_and_overcome(make_run: Make) -> None:
    def plan_fault(book: Any) -> None:
        start = int(book.time[60])
        fault = {
            "time": start,
            "kind": "answer_lost",
            "scope": '{"symbols": ["AAA"]}',
            "parameters": "{}",
        }
        times = {"first_effect": start + 10**10, "detected_at": start + 13 * 10**9}
        book.rows["faults"].append({**fault, **times, "fired": 2})

    text = page_of(make_run(plan_fault, signals=5)).text
    assert "answer lost AAA 2 3 s not measured" in text
    assert "Not measured: run the scenario with --against-clean." in text


def test_held_signals_are_those_that_a_limit_set_or_refused(facts: Facts) -> None:
    decisions = facts.source.table("decisions", ["intent_id", "binding", "verdict"]).to_pylist()
    checks = facts.source.table("checks", ["intent_id", "check", "result"]).to_pylist()
    held = {row["intent_id"] for row in decisions if row["binding"] == "gross_cap" and row["verdict"] == "approved"}
    held |= {row["intent_id"] for row in checks if row["check"] == "gross_cap" and row["result"] != "pass"}
    assert use_of(facts, "Gross exposure").held == len(held)


def test_a_failed_run_shows_its_witness_first(make_run: Make) -> None:
    broken = {"cash_ledger": "ok", "position_ledger": "event 4711: AAA holds 10, the fills say 12"}
    expected = [{"text": "max_drawdown at most 0.001", "ok": False, "measured": 0.0042}]
    page = page_of(make_run(invariants=broken, expectations=expected))
    assert "Failed 1 of 2 invariants held after every event and none of 1 expectation met." in page.text
    witness = page.text.index("event 4711: AAA holds 10, the fills say 12")
    assert witness < page.text.index("seatrial run breakout-4w --seed 7") < page.text.index("Final equity")
    assert "max_drawdown at most 0.001 0.0042 not met" in page.text


def test_hostile_names_stay_text(make_run: Make) -> None:
    names = {
        "symbols": (HOSTILE, "A&B", "\x00'\"", "ZZZ"),
        "strategies": (HOSTILE, "plain"),
        "title": HOSTILE,
        "invariants": {HOSTILE: HOSTILE},
        "expectations": [{"text": HOSTILE, "ok": False, "measured": HOSTILE}],
    }
    run = make_run(sessions=12, losing=(1, 9), **names)
    html = report_html(Facts(Run.open(run)))
    page = assert_sound(html)
    assert "<script" not in html
    assert page.text.count(HOSTILE) > 10
    ElementTree.fromstring(summary_svg(run))


def test_a_run_in_which_nothing_happened_measures_nothing(make_run: Make) -> None:
    run = make_run(traded=False, invariants={}, expectations=[])
    text = page_of(run).text
    assert "Not measured The run recorded no invariant and no expectation." in text
    for tile in ("Return", "Max drawdown", "Worst day", "Hit rate", "Average slippage", "Fees"):
        assert f"{tile} not measured" in text
    assert {use.word for use in limit_uses(Facts(Run.open(run)))} == {"not measured"}
    ElementTree.fromstring(summary_svg(run))


@pytest.mark.parametrize("plan", [{"signals": 0}, {"sessions": 1, "losing": (0, 1)}, {"sessions": 1, "signals": 1}])
def test_small_runs_are_sound(make_run: Make, plan: dict[str, Any]) -> None:
    page_of(make_run(**plan))


def test_a_shock_on_frozen_marks_moves_no_high_water_mark(make_run: Make) -> None:
    def shock(book: Any) -> None:
        for row in book.rows["equity"][100:110]:
            row["unit_value"] = row["unit_value"] * 97 // 100

    equity = Facts(Run.open(make_run(shock))).equity
    for first, last in pairwise([*equity.starts, len(equity)]):
        marks = equity.high_water[first : last - 1]  # the last row is the close, which may raise it
        assert marks == pytest.approx(np.full(len(marks), marks[0]), rel=1e-6)


def test_slippage_that_never_varies_is_a_sentence_not_a_picture(make_run: Make) -> None:
    def flatten(book: Any) -> None:
        for row in book.rows["fills"]:
            row["slippage"] = row["price"] // 5_000

    text = page_of(make_run(flatten)).text
    assert "The same slippage in every fill: open 2.0 bp" in text
    assert "Slippage by rule" not in text


def test_a_long_run_is_tabled_by_month(make_run: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.sections.equity._MOST_SESSIONS", 29)
    run = make_run(sessions=30, signals=2)
    text = page_of(run).text
    facts = Facts(Run.open(run))
    closes = facts.equity.equity[np.append(facts.equity.starts[1:], len(facts.equity)) - 1]
    march, april = closes[21], closes[29]  # every weekday is a session here
    assert f"Mar 2026 ${march:,.2f}" in text
    gain = f"{april / march - 1:+.2%}".replace("-", "−")
    assert f"Apr 2026 ${april:,.2f} {gain}" in text


def test_what_is_null_is_not_measured(make_run: Make) -> None:
    def forget(book: Any) -> None:
        for row in book.rows["decisions"]:
            row["p"], row["kelly_full"] = None, np.nan
        for row in book.rows["orders"]:
            row["filled_at"], row["intent_id"] = None, None

    text = page_of(make_run(forget)).text
    assert "Median time to fill not measured" in text
    assert "Not measured: no traded signal with a probability reached its target or its stop." in text
    assert "no strategy" in text


def test_the_same_run_gives_the_same_bytes_in_another_process_without_heavy_imports(month: Path, html: str) -> None:
    program = (
        "import hashlib, sys; from pathlib import Path; from core.runs import Run;"
        "from reports.facts import Facts; from reports.scenario import write_report;"
        f"page = write_report(Facts(Run.open(Path({str(month)!r})))).read_bytes();"
        "heavy = {'pandas', 'scipy', 'matplotlib', 'vectorbt', 'numba'} & set(sys.modules);"
        "print(hashlib.sha256(page).hexdigest(), sorted(heavy))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4321"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
        cwd=Path.cwd(),
    )
    assert done.stdout.split(maxsplit=1) == [hashlib.sha256(html.encode()).hexdigest(), "[]\n"]


def test_the_report_appears_whole_beside_the_tables(make_run: Make) -> None:
    run = make_run(sessions=1, signals=5)
    facts = Facts(Run.open(run))
    before = {path.name for path in run.iterdir()}
    assert write_report(facts) == run / "report.html"
    assert {path.name for path in run.iterdir()} - before == {"report.html"}
    assert write_report(facts).read_text(encoding="utf-8") == report_html(Facts(Run.open(run)))


def test_the_summary_stands_alone(month: Path) -> None:
    picture = summary_svg(month)
    root = ElementTree.fromstring(picture)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("width") == "880"
    titles = [element.text for element in root.iter() if element.get("class") == "panel-title"]
    assert titles == ["Equity", "Drawdown", "Gross exposure, share of equity"]
    assert picture.count("://") == 1
    assert len(picture) < 150_000
