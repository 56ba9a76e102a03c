"""What a fault makes of a request: pure functions from a fault's parameters to what the edge has to do.

An action says whether the request takes effect, what is answered, and how the answer ends.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sim.alpaca.errors import FORBIDDEN, TOO_MANY

JSON, HTML = b"application/json; charset=UTF-8", b"text/html"
Ending = Literal["answer", "reset", "hang", "trickle", "truncate"]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: status, body, content type."""

    status: int
    body: bytes
    kind: bytes = JSON


@dataclass(frozen=True, slots=True)
class Action:
    """What becomes of a request.

    apply     whether it takes effect
    reply     the answer in place of the real one; None keeps the real one
    change    applied to the real body
    ending    how the answer ends; `amount` is its number: seconds to hang, bytes per second, bytes before the cut
    delay     real seconds before the answer
    """

    apply: bool = True
    reply: Reply | None = None
    change: Callable[[bytes], bytes] | None = None
    ending: Ending = "answer"
    amount: float = 0
    delay: float = 0
    rate_headers: bool = True


def json_reply(status: int, body: Any) -> Reply:
    """An answer in JSON; text is sent as it is, and nothing as nothing."""
    if body is None:
        return Reply(status, b"")
    return Reply(status, body.encode(), HTML) if isinstance(body, str) else Reply(status, json.dumps(body).encode())


def html_page(status: int) -> Reply:
    """The page of a gateway in front of the service."""
    words = {502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}
    title = f"{status} {words.get(status, 'Error')}"
    page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
    return Reply(status, f"{page}<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n".encode(), HTML)


def _failing(parameters: Mapping[str, Any], apply: bool) -> Action:
    failure = parameters["failure"]
    if failure == "timeout":
        return Action(apply, ending="hang", amount=parameters["timeout"])
    if failure == "connection":
        return Action(apply, ending="reset")
    if failure == "unparseable":
        return Action(apply, reply=Reply(200, b'{"id": "'))
    return Action(apply, reply=html_page(503))


def changed(parameters: Mapping[str, Any], body: bytes) -> bytes:
    """A JSON body with fields of every object in it dropped, nulled, renamed or set; anything else as it is."""
    try:
        document = json.loads(body)
    except ValueError:
        return body
    return json.dumps(change_document(parameters, document)).encode()


def change_document(parameters: Mapping[str, Any], document: Any) -> Any:
    """The same of a document that has been read."""
    if isinstance(document, list):
        return [change_document(parameters, item) for item in document]
    if not isinstance(document, dict):
        return document
    rename = parameters["rename"]
    kept = {rename.get(key, key): value for key, value in document.items() if key not in parameters["drop"]}
    return {**{key: None if key in parameters["null"] else value for key, value in kept.items()}, **parameters["set"]}


ACTIONS: dict[str, Callable[[dict[str, Any]], Action]] = {
    "outage": lambda p: _failing(p, apply=False),
    "answer_lost": lambda p: _failing(p, apply=True),
    "accepted_no_answer": lambda p: Action(reply=html_page(p["status"])),
    "slow": lambda p: Action(delay=p["delay"]),
    "rate_limit": lambda p: Action(
        apply=False,
        reply=json_reply(429, {"code": TOO_MANY, "message": p["message"]}),
        rate_headers=p["send_headers"],
    ),
    "reject_storm": lambda p: Action(apply=False, reply=json_reply(403, {"code": FORBIDDEN, "message": p["message"]})),
    "unauthorised": lambda p: Action(
        apply=False,
        reply=json_reply(p["status"], {"message": "unauthorized." if p["status"] == 401 else "forbidden."}),
    ),
    "reply": lambda p: Action(apply=p["apply"], reply=json_reply(p["status"], p["body"])),
    "html_502": lambda p: Action(apply=p["apply"], reply=html_page(p["status"])),
    "reset": lambda p: Action(apply=p["apply"], ending="reset"),
    "hang": lambda p: Action(apply=p["apply"], ending="hang", amount=p["timeout"]),
    "slow_body": lambda p: Action(ending="trickle", amount=p["bytes_per_second"]),
    "truncate": lambda p: Action(ending="truncate", amount=p["bytes"]),
    "malformed": lambda p: Action(change=lambda body: body[: p["bytes"]] or b"{"),
    "changed_schema": lambda p: Action(change=lambda body: changed(p, body)),
}
"""By kind: every one that meets requests."""
