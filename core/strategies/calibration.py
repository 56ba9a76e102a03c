"""Making and judging the probabilities of strategies: outcomes, the logistic fit, and its reliability.

An outcome is decided by the barriers that the signal declared, on the bars after it: 1 when the target is
reached first, 0 when the stop is, or neither within the horizon. A bar that spans both counts as the stop,
since bars do not tell which came first. Outcomes never look at what a position earned: early exits, costs
and sizes are not what the probability is about.

The logistic fit (core.statistics.logistic) has a ridge so weak that it only decides between coefficients that
the data cannot tell apart, and errors clustered by session: n overlapping signals are not n experiments.

A forecast is judged by the scores of core.statistics.scores (Brier, skill against the base rate, log loss,
bins) and by the recalibration log-odds(y) ~ intercept + slope · log-odds(p), which is 0 and 1 when calibrated
(Cox 1958).

How the default coefficients were fitted
----------------------------------------
With `calibrate`, on made markets (sim.synth): seeds 101 to 104, ten symbols and 120 sessions each from
2024-01-02, signals of both sides, every other parameter at its default. The slope was judged on seed 105.
Standard errors in brackets.

                  signals  base rate  constant      strength      trend         haste         slope
  breakout        22,406   0.580      −3.49 (0.59)  −0.37 (0.08)   4.11 (0.61)  −0.57 (0.37)  1.2 (0.2)
  momentum         8,252   0.563       0.36 (0.14)   0.78 (0.61)  −0.13 (0.15)  −0.24 (0.48)  1.9 (1.4)
  mean reversion  14,072   0.528       0.04 (0.09)  −0.05 (0.04)  −0.05 (0.12)   1.22 (1.07)  −0.4 (1.4)

Break-even is 0.5 for all three. Breakouts differ in their chances, and the fit finds which are better; for
the other two it finds little beyond their base rates, and their probabilities are nearly constant. The
edges are those that the generator puts into its markets: they show that the machinery works and promise
nothing about real ones. Fit to your own data before you trust a probability.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from core.bars import Bars, Floats, Ints
from core.errors import InputError
from core.kernel.compiled import entry
from core.statistics.logistic import logistic, logistic_fit, logit
from core.statistics.scores import Bins
from core.statistics.scores import score as probability_scores
from core.strategies.contract import Sides, Signals
from core.strategies.intraday import Intraday

RIDGE = 1e-3
LEAST_SIGNALS = 100


@dataclass(frozen=True, slots=True)
class Score:
    """How good probabilities were. `skill` is 1 − Brier score / that of the base rate; above 0 is better.

    `slope` and `intercept` recalibrate log-odds, with the standard error of the slope clustered by session.
    """

    count: int
    base_rate: float
    brier: float
    skill: float
    log_loss: float
    intercept: float
    slope: float
    slope_error: float
    bins: Bins


@dataclass(frozen=True, slots=True)
class Fit:
    """Coefficients of a logistic fit and their standard errors, in the order of the terms."""

    coefficients: tuple[float, ...]
    errors: tuple[float, ...]


def outcomes(bars: Bars, signals: Signals) -> Floats:
    """1 = target first, 0 = stop first or neither within the horizon; float64 (T, S).

    NaN where there is no signal, or where the bars end before the outcome is decided.
    """
    open_hours = bars.regular[:, None]  # brackets rest in regular hours only
    return _outcomes(
        np.where(open_hours, bars.high, np.nan),
        np.where(open_hours, bars.low, np.nan),
        bars.close,
        np.where(np.isfinite(signals.probability), signals.side, np.int8(0)),
        signals.target,
        signals.stop,
        signals.horizon,
    )


def calibrate(strategy: Intraday, samples: Iterable[Bars]) -> tuple[Fit, Score]:
    """Fit the coefficients of a built-in strategy to the outcomes of its signals, and judge them on the same.

    `samples` are stretches of bars, each with its own warm-up; together they must hold some hundred
    signals, or InputError is raised. Make the strategy that uses the fit with dataclasses.replace(strategy,
    coefficients=…), and judge it on bars that the fit has not seen: `score` of its probabilities and their
    outcomes.
    """
    terms, results, sessions = [], [], []
    for bars in samples:
        evidence = strategy.evidence(bars)
        outcome = outcomes(bars, strategy.signals(bars))[evidence.row, evidence.column]
        known = np.isfinite(outcome) & (evidence.row >= strategy.warmup)
        terms.append(evidence.terms[known])
        results.append(outcome[known])
        sessions.append(bars.session[evidence.row[known]])
    x, y, session = np.concatenate(terms), np.concatenate(results), np.concatenate(sessions)
    fit = fit_logistic(x, y, session)
    probability = logistic(x @ np.array(fit.coefficients))
    return fit, score(probability, y, session)


def fit_logistic(terms: Floats, outcome: Floats, session: Ints) -> Fit:
    """Maximum likelihood of P(outcome = 1) = 1 / (1 + exp(−terms · c)).

    terms (n, k) float64 with a constant first column, outcome (n,) 0 or 1, session (n,) the cluster of
    each; errors are NaN for one session. Raises InputError when there are too few outcomes, or all are alike.
    """
    count = len(outcome)
    if count < LEAST_SIGNALS or outcome.min() == outcome.max():
        problem = f"{count} outcomes, {int(outcome.sum())} of them 1"
        raise InputError("calibration", problem, f"Give bars with {LEAST_SIGNALS} signals of either outcome")
    fit = logistic_fit(terms, outcome, session, RIDGE)
    if fit is None:
        raise InputError("calibration", f"{count} outcomes determine no fit", "Give more bars, or terms that differ")
    return Fit(tuple(fit.coefficients.tolist()), tuple(fit.errors.tolist()))


def score(probability: Floats, outcome: Floats, session: Ints, bins: int = 10) -> Score:
    """Judge probabilities (n,) by their outcomes (n,) 0 or 1; session (n,) clusters the slope's error."""
    scores = probability_scores(probability, outcome == 1.0, bins)
    odds = logit(probability)
    recalibration = fit_logistic(np.column_stack([np.ones(len(odds)), odds]), outcome, session)
    return Score(
        count=scores.n,
        base_rate=scores.base_rate,
        brier=scores.brier,
        skill=scores.skill,
        log_loss=scores.log_loss,
        intercept=recalibration.coefficients[0],
        slope=recalibration.coefficients[1],
        slope_error=recalibration.errors[1],
        bins=scores.bins,
    )


@entry
def _outcomes(
    high: Floats, low: Floats, close: Floats, side: Sides, target: Floats, stop: Floats, horizon: Floats
) -> Floats:
    rows, symbols = close.shape
    out = np.full((rows, symbols), np.nan)
    for t in range(rows):
        for s in range(symbols):
            if side[t, s] == 0:
                continue
            gain = close[t, s] + side[t, s] * target[t, s]
            loss = close[t, s] - side[t, s] * stop[t, s]
            last = t + horizon[t, s]
            for i in range(t + 1, rows):
                if i > last:
                    out[t, s] = 0.0
                    break
                best, worst = (high[i, s], low[i, s]) if side[t, s] > 0 else (low[i, s], high[i, s])
                if side[t, s] * (worst - loss) <= 0.0:
                    out[t, s] = 0.0
                    break
                if side[t, s] * (best - gain) >= 0.0:
                    out[t, s] = 1.0
                    break
            if rows - 1 >= last and math.isnan(out[t, s]):
                out[t, s] = 0.0
    return out
