"""Whether a training has converged: losses, latents and volumes from epoch to epoch, and which epoch to take."""
