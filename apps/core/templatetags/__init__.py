"""Tags that templates of every app may use."""
