"""The published files: their shapes, how they are read, checked, and written. It knows no database."""
