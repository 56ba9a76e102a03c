"""The weekly page in headless Chromium: no console message, and nothing wider than a phone or a desk."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.week import report_html, weekly_report
from reports.weekly.choice import choose
from reports.weekly.weeks import week_named
from tests.reports.browser import DESK, PHONE, assert_fits, needs_browser


@needs_browser
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_nothing_overflows_and_the_console_is_silent(month: Path, tmp_path: Path, width: int) -> None:
    assert_fits(report_html(weekly_report(choose([month], week_named("2026-W11")), None, 3)), tmp_path, width)
