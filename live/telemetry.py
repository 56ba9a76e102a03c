"""Telemetry: spans, metrics and log lines about what was committed, in the names that simulation and reports use too.

There is one trace an intent: its id is made from the intent, so that the spans of a decision, its request, its fills
and of the process that comes after a crash all meet in one picture. Stages are named as in the order's life:

    signal → size → risk → journal → route → http → ack → fill → apply → persist

`size` and `risk` are one compiled step and have its length both. Times are the clock's, simulated in a rehearsal, while
lengths are measured; so a rehearsal's picture lies over that of paper.

Nothing goes out unless the usual variables ask for it (OTEL_EXPORTER_OTLP_ENDPOINT and its kin). Exporters work in
threads behind bounded queues that drop when they are full, and an error in here is counted and goes no further:
telemetry may be lost, an order may not wait.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import structlog
from opentelemetry import context as contexts
from opentelemetry import metrics, trace
from opentelemetry.metrics import Meter
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, Tracer

from live.alerts import Change
from live.books import Books
from live.clock import Clock, stopwatch
from live.events import Step
from live.measures import Measures
from live.spans import Spans

PATIENCE = 5.0  # seconds that the end waits for the collector
EXPORT = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")
Value = str | bool | int | float


def intent_context(intent: int) -> contexts.Context:
    """The parent of all spans of an intent; without one (0) there is no parent."""
    if intent == 0:
        return contexts.Context()
    digest = sha256(f"intent {intent}".encode()).digest()
    trace_id, span_id = int.from_bytes(digest[:16]), int.from_bytes(digest[16:24])
    parent = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return trace.set_span_in_context(NonRecordingSpan(parent), contexts.Context())


class Telemetry:
    """An observer of the host, and what the router uses for its own stages."""

    def __init__(self, clock: Clock, tracer: Tracer, meter: Meter, attributes: Mapping[str, Value]) -> None:
        """`attributes` are on every span: mode of running, profile, config hash; never an account's number or a key."""
        self.log = structlog.get_logger()
        self.failures = 0
        self._clock = clock
        self._tracer = tracer
        self._attributes = dict(attributes)
        self._measures = Measures(meter)
        self._spans = Spans(self.record, self.log)

    def committed(self, steps: Sequence[Step], changes: Sequence[Change], books: Books, elapsed: int) -> None:
        """Tell of a transaction. Never raises."""
        try:
            self._measures.committed(steps, books, elapsed)
            for step in steps:
                self._spans.tell(step, books, elapsed)
            for change in changes:
                self._tell_alert(change)
        except Exception:
            self.failures += 1

    def record(self, name: str, intent: int, start: int, length: int, attributes: Mapping[str, Value]) -> None:
        """One span that is over: `start` ns UTC, `length` ns."""
        span = self._tracer.start_span(
            name, intent_context(intent), attributes={**self._attributes, **attributes}, start_time=start
        )
        span.end(start + max(length, 0))

    @contextmanager
    def span(self, name: str, intent: int, **attributes: Value) -> Iterator[dict[str, Value]]:
        """A span around a block; what the block puts into the dictionary becomes attributes. Its length is measured."""
        start, began = self._clock.now(), stopwatch()
        found: dict[str, Value] = dict(attributes)
        try:
            yield found
        except BaseException as error:
            found["error.type"] = type(error).__name__
            raise
        finally:
            length = stopwatch() - began
            self._safely(lambda: self.record(name, intent, start, length, found))
            self._safely(lambda: self._measures.stage(name, length))

    def count(self, name: str, **attributes: Value) -> None:
        """Add one to a counter."""
        self._safely(lambda: self._measures.count(name, attributes))

    def _tell_alert(self, change: Change) -> None:
        level = "info" if change.over else ("error" if change.severity == "critical" else "warning")
        fields = {"rule": change.rule, "cause": change.cause, "severity": change.severity, "text": change.text}
        getattr(self.log, level)("alert over" if change.over else "alert", **fields)
        if not change.over:
            self._measures.count("seatrial.alerts", {"rule": change.rule, "severity": change.severity})

    def _safely(self, tell: Any) -> None:
        try:
            tell()
        except Exception:
            self.failures += 1


class Exporters:
    """The SDK, if the environment asks for it: tracer and meter, and a way to end that cannot hang."""

    def __init__(self, resource: Mapping[str, Value], environment: Mapping[str, str] | None = None) -> None:
        known = os.environ if environment is None else environment
        self._closing: list[Any] = []
        wanted = any(known.get(name) for name in EXPORT) and known.get("OTEL_SDK_DISABLED", "").lower() != "true"
        self.tracer, self.meter = self._sdk(resource) if wanted else _nothing()

    def close(self) -> None:
        """Send what is left, for as long as PATIENCE; a dead collector does not keep the process alive."""
        for provider in self._closing:
            thread = threading.Thread(target=provider.shutdown, name="telemetry-end", daemon=True)
            thread.start()
            thread.join(PATIENCE)

    def _sdk(self, resource: Mapping[str, Value]) -> tuple[Tracer, Meter]:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        described = Resource.create({"service.name": "seatrial", **resource})
        spans = TracerProvider(resource=described, shutdown_on_exit=False)
        spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        reader = PeriodicExportingMetricReader(OTLPMetricExporter())
        numbers = MeterProvider([reader], resource=described, shutdown_on_exit=False)
        self._closing = [spans, numbers]
        return spans.get_tracer("seatrial"), numbers.get_meter("seatrial")


def _nothing() -> tuple[Tracer, Meter]:
    return trace.NoOpTracer(), metrics.NoOpMeterProvider().get_meter("seatrial")
