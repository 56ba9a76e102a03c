"""What `seatrial paper` does not begin with: one line, exit code 2, and nothing left behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from core.config import load_settings
from live.store import migrate
from live.store.database import open_engine
from sim.alpaca.serve import Running
from tests.live.exchange import Exchange
from tests.live.server import HttpServer
from tests.seatrial.afloat import CONFIG, KEY, SECRET, STRATEGY
from tests.seatrial.shell import code_of

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with everything that a trader needs but for a broker."""
    (tmp_path / "often.py").write_text(STRATEGY)
    (tmp_path / "paper.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("APCA_API_KEY_ID", KEY)
    monkeypatch.setenv("APCA_API_SECRET_KEY", SECRET)
    upgrade(tmp_path / "seatrial.db")
    return tmp_path


@pytest.fixture
def broker() -> Iterator[HttpServer]:
    """A broker of a few lines, on this machine's time."""
    server = HttpServer(Exchange(time.time_ns))
    yield server
    server.close()


def upgrade(file: Path, revision: str = "head") -> None:
    engine = open_engine(f"sqlite:///{file}")
    migrate.upgrade(engine, revision)
    engine.dispose()


def refused(place: Path, capsys: Captured, *words: str) -> str:
    """The one line of a start that is refused."""
    before = _content(place)
    assert code_of("paper", "paper.toml", *words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert _content(place) == before, "something was written"
    assert SECRET not in err
    return err.splitlines()[-1]


def _content(folder: Path) -> dict[str, bytes]:
    """Every file with its bytes; what Python and SQLite keep for themselves is not ours."""
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.name: path.read_bytes() for path in files if not path.name.endswith(("-wal", "-shm"))}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (
            ["--endpoint", "https://api.alpaca.markets"],
            "broker url: 'https://api.alpaca.markets' is not Alpaca's paper",
        ),
        (["--endpoint", "http://10.0.0.1:80"], "broker url: 'http://10.0.0.1:80' is not Alpaca's paper"),
        (["--endpoint", "http://127.0.0.1:1"], "broker account: the broker cannot be reached"),
        (["--set", "risk.trade_rsk=1"], "paper.toml: risk.trade_rsk: there is no such key"),
        (["--set", "seed=0.5"], "paper.toml: seed"),
        (["--feed", "nyse"], "feed: 'nyse' is no feed of Alpaca"),
        (["--set", "strategies.often.use=often:Never"], "often: strategies.often: often has no class 'Never'"),
        (["--set", "halts=[{symbol='ALFA',at=2025-11-12T15:00:00Z,for='5m'}]"], "often: halts: has entries, and on"),
        (["--database-url", "sqlite:///none.db"], "none.db: does not exist. Make it with `seatrial db upgrade`"),
        (["--out", "."], "--out .: is there already"),
        (["--run", "../spring"], "--run ../spring: is no name for files and folders, too"),
        (["--keys", "none.env"], "none.env: cannot be read"),
    ],
)
def test_what_is_wrong_on_our_side(words: list[str], problem: str, place: Path, capsys: Captured):
    assert refused(place, capsys, *words).startswith(problem)


def test_a_database_of_another_revision(place: Path, capsys: Captured):
    upgrade(place / "old.db", "0001")
    said = refused(place, capsys, "--database-url", "sqlite:///old.db")
    assert said.endswith("is at revision 0001, and this version needs 0002. Run `seatrial db upgrade`.")


def test_keys_that_are_missing(place: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("APCA_API_SECRET_KEY")
    assert refused(place, capsys).startswith("the environment: has no APCA_API_SECRET_KEY. Set")


def test_a_file_of_keys_that_others_can_read(place: Path, capsys: Captured):
    file = place / "keys.env"
    file.write_text(f"APCA_API_KEY_ID={KEY}\nAPCA_API_SECRET_KEY={SECRET}\n")
    file.chmod(0o640)
    said = refused(place, capsys, "--keys", "keys.env")
    assert said == "keys.env: can be read by others (mode 0640). chmod 600 keys.env"


@pytest.mark.parametrize(("status", "body"), [(401, b'{"message": "unauthorized."}'), (403, b"<html>forbidden</html>")])
def test_keys_that_are_wrong_or_revoked(status: int, body: bytes, place: Path, broker: HttpServer, capsys: Captured):
    broker.status, broker.body = status, body
    said = refused(place, capsys, "--endpoint", f"http://127.0.0.1:{broker.port}")
    assert said.startswith(f"API keys: the broker does not accept the keys ({status})")


def test_a_broker_that_is_ill(place: Path, broker: HttpServer, capsys: Captured):
    broker.status, broker.body = 503, b"<html>503 Service Unavailable</html>"
    said = refused(place, capsys, "--endpoint", f"http://127.0.0.1:{broker.port}")
    assert said.startswith("broker account: the broker does not answer as it should (status 503")


def test_a_symbol_that_the_broker_does_not_have(place: Path, broker: HttpServer, capsys: Captured):
    said = refused(place, capsys, "--endpoint", f"http://127.0.0.1:{broker.port}")
    assert said.startswith("symbol ALFA: the broker refuses: endpoint not found (404)")


def test_an_account_that_is_in_use(place: Path, broker: HttpServer, capsys: Captured):
    broker.exchange.positions["XYZ"] = Decimal(5)
    said = refused(place, capsys, "--endpoint", f"http://127.0.0.1:{broker.port}")
    assert said.startswith("broker account: holds XYZ, and a new run begins flat")


def test_a_server_in_lockstep(place: Path, capsys: Captured):
    with Running(load_settings("breakout-4w")) as server:
        said = refused(place, capsys, "--endpoint", server.url)
    assert "is in lockstep: its clock waits until somebody moves it. Start it with --speed" in said
