"""Where Alpaca is, and with which keys. Nothing but paper and this machine: a live-money address is refused by name."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self
from urllib.parse import urlsplit

from core.errors import InputError
from live.secrets import Secret

PAPER = "https://paper-api.alpaca.markets"
PAPER_STREAM = "wss://paper-api.alpaca.markets/stream"
DATA = "https://data.alpaca.markets"
DATA_STREAM = "wss://stream.data.alpaca.markets/v2/"
FEEDS = ("iex", "sip", "delayed_sip", "test")
_REMEDY = f"Use {PAPER}, or a server on this machine such as http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class Keys:
    """An API key pair. Neither half is ever shown: not in a repr, not in an error, not in a log."""

    key: Secret
    secret: Secret

    @classmethod
    def of(cls, key: str, secret: str) -> Self:
        """From text; raises InputError for what no key can be, without showing it."""
        for name, value in (("API key", key), ("API secret", secret)):
            if not value or not value.isascii() or not value.isprintable() or " " in value:
                raise InputError(name, "it is empty or holds characters that no key has", "Copy it again")
        return cls(Secret(key), Secret(secret))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The four addresses of one account, its keys, and the market data feed's name."""

    trading: str
    trading_stream: str
    data: str
    data_stream: str
    feed: str
    keys: Keys
    loopback: bool

    @classmethod
    def at(cls, url: str, keys: Keys, feed: str = "iex") -> Self:
        """Paper, or a server on this machine, by the address of its REST routes; raises InputError for others."""
        if feed not in FEEDS:
            raise InputError("feed", f"{feed!r} is no feed of Alpaca", f"Use one of {', '.join(FEEDS)}")
        address = url.rstrip("/").removesuffix("/v2")
        if address == PAPER:
            return cls(PAPER, PAPER_STREAM, DATA, DATA_STREAM + feed, feed, keys, loopback=False)
        server = _local(address)
        if server is None:
            raise InputError("broker url", f"{_harmless(url)} is not Alpaca's paper service", _REMEDY)
        rest, sockets = f"http://{server}", f"ws://{server}"
        return cls(rest, f"{sockets}/stream", rest, f"{sockets}/v2/{feed}", feed, keys, loopback=True)


def _local(address: str) -> str | None:
    """host:port of an http address on this machine, without anything else in it."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname or ""
    try:
        here = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        here = False
    plain = parts.scheme == "http" and not (parts.path or parts.query or parts.fragment or parts.username)
    if not (here and plain) or port is None:
        return None
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _harmless(url: str) -> str:
    """An address for an error message, without what may be a password in it."""
    return repr(url.rpartition("@")[2][:80])
