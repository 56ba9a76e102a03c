"""seatrial scenarios: what comes with the project."""

from __future__ import annotations

import textwrap
from itertools import groupby

from seatrial import console
from seatrial.options import Json, examples

INDENT = " " * 6
EXAMPLES = examples("seatrial scenarios", "seatrial scenarios --json | jq -r '.scenarios[].name'")


def scenarios(as_json: Json = False) -> None:
    """List the bundled scenarios, and what each proves.

    A scenario is one file: market data, account, strategies, limits, venue and what is expected. Copy one, change
    it, and run the copy by its path.
    """
    from core.config import bundled

    found = bundled()
    if as_json:
        listed = [{"group": s.group, "name": s.name, "proves": s.proves, "path": str(s.path)} for s in found]
        console.show_json({"scenarios": listed})
        return
    for group, members in groupby(found, key=lambda scenario: scenario.group):
        console.show(*([] if group == found[0].group else [""]), group)
        for scenario in members:
            console.show(f"  {scenario.name}")
            console.show(
                *textwrap.wrap(scenario.proves, console.WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)
            )
