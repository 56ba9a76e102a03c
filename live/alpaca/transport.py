"""One HTTP exchange under alpaca-py's client: a deadline that holds, no retries, and a reply that hides nothing.

alpaca-py sends without any timeout, and repeats 429 and 504 by itself, POST included. Here its one function that
talks is replaced by one that sends once and hands back status, headers and bytes; what they mean is decided in
outcomes.py. The rest of alpaca-py (routes, parameters, authorisation, request models) stays in use.

A socket's timeout starts anew with every byte, so a server that drips one byte a second would hold a request for
hours. Hence a second guard: when the deadline passes, the socket under the request is shut, and whoever waits on it
wakes with an error. Whether the request had left by then is told apart, because an order that never left may be sent
again, and one that may have left must not.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from socket import SHUT_RDWR
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError

from core.kernel.kinds import LaneFailure
from live.alpaca.wire import MAX_FRAME

CONNECT = 3.0  # seconds to reach the server
CHUNK = 64 * 1024


class TransportError(Exception):
    """An exchange without a whole answer. `left` is False when it is certain that nothing was sent."""

    def __init__(self, failure: LaneFailure, left: bool, detail: str) -> None:
        super().__init__(f"{failure.name.lower()}: {detail}")
        self.failure = failure
        self.left = left


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer, whatever its status. `headers` have lower-case names."""

    status: int
    body: bytes
    headers: dict[str, str] = field(repr=False)

    @property
    def request_id(self) -> str:
        """Alpaca's name of the request, which its support asks for."""
        return self.headers.get("x-request-id", "")


class _InUse(threading.local):
    """The connection that this thread's request is on."""

    connection: HTTPConnection | None = None


_in_use = _InUse()


class _Connection(HTTPConnection):
    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        _in_use.connection = self
        super().putrequest(*args, **kwargs)

    def connect(self) -> None:
        _in_use.connection = self
        super().connect()


class _SecureConnection(HTTPSConnection):
    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        _in_use.connection = self
        super().putrequest(*args, **kwargs)

    def connect(self) -> None:
        _in_use.connection = self
        super().connect()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    """An adapter that never repeats, and whose connections can be found by the deadline."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


def new_session(loopback: bool) -> requests.Session:
    """A session; proxies and certificates come from the environment, except on loopback, and credentials never."""
    session = requests.Session()
    session.trust_env = not loopback
    session.auth = _as_it_is  # without it a .netrc file could add credentials of its own
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(max_retries=0, pool_maxsize=8))
    return session


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def exchange(session: requests.Session, method: str, url: str, deadline: float, options: dict[str, Any]) -> Reply:
    """Send one request and read the whole answer within `deadline` seconds; raises TransportError and nothing else."""
    _in_use.connection = None
    with _limit(deadline) as expired:
        try:
            timeout = (min(CONNECT, deadline), deadline)
            with session.request(method, url, timeout=timeout, stream=True, **options) as response:
                body = _read(response)
                headers = {name.lower(): value for name, value in response.headers.items()}
            if expired.is_set():  # a socket that was shut among the headers looks like a reply without a body
                raise TimeoutError
            return Reply(response.status_code, body, headers)
        except (requests.RequestException, HTTPError, HTTPException, OSError, ValueError) as error:
            raise _broken(error, expired.is_set()) from None


def _read(response: requests.Response) -> bytes:
    """The whole body; one cut short of its announced length, or too long, is an error."""
    parts, size = [], 0
    for part in response.iter_content(CHUNK):
        size += len(part)
        if size > MAX_FRAME:
            raise ValueError("the answer is too long")
        parts.append(part)
    return b"".join(parts)


@contextmanager
def _limit(seconds: float) -> Iterator[threading.Event]:
    """Shut the socket of this thread's request when the time is over."""
    expired = threading.Event()
    owner = _in_use.__dict__

    def cut() -> None:
        expired.set()
        connection = owner.get("connection")
        socket = None if connection is None else connection.sock
        if socket is not None:
            with suppress(OSError):  # it may have ended by itself
                socket.shutdown(SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield expired
    finally:
        timer.cancel()


def _broken(error: Exception, expired: bool) -> TransportError:
    """What an error of the HTTP library says about the request; the text holds no header and no body."""
    cause = error.args[0] if error.args else error
    if isinstance(cause, MaxRetryError):
        cause = cause.reason
    left = not isinstance(cause, NewConnectionError | ConnectTimeoutError)
    name = type(cause if isinstance(cause, Exception) else error).__name__
    if expired or isinstance(error, requests.Timeout) or isinstance(cause, TimeoutError):
        return TransportError(LaneFailure.TIMEOUT, left, name)
    if isinstance(error, requests.exceptions.ContentDecodingError | ValueError) and not isinstance(error, OSError):
        return TransportError(LaneFailure.UNPARSEABLE, left, name)
    return TransportError(LaneFailure.CONNECTION, left, name)
