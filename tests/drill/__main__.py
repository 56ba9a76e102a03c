"""`python -m tests.drill`: every planted defect, and how many seeds a sweep needs to find it (docs/drill.md)."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.drill.patches import Defect, defects, plant

HEAD = ("| defect | what goes wrong | seeds | found by | enough for it |", "|---|---|---|---|---|")


def search(chosen: Sequence[Defect], scenario: str, seeds: int, trials: int) -> Iterator[dict[str, Any]]:
    """The findings of tests/drill/search.py in a copy that has all defects, as they are made."""
    with tempfile.TemporaryDirectory(prefix="seatrial-drill-") as folder:
        plant(Path(folder), defects())
        words = [scenario, seeds, trials, *(defect.number for defect in chosen)]
        command = [sys.executable, "-m", "tests.drill.search", *(str(word) for word in words)]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                yield json.loads(line)
        if process.returncode:
            raise SystemExit(process.returncode)


def row(defect: Defect, found: dict[str, Any], seeds: int) -> str:
    """A defect's line of the table."""
    if found["seed"] < 0:
        return f"| {defect.name} | {defect.harm} | not in {seeds:,} |  |  |"
    by = found["failure"]
    if by == "unfinished":
        by = found["witness"]
    smallest = "" if found["smallest"] is None else found["smallest"] or "no fault at all"
    return f"| {defect.name} | {defect.harm} | {found['seed'] + 1:,} | `{by}` | {smallest} |"


def main() -> int:
    """Plant, compile, search, and print the table; 1 when a defect was not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__)
    parser.add_argument("words", nargs="*", help="only defects whose names contain one of these")
    parser.add_argument("--scenario", default="breakout-4w", help="name or path; default breakout-4w")
    parser.add_argument("--seeds", type=int, default=2000, help="most seeds to try for a defect; default 2000")
    parser.add_argument("--trials", type=int, default=0, help="runs spent on making each finding small; default none")
    asked = parser.parse_args()
    chosen = [d for d in defects() if not asked.words or any(word in d.name for word in asked.words)]
    rows = {}
    for found in search(chosen, asked.scenario, asked.seeds, asked.trials):
        defect = next(d for d in chosen if d.number == found["number"])
        rows[defect.number] = row(defect, found, asked.seeds), found["seed"]
        print(rows[defect.number][0], file=sys.stderr, flush=True)
    print(*HEAD, *(rows[number][0] for number in sorted(rows)), sep="\n")
    return 1 if any(seed < 0 for _, seed in rows.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
