"""What every strategy comes to on a market that never changes, written down.

`python -m tests.golden check` runs all of it; `python -m tests.golden rewrite --because "…"` writes
anew what is now another, and why it may be. `reasons.md` keeps the reasons.
"""
