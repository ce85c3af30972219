"""Deliberate faults in Plans, and whether a suite of vectors notices them."""
