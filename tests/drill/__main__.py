"""`python -m tests.drill`: every planted defect, and how many seeds a sweep needs to find it (docs/drill.md)."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.drill.patches import defects, plant


def main() -> int:
    """Plant, compile, search, and print the table; 1 when a defect was not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__)
    parser.add_argument("words", nargs="*", help="only defects whose names contain one of these")
    parser.add_argument("--scenario", default="breakout-4w", help="name or path; default breakout-4w")
    parser.add_argument("--seeds", type=int, default=2000, help="most seeds to try for a defect")
    parser.add_argument("--trials", type=int, default=0, help="runs spent on making each finding small; 0 = none")
    asked = parser.parse_args()
    chosen = [d for d in defects() if not asked.words or any(word in d.name for word in asked.words)]
    by_number = {defect.number: defect for defect in chosen}
    missing = 0
    with tempfile.TemporaryDirectory(prefix="seatrial-drill-") as folder:
        plant(Path(folder), defects())
        words = [asked.scenario, asked.seeds, asked.trials, *by_number]
        command = [sys.executable, "-m", "tests.drill.search", *(str(word) for word in words)]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as search:
            assert search.stdout is not None
            for line in search.stdout:
                found = json.loads(line)
                seeds = f"{found['seed'] + 1:,}" if found["seed"] >= 0 else f"not in {asked.seeds:,}"
                missing += found["seed"] < 0
                broke = f"{found['failure']}, {found['witness']}" if found["failure"] else ""
                print(f"{by_number[found['number']].name:34}{seeds:>14}   {broke}", flush=True)
                if found["smallest"] is not None:
                    print(f"{'':51}{found['smallest'] or 'without any fault'}", flush=True)
        if search.returncode:
            return int(search.returncode)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
