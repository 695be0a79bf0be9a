"""The arena: what public traders did and published ones told, on pages and in published shapes."""
