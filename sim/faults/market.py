"""Faults of the market: the prices, volumes and hours that venue, engine and strategies all see.

A session's bars are multiplied by two factors a cell, one for where the bar starts and one for where it ends; the high
takes the larger and the low the smaller, so a bar stays a bar. What moves a price for good stays in `level` for all
sessions after it. A split moves prices and volumes against each other and adds its corporate action.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from core.bars import Auctions, Bars, CorporateAction, SessionBlock
from core.kernel.units import MINUTE
from core.settings.faults import Fault
from core.settings.venue import Halt
from sim.faults.schedule import Occurrence

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
EVENING = 4 * 60 * MINUTE  # extended hours after an early close


class Market:
    """The market of one run under its faults; `table` is the run's FAULT rows, in which effects are counted."""

    def __init__(self, faults: Sequence[Fault], table: np.ndarray, symbols: tuple[str, ...]) -> None:
        self.faults = faults
        self.table = table
        self.symbols = symbols
        self.level = np.ones(len(symbols))
        self.shares = np.ones(len(symbols))
        self.halts: list[Halt] = []
        self._wide: list[tuple[Bools, Bools, int]] = []

    def session(
        self, block: SessionBlock, in_force: Sequence[Occurrence], begins: Sequence[Occurrence]
    ) -> SessionBlock:
        """A session as its faults make it, some of which begin in it; `halts` has theirs until the next call."""
        self.halts, self._wide = [], []
        mine = [o for o in in_force if self.faults[o.fault].rule.group == "market"]
        for o in mine:
            if self.faults[o.fault].kind == "early_close":
                block = self._close_early(block, o)
            elif self.faults[o.fault].kind == "split":
                block = self._split(block, o)
        change = _Change(block.bars, self.level)
        for o in mine:
            self._move(change, block, o, o in begins)
        self.level = change.level
        if not mine and (self.level == 1).all() and (self.shares == 1).all():
            return block
        bars = change.bars(self.shares)
        auctions = _auctions(block.auctions, bars, change)
        for o in mine:
            if self.faults[o.fault].kind == "auction_imbalance":
                auctions = self._imbalance(auctions, bars, o)
        quotes = [None if q is None else q * change.first for q in (block.bid, block.ask)]
        adv = block.adv * self.shares
        return replace(block, bars=bars, bid=quotes[0], ask=quotes[1], adv=adv, auctions=auctions)

    def widen(self, rows: np.ndarray) -> None:
        """Set the spread of BAR rows (T, S) where it is wide."""
        for times, symbols, half in self._wide:
            cells = np.ix_(times, symbols)
            part = rows[cells]
            part["half_spread"] = part["open"] // 10_000 * half
            part["bid"] = part["ask"] = 0
            rows[cells] = part

    def _count(self, o: Occurrence, bars: Bars, times: Bools) -> None:
        """Count the bars that an occurrence changed."""
        row = self.table[o.fault]
        met = bars.time[times]
        cells = np.isfinite(bars.close[times][:, self._scope(o)])
        if cells.any():
            hit = met[cells.any(axis=1)]
            row["fired"] += int(cells.sum())
            row["first"] = row["first"] or max(int(hit[0]), o.begin)
            row["last"] = int(hit[-1]) if o.end > o.begin else row["first"]

    def _scope(self, o: Occurrence) -> Bools:
        scope: Bools = self.table[o.fault]["symbols"][: len(self.symbols)] != 0
        return scope

    def _move(self, change: _Change, block: SessionBlock, o: Occurrence, begins: bool) -> None:
        """What an occurrence does to the session's prices."""
        fault, scope, time = self.faults[o.fault], self._scope(o), block.bars.time
        p: Any = fault.parameters
        inside = (time >= o.begin) & (time < max(o.end, o.begin + 1))
        after = time >= o.begin
        match fault.kind:
            case "price_gap":
                change.jump(after if fault.duration is None else inside, scope, 1 + float(p.size))
                if fault.duration is None:
                    change.level[scope] *= 1 + float(p.size)
            case "flash_crash":
                change.dip(inside, scope, float(p.size))
            case "luld_chain":
                self._pauses(change, time, o, scope, p)
            case "market_halt" if begins:
                self._halt(change, time, "*", (o.begin, o.end), scope, float(p.size))
            case "volatility":
                change.stretch(inside, scope, float(p.factor))
            case "wide_spread":
                self._wide.append((inside, scope, int(p.half_spread_bps)))
            case _:
                return
        self._count(o, block.bars, after if o.end == o.begin else inside)

    def _pauses(self, change: _Change, time: npt.NDArray[np.int64], o: Occurrence, scope: Bools, p: Any) -> None:
        for k in range(p.count):
            begin = o.begin + k * (p.pause + p.between)
            for s in np.flatnonzero(scope):
                one = np.arange(len(scope)) == s
                self._halt(change, time, self.symbols[s], (begin, begin + p.pause), one, float(p.size))

    def _halt(
        self, change: _Change, time: npt.NDArray[np.int64], name: str, span: tuple[int, int], scope: Bools, size: float
    ) -> None:
        """A halt, without bars, after which prices have moved for good."""
        begin, end = span
        kind = "regulatory" if name == "*" else "luld"
        self.halts.append(Halt.model_construct(symbol=name, at=begin, duration=end - begin, kind=kind))
        change.silence((time >= begin // MINUTE * MINUTE) & (time < end), scope)
        change.jump(time >= end, scope, 1 + size)
        change.level[scope] *= 1 + size

    def _split(self, block: SessionBlock, o: Occurrence) -> SessionBlock:
        """A split on this session, if it is the occurrence's."""
        day = int(block.session["date"])
        p: Any = self.faults[o.fault].parameters
        actions = []
        for s in np.flatnonzero(self._scope(o)):
            self.level[s] *= p.old / p.new
            self.shares[s] *= p.new / p.old
            actions.append(CorporateAction(self.symbols[s], day, "split", p.new, p.old, 0, day))
        self._count(o, block.bars, np.ones(len(block.bars.time), np.bool_))
        return replace(block, actions=(*block.actions, *actions))

    def _close_early(self, block: SessionBlock, o: Occurrence) -> SessionBlock:
        """The session ends at the occurrence; nothing trades after it."""
        day, b = block.session.copy(), block.bars
        close = o.begin // MINUTE * MINUTE
        if not int(day["open"]) < close < int(day["close"]):
            return block
        gone = b.time >= close
        self._count(o, b, gone)
        day["close"], day["post"], day["early"] = close, min(close + EVENING, int(day["post"])), 1
        rows = slice(int(np.searchsorted(b.time, close)))
        bars = b.window(0, rows.stop)
        bid, ask = (None if quotes is None else quotes[rows] for quotes in (block.bid, block.ask))
        a = block.auctions
        nothing = np.full(len(b.symbols), np.nan)
        auctions = Auctions(a.open_price, a.open_volume, nothing, nothing)
        return replace(block, session=day, bars=bars, bid=bid, ask=ask, auctions=auctions)

    def _imbalance(self, auctions: Auctions, bars: Bars, o: Occurrence) -> Auctions:
        """An auction that prints away from the market."""
        p: Any = self.faults[o.fault].parameters
        opens = p.auction == "open"
        price = (auctions.open_price if opens else auctions.close_price).copy()
        regular = bars.close[bars.regular]
        for s in np.flatnonzero(self._scope(o)):
            known = regular[:, s][np.isfinite(regular[:, s])]
            if np.isnan(price[s]) and len(known):
                price[s] = known[0 if opens else -1]
            price[s] *= 1 + float(p.size)
        self._count(o, bars, bars.time == bars.time[bars.regular][0 if opens else -1])
        return replace(auctions, **{"open_price" if opens else "close_price": np.round(price, 2)})


class _Change:
    """Factors on a session's bars: `first` (T, S) where a bar starts, `last` where it ends; `level` (S,) afterwards."""

    def __init__(self, bars: Bars, level: Floats) -> None:
        self.source = bars
        self.first = np.tile(level, (len(bars.time), 1))
        self.last = self.first.copy()
        self.level = level.copy()
        self.power = np.ones_like(self.first)
        self.anchor = np.ones_like(self.first)
        self.gone = np.zeros(self.first.shape, np.bool_)

    def jump(self, times: Bools, symbols: Bools, factor: float) -> None:
        """Multiply the prices of these times."""
        cells = np.ix_(times, symbols)
        self.first[cells] *= factor
        self.last[cells] *= factor

    def dip(self, times: Bools, symbols: Bools, size: float) -> None:
        """Move by `size` over the first third of these times, and back over the rest."""
        n = int(times.sum())
        if n == 0:
            return
        edge = np.interp(np.arange(n + 1) / n, [0, 1 / 3, 1], [1, 1 + size, 1])
        cells = np.ix_(times, symbols)
        self.first[cells] *= edge[:-1, None]
        self.last[cells] *= edge[1:, None]

    def stretch(self, times: Bools, symbols: Bools, factor: float) -> None:
        """Raise each price's way from where these times begin to a power; afterwards it goes on from there."""
        rows = np.flatnonzero(times)
        if not len(rows):
            return
        for s in np.flatnonzero(symbols):
            opens = self.source.open[rows[0] :, s]
            known = opens[np.isfinite(opens)]
            if not len(known):
                continue
            self.power[rows, s] = factor
            self.anchor[rows, s] = known[0]
            closes = self.source.close[rows, s]
            end = closes[np.isfinite(closes)]
            shift = (end[-1] / known[0]) ** (factor - 1) if len(end) else 1.0
            self.first[rows[-1] + 1 :, s] *= shift
            self.last[rows[-1] + 1 :, s] *= shift
            self.level[s] *= shift

    def silence(self, times: Bools, symbols: Bools) -> None:
        """Take the bars of these times away."""
        self.gone[np.ix_(times, symbols)] = True

    def bars(self, shares: Floats) -> Bars:
        """The changed bars, prices on the penny and volumes in whole shares."""
        b = self.source
        low, high = np.minimum(self.first, self.last), np.maximum(self.first, self.last)
        as_it_was = (low == 1) & (high == 1) & (self.power == 1)
        fields: dict[str, Any] = {}
        for name, factor in (("open", self.first), ("high", high), ("low", low), ("close", self.last)):
            price = getattr(b, name)
            stretched = self.anchor * (price / self.anchor) ** self.power
            moved = np.where(as_it_was, price, np.maximum(np.round(stretched * factor, 2), 0.01))
            fields[name] = np.where(self.gone, np.nan, moved)
        volume = np.where(self.gone, np.nan, np.round(b.volume * shares))
        return replace(b, **fields, volume=volume)


def _without(bars: Bars, cells: Bools) -> dict[str, Any]:
    """The fields of bars, with none where `cells` is set."""
    names = ("open", "high", "low", "close", "volume")
    return {name: np.where(cells, np.nan, getattr(bars, name)) for name in names}


def _auctions(auctions: Auctions, bars: Bars, change: _Change) -> Auctions:
    """Official prints at the changed prices, inside the range of their minutes."""
    regular = np.flatnonzero(bars.regular)
    if not len(regular):
        return auctions
    first, last = change.first[regular[0]], change.last[regular[-1]]
    return replace(
        auctions,
        open_price=np.round(auctions.open_price * first, 2),
        close_price=np.round(auctions.close_price * last, 2),
    )
