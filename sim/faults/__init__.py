"""Faults: what goes wrong in a simulated run, by schedule and by seed."""
