"""Points and USDT move between accounts here, and nowhere else."""
