"""Measurements: each script runs the work beside an alternative, in one run, and prints ratios."""
