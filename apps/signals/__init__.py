"""What a strategy wanted, published once for one cause."""
