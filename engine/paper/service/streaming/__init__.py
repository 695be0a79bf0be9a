"""Streams of the paper exchange: its market data over websockets, in the dialects of real venues."""
