"""Latents of new images: those that training would have given, and the same each time."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_tomodrgn.errors import InputError, RunError
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.embed import embed
from napari_tomodrgn.training.options import EmbedOptions
from napari_tomodrgn.training.train import train

from .test_train import small


@pytest.fixture
def run(tiny_set, tmp_path: Path) -> Run:  # type: ignore[no-untyped-def]
    """A run on five particles of three to six tilts."""
    return train(small(tiny_set(tilts=(4, 5, 3, 6, 4)), tmp_path / "run"))


def test_a_trained_set_gets_its_own_latents(run: Run, tmp_path: Path) -> None:
    options = EmbedOptions(particles=tmp_path / "data" / "particles.star", run=run.path, output=tmp_path / "z.npz")
    embedded = embed(options)
    np.testing.assert_allclose(embedded.z_mean, run.latents().z_mean, atol=1e-3)
    stored = Latents.load(tmp_path / "z.npz")
    assert stored.ids == run.latents().ids
    assert set(stored.split) == {"new"}
    table = pd.read_csv(tmp_path / "z.csv", dtype={"particle": str})
    np.testing.assert_allclose(table[["z0", "z1"]], embedded.z_mean, rtol=1e-5)
    assert table["particle"].tolist() == [name for _, name in embedded.ids]


def test_two_passes_are_identical(run: Run, tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    new = tiny_set("new", tilts=(7, 3, 5), seed=9)
    first, second = (
        embed(EmbedOptions(particles=new, run=run.path, output=tmp_path / f"{name}.npz")) for name in ("one", "two")
    )
    assert np.array_equal(first.z_mean, second.z_mean)
    assert np.array_equal(first.z_logvar, second.z_logvar)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"box": 20}, "its images have 20 px, .* was trained with 16 px"),
        ({"tilts": (4, 2)}, "particle 001 of tomogram tomo has 2 tilt images, and the encoder of .* concatenates 3"),
    ],
)
def test_images_that_do_not_fit_are_refused(run: Run, tiny_set, tmp_path: Path, data, message: str) -> None:  # type: ignore[no-untyped-def]
    new = tiny_set("new", **data)
    with pytest.raises(InputError, match=message):
        embed(EmbedOptions(particles=new, run=run.path, output=tmp_path / "z.npz"))
    assert not (tmp_path / "z.npz").exists()


def test_output_that_exists_is_kept(run: Run, tmp_path: Path) -> None:
    (tmp_path / "z.csv").write_text("mine")
    with pytest.raises(InputError, match=r"z\.csv: exists already"):
        embed(EmbedOptions(particles=run.path / "particles.star", run=run.path, output=tmp_path / "z.npz"))
    assert (tmp_path / "z.csv").read_text() == "mine"


def test_a_decoder_alone_embeds_nothing(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    run = train(small(path, tmp_path / "run", latent_dim=0, epochs=1))
    with pytest.raises(InputError, match="decoder alone"):
        embed(EmbedOptions(particles=path, run=run.path, output=tmp_path / "z.npz"))


def test_images_enter_as_those_of_the_run_did(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Colour, CTF power and number of tilts given to the training hold for new images, unless said otherwise."""
    path = tiny_set(tilts=(5, 5, 5))
    run = train(small(path, tmp_path / "run", contrast="bright", ctf_power="0", first_tilts=4))

    as_trained = embed(EmbedOptions(particles=path, run=run.path, output=tmp_path / "z.npz"))
    other = embed(EmbedOptions(particles=path, run=run.path, output=tmp_path / "dark.npz", contrast="dark"))

    np.testing.assert_allclose(as_trained.z_mean, run.latents().z_mean, atol=1e-3)
    assert np.abs(other.z_mean - run.latents().z_mean).max() > 1e-3


def test_latents_and_their_table_appear_together(run: Run, tmp_path: Path) -> None:
    (tmp_path / "z.csv").mkdir()
    options = EmbedOptions(particles=run.path / "particles.star", run=run.path, output=tmp_path / "z.npz")
    with pytest.raises(RunError, match=r"z\.csv: could not be written"):
        embed(options.model_copy(update={"overwrite": True}))
    assert not (tmp_path / "z.npz").exists()
