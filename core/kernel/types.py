"""Names for what compiled functions take: views of the records in records.py.

numpy gives the fields of a record no static types, so to a type checker these are Any; to a reader they say which
record a function is about.
"""

from __future__ import annotations

from typing import Any, TypeAlias

State: TypeAlias = Any  # records.STATE
Event: TypeAlias = Any  # records.EVENT
Command: TypeAlias = Any  # records.COMMAND
Note: TypeAlias = Any  # records.NOTE
Decision: TypeAlias = Any  # records.DECISION
Order: TypeAlias = Any  # records.ORDER
Symbol: TypeAlias = Any  # records.SYMBOL
LaneRecord: TypeAlias = Any  # records.LANE
ConditionRecord: TypeAlias = Any  # records.CONDITION
Deficit: TypeAlias = Any  # records.DEFICIT
