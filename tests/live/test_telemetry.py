"""Telemetry: one trace an intent, the agreed names, and a collector whose death nobody notices."""

from __future__ import annotations

import io
import json
import socket
import threading
import time
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from core.kernel.kinds import EventKind, Lane, LaneFailure, OperatorAct
from live.clock import VirtualClock
from live.logs import Lines, install
from live.measures import COUNTERS, GAUGES, LATENCY
from live.telemetry import Exporters, Telemetry
from tests.live.story import OPENING, Broker, incoming, minutes, open_host, opening, serve

STAGES = ("signal", "size", "risk", "journal", "ack", "fill", "apply", "persist")


class Heard:
    """Telemetry whose spans, numbers and lines can be read."""

    def __init__(self, clock: VirtualClock) -> None:
        self.exporter, self.reader, self.stream = InMemorySpanExporter(), InMemoryMetricReader(), io.StringIO()
        spans = TracerProvider(shutdown_on_exit=False)
        spans.add_span_processor(SimpleSpanProcessor(self.exporter))
        numbers = MeterProvider([self.reader], shutdown_on_exit=False)
        self.lines = install(clock, "info", self.stream)
        self.telemetry = Telemetry(clock, spans.get_tracer("t"), numbers.get_meter("t"), {"profile": "alpaca_paper"})

    def metrics(self) -> dict[str, list[float]]:
        data = self.reader.get_metrics_data()
        assert data is not None
        found: dict[str, list[float]] = {}
        for resource in data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    points = metric.data.data_points
                    found[metric.name] = [getattr(point, "value", getattr(point, "count", 0)) for point in points]
        return found


@pytest.fixture
def heard(sqlite_url: str, tmp_path: Path) -> Heard:
    clock, broker = VirtualClock(OPENING), Broker(tmp_path / "broker")
    heard = Heard(clock)
    host = open_host(sqlite_url, clock, observers=[heard.telemetry])
    serve(host, broker, host.handle(*opening(OPENING)), OPENING)
    for now, bars, signals in minutes(5, 1, 30):
        clock.move(now)
        serve(host, broker, host.handle(*bars), now)
        for event in signals:
            serve(host, broker, host.handle(event), now)
    for _ in range(5):
        host.handle(incoming(EventKind.LANE_FAILED, clock.now(), code=Lane.QUERY, code2=LaneFailure.TIMEOUT))
    host.handle(incoming(EventKind.OPERATOR, clock.now(), code=OperatorAct.HALT))
    host.close()
    heard.lines.close()
    assert heard.telemetry.failures == 0
    return heard


def test_all_stages_of_an_intent_are_in_one_trace(heard: Heard):
    traces: dict[int, set[str]] = {}
    for span in heard.exporter.get_finished_spans():
        assert span.context is not None
        traces.setdefault(span.context.trace_id, set()).add(span.name)
    complete = [names for names in traces.values() if set(STAGES) <= names]
    assert len(complete) >= 2, traces


def test_refusals_modes_and_reconciliations_have_spans(heard: Heard):
    names = {span.name for span in heard.exporter.get_finished_spans()}
    assert {"mode change", "reconcile", "operator"} <= names
    verdicts = {
        (span.attributes or {}).get("verdict") for span in heard.exporter.get_finished_spans() if span.name == "risk"
    }
    assert verdicts == {"approved", "refused"}


def test_no_attribute_names_an_account(heard: Heard):
    told = " ".join(str(span.attributes) for span in heard.exporter.get_finished_spans()) + heard.stream.getvalue()
    assert "test-account" not in told
    assert "alpaca_paper" in told


def test_every_metric_is_there(heard: Heard):
    metrics = heard.metrics()
    silent = {"seatrial.orders.rejected", "seatrial.reconciliation.differences", "seatrial.alerts", "seatrial.requests"}
    assert {*GAUGES, *COUNTERS, LATENCY} - set(metrics) <= silent
    assert metrics["seatrial.exposure.gross"][0] > 0
    assert len(metrics["seatrial.breaker.state"]) == len(Lane)


def test_lines_are_json_and_say_what_happened(heard: Heard):
    lines = [json.loads(line) for line in heard.stream.getvalue().splitlines()]
    assert {"decision", "execution", "order", "risk event", "alert"} <= {line["event"] for line in lines}
    assert {line["rule"] for line in lines if line["event"] == "alert"} >= {"breaker_open", "safe_mode"}


def test_spans_carry_the_clock_s_time(heard: Heard):
    for span in heard.exporter.get_finished_spans():
        assert span.start_time is not None
        assert OPENING - 120_000_000_000 <= span.start_time <= OPENING + 3_600_000_000_000


def request(telemetry: Telemetry) -> None:
    with telemetry.span("http", 5, lane="submit") as found:
        found["status"] = 200
        raise OSError("reset")


def test_a_span_around_a_block_takes_what_the_block_finds():
    heard = Heard(VirtualClock(OPENING))
    with pytest.raises(OSError, match="reset"):
        request(heard.telemetry)
    heard.telemetry.count("seatrial.requests", lane="submit", outcome="ambiguous")
    (span,) = heard.exporter.get_finished_spans()
    assert dict(span.attributes or {}) == {
        "profile": "alpaca_paper",
        "lane": "submit",
        "status": 200,
        "error.type": "OSError",
    }
    assert heard.metrics()["seatrial.requests"] == [1]
    heard.lines.close()


def test_nothing_is_sent_unless_the_environment_asks():
    exporters = Exporters({}, {})
    assert not exporters.tracer.start_span("x").is_recording()
    assert not Exporters({}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"})._closing
    exporters.close()


def test_a_collector_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, sqlite_url: str):
    """It accepts and says nothing. Orders go on; the end comes within the patience that it is given."""
    monkeypatch.setattr("live.telemetry.PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
        monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "50")
        exporters = Exporters({"run": "story"})
        clock = VirtualClock(OPENING)
        telemetry = Telemetry(clock, exporters.tracer, exporters.meter, {})
        host = open_host(sqlite_url, clock, observers=[telemetry])
        host.handle(*opening(OPENING))
        for _ in range(5_000):  # more than the queue holds
            telemetry.record("http", 1, OPENING, 1, {})
        host.handle(*opening(OPENING))
        host.close()
        began = time.monotonic()
        exporters.close()
        assert time.monotonic() - began < 5
        assert telemetry.failures == 0


def test_a_reader_of_the_log_that_has_stopped_reading_is_not_waited_for():
    class Stuck(io.StringIO):
        def write(self, _text: str) -> int:
            release.wait(10)
            return 0

    release = threading.Event()
    lines = Lines(Stuck(), limit=10)
    for i in range(100):
        lines.msg(str(i))
    assert lines.dropped >= 85
    release.set()
    lines.close()


def test_an_error_in_telemetry_goes_no_further(sqlite_url: str):
    clock = VirtualClock(OPENING)
    heard = Heard(clock)
    heard.telemetry._spans = None  # type: ignore[assignment]
    host = open_host(sqlite_url, clock, observers=[heard.telemetry])
    host.handle(*opening(OPENING))
    assert heard.telemetry.failures == 1
    host.close()
    heard.lines.close()
