"""Alpaca's protocol: what its bytes mean, its REST routes through alpaca-py, and its two websockets."""
