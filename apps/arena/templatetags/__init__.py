"""Template filters of the arena."""
