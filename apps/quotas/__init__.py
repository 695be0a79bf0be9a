"""What a tenant's plan allows, and what it used."""
