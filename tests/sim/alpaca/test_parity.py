"""The server and the compiled run are one venue: the same commands at the same times bring the same fills."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from core.config import load_settings
from core.identities import client_order_id, execution_of
from core.kernel.kinds import CommandKind, EventKind, OrderType, TimeInForce
from core.kernel.units import decimal
from sim.alpaca.exchange import Options
from sim.alpaca.serve import Running
from sim.alpaca.text import parse_time, stamp
from sim.world import World
from tests.sim.alpaca.conftest import Caller
from tests.sim.command_stream import record

DAYS = {"data.end": date(2025, 11, 13)}


@pytest.fixture(scope="module", params=["breakout-4w", "three-strategies-4w"])
def recorded(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("run") / "run"
        return request.param, *record(request.param, folder, DAYS, patch)


def fills_of(run):
    """(execution, client order id, symbol, qty, price, time) of every fill of a run."""
    columns = run.table("fills", ["execution_id", "client_order_id", "symbol", "qty", "price", "time"]).to_pydict()
    columns["time"] = run.table("fills", ["time"])["time"].cast("int64").to_pylist()
    return sorted(zip(*columns.values(), strict=True), key=str)


def name_of(intent, leg):
    return client_order_id(np.array([intent], np.int64), np.array([leg], np.int64))[0].as_py()


def test_the_world_gives_the_fills_of_the_run(recorded):
    name, run, sent = recorded
    world = World(load_settings(name, DAYS))
    events = []
    for item in sent:
        events += [e for batch in world.advance(item.time) for e in batch[batch["kind"] == EventKind.FILL]]
        world.send(item.command.copy())
    events += [e for batch in world.advance(world.end + 10**12) for e in batch[batch["kind"] == EventKind.FILL]]
    legs = {int(c["order"][0]): (int(c["intent"][0]), int(c["leg"][0])) for _, c in sent}
    for _, command in sent:
        c = command[0]
        for number, leg in ((c["target_order"], 1), (c["stop_order"], 2)):
            if c["kind"] == CommandKind.SUBMIT_BRACKET and number:
                legs[int(number)] = (int(c["intent"]), int(c["leg"]) + leg)
    fills = [
        (
            f"{int(e['execution']):016x}",
            name_of(*legs[int(e["order"])]),
            world.symbols[int(e["symbol"])],
            decimal(e["qty"]),
            decimal(e["price"]),
            int(e["t_market"]),
        )
        for e in events
    ]
    world.close()
    assert len(fills) > 50
    assert sorted(fills, key=str) == fills_of(run)


def body_of(command, symbols):
    """The order of a command, as a client would write it."""
    c = command[0]
    body = {
        "symbol": symbols[int(c["symbol"])],
        "side": "buy" if c["side"] > 0 else "sell",
        "qty": str(decimal(c["qty"])),
        "type": OrderType(int(c["type"])).name.lower(),
        "time_in_force": TimeInForce(int(c["tif"])).name.lower(),
        "client_order_id": name_of(int(c["intent"]), int(c["leg"])),
    }
    for field, key in (("limit", "limit_price"), ("stop", "stop_price")):
        if c[field] and not (field == "stop" and c["kind"] != CommandKind.SUBMIT):
            body[key] = str(decimal(c[field]))
    if c["kind"] != CommandKind.SUBMIT:
        body["order_class"] = "bracket" if c["kind"] == CommandKind.SUBMIT_BRACKET else "oco"
        body["take_profit"] = {"limit_price": str(decimal(c["target"]))}
        body["stop_loss"] = {"stop_price": str(decimal(c["stop"]))}
    return body


def test_the_same_commands_over_http_give_the_same_fills(recorded):
    """Every fill, with its execution id, price to the micro-dollar and time to the nanosecond."""
    name, run, sent = recorded
    options = Options(rate_limit=0, refusals="by_stream")
    with Running(load_settings(name, DAYS), options) as server:
        caller = Caller(server)
        symbols = server.exchange.world.symbols
        numbers: dict[int, str] = {}
        for time, command in sent:
            caller.advance(stamp(time))
            c = command[0]
            if c["kind"] == CommandKind.CANCEL:
                answer = caller.call("DELETE", f"/v2/orders/{numbers[int(c['order'])]}")
                assert answer.status_code in (204, 422)
                continue
            answer = caller.call("POST", "/v2/orders", body_of(command, symbols))
            assert answer.status_code == 200, answer.text
            numbers[int(c["order"])] = answer.json()["id"]
            for leg, number in zip(answer.json()["legs"] or (), (c["target_order"], c["stop_order"]), strict=False):
                numbers[int(number)] = leg["id"]
        while not caller.advance(bars=5_000)["finished"]:
            pass
        orders = {order.id: order for order in server.exchange.broker.orders}
        fills = []
        for row in caller.get("/sim/journal")["fills"]:
            order = orders[row["order_id"]]
            fills.append(
                (
                    f"{execution_of(row['id'].split('::')[1]):016x}",
                    name_of(order.intent, order.leg),
                    row["symbol"],
                    Decimal(row["qty"]),
                    Decimal(row["price"]),
                    parse_time(row["transaction_time"]),
                )
            )
    assert sorted(((*f[:3], f"{f[3]:.6f}", f"{f[4]:.6f}", f[5]) for f in fills), key=str) == sorted(
        ((*f[:3], f"{f[3]:.6f}", f"{f[4]:.6f}", f[5]) for f in fills_of(run)), key=str
    )


def test_two_servers_with_the_same_calls_answer_alike(make):
    """Ids included: nothing comes from a clock or a shared stream of chance."""

    def story():
        caller = make()
        caller.advance("2025-11-10T15:00:00Z")
        texts = [caller.order(qty=5).text, caller.order(side="sell", qty=2, type="limit", limit_price=500).text]
        caller.advance(bars=3)
        texts += [caller.call("GET", path).text for path in ("/v2/orders?status=all", "/v2/account", "/sim/journal")]
        return texts

    assert story() == story()
