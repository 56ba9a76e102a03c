"""The one error that bad input raises: it names the place and the remedy, and the command line exits with 2."""

from __future__ import annotations


class InputError(Exception):
    """Input from outside that cannot be used.

    `place` names the file, row, key or argument; `problem` says what is wrong there; `remedy` says what to do.
    """

    def __init__(self, place: str, problem: str, remedy: str) -> None:
        super().__init__(f"{place}: {problem}. {remedy}")
        self.place = place
        self.problem = problem
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, str]]:
        """How it travels between processes: with its three parts."""
        return type(self), (self.place, self.problem, self.remedy)
