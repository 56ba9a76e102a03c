"""Features of price series: volatility, trend with its uncertainty, ranges, channels and straightness.

Every feature takes float64 arrays of shape (time, symbol), NaN where a symbol has no bar, and returns the
same shape. It runs from left to right, each symbol for itself, so the value at a row depends only on that
symbol's bars up to that row and keeps its bits whatever follows (prefix-exact). Counts of bars are counts of
the symbol's *own* bars: a missing bar changes no state and has the value NaN. A night is no bar: the jump
from one session's last price to the next one's first is in no return, no true range and no path. `session`
(int64, a number a row, the same within one session) says where the nights are.

The trend is the smooth local linear trend: log price = level + noise, the level gains the velocity each bar,
and the velocity is a random walk (A. C. Harvey, *Forecasting, Structural Time Series Models and the Kalman
Filter*, 1989: the local linear trend with level variance zero). One length, `memory` n, sets its noises:

    var(noise) = R = σ² n / (2√2),    var(velocity step) = R / n⁴,    σ = running volatility per bar

In the steady state of the continuous-time filter errors are forgotten as exp(−t / (√2 n)), and on a
driftless random walk of volatility σ, which prices nearly are, the prediction error has the variance σ² n /
(2√2) and the estimated velocity σ² / (2√2 n). That R therefore makes the standardised prediction error
(`score`) a z-score, of variance one on a random walk. The filter itself states the velocity's variance as σ²
/ (2n²), as if prices scattered independently around the trend, so on a random walk the ratio of velocity to
its error has the variance n / √2: its root, `null_velocity_ratio`, is the yardstick for a velocity that is
more than chance.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from core.errors import InputError
from core.kernel.compiled import entry

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEAST_VOLATILITY = 1e-6  # per bar: a price that does not move must not make the filter certain
LEAST_PATH = 1e-9  # dollars; a shorter path is the rounding residue of a running sum


class Trend(NamedTuple):
    """The filtered trend; float64 (T, S), units of the natural logarithm, NaN = no bar or too early.

    level, velocity              filtered log price and its change a bar, knowing this bar
    level_error, velocity_error  their standard deviations under the model
    score                        standardised one-step prediction error; NaN on a session's first bar
    """

    level: Floats
    velocity: Floats
    level_error: Floats
    velocity_error: Floats
    score: Floats


class Channel(NamedTuple):
    """Highest high and lowest low of earlier bars; float64 (T, S), dollars, NaN = no bar or too early."""

    upper: Floats
    lower: Floats


def log_price(close: Floats) -> Floats:
    """Natural logarithm of positive prices."""
    return _log(_grid(close))


def ewma_volatility(logs: Floats, session: Ints, memory: float) -> Floats:
    """Root of the exponentially weighted mean squared log return within sessions, per bar.

    The weight of a return fades as exp(−age / (√2 · memory)), as the trend's errors do, and the weights sum
    to one: the first value, at the symbol's second bar, is that return's size.
    """
    _positive("memory", memory, 1.0)
    return _ewma_volatility(_grid(logs), session, math.exp(-1.0 / (math.sqrt(2.0) * memory)))


def kalman_trend(logs: Floats, volatility: Floats, session: Ints, memory: float) -> Trend:
    """Level and velocity of the log price with their uncertainties; the head of this file states the model.

    The noises at a bar are scaled by the volatility known *before* it. A session's first bar sets the level
    anew, as after a shift of unknown size, and leaves the velocity as it was. Values begin at the symbol's
    third bar.
    """
    _positive("memory", memory, 1.0)
    return Trend(*_kalman_trend(_grid(logs), _grid(volatility), session, float(memory)))


def null_velocity_ratio(memory: float) -> float:
    """Standard deviation of velocity / velocity_error on a driftless random walk: (memory / √2)^½."""
    return math.sqrt(memory / math.sqrt(2.0))


def average_true_range(high: Floats, low: Floats, close: Floats, session: Ints, bars: int) -> Floats:
    """Simple mean of the last `bars` true ranges, dollars; NaN until so many were seen.

    After J. W. Wilder, *New Concepts in Technical Trading Systems*, 1978, whose smoothing is exponential:
    the simple mean forgets a range after exactly `bars` bars.
    """
    _positive("bars", bars, 1)
    return _average_true_range(_grid(high), _grid(low), _grid(close), session, int(bars))


def donchian_channel(high: Floats, low: Floats, bars: int) -> Channel:
    """Highest high and lowest low of the `bars` bars before this one; NaN until so many were seen."""
    _positive("bars", bars, 1)
    return Channel(*_donchian_channel(_grid(high), _grid(low), int(bars)))


def efficiency_ratio(close: Floats, session: Ints, bars: int) -> Floats:
    """Net change over length of path of the last `bars` changes; 1 = straight, 0 = back where it began.

    After P. J. Kaufman, *Smarter Trading*, 1995. A price that did not move has 0; NaN until `bars` changes.
    """
    _positive("bars", bars, 1)
    return _efficiency_ratio(_grid(close), session, int(bars))


def trend_confidence(efficiency: Floats, bars: int) -> Floats:
    """The regime, 0 = range to 1 = trend: the chance that a driftless random walk goes less straight.

    The net of n independent normal changes has the variance nσ² and their path is close to its mean
    nσ√(2/π), so the efficiency is distributed nearly as |N(0, 1)| √(π / 2n), with the distribution function
    erf(x √(n / π)). Any shape of `efficiency` will do; NaN stays NaN.
    """
    _positive("bars", bars, 1)
    return _erf(efficiency.ravel(), math.sqrt(bars / math.pi)).reshape(efficiency.shape)


def _grid(values: Floats) -> Floats:
    # pandas hands out column-major arrays; the kernels are compiled for row-major ones.
    if values.ndim != 2:
        raise InputError("features", f"an array of shape {values.shape}", "Pass the shape (time, symbol)")
    return np.ascontiguousarray(values, dtype=np.float64)


def _positive(name: str, value: float, least: float) -> None:
    if not value >= least:
        raise InputError(f"features, {name}", f"{value} is below {least}", "Choose a greater length in bars")


@entry
def _log(close: Floats) -> Floats:
    rows, symbols = close.shape
    out = np.empty((rows, symbols))
    for t in range(rows):
        for s in range(symbols):
            out[t, s] = math.log(close[t, s])
    return out


@entry
def _erf(values: Floats, scale: float) -> Floats:
    out = np.empty(len(values))
    for i in range(len(values)):
        out[i] = math.erf(values[i] * scale)
    return out


@entry
def _ewma_volatility(logs: Floats, session: Ints, decay: float) -> Floats:
    rows, symbols = logs.shape
    out = np.full((rows, symbols), np.nan)
    last = np.full(symbols, np.nan)  # log price of the symbol's last bar in this session
    total, weight = np.zeros(symbols), np.zeros(symbols)
    for t in range(rows):
        if t > 0 and session[t] != session[t - 1]:
            last[:] = np.nan
        for s in range(symbols):
            y = logs[t, s]
            if math.isnan(y):
                continue
            step = y - last[s]
            last[s] = y
            if not math.isnan(step):
                total[s] = decay * total[s] + step * step
                weight[s] = decay * weight[s] + 1.0
            if weight[s] > 0.0:
                out[t, s] = math.sqrt(total[s] / weight[s])
    return out


@entry
def _kalman_trend(
    logs: Floats, volatility: Floats, session: Ints, memory: float
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    rows, symbols = logs.shape
    levels, velocities = np.full((rows, symbols), np.nan), np.full((rows, symbols), np.nan)
    level_errors, velocity_errors = np.full((rows, symbols), np.nan), np.full((rows, symbols), np.nan)
    scores = np.full((rows, symbols), np.nan)
    noise_scale = memory / (2.0 * math.sqrt(2.0))
    ratio = 1.0 / (memory * memory * memory * memory)
    sigma = np.full(symbols, np.nan)  # volatility known before the bar
    level, velocity = np.full(symbols, np.nan), np.zeros(symbols)  # level NaN = to be set by the next bar
    p00, p01, p11 = np.zeros(symbols), np.zeros(symbols), np.full(symbols, np.nan)
    for t in range(rows):
        if t > 0 and session[t] != session[t - 1]:
            level[:] = np.nan
        for s in range(symbols):
            y = logs[t, s]
            if math.isnan(y):
                continue
            before = sigma[s]
            sigma[s] = volatility[t, s]
            if math.isnan(before):
                continue
            before = max(before, LEAST_VOLATILITY)
            noise = before * before * noise_scale
            if math.isnan(p11[s]):
                p11[s] = before * before  # vague: a velocity of a whole bar's volatility
            if math.isnan(level[s]):
                level[s], p00[s], p01[s] = y, noise, 0.0
                p11[s] += ratio * noise
            else:
                a00 = p00[s] + 2.0 * p01[s] + p11[s]
                a01 = p01[s] + p11[s]
                precision = 1.0 / (a00 + noise)
                k0, k1 = a00 * precision, a01 * precision
                error = y - (level[s] + velocity[s])
                level[s] += velocity[s] + k0 * error
                velocity[s] += k1 * error
                p00[s], p01[s] = k0 * noise, k1 * noise
                p11[s] += ratio * noise - k1 * a01
                scores[t, s] = error * math.sqrt(precision)
            levels[t, s], velocities[t, s] = level[s], velocity[s]
            level_errors[t, s], velocity_errors[t, s] = math.sqrt(p00[s]), math.sqrt(p11[s])
    return levels, velocities, level_errors, velocity_errors, scores


@entry
def _average_true_range(high: Floats, low: Floats, close: Floats, session: Ints, bars: int) -> Floats:
    rows, symbols = close.shape
    out = np.full((rows, symbols), np.nan)
    last = np.full(symbols, np.nan)  # close of the symbol's last bar in this session
    ring, total = np.zeros((symbols, bars)), np.zeros(symbols)
    place, full = np.zeros(symbols, np.int64), np.zeros(symbols, np.bool_)
    for t in range(rows):
        if t > 0 and session[t] != session[t - 1]:
            last[:] = np.nan
        for s in range(symbols):
            if math.isnan(close[t, s]):
                continue
            top = last[s] if last[s] > high[t, s] else high[t, s]
            bottom = last[s] if last[s] < low[t, s] else low[t, s]
            last[s] = close[t, s]
            at = place[s]
            total[s] += (top - bottom) - ring[s, at]
            ring[s, at] = top - bottom
            place[s] = at + 1
            if at + 1 == bars:
                place[s], full[s] = 0, True
            if full[s]:
                out[t, s] = total[s] / bars
    return out


@entry
def _efficiency_ratio(close: Floats, session: Ints, bars: int) -> Floats:
    rows, symbols = close.shape
    out = np.full((rows, symbols), np.nan)
    last = np.full(symbols, np.nan)  # close of the symbol's last bar in this session
    ring, net, path = np.zeros((symbols, bars)), np.zeros(symbols), np.zeros(symbols)
    place, full = np.zeros(symbols, np.int64), np.zeros(symbols, np.bool_)
    for t in range(rows):
        if t > 0 and session[t] != session[t - 1]:
            last[:] = np.nan
        for s in range(symbols):
            price = close[t, s]
            if math.isnan(price):
                continue
            step = price - last[s]
            last[s] = price
            if not math.isnan(step):
                at = place[s]
                net[s] += step - ring[s, at]
                path[s] += abs(step) - abs(ring[s, at])
                ring[s, at] = step
                place[s] = at + 1
                if at + 1 == bars:
                    place[s], full[s] = 0, True
            if full[s]:
                out[t, s] = min(abs(net[s]) / path[s], 1.0) if path[s] > LEAST_PATH else 0.0
    return out


@entry
def _donchian_channel(high: Floats, low: Floats, bars: int) -> tuple[Floats, Floats]:
    """Sliding extremes of the bars before each bar, in blocks of the window's length.

    A window is the rest of the last full block and the present block so far: `tops` and `bottoms` hold the
    full block's extremes from each place to its end, overwritten place by place with the present block's
    values (van Herk 1992; Gil & Werman 1993). Three comparisons a bar and no branch that depends on prices:
    about half the cost of a monotonic queue, whose mispredicted branches dominate.
    """
    rows, symbols = high.shape
    upper, lower = np.full((rows, symbols), np.nan), np.full((rows, symbols), np.nan)
    tops, bottoms = np.zeros((symbols, bars)), np.zeros((symbols, bars))
    top, bottom = np.full(symbols, -np.inf), np.full(symbols, np.inf)  # extremes of the present block
    place, full = np.zeros(symbols, np.int64), np.zeros(symbols, np.bool_)
    for t in range(rows):
        for s in range(symbols):
            if math.isnan(high[t, s]):
                continue
            at = place[s]
            if full[s]:
                upper[t, s] = top[s] if top[s] > tops[s, at] else tops[s, at]
                lower[t, s] = bottom[s] if bottom[s] < bottoms[s, at] else bottoms[s, at]
            tops[s, at], bottoms[s, at] = high[t, s], low[t, s]
            top[s] = tops[s, at] if tops[s, at] > top[s] else top[s]
            bottom[s] = bottoms[s, at] if bottoms[s, at] < bottom[s] else bottom[s]
            place[s] = at + 1
            if at + 1 == bars:
                for i in range(bars - 2, -1, -1):
                    tops[s, i] = max(tops[s, i], tops[s, i + 1])
                    bottoms[s, i] = min(bottoms[s, i], bottoms[s, i + 1])
                top[s], bottom[s], place[s], full[s] = -np.inf, np.inf, 0, True
    return upper, lower
