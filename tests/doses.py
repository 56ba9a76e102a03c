"""How much of what can be tested without end: a commit's dose, or the nightly one.

`SEATRIAL_NIGHTLY=n pytest` runs n times the nightly dose of everything; a variable of its own sets one dose alone.
"""

from __future__ import annotations

import os

NIGHTLY = int(os.environ.get("SEATRIAL_NIGHTLY", "0"))


def dose(commit: int, nightly: int, variable: str = "") -> int:
    """What `variable` says, else `nightly` times n at night, else `commit`."""
    return int(os.environ.get(variable, "0")) or nightly * NIGHTLY or commit
