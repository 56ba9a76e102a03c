"""The API's description holds: schemathesis asks what the page allows, and checks status, type and shape of answers."""

from __future__ import annotations

from datetime import date

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from core.config import load_settings
from sim.alpaca.app import create_app
from sim.alpaca.exchange import Exchange, Options
from tests.doses import dose
from tests.sim.alpaca.conftest import KEYS, QUIET

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
DOSE = settings(
    max_examples=dose(12, 500),
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def api():
    chosen = QUIET | {"data.end": date(2025, 11, 10), "data.symbols": ["ALFA", "BRVO"]}
    exchange = Exchange(load_settings("breakout-4w", chosen), Options(rate_limit=0))
    exchange.broker.advance(exchange.world.start + 6 * 3600 * 10**9)
    yield schemathesis.openapi.from_asgi("/openapi.json", create_app(exchange))
    exchange.world.close()


def test_the_description_holds(api, subtests) -> None:
    operations = [found.ok() for found in api.get_all_operations()]
    assert len(operations) > 45
    for operation in operations:
        with subtests.test(operation.label):
            _try(operation)


def _try(operation) -> None:
    @DOSE
    @given(case=operation.as_strategy())
    def ask(case) -> None:
        if operation.path == "/sim/advance":
            case.body = {"bars": 1}  # a random time would end the data at once
        if operation.path == "/sim/faults" and operation.method == "post":
            case.body = {"kind": "slow", "match": {"path": "/nowhere"}}  # others would break what is tried after it
        case.call_and_validate(headers=KEYS, checks=CHECKS)

    ask()
