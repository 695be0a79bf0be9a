"""A little perpetuals exchange that is real in everything but its money.

Orders meet in a book, accounts carry positions and margin, what they cannot
carry is liquidated, and a journal remembers it all. The time and the prices
come from outside, so the same exchange serves backtests, tests and the service.
"""
