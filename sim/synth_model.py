"""The model behind made market data: one session of minute bars, drawn from counter-based random numbers.

A minute's log return is the symbol's volatility times a unit shock, the weighted sum of three parts: the
market's, the sector's and its own. Each part is Student-t noise of four degrees of freedom, whose tails are
as fat as those of intraday returns, and passes through stretches of half an hour to two hours: some drift,
some revert to a slow walk, some do neither, so momentum, breakout and mean reversion all have hours to win
and hours to lose. Volatility is U-shaped over the day and follows a log-autoregression from session to
session; volume is U-shaped and follows volatility.

Every draw comes from a generator of its own (seed, name, date): adding a symbol or a session changes none.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.bars import Bools, CorporateAction, Floats, Ints
from core.calendar import MINUTE

MINUTES = 16 * 60
"""Minutes from 04:00 to 20:00; a shorter session uses the first part of the same draws."""

_DEGREES = 4.0
_YEAR = 252
# Shares of a day's variance: overnight, in 570 extended minutes, in 390 regular ones.
_GAP, _EXTENDED, _REGULAR = 0.20, 0.04, 0.76
_VOLATILITY_MEMORY, _VOLATILITY_SHOCK = 0.85, 0.18
# Drift of a trending stretch, and size and memory of what a reverting one takes back, in unit shocks.
_DRIFT, _REVERTING, _REVERSION_MEMORY = 0.16, 1.1, 0.92
_SECTOR = 0.35
_TRADE_SHARES = 600.0
_EXTENDED_VOLUME, _OPEN_AUCTION, _CLOSE_AUCTION = 0.015, 0.015, 0.06


@dataclass(frozen=True, slots=True)
class Profile:
    """A made company: first price in dollars, shares a day, annual volatility, weight of the market."""

    symbol: str
    sector: str
    price: float
    shares: float
    volatility: float
    market: float


PROFILES = (
    Profile("ALFA", "technology", 182.40, 9.0e6, 0.34, 0.62),
    Profile("BRVO", "technology", 396.75, 3.5e6, 0.42, 0.58),
    Profile("CHRL", "finance", 47.20, 14.0e6, 0.28, 0.60),
    Profile("DLTA", "finance", 21.85, 22.0e6, 0.33, 0.55),
    Profile("ECKO", "energy", 68.10, 6.0e6, 0.36, 0.45),
    Profile("FXTR", "energy", 12.35, 11.0e6, 0.48, 0.42),
    Profile("GOLV", "health", 134.60, 2.2e6, 0.25, 0.44),
    Profile("HTEL", "health", 88.90, 0.9e6, 0.52, 0.36),
    Profile("INDG", "retail", 8.15, 5.0e6, 0.55, 0.38),
    Profile("JLYT", "retail", 256.30, 1.4e6, 0.31, 0.52),
    Profile("KYLO", "technology", 33.70, 1.8e6, 0.58, 0.50),
    Profile("LYMA", "finance", 101.55, 0.6e6, 0.27, 0.48),
)


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """One made session: (n, S) arrays over the n minutes from `time`, prices on the penny grid.

    `present` tells in which minutes a symbol traded; `bid` and `ask` stand at each minute's start; `auctions`
    is (4, S): price and volume of the opening print, then of the closing print.
    """

    time: Ints
    auctions: Floats
    present: Bools
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    bid: Floats
    ask: Floats


@dataclass(frozen=True, slots=True)
class _Draws:
    """What one name contributes to a session: overnight and volatility shocks, and a unit shock a minute."""

    gap: float
    volatility: float
    minutes: Floats


@dataclass(frozen=True, slots=True)
class _Hours:
    """Shape of a session: which minutes are regular, and the U-shaped curves of volatility and volume."""

    count: int
    regular: Bools
    volatility: Floats
    volume: Floats


class Market:
    """Made companies whose prices and volatilities run on from one session to the next."""

    def __init__(self, seed: int, profiles: Sequence[Profile]) -> None:
        self._seed = seed
        self._profiles = profiles
        self._price = np.array([profile.price for profile in profiles])
        self._shares = np.array([profile.shares for profile in profiles])
        self._log_volatility: dict[str, float] = {}

    def trade(self, session: np.void, actions: Sequence[CorporateAction]) -> Day:
        """The next session; `actions` change prices and share counts before it."""
        self._apply(actions)
        hours = _hours(session)
        date = int(session["date"])
        common = {name: self._draw(name, date) for name in self._common_names()}
        level = self._volatility_level("market", common["market"])
        columns = [
            self._column(number, hours, common, level, generator(self._seed, profile.symbol, date))
            for number, profile in enumerate(self._profiles)
        ]
        fields = [np.stack(field, axis=-1) for field in zip(*columns, strict=True)]
        time = int(session["pre"]) + MINUTE * np.arange(hours.count)
        return Day(time, np.stack(fields[-4:]), *fields[:-4])

    def _common_names(self) -> list[str]:
        return ["market", *dict.fromkeys(profile.sector for profile in self._profiles)]

    def _draw(self, name: str, date: int) -> _Draws:
        return _draws(generator(self._seed, name, date))

    def _apply(self, actions: Sequence[CorporateAction]) -> None:
        symbols = [profile.symbol for profile in self._profiles]
        for action in actions:
            number, ratio = symbols.index(action.symbol), action.numerator / action.denominator
            self._price[number] = self._price[number] / ratio - action.amount / 1e6
            self._shares[number] *= ratio

    def _volatility_level(self, name: str, draws: _Draws) -> float:
        before = self._log_volatility.get(name, 0.0)
        now = _VOLATILITY_MEMORY * before + _VOLATILITY_SHOCK * draws.volatility
        self._log_volatility[name] = now
        return float(np.exp(now))

    def _column(
        self, number: int, hours: _Hours, common: dict[str, _Draws], level: float, rng: np.random.Generator
    ) -> list[Floats]:
        """One symbol's session: the fields of Day after `time`, the four auction numbers last."""
        profile = self._profiles[number]
        own = _draws(rng)
        weights = np.array([profile.market, _SECTOR, np.sqrt(1 - profile.market**2 - _SECTOR**2)])
        parts = (common["market"], common[profile.sector], own)
        level *= self._volatility_level(profile.symbol, own)
        daily = profile.volatility / np.sqrt(_YEAR) * level
        gap = float(weights @ [part.gap for part in parts]) * daily * np.sqrt(_GAP)
        shocks = weights @ np.stack([part.minutes[: hours.count] for part in parts])
        start = self._price[number] * np.exp(gap)
        middle = start * np.exp(np.cumsum(np.r_[0.0, shocks * daily * hours.volatility]))
        self._price[number] = middle[-1]
        shares = self._shares[number]
        prices, bid, ask = _penny_bars(rng, middle, daily * hours.volatility, profile)
        present, volume = _traded(rng, hours, shares * level, shocks)
        opens, closes = np.flatnonzero(hours.regular)[[0, -1]]
        sizes = np.ceil(shares * np.array([_OPEN_AUCTION, _CLOSE_AUCTION]) * np.exp(0.3 * rng.normal(size=2)))
        prints = np.round([middle[opens], middle[closes + 1]], 2)
        return [present, *prices, volume, bid, ask, prints[0], sizes[0], prints[1], sizes[1]]


def generator(seed: int, name: str, date: int) -> np.random.Generator:
    """A counter-based generator (Salmon et al., 2011) of its own for (seed, name, date)."""
    entropy = (seed, zlib.crc32(name.encode()), date)
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(entropy)))


def _draws(rng: np.random.Generator) -> _Draws:
    unit = np.sqrt((_DEGREES - 2) / _DEGREES)
    gap, volatility = float(rng.standard_t(_DEGREES) * unit), float(rng.normal())
    noise, fast = rng.standard_t(_DEGREES, MINUTES) * unit, rng.normal(size=MINUTES)
    drift, reverting = _stretches(rng)
    # Deviations from the walk decay with a half-life of eight minutes; their differences are the returns.
    memory = _REVERSION_MEMORY ** np.arange(MINUTES)
    deviation = np.convolve(fast * reverting * _REVERTING, memory)[:MINUTES]
    walk = noise * np.where(reverting, 0.5, 1.0) + drift * _DRIFT
    return _Draws(gap, volatility, walk + np.diff(deviation, prepend=0.0))


def _stretches(rng: np.random.Generator) -> tuple[Floats, Bools]:
    """Direction of drift (-1, 0, +1) and whether the price reverts, for every minute."""
    lengths = rng.integers(30, 121, MINUTES // 30)
    kinds = rng.choice(5, MINUTES // 30, p=[0.2, 0.2, 0.35, 0.15, 0.10])
    kind = np.repeat(kinds, lengths)[:MINUTES]
    drift = np.select([kind == 0, kind == 1], [1.0, -1.0], 0.0)
    return drift, kind == 2


def _hours(session: np.void) -> _Hours:
    pre, opens, closes, post = (int(session[name]) // MINUTE for name in ("pre", "open", "close", "post"))
    minute = np.arange(post - pre)
    regular = (minute >= opens - pre) & (minute < closes - pre)
    x = (minute - (opens - pre)) / (closes - opens)
    length = closes - opens
    volatility = np.where(regular, 1 + 1.2 * np.exp(-x / 0.06) + 0.4 * np.exp((x - 1) / 0.08), 0.0)
    volatility *= np.sqrt(_REGULAR * length / 390 / (volatility**2).sum())
    volatility[~regular] = np.sqrt(_EXTENDED / 570)
    volume = np.where(regular, 0.6 + 2.2 * np.exp(-x / 0.05) + 1.6 * np.exp((x - 1) / 0.04), 0.0)
    volume *= length / 390 / volume.sum()
    volume[~regular] = _EXTENDED_VOLUME / 570
    return _Hours(len(minute), regular, volatility, volume)


def _penny_bars(
    rng: np.random.Generator, middle: Floats, volatility: Floats, profile: Profile
) -> tuple[list[Floats], Floats, Floats]:
    """Open, high, low and close on the penny grid around the path of the middle, and bid and ask."""
    count = len(volatility)
    half = np.maximum(0.005, 0.00008 * middle[:-1] * (9e6 / profile.shares) ** 0.25)
    sides = rng.choice([-1.0, 1.0], (2, MINUTES))[:, :count]
    reach = np.abs(rng.normal(size=(2, MINUTES)))[:, :count] * volatility * 0.5
    first, last = middle[:-1], middle[1:]
    opens = np.round(first + half * sides[0], 2)
    close = np.round(last + half * sides[1], 2)
    high = np.maximum.reduce([np.round(np.maximum(first, last) * np.exp(reach[0]), 2), opens, close])
    low = np.minimum.reduce([np.round(np.minimum(first, last) * np.exp(-reach[1]), 2), opens, close])
    bid = np.round(np.floor((first - half) * 100) / 100, 2)
    ask = np.round(np.maximum(np.ceil((first + half) * 100) / 100, bid + 0.01), 2)
    return [opens, high, low, close], bid, ask


def _traded(rng: np.random.Generator, hours: _Hours, shares: float, shocks: Floats) -> tuple[Bools, Floats]:
    """In which minutes there was a trade (Poisson), and the shares if so."""
    expected = shares * hours.volume
    chance = rng.random(MINUTES)[: hours.count]
    present: Bools = chance >= np.exp(-expected / _TRADE_SHARES)
    noise = np.exp(0.45 * rng.normal(size=MINUTES)[: hours.count])
    activity = 0.6 + 0.4 * np.abs(shocks)
    return present, np.ceil(np.maximum(expected, _TRADE_SHARES) * noise * activity)
