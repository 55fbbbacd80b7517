"""Whether what a run shows of some particles is supported: on a small set with a planted truth, and what is refused."""

import csv
import json
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import mrcfile
import numpy as np
import pandas as pd
import pytest

from napari_tomodrgn.analysis.folder import write_labels
from napari_tomodrgn.analysis.validation.options import ValidateOptions
from napari_tomodrgn.analysis.validation.progress import Progress
from napari_tomodrgn.analysis.validation.result import Validation
from napari_tomodrgn.analysis.validation.validate import validate, validating
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.validation import save_validation
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.stopping import InterruptedWorkError, StopRequest
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train


@dataclass(frozen=True)
class States:
    """A run on 120 particles in four states of little noise, a fifth of the tilt images held out, and the truth."""

    run: Run
    truth: np.ndarray  # (N,) in the order of the latents

    def select(self, name: str, chosen: np.ndarray) -> Path:
        """Save a selection beside the run, as the window does."""
        ids = self.run.latents().ids
        path = self.run.path / "selections" / f"{name}.json"
        Selection(name, frozenset(ids[row] for row in np.flatnonzero(chosen)), {"rule": "test"}).save(path)
        return path

    def validate(self, name: str, chosen: np.ndarray, **options: object) -> Validation:
        given = {"run": self.run.path, "selection": self.select(name, chosen), "decoder_only": False, **options}
        return validate(ValidateOptions.model_validate(given))


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> States:
    folder = tmp_path_factory.mktemp("states")
    star = simulate(
        SimulateOptions(
            outdir=folder / "particles",
            particles=120,
            box=16,
            pixel_size=12.0,
            tilts=9,
            tilt_step=6,
            tomograms=3,
            structural_snr=10,
            shot_snr=6,
        )
    )
    run = train(
        TrainOptions(
            particles=star,
            outdir=folder / "run",
            latent_dim=3,
            pooling="linear",
            decoder="32x3",
            epochs=3,
            batch_size=2,
            learning_rate=3e-3,
            learning_rate_schedule="cosine",
            spectral_prior=True,
            held_out_fraction=0.2,
            held_out_by="tilt",
        )
    )
    table = pd.read_csv(star.parent / "truth.csv", dtype={"tomogram": str, "particle": str})
    known = table.set_index(["tomogram", "particle"])["label"].loc[list(run.latents().ids)]
    return States(run, known.to_numpy())


def test_a_true_state_is_supported_by_held_out_images(states: States) -> None:
    found = states.validate("true", states.truth == 3)

    assert found.verdict.verdict == "supported"
    assert found.measured.tilts == "held-out"
    assert not found.needs_independence


def test_random_particles_are_not(states: States) -> None:
    found = states.validate("random", np.random.default_rng(0).permutation(120) < 20)

    assert found.verdict.verdict == "unsupported"
    assert found.apartness.p > 0.01


def test_a_volume_that_exists_only_beyond_the_particles_is_not(states: States) -> None:
    found = states.validate("beyond", states.truth == 3, extrapolate=4)

    assert found.verdict.verdict == "unsupported"
    assert any("exaggerated" in reason for reason in found.verdict.reasons)
    assert any("no particles lie where it was decoded" in reason for reason in found.verdict.reasons)


def test_a_latent_is_held_against_the_particles_nearest_to_it(states: States) -> None:
    latents = states.run.latents().z_mean
    far = 3 * latents[states.truth == 3].mean(axis=0) - 2 * latents.mean(axis=0)
    at = ",".join(f"{value:.5g}" for value in far)

    found = validate(ValidateOptions(run=states.run.path, at=at, nearest=20, decoder_only=False))

    nearest = np.argsort(((latents - found.subject.latent) ** 2).sum(axis=1))[:20]
    assert set(np.flatnonzero(found.subject.chosen)) == set(nearest)
    assert found.verdict.verdict == "unsupported"


def test_particles_from_elsewhere_have_to_be_found_again_unless_said_to_know_nothing(states: States) -> None:
    table = states.run.path.parent / "ids.csv"
    ids = np.array(states.run.latents().ids, dtype=object)[states.truth == 3]
    pd.DataFrame(ids.tolist(), columns=["tomogram", "particle"]).to_csv(table, index=False)
    given = {"run": states.run.path, "ids": table, "decoder_only": False}

    asked = validate(ValidateOptions.model_validate({**given, "permutations": 199}))
    told = validate(ValidateOptions.model_validate({**given, "chosen_by": "elsewhere"}))

    assert asked.needs_independence
    assert asked.independence is not None
    assert (states.run.path / "analysis" / "kept-aside.npz").is_file()
    assert not told.needs_independence


def test_the_folder_holds_maps_curves_evidence_and_the_panel(states: States) -> None:
    found = states.validate("written", states.truth == 3, decoder_only=True, decoder_only_epochs=1)

    folder = save_validation(found)

    assert folder == states.run.path / "analysis" / "epoch-0003" / "validation" / "written"
    ways = ("vae", "decoder_only", "backprojection")
    maps = {f"{way}{part}.mrc" for way in ways for part in ("", "_others", "_difference")}
    tables = {"validation.json", "fsc.csv", "particles.csv", "validation.png", "validation.pdf"}
    assert {path.name for path in folder.iterdir()} == maps | tables | {"half_1.mrc", "half_2.mrc", "mask.mrc"}
    with mrcfile.open(folder / "vae.mrc") as stream:
        assert stream.data.shape == (16, 16, 16)
        assert float(stream.voxel_size.x) == pytest.approx(12.0)
    document = json.loads((folder / "validation.json").read_text())
    assert document["verdict"] == "supported"
    assert document["maps"]["origins"]["backprojection"] == "averaged by backprojection"
    assert document["resolution_of_backprojection_angstrom"] >= 24
    with open(folder / "particles.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    chosen = {(row["tomogram"], row["particle"]) for row in rows if row["chosen"] == "1"}
    assert chosen == Selection.load(states.run.path / "selections" / "written.json").ids
    with pytest.raises(InputError, match="exists already"):
        states.validate("written", states.truth == 3)


def test_classes_are_taken_from_the_run_and_held_against_others(states: States) -> None:
    ids = states.run.latents().ids
    write_labels(states.run.path / "analysis" / "epoch-0003" / "labels-kmeans-4.csv", ids, states.truth)
    steps = validating(ValidateOptions(run=states.run.path, clusters=[3], against="0,1", decoder_only=False))

    *progress, found = steps

    assert isinstance(found, Validation)
    assert all(isinstance(each, Progress) for each in progress)
    assert found.folder.name == "class-3-against-0-1"
    np.testing.assert_array_equal(found.subject.chosen, states.truth == 3)
    np.testing.assert_array_equal(found.subject.others, states.truth < 2)


def test_a_stop_writes_nothing(states: States) -> None:
    stop = StopRequest()
    stop.signal = signal.SIGINT
    path = states.select("stopped", states.truth == 3)

    with pytest.raises(InterruptedWorkError, match="nothing was written"):
        validate(ValidateOptions(run=states.run.path, selection=path), stop)

    assert not (states.run.path / "analysis" / "epoch-0003" / "validation" / "stopped").exists()


def test_one_particle_and_none_are_refused(states: States) -> None:
    one = np.arange(120) == 7
    with pytest.raises(InputError, match="one particle is chosen"):
        states.validate("one", one)
    with pytest.raises(InputError, match="holds no particle"):
        states.validate("none", one & False)
    with pytest.raises(InputError, match="no particle is to hold them against"):
        states.validate("all", one | True)


def test_particles_that_the_star_no_longer_has_are_named(states: States, tmp_path: Path) -> None:
    run = Path(shutil.copytree(states.run.path, tmp_path / "run"))
    Selection("gone", frozenset({("000", "000001"), ("nowhere", "1")}), {}).save(tmp_path / "gone.json")

    with pytest.raises(InputError, match="which the particles lack"):
        validate(ValidateOptions(run=run, selection=tmp_path / "gone.json"))

    star = (run / "particles.star").read_text().splitlines(keepends=True)
    (run / "particles.star").write_text("".join(line for line in star if "003_000039" not in line))
    with pytest.raises(InputError, match="1 of its particles are no longer in its star file"):
        validate(ValidateOptions(run=run, at="0,0,0", nearest=5))


def test_a_run_without_its_images_says_that_they_are_asked_for(states: States, tmp_path: Path) -> None:
    run = Path(shutil.copytree(states.run.path, tmp_path / "run"))
    options = ValidateOptions(run=run, at="0,0,0", nearest=5, decoder_only=False)

    with pytest.raises(InputError, match=r"validation asks for the images.*give --datadir"):
        validate(options)

    particles = states.run.path.parent / "particles"
    assert validate(options.model_copy(update={"datadir": particles})).measured.tilts == "held-out"


def test_a_decoder_alone_has_nothing_to_validate(homogeneous_run: Run) -> None:
    with pytest.raises(InputError, match="is a decoder alone"):
        validate(ValidateOptions(run=homogeneous_run.path, at="0"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "which particles"),
        ({"at": "1,2"}, "expected 3 finite ones"),
        ({"at": "here"}, "neither numbers"),
        ({"at": "0,0,0", "nearest": 500}, "give fewer"),
        ({"at": "0,0,0", "nearest": 5, "against": "others"}, "expected classes, as 1,3"),
    ],
)
def test_what_is_asked_unclearly_is_refused(states: States, options: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        validate(ValidateOptions.model_validate({"run": states.run.path, **options}))
