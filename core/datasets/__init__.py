"""Market data on disk: validated, session by session, in bounded memory."""

from core.datasets.dataset import Dataset
from core.datasets.writer import About, SessionTables, convert, write_dataset

__all__ = ["About", "Dataset", "SessionTables", "convert", "write_dataset"]
