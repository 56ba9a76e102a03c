"""Fault schedules as they are written: what is accepted, what is refused and with which words, and their page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.config import load_settings, to_toml
from core.errors import InputError
from core.settings.fault_table import CODES, KINDS
from core.settings.faults import Fault
from sim.records import FaultKind
from tests.core.settings import fault_page

ROOT = Path(__file__).parents[3]
AT = "at = 2025-11-12T10:15:00-05:00"
SCENARIO = """
name = "stormy"
proves = "Words."
[data]
bars = "none"
[strategies.one]
use = "a:B"
"""


def read(folder: Path, *lines: str):
    path = folder / "stormy.toml"
    path.write_text(SCENARIO + "\n[[faults]]\n" + "\n".join(lines) + "\n")
    return load_settings(path)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_an_example_that_can_be_used(kind, tmp_path):
    lines = fault_page.example(kind)
    settings = read(tmp_path, *lines)
    fault = settings.faults[0]
    assert fault.kind == kind
    assert type(fault.parameters) is KINDS[kind].parameters
    (tmp_path / "again.toml").write_text(to_toml(settings))
    assert load_settings(tmp_path / "again.toml").faults == settings.faults


def test_the_page_prints_the_table():
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    assert fault_page.tables() in page, "put the output of `python -m tests.core.settings.fault_page` there"


def test_numbers_are_used_once_and_are_the_loop_s():
    assert len(set(CODES.values())) == len(CODES)
    assert {kind.name.lower(): kind.value for kind in FaultKind} == {
        name: CODES[name] for name, kind in KINDS.items() if kind.group in ("broker", "operator")
    }


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (['kind = "outagee"', AT, 'for = "1m"'], r'kind: "outagee" is not a choice. Did you mean "outage"'),
        (['kind = "outage"', AT], r'for: outage needs a length. Add for, such as for = "12m"'),
        (['kind = "outage"', 'for = "1m"'], r"kind: says neither at nor every"),
        (['kind = "account_reset"', AT, 'for = "1m"'], r"for: account_reset happens at one moment. Remove for"),
        (['kind = "gap"', 'every = "10m"', 'for = "12m"'], r"for: 12m is not shorter than every"),
        (['kind = "gap"', AT, 'for = "1m"', "times = 2"], r"times: bounds what happens once"),
        (['kind = "gap"', 'every = "sesion"', 'for = "1m"'], r'every: "sesion" is no duration'),
        (['kind = "gap"', "at = 2025-11-12T10:15:00", 'for = "1m"'], r"at: .* has no time zone"),
        (['kind = "gap"', AT, 'for = "1m"', "probability = 1.5"], r"probability: 1.5 is not at most 1"),
        (['kind = "gap"', AT, 'for = "1m"', "scope = { lanes = ['submit'] }"], r"scope.lanes: gap does not choose lanes"),
        (['kind = "outage"', AT, 'for = "1m"', "scope = { lanes = ['submt'] }"], r'Did you mean "submit"'),
        (['kind = "untradable"', AT, 'for = "1m"'], r"scope: untradable needs symbols. Add scope"),
        (['kind = "slow"', AT, 'for = "1m"', "parameters = { dely = '1s' }"], r"parameters.dely: slow has no such"),
        (['kind = "gap"', AT, 'for = "1m"', "parameters = { delay = '1s' }"], r"It has none; remove it"),
        (['kind = "slow"', AT, 'for = "1m"', "parameters = { delay = 3 }"], r"parameters.delay: 3 is no duration"),
        (['kind = "operator_act"', AT], r"parameters.act: is missing"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_with_the_remedy(lines, error, tmp_path):
    with pytest.raises(InputError, match=error) as caught:
        read(tmp_path, *lines)
    assert re.match(r"stormy.toml: \[\[faults\]\] no. 1: ", str(caught.value))


def test_symbols_and_times_must_be_of_the_data(tmp_path):
    path = tmp_path / "stormy.toml"
    base = SCENARIO.replace('bars = "none"', 'bars = "none"\nsymbols = ["AAA"]\nstart = 2025-11-10\nend = 2025-11-11')
    path.write_text(
        f'{base}\n[[faults]]\nkind = "gap"\nfor = "1m"\nevery = "session"\nscope = {{ symbols = ["BBB"] }}\n'
    )
    with pytest.raises(InputError, match=r"no. 1: scope.symbols: BBB is not among data.symbols"):
        load_settings(path)
    path.write_text(f'{base}\n[[faults]]\nkind = "gap"\nfor = "1m"\n{AT}\n')
    with pytest.raises(InputError, match=r"no. 1: at: 2025-11-12 is outside data.start and data.end"):
        load_settings(path)


def test_defaults_are_filled_in():
    fault = Fault.model_validate({"kind": "bar_revision", "every": "session", "for": "1h"})
    assert fault.parameters.delay == 30_000_000_000  # type: ignore[attr-defined]
    assert fault.scope.symbols is None
    assert fault.probability == 1
