"""The screen's page: what it says of luck, what its maps show, what it refuses."""

from __future__ import annotations

import math
import re
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import InputError
from core.statistics.missing import NotMeasured
from core.statistics.overfitting import Overfitting, overfitting
from reports.screen import MEASURES, MOST_ROWS, screen_html, write_screen_report

NAN = math.nan
FEW = NotMeasured(4, 16, "sessions")


def frame(settings: dict[str, list[object]], sharpe: list[float], luck: float = 0.5) -> pd.DataFrame:
    """A screen's frame over the product of `settings`."""
    rows = pd.DataFrame(list(product(*settings.values())), columns=list(settings))
    measures = {
        "total_return": 0.1,
        "max_drawdown": 0.05,
        "trades": 12,
        "hit_rate": 0.5,
        "deflated_sharpe": luck,
    }
    return rows.assign(sharpe=sharpe, **measures)[[*settings, *MEASURES]]


def page_of(settings: pd.DataFrame, found: Overfitting | NotMeasured = FEW, **title: str) -> str:
    return screen_html(settings, found, **title)


def cells(page: str) -> dict[str, str]:
    """What the tips of all maps say: place to words."""
    return dict(re.findall(r"<title>(\S+ \S+, \S+ \S+): ([^<]+)</title>", page))


def test_each_pair_of_parameters_that_vary_has_a_map_of_medians() -> None:
    page = page_of(frame({"a": [1, 2], "b": [5], "c": ["x", "y", "z"]}, [0.1, 0.2, 0.3, 1.0, -2.0, NAN]))
    assert page.count("<figure>") == 1  # a with c: b never varies
    found = cells(page)
    assert found["a 2, c y"] == "−2.00"
    assert found["a 2, c z"] == "–"
    page = page_of(frame({"a": [1, 2], "b": [5, 6, 7], "c": ["x", "y"]}, [float(n) for n in range(12)]))
    assert page.count("<figure>") == 3
    assert cells(page)["a 1, c y"] == "3.00"  # of 1, 3 and 5


def test_one_parameter_is_a_map_of_one_row() -> None:
    page = page_of(frame({"a": [1, 2, 3]}, [0.1, 0.5, 0.2]))
    assert page.count("<figure>") == 1
    assert "<title>a 2: 0.50</title>" in page


@pytest.mark.parametrize(
    ("luck", "words"),
    [(0.97, "more than luck"), (0.6, "it may be luck"), (NAN, "No setting has a Sharpe ratio")],
)
def test_the_lead_says_whether_it_may_be_luck(luck: float, words: str) -> None:
    sharpe = NAN if math.isnan(luck) else 1.0
    assert words in page_of(frame({"a": [1, 2]}, [sharpe, sharpe], luck))


def test_the_best_comes_first_and_what_has_no_ratio_last() -> None:
    page = page_of(frame({"lookback": [11, 22, 33]}, [0.5, NAN, 2.5]))
    body = page[page.index("<tbody>") :]
    assert body.index(">33<") < body.index(">11<") < body.index(">22<")
    assert "not measured" in body


def test_a_long_ranking_is_cut_and_says_so() -> None:
    values: list[object] = list(range(MOST_ROWS + 7))
    page = page_of(frame({"a": values}, [float(n) for n in range(len(values))]))
    assert page.count('<th scope="row">') == MOST_ROWS
    assert "The other 7 settings" in page


def test_the_probability_of_overfitting_is_shown_with_its_figure_and_table() -> None:
    found = overfitting(np.random.default_rng(5).normal(0.0, 0.01, (20, 2)))
    assert isinstance(found, Overfitting)
    page = page_of(frame({"a": [1, 2]}, [0.1, 0.2]), found)
    assert f'<td class="num">{found.probability:.1%}</td>' in page
    assert "20 in 10" in page
    figure = next(part for part in re.findall(r"<figure>.*?</figure>", page, re.S) if "overfitting-title" in part)
    ways = [int(n.replace(",", "")) for n in re.findall(r'<td class="num">([\d,]+)</td>', figure)]
    assert sum(ways) == found.ways == 252


def test_too_few_sessions_say_so() -> None:
    page = page_of(frame({"a": [1, 2]}, [0.1, 0.2]))
    assert "Not measured (have 4 sessions, need 16)" in page
    assert "overfitting-title" not in page


def test_names_and_values_are_escaped() -> None:
    page = page_of(frame({"<a>": ["<b>", "&"]}, [0.1, 0.2]), title="<i>")
    own = ("seatrial", "Probability of overfitting")
    assert set(re.findall("<b>(.*?)</b>", page)) == set(own)
    assert "<a>" not in page
    assert "<i>" not in page


def test_the_file_is_whole_and_loads_nothing(tmp_path: Path) -> None:
    path = write_screen_report(frame({"a": [1, 2]}, [0.1, 0.2]), FEW, tmp_path / "out" / "screen.html", "Breakout")
    page = path.read_text(encoding="utf-8")
    assert page.rstrip().endswith("</html>")
    assert "Breakout" in page
    assert not re.search(r"<script|<link|src=|url\(|@import", page)
    assert [item.name for item in path.parent.iterdir()] == ["screen.html"]


@pytest.mark.parametrize("broken", [["sharpe"], ["a"]], ids=["no measure", "no parameter"])
def test_another_frame_is_refused(broken: list[str]) -> None:
    with pytest.raises(InputError):
        page_of(frame({"a": [1]}, [0.1]).drop(columns=broken))
