"""Merchant companies and the users who log in."""
