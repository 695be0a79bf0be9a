"""What an operator types, for the product as a whole."""
