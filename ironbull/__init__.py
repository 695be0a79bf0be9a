"""The root: it composes apps and workers into one product. Nobody imports it."""
