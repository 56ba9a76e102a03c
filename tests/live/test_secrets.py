"""T14: a secret that is anywhere in the process is nowhere in what the process leaves behind."""

from __future__ import annotations

import base64
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from live.secrets import HIDDEN, Secret, redact

ROOT = Path(__file__).parents[2]
CANARY = 'CANARY/k3y+"zażółć"=='

CHILD = """
import logging, os, sys
from pathlib import Path
import structlog
from live.clock import VirtualClock
from live.logs import install
from live.secrets import Secret
from live.host import HostError
from tests.live.story import OPENING, open_host, opening, incoming
from core.kernel.kinds import EventKind

secret = Secret(os.environ.pop("CANARY"))
lines = install(VirtualClock(OPENING), "debug")
log = structlog.get_logger()
log.info("ready", key=secret, header={"APCA-API-SECRET-KEY": secret.reveal()})
logging.getLogger("websockets.client").debug("> TEXT %r", '{"action":"auth","secret":"' + secret.reveal() + '"}')
try:
    raise ValueError(f"401 for {secret.reveal()}")
except ValueError:
    log.exception("refused")
    logging.getLogger("urllib3").warning("retrying", exc_info=True)
host = open_host(sys.argv[1], VirtualClock(OPENING))
host.handle(*opening(OPENING))
host.close()
local = secret.reveal()
try:
    Path(local).read_text()
finally:
    lines.close()
"""


def forms(text: str) -> list[str]:
    plain = text.encode()
    shifted = [base64.b64encode(b"x" * before + plain).decode()[4:-6] for before in range(3)]
    return [text, quote(text), quote(text, safe=""), json.dumps(text)[1:-1], text[::-1], *shifted]


def test_a_secret_shows_nothing_of_itself():
    secret = Secret(CANARY)
    assert CANARY not in f"{secret} {secret!r} {[secret]} {vars(Holder(secret))}"
    assert secret.reveal() == CANARY
    with pytest.raises(TypeError):
        pickle.dumps(secret)


class Holder:
    def __init__(self, secret: Secret) -> None:
        self.secret = secret


@pytest.mark.parametrize("form", forms(CANARY)[:5])
def test_every_form_is_struck_out(form: str):
    Secret(CANARY)
    found = redact(f'before "{form}" after')
    assert form not in found
    assert HIDDEN in found
    assert found.startswith("before ")
    assert found.endswith(" after")


@pytest.mark.parametrize("before", ["", "a", "ab", "trader:"])
def test_base64_of_a_longer_text_loses_it_too(before: str):
    Secret(CANARY)
    encoded = base64.b64encode(f"{before}{CANARY}:more".encode()).decode()
    found = redact(f"Authorization: Basic {encoded}")
    assert HIDDEN in found
    kept = found.replace(HIDDEN, " ")
    assert not any(encoded[i : i + 12] in kept for i in range(len(before) * 4 // 3 + 4, len(encoded) - 16))


def test_what_is_too_short_to_be_a_secret_is_left_alone():
    Secret("key")
    assert redact("a key is a key") == "a key is a key"


def test_the_canary_is_in_nothing_that_a_process_leaves(tmp_path: Path):
    """Logs at debug level with forced exceptions, an uncaught one at the end, and the database."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CANARY": CANARY, "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-c", CHILD, f"sqlite:///{tmp_path}/seatrial.db"]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, "the last exception was not caught"
    assert done.stdout.count(HIDDEN) >= 5
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"ready", "refused", "uncaught"} <= {line["event"] for line in lines}
    assert all(line["time"].endswith("Z") for line in lines)
    left = done.stdout + done.stderr + " ".join(command)
    left += "".join(path.read_bytes().decode("latin-1") for path in tmp_path.iterdir())
    for form in forms(CANARY):
        assert form not in left
        assert form.encode().decode("latin-1") not in left


KEY, PLAIN = "PKCANARYCANARY000001", 'c4n4ry/s3cr3t+k3y"\\=='
NETWORK = """
import asyncio, os, sys
from live.alpaca.endpoint import Endpoint, Keys
from live.alpaca.rest import Deadlines, Rest
from live.alpaca.session import DataSession, TradingSession
from live.alpaca.stream import Stream
from live.clock import SystemClock
from live.logs import install
from live.pacing import Backoff
from tests.live.exchange import Exchange
from tests.live.proxy import Proxy
from tests.live.server import HttpServer, TradingSocket
import structlog

lines = install(SystemClock(), "debug")
log = structlog.get_logger()
keys = Keys.of(os.environ.pop("KEY"), os.environ.pop("SECRET"))
clock = SystemClock()

class Listener:
    def ready(self): log.info("ready")
    def lost(self, failure, detail): log.warning("lost", failure=failure.name, detail=detail)
    def heard(self, news, received): log.info("heard", news=str(news))
    def unreadable(self, problem, received): log.warning("unreadable", problem=problem)

def asked(port):
    rest = Rest(Endpoint.at(f"http://127.0.0.1:{port}", keys), Deadlines(0.3, 0.3, 0.3))
    for outcome in (rest.account(), rest.positions(), rest.order_by_client_id("x")):
        log.info("outcome", outcome=repr(outcome))
    rest.close()

async def listen(session, mood):
    async with TradingSocket(exchange) as socket:
        socket.mood = mood
        url = f"ws://127.0.0.1:{socket.port}/stream"
        stream = Stream(url, session, Listener(), clock, Backoff(1, base=10**7, cap=10**7))
        try:
            await asyncio.wait_for(stream.run(), 0.4)
        except TimeoutError:
            log.exception("ended")

exchange = Exchange(clock.now)
http = HttpServer(exchange)
proxy = Proxy(http.port)
for toxic in ("", "reset_after", "cut_head", "cut_body", "half_open", "reply_lost"):
    proxy.toxic = toxic
    asked(proxy.port)
http.status, http.body = 401, b'{"message": "unauthorized."}'
asked(http.port)
for mood in ("", "unauthorized", "silent", "503"):
    asyncio.run(listen(lambda: TradingSession(keys), mood))
asyncio.run(listen(lambda: DataSession(keys, ("AAA",), True), ""))
log.info("keys", keys=keys, endpoint=Endpoint.at("http://127.0.0.1:1", keys))
proxy.close()
http.close()
lines.close()
"""


def test_the_canary_is_in_nothing_that_requests_and_streams_leave():
    """Everybody's debug lines are on: those of the HTTP and websocket libraries print headers and frames."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KEY": KEY, "SECRET": PLAIN, "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-c", NETWORK]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "TEXT" in done.stdout, "the websocket library has logged its frames"
    assert done.stdout.count(HIDDEN) >= 3
    left = done.stdout + done.stderr
    for secret in (KEY, PLAIN):
        for form in forms(secret):
            assert form not in left
