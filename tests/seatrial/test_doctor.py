"""Each question of the doctor, with a patient that has it and one that does not."""

from __future__ import annotations

import shutil
from datetime import date, timedelta

import pytest

from core.kernel import compiled
from seatrial import engine, options
from seatrial.commands import doctor

TODAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("last", "state", "word"),
    [
        (None, "warn", "first run"),
        (TODAY + timedelta(days=59), "warn", "59 days"),
        (TODAY + timedelta(days=60), "ok", "2026-05-01"),
        (TODAY - timedelta(days=1), "warn", "update"),
    ],
)
def test_a_calendar_that_ends_soon_is_a_warning(monkeypatch, last, state, word):
    monkeypatch.setattr("core.calendar.kept_until", lambda: last)
    answer = doctor._calendar(TODAY)
    assert answer.state == state
    assert word in answer.text


def test_an_engine_that_is_not_compiled_is_a_warning(monkeypatch, tmp_path):
    monkeypatch.setattr(engine.numba.config, "DISABLE_JIT", 0)
    for module in (engine, compiled):
        monkeypatch.setattr(module, "CACHE", tmp_path / "kernels")
    assert doctor._kernels().state == "warn"
    (tmp_path / "kernels" / "sim").mkdir(parents=True)
    (tmp_path / "kernels" / "sim" / "replay.run_session-33.py311.1.nbc").touch()
    assert doctor._kernels().state == "ok"


def test_a_cache_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setattr(engine.numba.config, "DISABLE_JIT", 0)
    for module in (engine, compiled):
        monkeypatch.setattr(module, "CACHE", tmp_path / "file" / "kernels")
    answer = doctor._kernels()
    assert answer.state == "warn"
    assert "every run will compile anew" in answer.text


def test_runs_that_cannot_be_written_are_a_failure(tmp_path):
    assert doctor._runs(tmp_path / "deep" / "runs").state == "ok"
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    answer = doctor._runs(tmp_path / "file" / "runs")
    assert answer.state == "fail"
    assert "not a directory" in answer.text


def test_damaged_or_missing_data_is_a_failure(monkeypatch, tmp_path):
    assert "us10-4w: 10 symbols" in doctor._data().text
    monkeypatch.setattr(options, "bundled_bars", lambda: tmp_path / "data" / "us10-4w")
    assert doctor._data().state == "fail"
    (tmp_path / "data" / "us10-4w").mkdir(parents=True)
    (tmp_path / "data" / "us10-4w" / "manifest.json").write_text("{}")
    answer = doctor._data()
    assert answer.state == "fail"
    assert "manifest.json" in answer.text
    shutil.rmtree(tmp_path / "data")


def test_a_missing_package_is_a_failure(monkeypatch):
    assert doctor._packages().state == "ok"
    monkeypatch.setattr(doctor, "PACKAGES", ("numpy", "no-such-package"))
    answer = doctor._packages()
    assert (answer.state, answer.text) == ("fail", "not installed: no-such-package; install seatrial again")
