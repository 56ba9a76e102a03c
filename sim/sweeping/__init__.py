"""Searching for schedules of faults that break a promise: thousands of seeds, and the smallest case of each."""
