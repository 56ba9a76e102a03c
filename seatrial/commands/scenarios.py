"""seatrial scenarios: what comes with the project."""

from __future__ import annotations

import textwrap

from seatrial import console
from seatrial.options import Json, examples

EXAMPLES = examples("seatrial scenarios", "seatrial scenarios --json | jq -r '.scenarios[].name'")


def scenarios(as_json: Json = False) -> None:
    """List the bundled scenarios, and what each proves.

    A scenario is one file: market data, account, strategies, limits, venue and what is expected. Copy one, change
    it, and run the copy by its path.
    """
    from core.config import bundled

    found = bundled()
    if as_json:
        listed = [{"name": s.name, "proves": s.proves, "path": str(s.path)} for s in found]
        console.show_json({"scenarios": listed})
        return
    width = max(len(scenario.name) for scenario in found) + 2
    for scenario in found:
        first = scenario.name.ljust(width)
        console.show(
            *textwrap.wrap(scenario.proves, console.WIDTH, initial_indent=first, subsequent_indent=" " * width)
        )
