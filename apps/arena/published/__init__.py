"""The published files: shapes, reading, checking, writing. No database is known here."""
