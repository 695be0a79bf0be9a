"""What is watched, when it is wrong, and who is told."""
