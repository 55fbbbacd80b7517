"""Tilt-series particle stacks with planted truth."""
