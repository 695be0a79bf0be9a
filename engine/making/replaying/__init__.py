"""A maker against a market that is past: recorded depth and trades, or a made one."""
