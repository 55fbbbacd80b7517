"""Whether latents follow what has nothing to do with the molecule."""
