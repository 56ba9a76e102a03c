"""Statistics that simulation and reports share: pure functions from arrays to figures, without a file and a clock.

What scipy and numpy have is taken from there. Here is what they have not: shares of a difference that add up to the
micro-dollar, and intervals and tests that know that the orders of one day are not independent.
"""
