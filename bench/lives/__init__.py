"""Who looks at live pages, for measuring."""
