"""Every planted defect still fits the sources, all of them go together, and a sweep finds some of them at once.

The whole drill takes a compilation and some minutes: `python -m tests.drill`, docs/drill.md.
"""

from __future__ import annotations

import ast
import datetime
from pathlib import Path

import pytest

from core.config import load_settings, to_toml
from tests.drill.__main__ import search
from tests.drill.patches import QUESTION, ROOT, Change, Defect, defects, plant, switch

DEFECTS = defects()
QUICK = {"opening before the books agree": "mode_rules", "old bar moves the mark": "sequence"}


def source(change: Change) -> str:
    return (ROOT / change.file).read_text(encoding="utf-8")


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_fits_the_sources(defect: Defect) -> None:
    for change in defect.changes:
        planted = change.apply(source(change))
        assert QUESTION not in planted
        question = f"st.config.drill == {defect.number}"
        places = [
            f for f in ast.walk(ast.parse(planted)) if isinstance(f, ast.FunctionDef) and question in ast.unparse(f)
        ]
        assert places
        assert all("st" in [argument.arg for argument in f.args.args] for f in places), "it has no state to ask"


def test_there_are_enough_and_each_has_its_name() -> None:
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS) >= 15


def test_a_text_that_is_not_there_once_is_refused() -> None:
    for text in ("", "twice twice"):
        with pytest.raises(ValueError, match="not once"):
            Change("core/kernel/risk.py", "twice", "never").apply(text)


def test_the_sources_know_nothing_of_it() -> None:
    texts = [
        path.read_text(encoding="utf-8") for path in [*(ROOT / "core").rglob("*.py"), *(ROOT / "sim").rglob("*.py")]
    ]
    assert not any("drill" in text.lower() for text in texts)


def test_all_of_them_go_together(tmp_path: Path) -> None:
    plant(tmp_path, DEFECTS)
    changed = {change.file for change in switch()} | {change.file for defect in DEFECTS for change in defect.changes}
    for path in sorted(tmp_path.rglob("*.py")):
        name = path.relative_to(tmp_path).as_posix()
        text = path.read_text(encoding="utf-8")
        assert (text != (ROOT / name).read_text(encoding="utf-8")) == (name in changed), name
        ast.parse(text)


def test_some_are_found_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Uncompiled, on two symbols and two sessions: what is quick to find is found, each by its own promise."""
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    base = load_settings("breakout-4w", {"data.symbols": ("ALFA", "BRVO"), "data.end": datetime.date(2025, 11, 11)})
    data = base.data.model_copy(update={"bars": str(base.bars_path().resolve())})
    small = tmp_path / "small.toml"
    small.write_text(to_toml(base.model_copy(update={"data": data})), encoding="utf-8")
    chosen = [defect for defect in DEFECTS if defect.name in QUICK]
    found = {DEFECTS[f["number"] - 1].name: f["failure"] for f in search(chosen, str(small), 1, 0)}
    assert found == QUICK
