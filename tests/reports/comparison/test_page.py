"""The page and the document: complete, self-contained, without a number that was not measured, equal for equal runs."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from reports.compare import comparison_html, write_comparison
from reports.comparison.document import document_of, text_of

PAIRS = [
    ("changed", "base"),
    ("paper", "base"),
    ("cut", "base"),
    ("base", "base"),
    ("idle", "base"),
    ("idle", "idle"),
    ("late", "base"),
    ("base", "after"),
    ("few", "others"),
]
VOID = {"meta", "br", "link", "img"}


class Page(HTMLParser):
    """What a test wants to know of a page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.open, self.figures, self.outside = [], [], [], 0, []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if tag == "a" else []
        self.figures += tag == "figure"
        self.outside += [given[key] for key in ("src", "srcset") if key in given]
        self.outside += [tag] if tag in ("script", "link", "iframe", "object") else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module", params=PAIRS, ids=" against ".join)
def page(request, findings):
    return comparison_html(findings(*request.param))


def test_the_page_is_whole_and_stands_alone(page):
    found = Page(page)
    assert found.open == []
    assert found.outside == []
    assert len(found.ids) == len(set(found.ids))
    assert [link for link in found.links if not link.startswith("#") or link[1:] not in found.ids] == []
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b|Undefined", re.sub(r"<style>.*?</style>", "", page, flags=re.S))
    assert len(page.encode()) < 3_000_000


def test_every_figure_has_its_table(page):
    figures = re.findall(r"<figure>.*?</figure>", page, flags=re.S)
    assert all("<table>" in figure for figure in figures)


def test_equal_findings_give_equal_bytes(findings, tmp_path):
    found = findings("changed", "base")
    first, second = (write_comparison(found, tmp_path / name) for name in "ab")
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes()


@pytest.mark.parametrize("pair", PAIRS, ids=" against ".join)
def test_the_document_is_json_whose_shares_add_up(findings, pair):
    text = text_of(document_of(findings(*pair)))
    document = json.loads(text, parse_float=Decimal, parse_constant=lambda word: pytest.fail(word))
    found = document["attribution"]
    if found is None:
        assert any("begin on different days" in words for words in document["not_compared"])
        return
    difference = Decimal(found["run_profit"]) - Decimal(found["simulation_profit"])
    assert sum(Decimal(factor["share"]) for factor in found["factors"].values()) == difference
    for trade in found["trades"]:
        shares = sum(Decimal(share) for share in trade["shares"].values())
        assert shares == Decimal(trade["run_profit"]) - Decimal(trade["simulation_profit"])
    assert len(found["combinations"]) == 32


def test_what_parted_is_told_and_linked(findings):
    page = comparison_html(findings("changed", "base"))
    found = Page(page)
    assert [link for link in found.links if link.startswith("#trade-")]
    assert "From signal to fills" in page
    assert "Only in the run" in page
    assert page.count('class="deal run"') > 5


def test_what_was_not_measured_says_so(findings):
    page = comparison_html(findings("idle", "base"))
    assert "No order filled in both runs" in page
    assert "The run has no fills" in page
    assert "Insufficient data" in page
    late = comparison_html(findings("late", "base"))
    assert "begin on different days" in late
