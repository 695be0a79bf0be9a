"""The paper exchange over HTTP on this host, in the dialects of real venues.

One address speaks all dialects, so that a client made for the real venue needs
nothing but another host. A second address is for tests: it makes faults, moves
the market, and tells the truth.
"""
