"""Alerts to a webhook, and a webhook that is not there."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from core.errors import InputError
from live.alerts import Change
from live.books import Books
from live.notify import WAITING, Webhook
from live.secrets import Secret
from tests.live.story import SYMBOLS, genesis

ALERT = Change("breaker_open", "submit", "critical", "The breaker of submit is open.", 5, over=False)
BOOKS = Books(genesis(), SYMBOLS, ("one",))


class Receiver(ThreadingHTTPServer):
    """Answers with the statuses that it is given, then with 200, and keeps what it gets."""

    def __init__(self, *statuses: int) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.statuses = list(statuses)
        self.bodies: list[dict[str, object]] = []
        self.got = threading.Event()
        self.address = Secret(f"http://127.0.0.1:{self.server_port}/hooks/0123456789abcdef")


class Answering(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.send_response(status)
        self.end_headers()
        if status == 200:
            self.server.bodies.append(body)
            self.server.got.set()

    def log_message(self, *_: object) -> None:
        """Nobody wants to know."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(500, 503) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def test_an_alert_arrives_at_the_third_attempt(receiver: Receiver):
    webhook = Webhook(receiver.address, "story", pause=0.01)
    webhook.committed((), [ALERT], BOOKS, 0)
    assert receiver.got.wait(10)
    webhook.close()
    (body,) = receiver.bodies
    assert body["text"] == "[critical] breaker_open (submit): The breaker of submit is open."
    assert body["runbook"] == "docs/runbooks/breaker_open.md"
    assert webhook.lost == 0


def test_one_that_never_arrives_is_counted_and_its_address_is_not_told(capsys: pytest.CaptureFixture[str]):
    webhook = Webhook(Secret("http://127.0.0.1:9/hooks/0123456789abcdef"), "story", pause=0.01)
    webhook.committed((), [ALERT], BOOKS, 0)
    webhook.close()
    assert webhook.lost == 1
    assert "0123456789abcdef" not in "".join(capsys.readouterr())


def test_more_than_it_can_hold_is_dropped_and_nobody_waits():
    webhook = Webhook(Secret("http://127.0.0.1:9/hooks/0123456789abcdef"), "story", pause=60)
    webhook.committed((), [ALERT] * (WAITING + 50), BOOKS, 0)
    assert webhook.lost >= 49
    webhook.close()


def test_what_is_no_address_is_said_without_it():
    with pytest.raises(InputError, match="is not an http or https address") as caught:
        Webhook(Secret("ftp://user:0123456789@host"), "story")
    assert "0123456789" not in str(caught.value)
