"""What every test process begins with."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Hear SIGINT even where a shell has put the tests into the background with it ignored: children would inherit that,
    and those that are to be interrupted would run for ever."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
