"""Streams of the paper exchange: its market over websockets, in the dialects of real venues."""
