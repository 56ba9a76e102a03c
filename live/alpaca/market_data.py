"""Alpaca's market data routes: the bars of the past, daily bars, and splits, each as a call with an outcome.

alpaca-py's own clients make the requests and turn the pages; transport.py sends them, each with a deadline and none
twice. Prices are exact on the way, as everywhere (values.py). A call never raises for what the broker does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from alpaca.common.rest import RESTClient
from alpaca.data.enums import Adjustment, CorporateActionsType, DataFeed
from alpaca.data.historical.corporate_actions import CorporateActionsClient
from alpaca.data.historical.stock import StockHistoricalDataClient
from alpaca.data.requests import CorporateActionsRequest, StockBarsRequest
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

from core.kernel.kinds import LaneFailure
from core.kernel.units import SECOND
from live.alpaca.endpoint import Endpoint
from live.alpaca.messages import Struct
from live.alpaca.outcomes import Accepted, Ambiguous, Failed, Outcome, judge, judge_status
from live.alpaca.transport import Reply, TransportError, exchange, new_session
from live.alpaca.values import Price, convert
from live.alpaca.wire import Candle

T = TypeVar("T")
PAGE = 20.0  # seconds that a page of ten thousand bars may take

Candles = Mapping[str, Sequence[Candle]]


class Split(Struct, frozen=True):
    """A split: `new_rate` shares for `old_rate` old ones, both in micros, from the open of `ex_date` on."""

    symbol: str
    ex_date: date
    new_rate: Price
    old_rate: Price


class _FailedError(Exception):
    """An answer that is none; carries its outcome through alpaca-py's loop over pages."""

    def __init__(self, outcome: Failed) -> None:
        super().__init__()
        self.outcome = outcome


class _Sending(RESTClient):
    """What replaces the one function of alpaca-py that talks, in both of its clients."""

    def prepare(self, loopback: bool) -> None:
        """Send by our own session from now on."""
        self._retry = 0
        self._session = new_session(loopback)

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._session.close()

    def _one_request(self, method: str, url: str, opts: dict[str, Any], retry: int) -> Any:
        try:
            reply: Reply | TransportError = exchange(self._session, method, url, PAGE, opts)
        except TransportError as broken:
            reply = broken
        failed = judge(reply, None) if isinstance(reply, TransportError) else judge_status(reply)
        if failed is not None:
            assert not isinstance(failed, Accepted)
            raise _FailedError(failed)
        assert isinstance(reply, Reply)
        return json.loads(reply.body, parse_float=Decimal)


class _Bars(_Sending, StockHistoricalDataClient):
    pass


class _Actions(_Sending, CorporateActionsClient):
    pass


class MarketData:
    """The past of an account's market. Calls block, page by page, and may be made from a thread of their own."""

    def __init__(self, endpoint: Endpoint) -> None:
        key, secret = endpoint.keys.key.reveal(), endpoint.keys.secret.reveal()
        self._feed = DataFeed(endpoint.feed) if endpoint.feed != "test" else None
        self._bars = _Bars(key, secret, raw_data=True, url_override=endpoint.data)
        self._actions = _Actions(key, secret, raw_data=True, url_override=endpoint.data)
        self._bars.prepare(endpoint.loopback)
        self._actions.prepare(endpoint.loopback)

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._bars.close()
        self._actions.close()

    def bars(self, symbols: Sequence[str], start: int, end: int, seconds: int = 60) -> Outcome[Candles]:
        """The raw bars that begin from `start` to `end` (ns UTC, both included), by symbol; none for a quiet one."""
        return self._candles(symbols, start, end, TimeFrame(seconds // 60, TimeFrameUnit.Minute))

    def daily(self, symbols: Sequence[str], start: int, end: int) -> Outcome[Candles]:
        """The same of whole regular sessions."""
        return self._candles(symbols, start, end, TimeFrame(1, TimeFrameUnit.Day))

    def splits(self, symbols: Sequence[str], first: date, last: date) -> Outcome[Sequence[Split]]:
        """Splits with an ex-date from `first` to `last`, both included."""
        kinds = [CorporateActionsType.FORWARD_SPLIT, CorporateActionsType.REVERSE_SPLIT]
        request = CorporateActionsRequest(symbols=list(symbols), types=kinds, start=first, end=last)

        def read(found: Any) -> Sequence[Split]:
            rows = [row for name in ("forward_splits", "reverse_splits") for row in found.get(name, ())]
            return msgspec.convert(rows, list[Split], dec_hook=convert)

        return _called(lambda: self._actions.get_corporate_actions(request), read)

    def _candles(self, symbols: Sequence[str], start: int, end: int, frame: TimeFrame) -> Outcome[Candles]:
        request = StockBarsRequest(
            symbol_or_symbols=list(symbols),
            timeframe=frame,
            start=_moment(start),
            end=_moment(end),
            adjustment=Adjustment.RAW,
            feed=self._feed,
        )

        def read(found: Any) -> Candles:
            return msgspec.convert(found, dict[str, list[Candle]], dec_hook=convert)

        return _called(lambda: self._bars.get_stock_bars(request), read)


def _called(call: Callable[[], Any], read: Callable[[Any], T]) -> Outcome[T]:
    """Make a call and read what it brought."""
    try:
        return Accepted(read(call()))
    except _FailedError as failed:
        return failed.outcome
    except (ValueError, TypeError, AttributeError, msgspec.MsgspecError) as error:  # JSON of another form
        return Ambiguous(LaneFailure.UNPARSEABLE, f"market data: {str(error)[:200]}")


def _moment(nanos: int) -> datetime:
    return datetime.fromtimestamp(nanos // SECOND, UTC)
