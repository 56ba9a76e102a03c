"""An Alpaca-compatible server over the simulated venue: REST, websockets, a virtual clock, and faults on demand."""
