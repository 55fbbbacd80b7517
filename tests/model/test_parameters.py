"""Learned parameters, against the paper's Tables 1 and 4."""

import pytest

from napari_tomodrgn.model.architecture import Architecture, Layers
from napari_tomodrgn.model.vae import VAE, learned_parameters


@pytest.mark.parametrize(
    ("box", "latent_dim", "expected"),
    [
        (64, 0, 247_298),
        (128, 0, 296_450),
        (256, 0, 394_754),
        (64, 128, 280_066),
        (128, 128, 329_218),
        (256, 128, 427_522),
    ],
)
def test_decoder_has_the_papers_number_of_parameters(box: int, latent_dim: int, expected: int) -> None:
    small = Layers(2, 0)
    model = VAE(Architecture(box, latent_dim, "mean", encoder_a=small, encoder_b=small, decoder=Layers(256, 3)))
    assert learned_parameters(model.decoder) == expected


@pytest.mark.parametrize(
    ("box", "encoder_a", "out", "encoder_b", "expected"),
    [
        (64, "128x3", 32, "64x3", 577_568),
        (64, "64x2", 128, "128x2", 959_936),
        (128, "256x4", 128, "128x2", 4_324_352),
        (256, "64x2", 128, "128x2", 4_046_272),
    ],
)
def test_encoder_has_the_papers_number_of_parameters(
    box: int, encoder_a: str, out: int, encoder_b: str, expected: int
) -> None:
    architecture = Architecture(
        box,
        latent_dim=128,
        pooling="concatenate",
        tilts=41,
        encoder_a=Layers.parse(encoder_a, "--encoder-a"),
        encoder_a_out=out,
        encoder_b=Layers.parse(encoder_b, "--encoder-b"),
        decoder=Layers(2, 0),
    )
    assert learned_parameters(VAE(architecture).encoder) == expected


def test_frequencies_are_frozen() -> None:
    decoder = VAE(Architecture(16, 0, decoder=Layers(8, 1))).decoder
    assert "vectors" in dict(decoder.named_buffers())
    assert "vectors" not in dict(decoder.named_parameters())
