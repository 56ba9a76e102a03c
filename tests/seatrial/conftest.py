"""A working folder with a run, and two ways to call the command line in this process."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from seatrial import cli
from tests.seatrial.shell import EXPECTING, THREE_DAYS, seatrial


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """A working folder with one run of three days, and what its command printed."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "expecting.toml").write_text(EXPECTING)
    done = seatrial("run", "breakout-4w", *THREE_DAYS, "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.fixture
def invoke(monkeypatch, tmp_path):
    """Run a command in this process and in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(cli.app, list(words))


@pytest.fixture
def leave(monkeypatch, tmp_path, capsys):
    """Run `main` in this process and in an empty folder: exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        with pytest.raises(SystemExit) as exit_:
            cli.main(words)
        return exit_.value.code, *capsys.readouterr()

    return run
