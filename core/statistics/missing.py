"""What a statistic is when there is too little to compute it from: said, with numbers, and never 0."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """Takes the place of a figure that needs more than there is: `have` of what `of` names, where `need` are needed."""

    have: int
    need: int
    of: str

    def __str__(self) -> str:
        return f"not measured ({self.lack})"

    @property
    def lack(self) -> str:
        """What there is, and what it takes."""
        return f"have {self.have:,} {self.of}, need {self.need:,}"
