"""AI traders' minds: what a model is shown and asked, what of its answer counts, and the record.

An answer is refused unless every rule lets it pass: nothing of a refused one is done.
"""
