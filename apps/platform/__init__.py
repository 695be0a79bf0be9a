"""The door for the platform's own programs: what the admin shows and does, as JSON."""
