"""Keys, request ids, the rate limit, unknown routes and the API's own description."""

from __future__ import annotations

import re

import pytest
import requests
from alpaca.data.historical import StockHistoricalDataClient

from core.errors import InputError
from sim.alpaca.keys import Keys, read_keys
from tests.sim.alpaca.conftest import KEYS, Caller, Make

BASIC = {"Authorization": "Basic a2V5OnNlY3JldA=="}
BEARER = {"Authorization": "Bearer a-token"}
WRONG = {
    "no keys": {},
    "a wrong secret": KEYS | {"APCA-API-SECRET-KEY": "guess"},
    "a key alone": {"APCA-API-KEY-ID": "key"},
    "a wrong token": {"Authorization": "Bearer guess"},
    "wrong basic": {"Authorization": "Basic Z3Vlc3M6Z3Vlc3M="},
    "broken basic": {"Authorization": "Basic %%%"},
}


@pytest.fixture(scope="module")
def guarded(make: Make) -> Caller:
    return make(keys=Keys({"key": "secret"}, ("a-token",)))


def routes(caller: Caller) -> list[tuple[str, str]]:
    """Every route of the API with something in place of its parameters, as its own description lists them."""
    paths = requests.get(caller.server.url + "/openapi.json", timeout=20).json()["paths"]
    found = [
        (method.upper(), re.sub(r"\{[^}]+\}", "bars" if "stocks" in path else "ALFA", path))
        for path, item in paths.items()
        for method in item
        if not path.startswith("/sim")
    ]
    assert len(found) > 35
    return found


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_no_route_answers_without_keys(guarded: Caller, case: str) -> None:
    for method, path in routes(guarded):
        answer = requests.request(method, guarded.server.url + path, headers=WRONG[case], timeout=20)
        assert answer.status_code == 401, (method, path)
        if path in ("/v2/clock", "/v2/calendar") and "APCA-API-KEY-ID" not in WRONG[case] and not WRONG[case]:
            assert answer.headers["Content-Type"] == "text/html"
        else:
            assert answer.json() == {"message": "unauthorized."}
            assert "Bearer" in answer.headers["WWW-Authenticate"]
    assert guarded.get("/v2/orders", status="all") == []


@pytest.mark.parametrize("headers", [KEYS, BASIC, BEARER, {k.lower(): v for k, v in KEYS.items()}], ids=str)
def test_every_way_to_log_in(guarded: Caller, headers: dict[str, str]) -> None:
    for method, path in routes(guarded):
        if method == "GET":
            answer = requests.get(guarded.server.url + path, headers=headers, timeout=20)
            assert answer.status_code != 401, path


def test_alpaca_pys_basic_login_of_the_data_client(guarded: Caller) -> None:
    client = StockHistoricalDataClient("key", "secret", use_basic_auth=True, url_override=guarded.server.url)
    assert client.get("/stocks/meta/exchanges") == {"V": "IEX"}


def test_every_answer_has_a_request_id_of_its_own(guarded: Caller) -> None:
    answers = [guarded.call("GET", path) for path in ("/v2/account", "/v2/orders/nonsense", "/v2/nowhere")]
    answers.append(requests.get(guarded.server.url + "/v2/account", timeout=20))
    ids = [answer.headers["X-Request-ID"] for answer in answers]
    assert all(re.fullmatch(r"[0-9a-f]{32}", text) for text in ids)
    assert len(set(ids)) == len(ids)
    assert answers[0].headers["Content-Type"] == "application/json; charset=UTF-8"


def test_routes_that_are_not_there(guarded: Caller) -> None:
    answer = guarded.call("GET", "/v2/nowhere")
    assert (answer.status_code, answer.json()) == (404, {"code": 40410000, "message": "endpoint not found."})
    assert guarded.call("PUT", "/v2/account").status_code == 405


def test_the_rate_limit_counts_virtual_minutes(make: Make) -> None:
    caller = make(rate_limit=5)
    answers = [caller.call("GET", "/v2/account") for _ in range(6)]
    assert [a.status_code for a in answers] == [200] * 5 + [429]
    assert [a.headers["X-RateLimit-Remaining"] for a in answers] == ["4", "3", "2", "1", "0", "0"]
    assert answers[-1].json() == {"code": 42910000, "message": "too many requests"}
    assert answers[0].headers["X-RateLimit-Limit"] == "5"
    assert caller.call("GET", "/v2/stocks/meta/exchanges").status_code == 200, "market data has its own"
    reset = int(answers[-1].headers["X-RateLimit-Reset"])
    now = 1_762_765_200  # the first session begins
    assert reset == now + 60
    caller.advance("2025-11-10T09:00:12Z")
    assert [caller.call("GET", "/v2/account").status_code for _ in range(2)] == [200, 429]


def test_keys_of_a_file(tmp_path) -> None:
    file = tmp_path / "keys.toml"
    file.write_text('tokens = ["t"]\n[keys]\nPK1 = "s1"\n')
    keys = read_keys(file)
    assert keys.fits("PK1", "s1")
    assert not keys.fits("key", "secret")
    assert "s1" not in repr(keys)


@pytest.mark.parametrize("text", ["", "keys = 5", '[keys]\na = ""', "tokens = [1]", "= broken"])
def test_files_that_hold_no_keys(tmp_path, text: str) -> None:
    file = tmp_path / "keys.toml"
    file.write_text(text)
    with pytest.raises(InputError):
        read_keys(file)
    with pytest.raises(InputError, match="cannot be read"):
        read_keys(tmp_path / "missing.toml")
