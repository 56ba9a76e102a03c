"""The page in headless Chromium: no console message, and nothing wider than a phone or a desk; skipped without it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from reports.week import report_html, weekly_report
from reports.weekly.choice import choose
from reports.weekly.weeks import week_named

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
PROBE = """<script>addEventListener("load", () => {
  const wide = [...document.querySelectorAll("body *")].filter((e) => !e.closest(".scroll, svg") && e.offsetParent !== null
    && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map((e) => e.tagName + "." + e.className);
  const page = document.documentElement;
  document.title = `probe ${page.clientWidth} ${page.scrollWidth} ${wide.slice(0, 5)} end`;
});</script>"""


@pytest.mark.skipif(BROWSER is None, reason="no Chromium")
@pytest.mark.parametrize("width", [500, 1280])
def test_nothing_overflows_and_the_console_is_silent(month: Path, tmp_path: Path, width: int) -> None:
    assert BROWSER is not None
    html = report_html(weekly_report(choose([month], week_named("2026-W11")), None, 3))
    page = tmp_path / "page.html"
    page.write_text(html.replace("</body>", PROBE + "</body>"), encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", f"--window-size={width},1000"]
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    done = subprocess.run(
        [BROWSER, *flags, profile, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    assert "CONSOLE" not in done.stderr
    found = re.search(r"<title>probe (\d+) (\d+) (.*?) end</title>", done.stdout)
    assert found is not None
    assert found[3] == ""
    assert int(found[2]) <= int(found[1])
