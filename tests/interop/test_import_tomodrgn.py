"""A run of the public tomoDRGN program as a run of this one: the same latents, and the volumes it decoded itself."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pandas as pd
import pytest
import torch

from napari_tomodrgn.analysis.analyze import AnalyzeOptions, analyze
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.methods import methods
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.interop.import_options import ImportOptions
from napari_tomodrgn.interop.import_tomodrgn import import_tomodrgn
from napari_tomodrgn.interop.tomodrgn_model import Perceptron, rectified
from napari_tomodrgn.model.encoder import Encoder
from napari_tomodrgn.model.mlp import ResidualMLP
from napari_tomodrgn.reconstruction.volumes import VolumesOptions, write_volumes
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.runs.run_info import describe_run
from napari_tomodrgn.training.checkpoints import load_checkpoint, load_model
from napari_tomodrgn.training.embed import embed
from napari_tomodrgn.training.options import EmbedOptions, TrainOptions
from napari_tomodrgn.training.store import DirectImages
from napari_tomodrgn.training.train import train

CLASS_E, BOX = "cryosrpnt_classE", 32
Floats = np.ndarray


@pytest.fixture(scope="module")
def theirs(shared_data: Path) -> Path:
    return shared_data / "tomodrgn_run"


@pytest.fixture(scope="module")
def imported(theirs: Path, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    outdir = tmp_path_factory.mktemp("imported") / "run"
    return import_tomodrgn(ImportOptions(folder=theirs, outdir=outdir, datadir=shared_data / CLASS_E))


@pytest.fixture
def copied(theirs: Path, tmp_path: Path) -> Path:
    """The run, to be changed."""
    folder = Path(shutil.copytree(theirs, tmp_path / "theirs", copy_function=shutil.copyfile))
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def volumes(imported: Run, theirs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Floats, Floats]:
    """Of the latents in z_values.txt: those decoded here and those decoded there, (3, D, D, D)."""
    folder = write_volumes(
        VolumesOptions(
            run=imported.path, latents=theirs / "z_values.txt", outdir=tmp_path_factory.mktemp("v") / "v", amp="off"
        )
    )
    names = [f"vol_{number:03d}.mrc" for number in range(3)]
    own, other = (np.array([mrcfile.read(path / name) for name in names], float) for path in (folder, theirs))
    assert mrcfile.open(folder / names[0]).voxel_size.x == pytest.approx(13.1)
    return own, other


def test_latents_are_those_that_it_wrote(imported: Run, theirs: Path) -> None:
    with open(theirs / "z.train.pkl", "rb") as stream:  # this one is known to be sound
        mean, log_variance = pickle.load(stream), pickle.load(stream)
    latents = imported.latents()
    np.testing.assert_array_equal(latents.z_mean, mean)
    np.testing.assert_array_equal(latents.z_logvar, log_variance)
    assert latents.ids == tuple(("001", f"{number:06d}") for number in range(72))


def test_its_latents_decode_to_the_volumes_that_it_decoded(volumes: tuple[Floats, Floats]) -> None:
    for own, other in zip(*volumes, strict=True):
        assert np.corrcoef(own.ravel(), other.ravel())[0, 1] > 0.9999
        assert np.corrcoef(own.transpose(2, 1, 0).ravel(), other.ravel())[0, 1] < 0.9
        assert np.corrcoef(own[::-1].ravel(), other.ravel())[0, 1] < 0.9
        away = other - other.mean()  # their volumes have a mean, which no image tells
        strong = np.abs(away) > away.std()
        assert np.median(own[strong] / away[strong]) == pytest.approx(1, abs=1e-3)
        assert np.abs(own - away).max() < 2e-3 * np.abs(away).max()


def test_they_differ_in_the_mean_and_at_the_end_of_each_axis_alone(volumes: tuple[Floats, Floats]) -> None:
    """That is, where a Fourier coefficient has no mate of its own."""
    difference = np.fft.fftn(volumes[0] - volumes[1], axes=(1, 2, 3))
    scale = np.abs(np.fft.fftn(volumes[1], axes=(1, 2, 3))).max()
    for alone in ((0, 0, 0), (16, 0, 0), (0, 16, 0), (0, 0, 16)):
        difference[(slice(None), *alone)] = 0
    assert np.abs(difference).max() < 1e-5 * scale


def test_what_tells_the_volumes_apart_agrees_too(volumes: tuple[Floats, Floats]) -> None:
    for first, second in ((0, 1), (1, 2)):
        own, other = ((each[first] - each[second]).ravel() for each in volumes)
        assert np.corrcoef(own, other)[0, 1] > 0.999
        assert own.std() == pytest.approx(other.std(), rel=0.01)


def misfit(encoder: Encoder, pairs: torch.Tensor, latents: Floats, draws: int = 200) -> float:
    """Return the mean squared deviation of latents (N, 2 |z|) from those of tilts in random orders, per dimension.

    It is in units of their covariance over the orders, so it is 1 where these latents are of such an order.
    """
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        told = encoder.encoder_a(pairs.flatten(1)).unflatten(0, (len(latents), -1))
        found = []
        for _ in range(draws):
            order = torch.rand(told.shape[:2], generator=generator).argsort(1)[..., None]
            found.append(encoder.encoder_b(told.gather(1, order.expand_as(told)).flatten(1)).double())
    values = torch.stack(found)
    mean = values.mean(0)
    spread = torch.einsum("npi,npj->pij", values - mean, values - mean) / (draws - 1)
    off = torch.from_numpy(latents).double() - mean
    return float(torch.einsum("pi,pij,pj->p", off, torch.linalg.inv(spread), off).mean() / latents.shape[1])


def test_its_encoder_makes_its_latents_of_its_images(imported: Run) -> None:
    """It drew the order of tilts at random, so latents agree as far as that order leaves them."""
    particle_set, trained = imported.particle_set(), load_model(imported)
    encoder, latents = trained.model.encoder, imported.latents()
    assert isinstance(encoder, Encoder)
    images = DirectImages(particle_set, standard_deviation=trained.standard_deviation)
    points = images._pairs.lattice
    sign = TiltImages.of(particle_set).encoder_sign(points)[:, None]
    pairs = images.take(torch.arange(len(images))) * sign
    written = np.concatenate([latents.z_mean, latents.z_logvar], axis=1)
    plane = torch.zeros(len(pairs), (BOX + 1) ** 2)
    plane[:, points.plus], plane[:, points.minus] = pairs[:, 0], pairs[:, 1]
    turned = plane.unflatten(1, (BOX + 1, BOX + 1)).transpose(1, 2).flatten(1)
    transposed = torch.stack([turned[:, points.plus], turned[:, points.minus]], dim=1)
    assert 0.8 < misfit(encoder, pairs, written) < 1.15
    for wrong in (-pairs, pairs.flip(1), transposed, 0.7 * pairs):
        assert misfit(encoder, wrong, written) > 1.2


@pytest.mark.parametrize("outputs", [3, 9])
def test_a_hidden_layer_more_does_what_a_relu_does(outputs: int) -> None:
    torch.manual_seed(1)
    plain = ResidualMLP(5, 6, 2, outputs)
    layers = tuple((layer.weight.detach(), layer.bias.detach()) for layer in (plain.first, *plain.hidden, plain.last))
    same = rectified(Perceptron(layers))
    with_relu = ResidualMLP(5, *same.shape, outputs)
    same.into(with_relu)
    values = torch.randn(40, 5)
    torch.testing.assert_close(with_relu(values), plain(values).relu())
    assert (plain(values) < 0).any()


def test_its_losses_are_in_the_metrics_and_what_it_did_not_say_is_empty(imported: Run) -> None:
    metrics = imported.metrics()
    np.testing.assert_allclose(metrics["loss"], [0.943074610498216, 0.905272669262356, 0.885092847877079])
    np.testing.assert_allclose(metrics["seconds"], [13.608342, 10.497196, 12.041915])
    assert metrics[["kld", "held_out_reconstruction", "beta"]].isna().all(axis=None)
    assert len(describe_run(imported.path)["losses"]) == 3


def test_the_run_is_analysed_embedded_and_trained_on_as_any_other(
    imported: Run, shared_data: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(imported.path, tmp_path / "run"))
    analysis = analyze(AnalyzeOptions(run=run, clusters=2, umap=False, figures=False, losses=True))
    assert analysis.volumes is not None
    star = run / "particles.star"
    latents = embed(EmbedOptions(particles=star, run=run, output=tmp_path / "z.npz", contrast="dark"))
    spread = imported.latents().z_mean.std(axis=0)
    assert (np.abs(latents.z_mean.mean(axis=0) - imported.latents().z_mean.mean(axis=0)) < spread).all()
    again = train(TrainOptions(particles=star, outdir=run, resume=True, epochs=4, device="cpu"))
    losses = again.metrics()["reconstruction"].to_numpy()
    assert len(losses) == 4
    assert losses[3] < losses[2] + 0.02


def test_its_methods_paragraph_names_the_program_that_trained_it(imported: Run) -> None:
    text, _ = methods(imported, 3)
    assert "was trained with tomoDRGN 1.0.0 and taken over" in text
    assert "72 particles (720 tilt images)" in text


def of_epoch(folder: Path, number: int) -> None:
    """Write the weights of another epoch: the last one's, with another bias of the output."""
    state = torch.load(folder / "weights.pkl", weights_only=True)
    state["epoch"] = number
    state["model_state_dict"]["decoder.decoder.main.8.bias"] += 1
    torch.save(state, folder / f"weights.{number}.pkl")


def test_weights_of_other_epochs_become_checkpoints_of_theirs(copied: Path, tmp_path: Path) -> None:
    of_epoch(copied, 0)
    shutil.copyfile(copied / "z.2.train.pkl", copied / "z.0.train.pkl")
    of_epoch(copied, 1)
    run = import_tomodrgn(ImportOptions(folder=copied, outdir=tmp_path / "run"))
    assert run.epochs == [1, 2, 3]
    assert run.chosen_epoch == 3
    assert len(run.latents(1)) == 72
    assert not (run.path / "latents" / "epoch-0002.npz").exists()
    biases = [load_model(run, epoch).model.decoder.mlp.last.bias[0].item() for epoch in (1, 2, 3)]
    assert biases[0] == biases[1]  # (re + 1) - (im + 1) is as before
    assert load_checkpoint(run.checkpoint(1))["history"][-1]["epoch"] == 1
    rows = pd.read_csv(run.path / "metrics.csv")
    assert rows["epoch"].tolist() == [1, 2, 3]


def test_without_a_log_there_are_no_metrics(copied: Path, tmp_path: Path) -> None:
    (copied / "run.log").unlink()
    run = import_tomodrgn(ImportOptions(folder=copied, outdir=tmp_path / "run"))
    assert run.metrics().empty
    assert not (run.path / "metrics.csv").exists()


Spoil = Callable[[Path], Any]


def settings(part: str, **values: Any) -> Spoil:
    """Change a part of the settings; classes of tomoDRGN that they name are left out, as it is not installed."""

    class Names(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            return name if module.startswith("tomodrgn") else super().find_class(module, name)

    def spoil(folder: Path) -> None:
        with open(folder / "config.pkl", "rb") as stream:
            config = Names(stream).load()
        config[part].update(values)
        (folder / "config.pkl").write_bytes(pickle.dumps(config))

    return spoil


def test_an_encoder_of_another_kind_leaves_the_latents_as_they_are(copied: Path, tmp_path: Path) -> None:
    settings("model_args", pooling_function="set_encoder")(copied)
    run = import_tomodrgn(ImportOptions(folder=copied, outdir=tmp_path / "run"))
    model = load_model(run).model
    assert run.document["model"]["pooling"] == "none"
    np.testing.assert_array_equal(model.encoder.mean.detach().numpy(), run.latents().z_mean)


def without_a_particle(folder: Path) -> None:
    star = folder / "10076_classE_32_sim_tomodrgn_preprocessed.star"
    lines = star.read_text().splitlines()
    star.write_text("\n".join(line for line in lines if "001_000005" not in line) + "\n")


def weights(change: Callable[[dict[str, Any]], Any]) -> Spoil:
    """Change what the weights file holds."""

    def spoil(folder: Path) -> None:
        state = torch.load(folder / "weights.pkl", weights_only=True)
        change(state)
        torch.save(state, folder / "weights.pkl")

    return spoil


def layers(change: Callable[[dict[str, Any]], Any]) -> Spoil:
    """Change the layers of the networks."""
    return weights(lambda state: change(state["model_state_dict"]))


def without(name: str) -> Spoil:
    return lambda folder: (folder / name).unlink()


DECODER = "decoder.decoder.main"
SPOILED: dict[str, tuple[Spoil, tuple[str, ...]]] = {
    "a particle less": (
        without_a_particle,
        ("preprocessed.star", "holds 71 particles", "are 72 of 4 dimensions", "--star"),
    ),
    "no weights": (without("weights.pkl"), ("theirs: has no weights.pkl",)),
    "no latents": (without("z.train.pkl"), ("has no z.train.pkl",)),
    "no settings": (without("config.pkl"), ("has no config.pkl",)),
    "no star": (without("10076_classE_32_sim_tomodrgn_preprocessed.star"), ("holds no preprocessed star", "--star")),
    "other settings": (lambda path: (path / "config.pkl").write_bytes(pickle.dumps([1])), ("config.pkl", "settings")),
    "no box": (settings("lattice_args", boxsize="33"), ("config.pkl", "no valid boxsize in lattice_args")),
    "even lattice": (settings("lattice_args", boxsize=34), ("boxsize 34",)),
    "other box": (settings("lattice_args", boxsize=65), ("decoder.freqs", "64 px")),
    "no deviation": (settings("dataset_args", norm=[0, 0]), ("no valid norm",)),
    "shifted images": (settings("dataset_args", norm=[3.0, 2.0]), ("shifted by 3",)),
    "other features": (settings("model_args", pe_type="geom_ft"), ("geom_ft",)),
    "other units": (settings("model_args", activation="leaky_relu"), ("leaky",)),
    "other latents": (settings("model_args", zdim=3), ("100 to 2", "99 to 2")),
    "no epoch": (weights(lambda state: state.pop("epoch")), ("says no epoch",)),
    "no model": (weights(lambda state: state.pop("model_state_dict")), ("no model_state_dict",)),
    "no bias": (layers(lambda state: state.pop(f"{DECODER}.4.linear.bias")), ("no valid bias", "main.4")),
    "a narrow layer": (
        layers(lambda state: state.update({f"{DECODER}.2.linear.weight": torch.ones(3, 3)})),
        ("decoder.decoder", "follow one another"),
    ),
    "other encoder": (
        layers(lambda state: state.update({"encoder.encoder_b.main.0.weight": torch.ones(32, 300)})),
        ("encoder B from 300 to 8",),
    ),
    "NaN": (layers(lambda state: state[f"{DECODER}.8.bias"].fill_(np.nan)), ("not finite",)),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_what_does_not_belong_together_is_one_sentence_and_leaves_nothing(
    kind: str, copied: Path, tmp_path: Path
) -> None:
    spoil, says = SPOILED[kind]
    spoil(copied)
    with pytest.raises(InputError) as caught:
        import_tomodrgn(ImportOptions(folder=copied, outdir=tmp_path / "run"))
    sentence = str(caught.value)
    assert [part for part in says if part not in sentence] == [], sentence
    assert "\n" not in sentence
    assert [path.name for path in tmp_path.iterdir()] == ["theirs"]


def test_an_output_that_exists_is_replaced_only_where_it_is_a_run(theirs: Path, tmp_path: Path) -> None:
    options = ImportOptions(folder=theirs, outdir=tmp_path / "run")
    import_tomodrgn(options)
    with pytest.raises(InputError, match="exists already"):
        import_tomodrgn(options)
    (tmp_path / "run" / "selections").mkdir()
    run = import_tomodrgn(options.model_copy(update={"overwrite": True}))
    assert not (run.path / "selections").exists()
    (run.path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds mine\.txt"):
        import_tomodrgn(options.model_copy(update={"overwrite": True}))
    other = tmp_path / "folder"
    other.mkdir()
    with pytest.raises(InputError, match="is no run"):
        import_tomodrgn(options.model_copy(update={"overwrite": True, "outdir": other}))
    assert json.loads((run.path / "run.json").read_text())["imported"]["program"] == "tomoDRGN"
