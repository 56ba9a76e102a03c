"""The sealed engine: one pure function from (state, event) to commands, and the tables it is made of."""
