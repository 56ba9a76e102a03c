"""Where the API keys come from: the environment, or a file that nobody else can read.

The names are Alpaca's own: APCA_API_KEY_ID and APCA_API_SECRET_KEY. In a file they stand one a line, NAME=VALUE, as
shells and service managers write them. What is read is taken out of the environment, so that no child and no listing
of it has the keys; what is refused is never shown.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from core.errors import InputError
from live.alpaca.endpoint import Keys

KEY, SECRET = "APCA_API_KEY_ID", "APCA_API_SECRET_KEY"
OTHERS = stat.S_IRWXG | stat.S_IRWXO
LARGEST = 64 * 1024  # bytes
_LINES = f"Write two lines, {KEY}=… and {SECRET}=…"


def read_keys(file: Path | None, environment: MutableMapping[str, str]) -> Keys:
    """The keys of a file, by default those of the environment. Raises InputError, without showing anything of them."""
    if file is not None:
        return _pair(_lines(file), str(file), _LINES)
    remedy = f"Set {KEY} and {SECRET}, or name a file of keys with --keys"
    given = {name: environment.pop(name) for name in (KEY, SECRET) if name in environment}
    return _pair(given, "the environment", remedy)


def _pair(given: Mapping[str, str], place: str, remedy: str) -> Keys:
    missing = [name for name in (KEY, SECRET) if not given.get(name)]
    if missing:
        raise InputError(place, f"has no {' and no '.join(missing)}", remedy)
    return Keys.of(given[KEY], given[SECRET])


def _lines(file: Path) -> dict[str, str]:
    """NAME=VALUE lines; comments, `export` and quotes are as in a shell's file."""
    found = {}
    for line in _text(file).splitlines():
        name, sign, value = line.strip().removeprefix("export ").partition("=")
        if sign and not name.startswith("#"):
            found[name.strip()] = value.strip().strip("'\"")
    return found


def _text(file: Path) -> str:
    """The text of a file whose mode lets nobody else read it: the one that was opened, not one put in its place."""
    try:
        with file.open("rb") as source:
            about = os.fstat(source.fileno())
            mode = stat.S_IMODE(about.st_mode)
            if mode & OTHERS:
                raise InputError(str(file), f"can be read by others (mode {mode:04o})", f"chmod 600 {file}")
            return source.read(LARGEST).decode()
    except OSError as error:
        raise InputError(str(file), f"cannot be read ({error.strerror})", "Give a file of keys") from None
    except UnicodeDecodeError:
        raise InputError(str(file), "is not text", _LINES) from None
