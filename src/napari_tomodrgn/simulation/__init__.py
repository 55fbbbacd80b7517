"""Simulated tilt-series particle stacks with a truth beside them."""
