"""AI traders: language models that decide within limits, and everything that is kept of it."""
