"""Hashes: a 64-bit mixer for identities and the rolling hash of the command stream, and the digest of a whole state.

The mixer is the finaliser of splitmix64 (Steele, Lea and Flood, 2014). It is counter-based wherever it draws: a draw
is a hash of what it is for, never the next number of a shared stream, so an answer does not depend on what else
happened first.
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np

from core.kernel.compiled import kernel

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_S30 = np.uint64(30)
_S27 = np.uint64(27)
_S31 = np.uint64(31)
_S11 = np.uint64(11)


@kernel
def mix(h: int, word: int) -> int:
    """The hash `h` extended by one word, as int64."""
    z = np.uint64(h) + _GAMMA
    z = (z ^ np.uint64(word)) * _M1
    z = (z ^ (z >> _S30)) * _M1
    z = (z ^ (z >> _S27)) * _M2
    return np.int64(z ^ (z >> _S31))  # type: ignore[return-value]  # interpreted code could not extend an int below 0


@kernel
def unit(h: int) -> float:
    """A float64 in [0, 1) from a hash, 53 bits."""
    return float(np.uint64(h) >> _S11) * 2.0**-53


def state_digest(state: np.ndarray) -> str:
    """sha256 of the state's bytes: equal states, equal digests."""
    return sha256(state.tobytes()).hexdigest()


def text_hash(*parts: object) -> int:
    """A positive int64 from text parts: the root of intent identities. Parts may not contain a newline."""
    texts = [str(part) for part in parts]
    assert not any("\n" in text for text in texts)
    return int.from_bytes(sha256("\n".join(texts).encode()).digest()[:8], "big") >> 1
