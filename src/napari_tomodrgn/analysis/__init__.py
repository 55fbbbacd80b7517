"""What latents and volumes say."""
