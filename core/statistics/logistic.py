"""The logistic fit, with errors that know which outcomes belong together.

    P(y = 1) = 1 / (1 + exp(-x . c))

is fitted by maximum likelihood with Newton's method. A ridge, `ridge / 2` times the squares of all coefficients but the
first, may decide between those that the data cannot tell apart. Outcomes of one group (a day, a session) share its
market, so the covariance is clustered: the sandwich of Liang and Zeger, "Longitudinal data analysis using generalized
linear models", Biometrika 73, 1986, with the correction g / (g - 1) for g groups.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

EDGE = 1e-6  # probabilities are kept this far from 0 and 1, where the logit ends
STEPS = 50
CLOSE = 1e-8  # of a step, relative: the next one would be its square
FARTHEST = 30.0  # of a logit: beyond, exp() would only overflow


class LogisticFit(NamedTuple):
    """Coefficients, float64 (k,), and their clustered covariance, float64 (k, k)."""

    coefficients: Floats
    covariance: Floats

    @property
    def errors(self) -> Floats:
        """Standard errors of the coefficients, (k,)."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))


def inside(p: Floats) -> Floats:
    """Probabilities kept away from 0 and 1, so that they have a logarithm."""
    return np.clip(p, EDGE, 1.0 - EDGE)


def logit(p: Floats) -> Floats:
    """Log-odds of probabilities."""
    kept = inside(p)
    return np.log(kept / (1.0 - kept))


def logistic(x: Floats) -> Floats:
    """Probabilities of log-odds."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x, -FARTHEST, FARTHEST))))


def logistic_fit(terms: Floats, y: Floats, group: Int64s, ridge: float = 0.0) -> LogisticFit | None:
    """Fit float64 (n,) outcomes 0 and 1 to float64 (n, k) terms; int64 (n,) `group` clusters them.

    The covariance of one group alone is NaN. The fit is None where the likelihood has no maximum: outcomes that a
    threshold parts without an error, or terms that say the same.
    """
    weak = np.diag([0.0] + [ridge] * (terms.shape[1] - 1))
    c = np.zeros(terms.shape[1])
    for _ in range(STEPS):
        p = logistic(terms @ c)
        information = (terms * (p * (1.0 - p))[:, None]).T @ terms + weak
        try:
            step = np.linalg.solve(information, terms.T @ (y - p) - weak @ c)
        except np.linalg.LinAlgError:
            return None
        c = c + step
        if float(np.abs(step).max()) < CLOSE * max(float(np.abs(c).max()), 1.0):
            return LogisticFit(c, _clustered(terms, y, group, c, weak))
    return None


def _clustered(terms: Floats, y: Floats, group: Int64s, c: Floats, weak: Floats) -> Floats:
    p = logistic(terms @ c)
    bread = np.linalg.inv((terms * (p * (1.0 - p))[:, None]).T @ terms + weak)
    _, place = np.unique(group, return_inverse=True)
    scores = np.zeros((int(place.max()) + 1, len(c)))
    np.add.at(scores, place, terms * (y - p)[:, None])
    groups = len(scores)
    correction = groups / (groups - 1) if groups > 1 else np.nan
    return np.asarray(bread @ (scores.T @ scores) @ bread * correction, np.float64)
