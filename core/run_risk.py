"""The table of risk events: the engine's notes as rows. They are few, so the sentences are made one by one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from core.identities import OrderIndex, Records, hex_text
from core.kernel.kinds import Breaker, Mode, NoteKind, Severity
from core.risk_notes import Note, read
from core.run_arrays import factor_array, names_array, text_array, time_array
from core.run_tables import Names, names_of


def risk_events(rows: Records, index: OrderIndex, names: Names) -> pa.RecordBatch:
    """Rows of `risk_events` from NOTE records, at least one, in their order."""
    notes = [Note(*row) for row in rows.tolist()]
    symbols = (*names.symbols, "")  # number -1 is the last
    metrics, actions, details, *measured = zip(*(read(n, symbols[n.symbol]) for n in notes), strict=True)
    values, limits, uses = (factor_array(np.array(column, np.float64)) for column in measured)
    before, after = zip(*(_states(note) for note in notes), strict=True)
    columns = {
        "time": time_array(rows["time"]),
        "kind": names_array(rows["kind"], names_of(NoteKind)),
        "symbol": names_array(rows["symbol"], names.symbols, rows["symbol"] >= 0),
        "strategy": names_array(rows["strategy"], names.strategies, rows["strategy"] >= 0),
        "client_order_id": index.client_order_ids(rows["order"]),
        "intent_id": hex_text(rows["intent"], rows["intent"] != 0),
        "metric": text_array(metrics),
        "value": values,
        "limit": limits,
        "use": uses,
        "severity": names_array(rows["severity"], names_of(Severity)),
        "action": text_array(actions),
        "mode_from": text_array(before),
        "mode_to": text_array(after),
        "detail": text_array(details),
    }
    return pa.record_batch(columns)


def _states(note: Note) -> tuple[str | None, str | None]:
    """States before and after a change: of the safe mode, or of a lane's breaker; nothing else has any."""
    if note.kind == NoteKind.BREAKER_CHANGE:
        return names_of(Breaker)[note.limit], names_of(Breaker)[note.value]
    if note.kind == NoteKind.MODE_CHANGE:
        return names_of(Mode)[note.mode_from], names_of(Mode)[note.mode_to]
    return None, None
