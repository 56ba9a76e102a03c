"""Two runs on one page: the run in question against the simulation of it."""
