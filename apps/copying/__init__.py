"""One account does as another one does: what its leader opens and closes, in its own size."""
