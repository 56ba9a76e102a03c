"""report as a person and as a program meet it."""

from __future__ import annotations

import json
import shutil
from datetime import date
from decimal import Decimal

import pytest
from typer.testing import CliRunner

from seatrial import cli
from seatrial.commands.report import BROWSERS
from tests.sim.recorded import as_recorded, run_scenario

DAYS = {"data.end": date(2025, 11, 12)}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    base = run_scenario(folder / "base", DAYS)
    met = run_scenario(folder / "met", DAYS | {"venue.half_spread_bps": Decimal(4)})
    as_recorded(met, folder / "paper", "paper", config=base)
    as_recorded(met, folder / "rehearsal", "rehearsal", config=base)
    return folder


@pytest.fixture
def invoke(monkeypatch, place):
    monkeypatch.chdir(place)
    return lambda *words: CliRunner().invoke(cli.app, list(words))


@pytest.mark.parametrize("kind", ["base", "paper", "rehearsal"])
def test_every_kind_of_run_has_its_week(invoke, place, kind):
    done = invoke("report", kind, "--week", "2025-W46")
    assert done.exit_code == 0, done.output
    assert "week 2025-W46" in done.stdout
    assert "Partial week: the run has" in done.stdout
    document = json.loads((place / kind / "weekly-2025-W46.json").read_text())
    assert document["run"]["kind"] == {"base": "sim"}.get(kind, kind)
    assert (place / kind / "weekly-2025-W46.html").exists()


def test_a_comparison_fills_parity_and_haircut(invoke, place, tmp_path):
    run = tmp_path / "paper"
    shutil.copytree(place / "paper", run)
    done = invoke("report", str(run), "--compare", "--out", str(tmp_path / "page.html"), "--json")
    document = json.loads(done.stdout)
    assert (tmp_path / "page.json").exists()
    found = {section["name"]: section for section in document["sections"]}
    assert found["parity"]["measured"] is True
    assert found["haircut"]["measured"] is True
    bridge = next(t for t in found["parity"]["tables"] if t["caption"].startswith("Shares of the difference"))
    amounts = [row[1] for row in bridge["rows"]]
    assert sum(amounts[:-1]) == pytest.approx(amounts[-1], abs=1e-6)
    check = next(item for item in document["checks"] if item["name"].startswith("Parity"))
    assert check["verdict"] == "not measured"
    assert "need 10 days" in check["finding"]


def test_a_comparison_of_another_run_is_not_believed(invoke, place, tmp_path):
    run = tmp_path / "paper"
    shutil.copytree(place / "paper", run)
    (run / "compare.json").write_text(json.dumps({"schema": 1, "run": {"run_id": "other"}}))
    done = invoke("report", str(run), "--out", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert "is about other" in done.stdout


def test_without_its_data_nothing_after_a_fill_is_measured(invoke, place, tmp_path):
    run = tmp_path / "moved"
    shutil.copytree(place / "base", run)
    text = (run / "config.toml").read_text()
    (run / "config.toml").write_text(text.replace('bars = "', 'bars = "/nowhere/'))
    done = invoke("report", str(run), "--json", "--out", str(tmp_path))
    assert done.exit_code == 0, done.output
    execution = next(s for s in json.loads(done.stdout)["sections"] if s["name"] == "execution")
    markouts = next(t for t in execution["tables"] if t["caption"] == "Spreads and markouts")
    assert all(row[1] is None for row in markouts["rows"] if row[0].startswith("Markout"))


def test_without_a_browser_pdf_names_its_remedy(invoke, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit) as left:
        cli.main(["report", "base", "--pdf", "--out", str(tmp_path / "none")])
    assert left.value.code == 2
    assert "Install Chromium" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="no Chromium")
def test_pdf_is_printed_beside_the_page(invoke, tmp_path):
    done = invoke("report", "base", "--pdf", "--out", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert (tmp_path / "weekly-2025-W46.pdf").read_bytes().startswith(b"%PDF")


def test_a_run_that_is_none_is_refused(invoke, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["report", "nowhere"])
    assert left.value.code == 2
    assert "nowhere: is not a run directory" in capsys.readouterr().err
