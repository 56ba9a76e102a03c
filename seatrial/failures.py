"""From whatever ended a command to the one line that says where, what, and what to write instead.

The words of the libraries underneath are about their own insides ("Input should be a valid integer, unable to parse
string as an integer"), so what they found is said again here in the words of who typed it.
"""

from __future__ import annotations

from typing import Any

import typer

from core.errors import InputError

BAD_INPUT, DEFECT = 2, 70

_NO_NUMBER = {"int_parsing": "is no whole number", "float_parsing": "is no number"}
_OUT_OF_BOUNDS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


def explained(failure: Exception) -> tuple[InputError, int]:
    """What to tell about a failure, and the exit code."""
    if isinstance(failure, InputError):
        return failure, BAD_INPUT
    if isinstance(failure, typer.TyperException):
        return _usage(failure), BAD_INPUT
    if isinstance(failure, OSError) and failure.filename is not None:
        problem = str(failure.strerror or failure).lower()
        return InputError(str(failure.filename), problem, "See to it, or name another place."), BAD_INPUT
    problem = f"{type(failure).__name__}: {failure}".rstrip(": ")
    return InputError("seatrial failed", problem, "Set SEATRIAL_DEBUG=1 for the traceback, and report it."), DEFECT


def _usage(failure: typer.TyperException) -> InputError:
    """Words that no command takes, or a value that an option does not."""
    command = getattr(getattr(failure, "ctx", None), "command_path", "seatrial")
    manual = f"`{command} --help` shows what it takes."
    found = getattr(failure.__cause__, "errors", None)
    if isinstance(failure, typer.BadParameter) and failure.param is not None and found is not None:
        return _value(failure.param.get_error_hint().strip("'"), found()[0], manual)
    text, _, choices = failure.format_message().removesuffix(".").partition(" Choose from:")
    problem, _, near = text.removesuffix(".").partition(". Did you mean ")
    if choices:
        manual = f"Choose from {' '.join(choices.split())}."
    return InputError(command, problem, f"Did you mean {near}" if near else manual)


def _value(name: str, error: dict[str, Any], manual: str) -> InputError:
    """A value that does not fit, in pydantic's account of it; arguments are named in capitals, as in the help."""
    place = f"{name if name.startswith('-') else name.upper()} {error['input']}"
    kind, message = error["type"], str(error["msg"]).removeprefix("Value error, ").removesuffix(".")
    if kind in _NO_NUMBER:
        return InputError(place, _NO_NUMBER[kind], manual)
    if kind in _OUT_OF_BOUNDS:
        key, word = _OUT_OF_BOUNDS[kind]
        return InputError(place, f"is not {word} {error['ctx'][key]}", manual)
    problem, _, choices = message.partition(" is not one of ")
    if choices:
        return InputError(place, "is not a choice", f"Choose from {choices.replace(chr(39), '')}.")
    return InputError(place, f"does not fit: {problem}", manual)
