"""A page opened in headless Chromium at the width of a phone or a desk: does anything overflow or complain?

The page stands in a frame of that width, because the browser's own windows are never narrower than 500 pixels.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
PHONE, DESK = 390, 1280
PROBE = """<script>addEventListener("load", () => {
  const page = document.documentElement;
  const wide = [...document.querySelectorAll("body *")].filter((e) => !e.closest(".scroll, svg") && e.offsetParent !== null
    && e.getBoundingClientRect().right > page.clientWidth + 1).map((e) => e.tagName + "." + e.className);
  parent.postMessage(`probe ${page.clientWidth} ${page.scrollWidth} ${wide.slice(0, 5)} end`, "*");
});</script>"""
FRAME = """<!doctype html><title>none</title><body style="margin:0">
<script>addEventListener("message", (event) => { document.title = event.data; });</script>
<iframe src="page.html" style="border:0;width:WIDTHpx;height:1000px"></iframe>"""

needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium")


def assert_fits(html: str, folder: Path, width: int) -> None:
    """Open `html` at `width` pixels: nothing wider, nothing on the console. `folder` is for its files."""
    assert BROWSER is not None
    (folder / "page.html").write_text(html.replace("</body>", PROBE + "</body>"), encoding="utf-8")
    frame = folder / "frame.html"
    frame.write_text(FRAME.replace("WIDTH", str(width)), encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--window-size=1400,1000"]
    flags += [f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=5000", "--dump-dom"]
    done = subprocess.run([BROWSER, *flags, frame.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr
    found = re.search(r"<title>probe (\d+) (\d+) (.*?) end</title>", done.stdout)
    assert found is not None, "the page never loaded"
    assert found[3] == "", "wider than the page"
    assert int(found[2]) <= int(found[1]) <= width
