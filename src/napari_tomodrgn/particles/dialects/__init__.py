"""One module per star dialect."""
