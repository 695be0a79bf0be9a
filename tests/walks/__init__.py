"""Whole stories, told with real worker processes."""
