"""The guide tells the truth: its example runs, and its table of faults is the table."""

from __future__ import annotations

import re
from pathlib import Path

from sim.alpaca.faults.kinds import KINDS
from tests.sim.alpaca.conftest import Make

GUIDE = (Path(__file__).parents[3] / "docs" / "alpaca-server.md").read_text(encoding="utf-8")


def test_the_table_names_every_kind_and_its_parameters() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+ \| [^|]*)\|$", GUIDE, re.MULTILINE))
    assert rows.keys() == KINDS.keys()
    for name, kind in KINDS.items():
        does, parameters = rows[name].split(" | ")
        assert does == kind.does
        assert re.findall(r"`(\w+)`", parameters) == list(kind.parameters)


def test_the_example_in_python_runs(make: Make, capsys) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    exec(example.replace("http://127.0.0.1:8764", make().server.url), {})
    assert float(capsys.readouterr().out) > 0
