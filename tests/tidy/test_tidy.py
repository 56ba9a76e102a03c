"""The house rules as tests of the source text: what a reader may rely on without looking.

They read the files, not the behaviour. A rule that a file breaks for a good reason is listed here with the reason.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

import numpy as np
import pytest

from core.config import bundled, load_settings

ROOT = Path(__file__).parents[2]
PACKAGES = ("core", "sim", "live", "reports", "seatrial", "migrations")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
TEXTS = sorted(
    path
    for pattern in ("*.py", "*.md", "*.toml", "*.txt", "*.j2", "*.css", "*.sh", "*.ini", "*.mako")
    for path in ROOT.rglob(pattern)
    if not any(part.startswith(".") or part in ("runs", "dist") for part in path.relative_to(ROOT).parts)
)

LINES, FUNCTION_LINES = 400, 70
LONGER = {"core/kernel/kinds.py": "every enumeration in one place, so that a reused number is seen"}

CLOCKS = {"time", "datetime", "random", "os", "logging", "asyncio", "threading", "socket"}
MAIN = "python3 -m venv .venv && .venv/bin/pip install -q -c constraints.txt -e . && .venv/bin/seatrial run breakout-4w"
TEST = "python3 -m venv .venv && .venv/bin/pip install -q -c constraints.txt -e '.[test]' && .venv/bin/pytest"


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def records() -> Iterator[tuple[str, np.dtype]]:
    for module in ("core.kernel.records", "sim.records"):
        for name, value in vars(importlib.import_module(module)).items():
            if isinstance(value, np.dtype) and value.fields:
                yield f"{module}.{name}", value


def enumerations() -> Iterator[type[IntEnum]]:
    for module in ("core.kernel.kinds", "sim.records"):
        loaded = importlib.import_module(module)
        for value in vars(loaded).values():
            if inspect.isclass(value) and issubclass(value, IntEnum) and value.__module__ == module:
                yield value


def leaves(dtype: np.dtype) -> Iterator[np.dtype]:
    base = dtype.base
    if base.fields is None:
        yield base
        return
    for field in base.fields.values():
        yield from leaves(field[0])


def test_files_are_short_enough_to_read():
    long = {name_of(path): len(path.read_text().splitlines()) for path in SOURCES}
    long = {name: lines for name, lines in long.items() if lines > LINES}
    assert set(long) == set(LONGER), f"split by meaning, or say in LONGER why not: {long}"
    tests = {name_of(path): len(path.read_text().splitlines()) for path in TESTS}
    assert {name: lines for name, lines in tests.items() if lines > LINES} == {}


def test_functions_fit_a_screen():
    long = [
        f"{name_of(path)}:{function.lineno} {function.name}"
        for path in [*SOURCES, *TESTS]
        for function in functions(path)
        if function.end_lineno is not None and function.end_lineno - function.lineno + 1 > FUNCTION_LINES
    ]
    assert long == []


def test_everything_public_says_what_it_is():
    silent = []
    for path in SOURCES:
        tree = tree_of(path)
        if tree.body and not ast.get_docstring(tree):
            silent.append(name_of(path))
        for node in [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]:
            silent += [
                f"{name_of(path)}:{item.lineno} {item.name}"
                for item in node.body
                if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
                and not item.name.startswith("_")
                and not getattr(node, "name", "").startswith("_")
                and not ast.get_docstring(item)
            ]
    assert silent == []


def test_only_the_decorators_compile():
    compilers = ("core/kernel/compiled.py", "core/kernel/dispatch.py", "core/kernel/linking.py")
    others = []
    for path in SOURCES:
        for node in ast.walk(tree_of(path)):
            from_numba = isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "numba"
            of_numba = (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id in ("numba", "nb")
                and node.attr not in ("config", "__version__")
            )
            if (from_numba or of_numba) and name_of(path) not in compilers:
                others.append(f"{name_of(path)}:{node.lineno}")
    assert others == [], "use @kernel, @entry or @shared of core.kernel.compiled"


def test_every_record_is_plain_int64_without_padding():
    found = dict(records())
    assert {"core.kernel.records.STATE", "sim.records.VENUE"} <= set(found)
    for name, dtype in found.items():
        kinds = list(leaves(dtype))
        assert set(kinds) == {np.dtype(np.int64)}, f"{name} holds {set(kinds)}"
        assert dtype.itemsize % 8 == 0, f"{name} is padded"


@pytest.mark.parametrize("package", ["core/kernel"])
def test_the_kernel_has_no_clock_no_chance_and_no_door(package):
    bad = [
        f"{name_of(path)} imports {module}"
        for path in SOURCES
        if name_of(path).startswith(package)
        for module in imports(path)
        if module.split(".")[0] in CLOCKS
    ]
    assert bad == []


def test_simulation_asks_no_clock_and_shares_no_random_stream():
    """Time of day and global random numbers would make a run depend on when and where it ran."""
    asking = re.compile(
        r"\.now\(|\.today\(|time\.time\(|time_ns\(|np\.random\.(?!Generator|Philox|SeedSequence)|(?<!np\.)\brandom\."
    )
    bad = [
        f"{name_of(path)}:{number}"
        for path in SOURCES
        if name_of(path).startswith(("core/", "sim/"))
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if asking.search(line)
    ]
    assert bad == []


def test_no_record_arrays():
    """numba dispatches on np.recarray ten times slower than on a plain array of records."""
    assert [name_of(path) for path in SOURCES if "recarray" in path.read_text()] == []


def test_enumerations_use_each_number_once():
    found = list(enumerations())
    assert len(found) > 10
    for enumeration in found:
        numbers = [member.value for member in enumeration.__members__.values()]
        assert len(set(numbers)) == len(numbers), f"{enumeration.__name__} reuses a number"


def test_texts_speak_of_the_project_only():
    places = r"(?<![\w.])/(?:home|root|Users|tmp|opt|work|mnt)/"
    hosts = r"index-url|find-links"
    notes = r"\b(?:TODO|FIXME|XXX|HACK)\b|[Cc]o-authored|generated by"
    pattern = re.compile(f"{places}|{hosts}|{notes}")
    bad = [
        f"{name_of(path)}:{number}: {line.strip()[:80]}"
        for path in TEXTS
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]
    assert bad == []


def test_links_between_documents_lead_somewhere():
    broken = []
    for path in TEXTS:
        if path.suffix == ".md":
            targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
            broken += [f"{name_of(path)}: {target}" for target in targets if not (path.parent / target).exists()]
    assert broken == []


def test_the_readme_and_the_checks_run_the_same_two_commands():
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in readme if line.startswith("python3 -m venv")] == [MAIN, TEST]
    told = subprocess.run([ROOT / ".ci" / "run", "--commands"], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines() == [MAIN, TEST]


@pytest.mark.parametrize("scenario", bundled(), ids=lambda scenario: scenario.name)
def test_every_bundled_scenario_is_usable(scenario):
    settings = load_settings(scenario.name)
    assert settings.name == scenario.name, "the file is named after the scenario"
    assert settings.bars_path().exists()
    assert settings.expect, "a scenario that expects nothing proves nothing"


def test_the_architecture_page_names_every_file():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    unnamed = [name_of(path) for path in SOURCES if path.name != "__init__.py" and f"`{path.name}`" not in page]
    assert unnamed == [], "say in docs/architecture.md what it holds"
