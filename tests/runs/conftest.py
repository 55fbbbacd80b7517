"""What every run.json says of its data and its network."""

from napari_tomodrgn.particles.forward_model import ForwardModel

FORWARD_MODEL = ForwardModel().as_dict()
DATA = {
    "star": "particles.star",
    "dialect": "warp",
    "standard_deviation": 1.0,
    "forward_model": FORWARD_MODEL,
    "fingerprint": "0",
}
MODEL = {"latent_dim": 2}
