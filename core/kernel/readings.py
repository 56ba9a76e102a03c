"""What the world may read off a state without a step: computed by the engine's own rules, changing nothing."""

from __future__ import annotations

import numpy as np

from core.kernel import margin
from core.kernel.compiled import entry


@entry
def buying_power(state: np.ndarray) -> int:
    """Micros that new openings may still cost; state of shape (1,)."""
    return margin.buying_power(state[0])
