"""Sample reports and their pictures: `python docs/samples.py`.

Rehearses the bundled four weeks, runs a drill, makes the weekly report of a full week with the comparison, and the
pictures in docs/img that the guide and the README show. The reports stay in runs/samples. Pictures need Chromium;
without it only the reports are made.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACE = ROOT / "runs" / "samples"
SCENARIO, DRILL, WEEK = "three-strategies-4w", "bad-week", "2025-W49"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PICTURES = {"weekly": (f"weekly-{WEEK}.html", 1080, 1560), "compare": ("compare.html", 1080, 1180)}


def seatrial(*words: str) -> None:
    """Run one command of seatrial; its exit code says what held, so only 2 and above are failures."""
    call = "from seatrial.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", call, *words], cwd=ROOT, check=False)
    if done.returncode > 1:
        sys.exit(done.returncode)


def main() -> None:
    """Make everything anew."""
    shutil.rmtree(PLACE, ignore_errors=True)
    seatrial("rehearse", SCENARIO, "--out", str(PLACE / "week"))
    seatrial("run", DRILL, "--out", str(PLACE / "drill"))
    seatrial("report", str(PLACE / "week"), str(PLACE / "drill"), "--week", WEEK, "--compare")
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        print("no Chromium: the reports are made, the pictures are as they were")
        return
    for name, (page, width, height) in PICTURES.items():
        look = [
            f"--window-size={width},{height}",
            "--hide-scrollbars",
            f"--screenshot={ROOT / 'docs' / 'img' / name}.png",
        ]
        source = (PLACE / "week" / page).as_uri()
        subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", *look, source], check=True)


if __name__ == "__main__":
    main()
