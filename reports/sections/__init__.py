"""The sections of a report: each turns a run's facts into figures, tables and tiles, and draws no page."""
