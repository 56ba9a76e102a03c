"""A day as the second venue gets it, and the order in which what was known of it beforehand happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from core.kernel.kinds import Phase
from tests.twin.venue_path import NANO, Bar


class Execution(NamedTuple):
    """What a fill comes to, all in the venue's integers."""

    order: int
    time: int
    qty: int
    price: int
    fee: int
    rule: int
    ambiguous: int


@dataclass
class Hours:
    """A day's hours, ns, and its number."""

    date: int
    pre: int
    open: int
    close: int
    post: int


@dataclass
class Market:
    """What happens in a day: bars by minute, halts, prints, liquidity; a split's ratio, a dividend's micros and time."""

    bars: Mapping[int, Bar | None]
    halts: Sequence[tuple[int, int]] = ()
    open_print: int = 0
    close_print: int = 0
    adv: int = 0
    sigma: int = 0
    split: int = NANO
    dividend: tuple[int, int] = (0, 0)


def agenda_of(hours: Hours, market: Market, commands: Sequence[tuple[int, Any]]) -> list[tuple[int, int, int, Any]]:
    """(time, class, number, what), sorted; the clock goes before commands, those before the rest of a moment."""
    phases = (
        (hours.pre, Phase.PRE),
        (hours.open, Phase.REGULAR),
        (hours.close, Phase.POST),
        (hours.post, Phase.CLOSED),
    )
    agenda: list[tuple[int, int, int, Any]] = [(time, 0, i, phase) for i, (time, phase) in enumerate(phases)]
    for i, (begin, end) in enumerate(market.halts):
        agenda += [(begin, 5, 2 * i, True), (end, 5, 2 * i + 1, False)]
    agenda += [(time, 3, i, command) for i, (time, command) in enumerate(commands)]
    if market.split != NANO:
        agenda.append((hours.pre, 4, 0, ("split", market.split)))
    if market.dividend[0]:
        agenda.append((hours.pre, 4, 1, ("dividend", market.dividend)))
    return sorted(agenda, key=lambda item: item[:3])
