"""Makers of markets: what they are told, where they run, and what they tell."""
