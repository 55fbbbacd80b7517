"""Qt dock widgets, one a file."""
