"""From what is asked for to the venue's command and to the orders that the broker shows."""

from __future__ import annotations

import numpy as np

from core.kernel.kinds import CommandKind, OrderType, Role
from core.kernel.units import MICRO, NANO
from sim.alpaca.identity import broker_ids, drawn_uuid, intent_of
from sim.alpaca.order import Order
from sim.alpaca.ticket import Change, Ticket
from sim.world import new_command

KINDS = {
    "": CommandKind.SUBMIT,
    "bracket": CommandKind.SUBMIT_BRACKET,
    "oto": CommandKind.SUBMIT_BRACKET,
    "oco": CommandKind.SUBMIT_OCO,
}
ROLES = {"bracket": Role.ENTRY, "oto": Role.ENTRY, "oco": Role.TARGET}


def intent_word(side: int, position: int) -> str:
    """Whether an order opens or closes, in Alpaca's words; `position` signed micros."""
    verb = "buy" if side > 0 else "sell"
    return f"{verb}_to_close" if position * side < 0 else f"{verb}_to_open"


def command_of(ticket: Ticket, symbol: int, intent: int, leg: int) -> np.ndarray:
    """The venue's command for a ticket, but for the numbers of its orders: COMMAND of shape (1,)."""
    command = new_command()
    c = command[0]
    c["kind"] = KINDS[ticket.order_class]
    c["intent"], c["leg"], c["symbol"], c["side"] = intent, leg, symbol, ticket.side
    c["type"], c["tif"], c["extended"], c["qty"] = ticket.type, ticket.tif, ticket.extended, ticket.qty
    plain = Role.ENTRY if ticket.position_intent.endswith("open") else Role.EXIT
    c["role"] = ROLES.get(ticket.order_class, plain)
    c["limit"] = ticket.target if ticket.order_class == "oco" else ticket.limit
    if ticket.order_class:
        c["target"], c["stop"], c["stop_limit"] = ticket.target, ticket.loss_stop, ticket.loss_limit
    else:
        c["stop"], c["target"] = ticket.trail or ticket.stop, ticket.trail_share
    return command


def command_about(order: Order, kind: CommandKind) -> np.ndarray:
    """A command about one order, with its present terms."""
    command = new_command()
    c = command[0]
    c["kind"], c["order"], c["intent"], c["leg"] = kind, order.number, order.intent, order.leg
    c["symbol"], c["side"], c["role"], c["type"] = order.symbol, order.side, order.role, order.type
    c["tif"], c["extended"], c["qty"], c["limit"] = order.tif, order.extended, order.qty, order.limit
    trailing = order.type == OrderType.TRAILING_STOP  # whose `stop` is where the market has taken it, and no term
    c["stop"], c["target"] = order.trail if trailing else order.stop, order.trail_share
    return command


def orders_of(ticket: Ticket, command: np.ndarray, client_order_id: str, now: int) -> list[Order]:
    """The orders of a numbered command: the one that was asked for, then its legs."""
    c = command[0]
    intent, leg = int(c["intent"]), int(c["leg"])
    ids = broker_ids(intent, range(leg, leg + 3))
    oco = ticket.order_class == "oco"
    head = Order(
        number=int(c["order"]),
        id=ids[0],
        client_order_id=client_order_id,
        intent=intent,
        leg=leg,
        symbol=int(c["symbol"]),
        side=ticket.side,
        type=ticket.type,
        tif=ticket.tif,
        qty=ticket.qty,
        created=now,
        order_class=ticket.order_class,
        role=Role(int(c["role"])),
        limit=ticket.target if oco else ticket.limit,
        stop=ticket.stop,
        trail=ticket.trail,
        trail_share=ticket.trail_share,
        extended=ticket.extended,
        notional=ticket.notional,
        position_intent=ticket.position_intent,
    )
    if ticket.target and not oco:
        target = _leg_of(head, 1, ids)
        target.number, target.role, target.type = int(c["target_order"]), Role.TARGET, OrderType.LIMIT
        target.limit = ticket.target
        head.legs.append(target)
    if ticket.loss_stop:
        stop = _leg_of(head, 1 if oco else 2, ids)
        stop.number, stop.role = int(c["stop_order"]), Role.STOP
        stop.type = OrderType.STOP_LIMIT if ticket.loss_limit else OrderType.STOP
        stop.stop, stop.limit = ticket.loss_stop, ticket.loss_limit
        head.legs.append(stop)
    return [head, *head.legs]


def _leg_of(head: Order, place: int, ids: list[str]) -> Order:
    """A sleeping exit of a group; its client id is the broker's own."""
    side = head.side if head.order_class == "oco" else -head.side
    return Order(
        number=0,
        id=ids[place],
        client_order_id=drawn_uuid("leg", head.client_order_id, place),
        intent=head.intent,
        leg=head.leg + place,
        symbol=head.symbol,
        side=side,
        type=OrderType.STOP,
        tif=head.tif,
        qty=head.qty,
        created=head.created,
        order_class=head.order_class,
        position_intent="buy_to_close" if side > 0 else "sell_to_close",
        status="held",
        parent=head,
    )


def replacement_of(order: Order, change: Change, client_order_id: str, number: int, now: int) -> Order:
    """The order that is to take another's place, with the terms that change and those that stay."""
    intent, leg = intent_of(client_order_id)
    new = Order(
        number=number,
        id=broker_ids(intent, range(leg, leg + 1))[0],
        client_order_id=client_order_id,
        intent=intent,
        leg=leg,
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        tif=order.tif if change.tif is None else change.tif,
        qty=change.qty or order.qty,
        created=now,
        order_class=order.order_class,
        role=order.role,
        limit=change.limit or order.limit,
        stop=0 if order.type == OrderType.TRAILING_STOP else change.stop or order.stop,
        trail=order.trail,
        trail_share=order.trail_share,
        extended=order.extended,
        position_intent=order.position_intent,
        replaces=order.id,
        status="held" if order.status == "held" else "pending_new",
    )
    if change.trail and order.trail:
        new.trail = change.trail
    elif change.trail:
        new.trail_share = change.trail * (NANO // MICRO) // 100
    return new
