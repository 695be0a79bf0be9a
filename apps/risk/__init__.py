"""The limits that people set to what is opened; `engine/limits.py` says what each one judges."""
