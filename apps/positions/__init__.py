"""What is held, folded from fills, and the profit each close realised."""
