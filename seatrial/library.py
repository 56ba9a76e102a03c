"""All bundled scenarios in one go: a pool of processes runs them, and a matrix says which promise held where."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial import console

if TYPE_CHECKING:
    from core.config import BundledScenario
    from seatrial.commands.run import Wish

HELD, BROKEN = "·", "X"
NAME = 44


def run_all(chosen: Sequence[BundledScenario], wish: Wish, out: Path) -> bool:
    """Run scenarios into folders below `out`, tell of each as it ends, and leave `matrix.json` there.

    Returns whether all of them passed. Raises what the first one raised that could not be run.
    """
    from seatrial.summary import table_of

    summaries: dict[str, dict[str, Any]] = {}
    workers = min(os.cpu_count() or 1, len(chosen))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(_play, found.name, wish, out / found.name): found for found in chosen}
        try:
            for done in as_completed(waiting):
                summary = summaries[waiting[done].name] = done.result()
                if not wish.quiet:
                    console.say(_line(waiting[done], summary))
                    console.show(*([] if summary["passed"] else table_of(summary)))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    ordered = [(found, summaries[found.name]) for found in chosen]
    document = {
        "passed": all(summary["passed"] for _, summary in ordered),
        "matrix": {f"{found.group}/{found.name}": summary["invariants"] for found, summary in ordered},
        "runs": [summary for _, summary in ordered],
    }
    (out / "matrix.json").write_text(json.dumps(console.plain(document), indent=2) + "\n", encoding="utf-8")
    if wish.quiet:
        console.show_json(document)
    else:
        console.show(*matrix(ordered), console.RULE, f"matrix     {out / 'matrix.json'}")
    return bool(document["passed"])


def _play(name: str, wish: Wish, out: Path) -> dict[str, Any]:
    """One scenario, in a process of the pool."""
    from seatrial.commands.run import play

    return play(name, wish, out)


def _line(found: BundledScenario, summary: dict[str, Any]) -> str:
    seconds = f"{summary['seconds']['total']:.2f} s"
    return f"{'passed' if summary['passed'] else 'FAILED'}  {found.group}/{found.name:<40}{seconds:>10}"


def matrix(ordered: Sequence[tuple[BundledScenario, dict[str, Any]]]) -> list[str]:
    """Scenarios by invariants: a point where one held, a cross where it broke; then the expectations that were met."""
    names = list(ordered[0][1]["invariants"])
    lines = [f"{'':{NAME}}{''.join(str((i + 1) % 10) for i in range(len(names)))}   met"]
    for found, summary in ordered:
        cells = "".join(HELD if summary["invariants"][name] == "ok" else BROKEN for name in names)
        met = sum(expectation["ok"] for expectation in summary["expectations"])
        lines.append(f"{found.group + '/' + found.name:{NAME}}{cells}   {met}/{len(summary['expectations'])}")
    lines.append("")
    numbered = [f"{i + 1} {name}" for i, name in enumerate(names)]
    return [*lines, *_columns(numbered)]


def _columns(texts: Sequence[str]) -> list[str]:
    """Texts in two columns, downwards."""
    half = (len(texts) + 1) // 2
    right = [*texts[half:], ""][:half]
    return [f"{a:{console.WIDTH // 2}}{b}".rstrip() for a, b in zip(texts, right, strict=False)]
