"""Errors as Alpaca answers them: a status, an eight-digit code whose beginning is the status, a message, and facts.

Clients match on status and code, and often on the message too, so these are literals. Facts about the case (buying
power, quantity held) stand beside the code as decimal strings.
"""

from __future__ import annotations

from typing import Any

MALFORMED = 40010000
INVALID = 40010001
FORBIDDEN = 40310000
DAY_TRADING = 40310100
NOT_FOUND = 40410000
UNPROCESSABLE = 42210000
TOO_MANY = 42910000
INTERNAL = 50010000


class ApiError(Exception):
    """A request that is answered with an error; `facts` are further fields of the body."""

    def __init__(self, status: int, code: int | None, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.facts = facts

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body."""
        code = {} if self.code is None else {"code": self.code}
        return {**code, "message": self.message, **self.facts}


def invalid(message: str) -> ApiError:
    """A field is missing or wrong: 422 with 40010001."""
    return ApiError(422, INVALID, message)


def unprocessable(message: str, **facts: Any) -> ApiError:
    """The fields are right each by itself, and still it cannot be: 422 with 42210000."""
    return ApiError(422, UNPROCESSABLE, message, **facts)


def forbidden(message: str, **facts: Any) -> ApiError:
    """A rule of the account or the market forbids it: 403 with 40310000."""
    return ApiError(403, FORBIDDEN, message, **facts)


def not_found(message: str) -> ApiError:
    """404 with 40410000."""
    return ApiError(404, NOT_FOUND, message)


def unauthorized() -> ApiError:
    """Bad or no credentials: 401, and no code."""
    return ApiError(401, None, "unauthorized.")
