"""What an answer, or its absence, says about a request (semantics C1).

    Accepted   2xx with a body of the right form                        it has happened
    Refused    4xx with Alpaca's JSON, or 401/403 of any form           it has not happened, and never will
    Limited    429                                                      it has not happened; later, perhaps
    Unsent     the connection could not be made                         it has not happened
    Ambiguous  a timeout, a cut, 3xx, 5xx, HTML, JSON of another form   nobody knows

Alpaca calls the status and the code of a refusal its contract and the message not. So a cause is told by the status,
the code and the fields beside the message, and by words of the message only where nothing else tells causes apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from core.errors import InputError
from core.kernel.kinds import LaneFailure, RejectReason
from live.alpaca.messages import Problem
from live.alpaca.transport import Reply, TransportError
from live.alpaca.wire import WireError, parse

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Accepted(Generic[T]):
    """It has happened; `value` is what the broker says of it."""

    value: T


@dataclass(frozen=True, slots=True)
class Refused:
    """It has not happened. `unauthorised` means that nothing will, until a person has looked at the keys."""

    reason: RejectReason
    status: int
    code: int | None
    message: str
    unauthorised: bool = False


@dataclass(frozen=True, slots=True)
class Limited:
    """Too many requests; `reset` is the second (UNIX time) at which there are more, `after` how many seconds that is
    from now: each if the broker says so."""

    reset: int | None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Unsent:
    """Nothing left this process."""

    failure: LaneFailure
    detail: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The request may have been carried out or not."""

    failure: LaneFailure
    detail: str


Outcome: TypeAlias = Accepted[T] | Refused | Limited | Unsent | Ambiguous
Failed: TypeAlias = Refused | Limited | Unsent | Ambiguous

FORBIDDEN, LEGACY_DAY_TRADES = 40310000, 40310100

# Words of messages, where a code covers many causes. The first that occurs decides.
_WORDS = (
    ("must be unique", RejectReason.DUPLICATE_ID),
    ("buying power", RejectReason.BUYING_POWER),
    ("insufficient qty", RejectReason.QUANTITY),
    ("wash trade", RejectReason.WASH_TRADE),
    ("sub-penny", RejectReason.PRICE_INCREMENT),
    ("must be entry orders", RejectReason.NOT_ENTRY),
    ("take_profit", RejectReason.BRACKET_GEOMETRY),
    ("stop_loss", RejectReason.BRACKET_GEOMETRY),
    ('already in "filled"', RejectReason.ALREADY_FILLED),
    ("not cancelable", RejectReason.NOT_CANCELABLE),
    ("pending cancel", RejectReason.NOT_CANCELABLE),
    ("already in", RejectReason.NOT_CANCELABLE),
    ("sold short", RejectReason.NOT_SHORTABLE),
    ("allowed to short", RejectReason.NOT_SHORTABLE),
    ("not tradable", RejectReason.NOT_TRADABLE),
    ("not active", RejectReason.NOT_TRADABLE),
    ("submitted after", RejectReason.SESSION),
    ("extended hours", RejectReason.SESSION),
    ("halt", RejectReason.HALTED),
    ("opposite", RejectReason.WASH_TRADE),
    ("cannot open a", RejectReason.WASH_TRADE),
    ("restricted", RejectReason.ACCOUNT),
    ("not authorized", RejectReason.ACCOUNT),
    ("rejected by user request", RejectReason.ACCOUNT),
    ("day trading", RejectReason.ACCOUNT),
)


def judge(reply: Reply | TransportError, form: type[T] | None) -> Outcome[T | None]:
    """The outcome of an exchange whose good body has the form `form`; None where there is none."""
    if isinstance(reply, TransportError):
        return Ambiguous(reply.failure, str(reply)) if reply.left else Unsent(reply.failure, str(reply))
    failed = judge_status(reply)
    if failed is not None:
        return failed
    if form is None:
        return Accepted(None)
    try:
        return Accepted(parse(form, reply.body))
    except WireError as error:
        return Ambiguous(LaneFailure.UNPARSEABLE, f"{error} (request {reply.request_id})")


def judge_status(reply: Reply) -> Failed | None:
    """What the status says against a request, None for 2xx."""
    status = reply.status
    if 200 <= status < 300:
        return None
    if status == 429:
        return Limited(_seconds(reply, "x-ratelimit-reset"), _seconds(reply, "retry-after"))
    if 400 <= status < 500:
        return _refusal(reply)
    failure = LaneFailure.SERVER_ERROR if status >= 500 else LaneFailure.UNPARSEABLE
    return Ambiguous(failure, f"status {status} (request {reply.request_id})")


def explained(outcome: Failed) -> str:
    """Why a call brought nothing, in a few words."""
    if isinstance(outcome, Limited):
        return "the broker says that there were too many requests"
    if isinstance(outcome, Refused):
        return f"the broker refuses: {outcome.message.rstrip('.')} ({outcome.status})"
    if isinstance(outcome, Unsent):
        return f"the broker cannot be reached ({outcome.detail})"
    return f"the broker does not answer as it should ({outcome.detail})"


def demanded(outcome: Outcome[T], place: str) -> T:
    """The value of a call without which nothing can begin; `place` names what it was about. Raises InputError."""
    if isinstance(outcome, Accepted):
        return outcome.value
    if isinstance(outcome, Refused) and outcome.unauthorised:
        problem = f"the broker does not accept the keys ({outcome.status})"
        raise InputError("API keys", problem, "Make new paper keys, or copy them again: those of live money do not fit")
    if isinstance(outcome, Refused):
        raise InputError(place, explained(outcome), "Mend what it names, and start again")
    raise InputError(place, explained(outcome), "See that network and address are right, and start again later")


def _refusal(reply: Reply) -> Failed:
    status = reply.status
    try:
        problem = parse(Problem, reply.body)
    except WireError:
        if status in (401, 403):
            return Refused(RejectReason.ACCOUNT, status, None, "not authorised", unauthorised=True)
        return Ambiguous(LaneFailure.UNPARSEABLE, f"status {status} without Alpaca's JSON")
    message = problem.message[:300]
    if status == 401 or (status == 403 and problem.code in (None, 40110000)):
        return Refused(RejectReason.ACCOUNT, status, problem.code, message, unauthorised=True)
    if status == 408:
        return Ambiguous(LaneFailure.TIMEOUT, "status 408")
    return Refused(_reason(status, problem), status, problem.code, message)


def _reason(status: int, problem: Problem) -> RejectReason:
    if status == 404:
        return RejectReason.NOT_FOUND
    if problem.code == LEGACY_DAY_TRADES:
        return RejectReason.ACCOUNT
    if problem.code == FORBIDDEN and problem.buying_power is not None:
        return RejectReason.BUYING_POWER
    if problem.code == FORBIDDEN and problem.available is not None:
        return RejectReason.QUANTITY
    if problem.code == FORBIDDEN and problem.reject_reason is not None:
        return RejectReason.WASH_TRADE
    if problem.base_price is not None:
        return RejectReason.BRACKET_GEOMETRY
    message = problem.message.lower()
    return next((reason for words, reason in _WORDS if words in message), RejectReason.ORDER_RULE)


def _seconds(reply: Reply, header: str) -> int | None:
    text = reply.headers.get(header, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else None
