"""A member's account at an exchange, and its sealed credentials."""
