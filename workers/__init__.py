"""The node: it executes tickets and reports; it knows no Django and no business database."""
