"""The centre: one folder per noun, low to high as `docs/architecture.md` lists them."""
