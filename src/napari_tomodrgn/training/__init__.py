"""Settings, batches, objective and trainer."""
