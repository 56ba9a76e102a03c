"""The comparison's page in headless Chromium: no console message, and nothing wider than a phone or a desk."""

from __future__ import annotations

import pytest

from reports.compare import comparison_html
from tests.reports.browser import DESK, PHONE, assert_fits, needs_browser


@needs_browser
@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("pair", [("changed", "base"), ("paper", "base"), ("idle", "idle")], ids=" against ".join)
def test_nothing_overflows_and_the_console_is_silent(findings, tmp_path, pair, width):
    assert_fits(comparison_html(findings(*pair)), tmp_path, width)
