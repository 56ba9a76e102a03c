"""Numbers as words."""

from __future__ import annotations

import math
import re

import pytest

from reports import formats
from reports.page import css_text


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (formats.money(1234.5), "$1,234.50"),
        (formats.money(-0.5), "−$0.50"),
        (formats.money(-0.001), "$0.00"),
        (formats.money(20, 0, plus=True), "+$20"),
        (formats.percent(0.01234), "1.23%"),
        (formats.percent(-0.5, 0), "−50%"),
        (formats.limit(0.05), "5%"),
        (formats.limit(0.0175), "1.75%"),
        (formats.limit(1.0), "100%"),
        (formats.share(0.001), "<1%"),
        (formats.share(0.0), "0%"),
        (formats.bp(1.26), "1.3 bp"),
        (formats.count(8000), "8,000"),
        (formats.factor(math.inf), "∞"),
        (formats.measure(-0.0123456), "−0.01235"),
        (formats.quantity(10.0), "10"),
        (formats.quantity(0.125), "0.125"),
        (formats.duration(0.25), "250 ms"),
        (formats.duration(45), "45 s"),
        (formats.duration(600), "10 min"),
        (formats.duration(11_520), "3 h 12 min"),
        (formats.duration(180_000), "2 d 2 h"),
        (formats.title("adv_share"), "ADV share"),
        (formats.title("zero_qty"), "Zero quantity"),
        (formats.day(20_522), "Tue 10 Mar 2026"),
    ],
)
def test_words(made: str, expected: str) -> None:
    assert made == expected


def test_what_was_not_measured_is_said() -> None:
    for form in (formats.money, formats.percent, formats.limit, formats.share, formats.bp, formats.count):
        assert form(None) == form(math.nan) == "not measured"
    assert formats.moment(formats.NEVER) == formats.day(None) == formats.duration(math.nan) == "not measured"


def test_times_name_their_zone_on_both_sides_of_the_change() -> None:
    winter, summer = (
        formats.parse_moment("2026-03-06T14:30:00Z"),
        formats.parse_moment("2026-03-09T13:30:00Z"),
    )
    assert formats.moment(winter) == "6 Mar 2026 09:30 EST"
    assert formats.moment(summer + 5_000_000_000) == "9 Mar 2026 09:30:05 EDT"


@pytest.mark.parametrize(
    ("kind", "ticks", "expected"),
    [
        ("money", [99_500.0, 100_000.0], ["$99.5k", "$100.0k"]),
        ("money", [-50.0, 0.0, 50.0], ["−$50", "$0", "$50"]),
        ("percent", [-0.02, 0.0], ["−2%", "0%"]),
        ("percent", [0.0, 0.0025], ["0.00%", "0.25%"]),
        ("bp", [0.0, 0.5], ["0.0", "0.5"]),
    ],
)
def test_axis_labels_share_their_decimals(kind: str, ticks: list[float], expected: list[str]) -> None:
    assert formats.axis_labels(kind, ticks) == expected


def test_words_in_a_style_sheet_end_neither_the_string_nor_the_sheet() -> None:
    hostile = 'Äpfel, "x\\" </style>'
    told = str(css_text(hostile))
    assert not set(told) & set('<>/" ,')
    read = re.sub(r"\\([0-9a-f]{6})", lambda found: chr(int(found[1], 16)), told)
    assert read == hostile
