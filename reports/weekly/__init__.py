"""The weekly risk envelope: what the page of one exchange week is made of."""
