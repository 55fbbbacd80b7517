"""What every run.json says of its data and its network."""

DATA = {"star": "particles.star", "standard_deviation": 1.0, "forward_model": {}, "fingerprint": "0"}
MODEL = {"latent_dim": 2}
