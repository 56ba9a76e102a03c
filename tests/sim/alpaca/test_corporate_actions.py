"""Splits and dividends by alpaca-py's client: those of the dataset, from their ex-date on."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from alpaca.data.enums import CorporateActionsType
from alpaca.data.historical.corporate_actions import CorporateActionsClient
from alpaca.data.requests import CorporateActionsRequest

from tests.sim.alpaca.conftest import Caller, Make

SPLIT, DIVIDEND = date(2025, 11, 24), date(2025, 11, 18)  # of BRVO and of DLTA


@pytest.fixture(scope="module")
def caller(make: Make) -> Caller:
    span = {"data.start": date(2025, 11, 17), "data.end": date(2025, 11, 24), "data.symbols": ["BRVO", "DLTA"]}
    return make(span)


def actions(caller: Caller, **terms: Any) -> dict[str, list[Any]]:
    client = CorporateActionsClient("key", "secret", url_override=caller.server.url)
    span = {"start": date(2025, 11, 1), "end": date(2025, 12, 1)}
    found: dict[str, list[Any]] = client.get_corporate_actions(CorporateActionsRequest(**{**span, **terms})).data
    return found


def test_an_action_is_there_from_its_ex_date_on(caller: Caller) -> None:
    caller.advance("2025-11-18T15:00:00Z")
    (dividend,) = actions(caller)["cash_dividends"]
    assert (dividend.symbol, dividend.ex_date, dividend.rate > 0) == ("DLTA", DIVIDEND, True)
    caller.advance("2025-11-24T10:00:00Z")
    found = actions(caller)
    (split,) = [row for rows in found.values() for row in rows if row.ex_date == SPLIT]
    assert (split.symbol, split.new_rate != split.old_rate) == ("BRVO", True)
    assert list(actions(caller, symbols=["DLTA"])) == ["cash_dividends"]
    assert actions(caller, types=[CorporateActionsType.NAME_CHANGE]) == {}
    assert actions(caller, end=date(2025, 11, 17)) == {}


def test_what_is_no_question_is_refused(caller: Caller) -> None:
    for query in ({"types": "split"}, {"start": "yesterday"}, {"limit": 0}, {"sort": "up"}):
        assert caller.call("GET", "/v1/corporate-actions", params=query).status_code == 422
