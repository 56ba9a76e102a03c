"""Revisions of the store's schema, run by `seatrial db upgrade`."""
