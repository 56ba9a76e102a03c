"""Names for what the venue's compiled functions take: views of the records in records.py, Any to a type checker."""

from __future__ import annotations

from typing import Any, TypeAlias

Venue: TypeAlias = Any  # records.VENUE
VenueSymbol: TypeAlias = Any  # records.VSYMBOL
VenueOrder: TypeAlias = Any  # records.VORDER
Queue: TypeAlias = Any  # records.QUEUE
Log: TypeAlias = Any  # records.LOG
Bar: TypeAlias = Any  # records.BAR
Signal: TypeAlias = Any  # records.SIGNAL
Profile: TypeAlias = Any  # records.PROFILE
Faults: TypeAlias = Any  # records.FAULTS
Fault: TypeAlias = Any  # records.FAULT
