"""The run directory: the contract between cluster and desktop."""
