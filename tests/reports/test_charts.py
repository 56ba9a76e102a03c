"""Charts: what is drawn where, that nothing leaves the canvas, and that all of it is well-formed."""

from __future__ import annotations

import re
from datetime import datetime
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.statistics.scores import Bins
from reports import charts
from reports.charts import scales, svg
from reports.formats import NEW_YORK

MINUTE = 60_000_000_000


def canvas(width: int = 400) -> charts.Canvas:
    return charts.Canvas("chart", width, "A <title>", "What it shows & why")


def axis(sessions: int, rows: int = 20) -> charts.Axis:
    """Sessions on consecutive days from Monday 2 March 2026, each of `rows` minutes."""
    opened = int(datetime(2026, 3, 2, 9, 30, tzinfo=NEW_YORK).timestamp()) * 1_000_000_000
    time = opened + np.add.outer(np.arange(sessions) * 24 * 60, np.arange(rows)).reshape(-1) * MINUTE
    return charts.Axis(time, np.arange(sessions) * rows, 20_514 + np.arange(sessions))


def timeline(values: np.ndarray, rules: list[charts.Rule] | None = None, **more: object) -> ElementTree.Element:
    sessions = len(values) // 20
    panel = charts.Panel("Drawdown", [charts.Line("", values, "neg", "area")], 100.0, "percent", rules or [])
    drawn = charts.draw_timeline(canvas(), charts.Timeline(axis(sessions), [panel], **more))  # type: ignore[arg-type]
    return ElementTree.fromstring(drawn)


def by_class(root: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [element for element in root.iter() if kind in element.get("class", "").split()]


def assert_inside(root: ElementTree.Element) -> None:
    """No text begins or ends outside the drawing, by the estimate of its width."""
    _, _, width, height = (float(v) for v in root.attrib["viewBox"].split())
    for element in root.iter("text"):
        x, y = float(element.attrib["x"]), float(element.attrib["y"])
        size = svg.text_width(element.text or "", 10.0)
        left = {"end": x - size, "middle": x - size / 2}.get(element.get("text-anchor", ""), x)
        assert left >= -12, element.text
        assert left + size <= width + 12, element.text
        assert 0 <= y <= height, element.text


@given(st.lists(st.floats(-1e6, 1e6) | st.just(np.nan), min_size=1, max_size=400), st.integers(6, 60))
def test_thinning_keeps_both_ends_and_the_extremes(values: list[float], most: int) -> None:
    array = np.array(values)
    rows = scales.thin(array, most)
    assert len(rows) <= most + 2
    assert rows[0] == 0
    assert rows[-1] == len(values) - 1
    assert (np.diff(rows) > 0).all()
    if np.isfinite(array).any():
        assert np.nanmax(array[rows]) == np.nanmax(array)
        assert np.nanmin(array[rows]) == np.nanmin(array)


@given(st.floats(-1e7, 1e7), st.floats(1, 1e7), st.integers(2, 12))
def test_ticks_are_inside_round_and_few(low: float, span: float, most: int) -> None:
    high = low + span
    found = scales.ticks(low, high, most)
    assert len(found) <= most
    room = span * 1e-6
    assert ((found >= low - room) & (found <= high + room)).all()
    if len(found) > 2:
        assert np.ptp(np.diff(found)) < span * 1e-6


def test_log_ticks_thin_out_to_powers_of_ten() -> None:
    assert scales.log_ticks(0.09, 2.1).tolist() == pytest.approx([0.1, 0.2, 0.5, 1, 2])
    assert scales.log_ticks(0.0011, 90).tolist() == pytest.approx([0.01, 0.1, 1, 10])


def test_extent_never_collapses_and_never_leaves_zero() -> None:
    assert scales.extent([np.zeros(3)]) == (-0.01, 0.01)
    assert scales.extent([np.full(3, np.nan)]) == (0.0, 1.0)
    low, high = scales.extent([np.array([0.0, 2.0])], (3.0,))
    assert low == 0
    assert high > 3


def test_markup_is_escaped_and_free_of_forbidden_characters() -> None:
    made = svg.text(1, 2, '<b a="1">\x00\x0b & \'', "tick")
    assert ElementTree.fromstring(made).text == '<b a="1">�� & \''


def test_a_canvas_names_its_title_and_description() -> None:
    root = ElementTree.fromstring(canvas().picture(10))
    title, description = root.find("title"), root.find("desc")
    assert title is not None
    assert description is not None
    assert title.text == "A <title>"
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"


def test_a_missing_value_breaks_the_line() -> None:
    drawn = svg.path(np.arange(5.0), np.array([1.0, 2.0, np.nan, 3.0, 4.0]))
    assert drawn == "M0.0 1.0L1.0 2.0M3.0 3.0L4.0 4.0"


def test_a_fall_is_drawn_downwards_from_zero() -> None:
    root = timeline(-np.linspace(0, 0.1, 20))
    numbers = [float(v) for v in re.findall(r"[\d.]+", by_class(root, "line")[-1].attrib["d"])]
    assert numbers[1] < numbers[-1]
    assert_inside(root)


def test_rules_beyond_the_scale_are_named_at_the_edge() -> None:
    root = timeline(-np.linspace(0, 0.01, 20), [charts.Rule(-0.1, "hard", "hard"), charts.Rule(-0.07, "soft", "soft")])
    soft, hard = by_class(root, "soft")[0], by_class(root, "hard")[0]
    assert (soft.text, hard.text) == ("soft ↓", "hard ↓")
    assert float(soft.attrib["y"]) <= float(hard.attrib["y"]) - 13
    assert not [element for element in by_class(root, "rule") if element.tag == "line"]


def test_a_rule_on_the_scale_is_a_line() -> None:
    root = timeline(-np.linspace(0, 0.1, 20), [charts.Rule(-0.05, "hard", "hard")])
    assert [element.tag for element in by_class(root, "hard")] == ["line", "text"]


def test_many_close_bands_become_few_rectangles_but_none_is_lost() -> None:
    values = np.zeros(20 * 400)
    close = [charts.Band(row, row, "mode-reduced", "reduced") for row in range(0, 2000, 2)]
    root = timeline(values, bands=[*close, charts.Band(7000, 7001, "mode-reduced", "reduced")])
    boxes = [element for element in by_class(root, "mode-reduced") if element.get("height") != "10"]
    assert len(boxes) == 2
    assert float(boxes[1].attrib["width"]) >= 1


def test_stale_bands_are_hatched() -> None:
    root = timeline(np.zeros(40), bands=[charts.Band(3, 9, "stale", "stale marks")])
    assert by_class(root, "stale")[0].get("style") == "fill:url(#chart-hatch)"
    assert root.find("defs/pattern").get("id") == "chart-hatch"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("sessions", "first", "second"),
    [
        (1, "9:30", None),
        (5, "2 Mar", "3 Mar"),
        (30, "2 Mar", "9 Mar"),
        (120, "Mar 26", "Apr 26"),
        (900, "2026", "2027"),
    ],
)
def test_the_axis_names_hours_sessions_weeks_months_or_years(sessions: int, first: str, second: str | None) -> None:
    marks = axis(sessions).marks(8)
    assert marks[0][1] == first
    assert second is None or marks[1][1] == second
    assert len(marks) <= 8


def test_labels_of_short_sessions_never_overlap() -> None:
    starts = np.array([0, 20, 21, 41])
    time = axis(4).time[:61]
    panel = charts.Panel("Equity", [charts.Line("", np.arange(61.0), "s1")], 60.0, "money")
    chart = charts.Timeline(charts.Axis(time, starts, axis(4).days), [panel])
    root = ElementTree.fromstring(charts.draw_timeline(canvas(), chart))
    labels = [element for element in by_class(root, "tick") if "Mar" in (element.text or "")]
    assert [element.text for element in labels] == ["2 Mar", "3 Mar", "5 Mar"]


def test_each_session_has_its_words_for_the_pointer() -> None:
    root = timeline(np.zeros(60), tips=["one", "two & three", "four"])
    assert [element.findtext("title") for element in by_class(root, "tip")] == ["one", "two & three", "four"]


def test_bars_are_as_long_as_their_values_and_long_names_are_cut() -> None:
    bars = [
        charts.Bar("a name that is far too long to stand beside its bar, whatever", 30, "30"),
        charts.Bar("b", 10, "10"),
    ]
    root = ElementTree.fromstring(charts.draw_bars(canvas(), bars))
    widths = [float(element.attrib["width"]) for element in by_class(root, "bar")]
    assert widths[0] == pytest.approx(3 * widths[1], rel=0.01)
    assert by_class(root, "name")[0].text.endswith("…")  # type: ignore[union-attr]
    assert_inside(root)


def test_diverging_bars_leave_zero_to_their_side() -> None:
    bars = [charts.Bar("AAA", 30, "+$30"), charts.Bar("BBB", -60, "−$60")]
    root = ElementTree.fromstring(charts.draw_diverging(canvas(), bars))
    zero = float(by_class(root, "axis")[0].attrib["x1"])
    gain, loss = by_class(root, "pos")[0], by_class(root, "neg")[0]
    assert float(gain.attrib["x"]) == zero
    assert float(loss.attrib["x"]) + float(loss.attrib["width"]) == pytest.approx(zero, abs=0.1)
    assert_inside(root)


def test_a_ladder_steps_from_each_stage_to_the_next() -> None:
    rungs = [charts.Rung(name, v, v / 2, v * 2, "x") for name, v in (("full", 10.0), ("half", 1.0), ("same", 1.0))]
    ticks = charts.ladder_ticks(rungs)
    root = ElementTree.fromstring(charts.draw_ladder(canvas(), rungs, tuple("x" for _ in ticks), tuple(ticks)))
    widths = [float(e.attrib["width"]) for e in by_class(root, "bar") if "ink" not in e.attrib["class"]]
    assert widths[1] > 50
    assert widths[0] == widths[2] == 0
    assert_inside(root)


def test_a_histogram_draws_every_filled_bin() -> None:
    shape = charts.Histogram(
        np.linspace(0, 4, 5), np.array([1.0, 0.0, 5.0, 2.0]), "bp", (charts.Mark(9.0, "95%", "soft"),)
    )
    root = ElementTree.fromstring(charts.draw_histogram(canvas(300), shape))
    bars = by_class(root, "bar")
    assert [bar.findtext("title") for bar in bars] == ["0 to 1: 1", "2 to 3: 5", "3 to 4: 2"]
    assert float(bars[1].attrib["height"]) == pytest.approx(96)
    assert_inside(root)


def test_calibrated_bins_lie_on_the_diagonal() -> None:
    p = np.array([0.3, 0.5, 0.7])
    bins = charts.Reliability(Bins(p, p, p - 0.1, p + 0.1, np.full(3, 30.0)), np.repeat(p, 30), (0.2, 0.8))
    root = ElementTree.fromstring(charts.draw_reliability(canvas(), bins))
    places = np.array([[float(dot.attrib["cx"]), float(dot.attrib["cy"])] for dot in by_class(root, "dot")])
    assert np.ptp(places.sum(axis=1)) < 0.3
    assert_inside(root)


@pytest.mark.parametrize(("use", "width"), [(0.5, 80.0), (1.0, 160.0), (9.0, 200.0)])
def test_a_bullet_is_as_long_as_the_use(use: float, width: float) -> None:
    root = ElementTree.fromstring(charts.bullet(use, "bad", 0.7))
    bar = by_class(root, "bad")
    assert float(bar[0].attrib["width"]) == width
    assert len(bar) == (2 if use > 1.25 else 1)
    assert not by_class(ElementTree.fromstring(charts.bullet(np.nan, "ok", 0.7)), "bar")


def test_a_sparkline_takes_the_sign_of_its_end() -> None:
    assert 'class="line neg"' in charts.sparkline(np.array([1.0, 2.0, -0.5]))
    assert 'class="line pos"' in charts.sparkline(np.array([-1.0, 2.0]))
    assert charts.sparkline(np.array([1.0])) == ""


@pytest.mark.parametrize("width", [300, 456])
def test_a_distribution_function_steps_at_its_values_and_ends_at_all_of_them(width: int) -> None:
    values = np.array([0.0, 0.010, 0.010, 0.100, 1.0, -0.002])
    curves = [charts.Curve("run", values, "s1"), charts.Curve("simulation", np.array([0.05]), "s2")]
    root = ElementTree.fromstring(charts.draw_ecdf(canvas(width), curves))
    run, other = (element for element in root.iter("path"))
    x, y = np.array(re.findall(r"([\d.]+) ([\d.]+)", run.attrib["d"]), np.float64).T
    assert (np.diff(x) >= 0).all()
    assert (np.diff(y) <= 0).all()
    share = (y[0] - y) / (y[0] - y[-1])
    assert x[share > 0][0] == x[0], "what is not above zero is drawn at the left edge"
    reached = [share[x <= at + 0.1].max() for at in _places(root, ["10 ms", "100 ms", "1 s"])]
    assert reached == pytest.approx([4 / 6, 5 / 6, 1.0], abs=0.01)
    assert other.attrib["d"].count("L") == 3
    assert_inside(root)


def _places(root: ElementTree.Element, labels: list[str]) -> list[float]:
    return [float(next(e for e in root.iter("text") if e.text == label).attrib["x"]) for label in labels]


def test_delays_that_are_all_alike_still_have_an_axis() -> None:
    for values in (np.zeros(5), np.full(5, 0.25)):
        root = ElementTree.fromstring(charts.draw_ecdf(canvas(300), [charts.Curve("run", values, "s1")]))
        assert len(by_class(root, "tick")) > 6
        assert_inside(root)


def test_a_long_sample_is_drawn_with_few_points() -> None:
    values = np.random.default_rng(1).lognormal(-2, 1, 50_000)
    drawn = charts.draw_ecdf(canvas(), [charts.Curve("run", values, "s1")])
    assert len(drawn) < 16_000
