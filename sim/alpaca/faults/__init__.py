"""Faults at the edge of the protocol: what clients of the real service have met, on demand and at a known moment."""
