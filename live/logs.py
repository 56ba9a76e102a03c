"""Log lines: one JSON object each, without secrets, and never in anybody's way.

A line is made where it is written, and put on a bounded queue; a thread writes it out. When the reader of our output
has stopped reading, the queue fills, and lines are dropped and counted: no order waits for a log. Lines of other
people's libraries come through the same door, because they are the ones that print request headers.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import MutableMapping
from datetime import UTC, datetime
from queue import Empty, Full, Queue
from types import TracebackType
from typing import Any, TextIO

import structlog

from live.clock import Clock
from live.secrets import redact

LINES = 10_000
PATIENCE = 2.0  # seconds that the end waits for the last lines


class Lines:
    """Writes lines to a stream from a thread of its own; `dropped` counts those for which there was no room."""

    def __init__(self, stream: TextIO, limit: int = LINES) -> None:
        self.dropped = 0
        self._stream = stream
        self._queue: Queue[str] = Queue(limit)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write, name="log-lines", daemon=True)
        self._thread.start()

    def msg(self, line: str) -> None:
        """Take a line, or drop it; what comes after the end is written at once."""
        if not self._thread.is_alive():
            self._put(line)
            return
        try:
            self._queue.put_nowait(line)
        except Full:
            self.dropped += 1

    debug = info = warning = error = critical = exception = log = msg

    def close(self) -> None:
        """Write what is left, for as long as PATIENCE."""
        self._over.set()
        self._thread.join(PATIENCE)

    def _write(self) -> None:
        while not (self._over.is_set() and self._queue.empty()):
            try:
                line = self._queue.get(timeout=0.1)
            except Empty:
                continue
            self._put(line)

    def _put(self, line: str) -> None:
        try:
            self._stream.write(line + "\n")
            if self._queue.empty():
                self._stream.flush()
        except (OSError, ValueError):
            self.dropped += 1  # the reader has gone


class _Handler(logging.Handler):
    """Other people's log records, through our door."""

    def __init__(self, lines: Lines, formatter: logging.Formatter) -> None:
        super().__init__()
        self._lines = lines
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        """Format and queue; a record that cannot be formatted is a line about that."""
        try:
            self._lines.msg(self.format(record))
        except Exception as error:
            self._lines.msg(f'{{"event": "a log record could not be formatted", "error": "{type(error).__name__}"}}')


def install(clock: Clock, level: str = "info", stream: TextIO | None = None) -> Lines:
    """Set logging up for the process; returns the lines, to be closed at the end."""
    lines = Lines(stream or sys.stdout)
    number = logging.getLevelNamesMapping()[level.upper()]

    def stamp(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        seconds, rest = divmod(clock.now(), 1_000_000_000)
        event["time"] = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
        return event

    shared: list[Any] = [structlog.contextvars.merge_contextvars, structlog.stdlib.add_log_level, stamp]
    ending: list[Any] = [
        structlog.processors.dict_tracebacks,
        structlog.processors.JSONRenderer(default=str),
        _redacted,
    ]
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    formatter = structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[strip, *ending])
    root = logging.getLogger()
    root.handlers = [_Handler(lines, formatter)]
    root.setLevel(number)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    return lines


def _redacted(_logger: Any, _method: str, line: str) -> str:
    return redact(line)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """What nobody caught is a line too: a bare traceback would print whatever the exception holds."""
    structlog.get_logger().critical("uncaught", exc_info=(kind, error, trace))
