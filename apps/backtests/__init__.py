"""Backtests and searches for parameters: asked for, run in processes of their own, kept."""
