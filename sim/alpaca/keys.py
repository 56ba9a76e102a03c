"""Who may call: key pairs and bearer tokens, checked in constant time, and revoked by a fault."""

from __future__ import annotations

import base64
import binascii
import hmac
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import InputError

DEFAULT_KEY, DEFAULT_SECRET = "key", "secret"


@dataclass(slots=True)
class Keys:
    """Key pairs by key, and bearer tokens; neither is ever printed."""

    pairs: dict[str, str] = field(default_factory=lambda: {DEFAULT_KEY: DEFAULT_SECRET}, repr=False)
    tokens: tuple[str, ...] = field(default=(), repr=False)

    def fits(self, key: str | None, secret: str | None) -> bool:
        """Whether this is a pair that is known."""
        if key is None or secret is None:
            return False
        known = self.pairs.get(key, "")
        return hmac.compare_digest(known.encode(), secret.encode()) and known != ""

    def allows(self, headers: Mapping[str, str]) -> bool:
        """Whether a request with these headers, names in lower case, may pass: the APCA pair, Bearer or Basic."""
        if "apca-api-key-id" in headers or "apca-api-secret-key" in headers:
            return self.fits(headers.get("apca-api-key-id"), headers.get("apca-api-secret-key"))
        scheme, _, rest = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return any(hmac.compare_digest(token.encode(), rest.strip().encode()) for token in self.tokens)
        if scheme.lower() == "basic":
            try:
                key, _, secret = base64.b64decode(rest, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return False
            return self.fits(key, secret)
        return False


def read_keys(path: Path) -> Keys:
    """Keys of a TOML file: a table [keys] of key = "secret", and a list `tokens`. Raises InputError."""
    remedy = 'Write a table [keys] with lines such as PKTEST = "secret", and if wanted tokens = ["..."] above it.'
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise InputError(str(path), f"cannot be read ({reason})", "Give a file of keys.") from None
    except tomllib.TOMLDecodeError:
        raise InputError(str(path), "is not TOML", remedy) from None
    pairs, tokens = document.get("keys", {}), document.get("tokens", [])
    texts = isinstance(pairs, dict) and isinstance(tokens, list)
    if not texts or not all(isinstance(item, str) and item for item in [*pairs.values(), *tokens]):
        raise InputError(str(path), "keys and tokens must be texts that are not empty", remedy)
    if not pairs and not tokens:
        raise InputError(str(path), "names no key", remedy)
    return Keys(dict(pairs), tuple(tokens))
