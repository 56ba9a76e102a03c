"""The report of a run and that of a screen in headless Chromium: no console message, and nothing too wide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.runs import Run
from core.statistics.overfitting import overfitting
from reports.facts import Facts
from reports.scenario import report_html
from reports.screen import screen_html
from tests.reports.browser import DESK, PHONE, assert_fits, needs_browser
from tests.reports.test_screen import frame


@needs_browser
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_report_of_a_run_fits(month: Path, tmp_path: Path, width: int) -> None:
    assert_fits(report_html(Facts(Run.open(month))), tmp_path, width)


@needs_browser
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_report_of_a_screen_fits(tmp_path: Path, width: int) -> None:
    settings = frame({"lookback": [20, 40, 60, 90], "horizon": [30, 60]}, [0.1, 0.4, 1.2, 2.0, -1.0, 0.3, 0.8, 1.1])
    found = overfitting(np.random.default_rng(5).normal(0.0, 0.01, (20, 8)))
    assert_fits(screen_html(settings, found), tmp_path, width)
