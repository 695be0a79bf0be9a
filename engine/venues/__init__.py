"""Exchanges as we trade them: one protocol, one file per venue."""
