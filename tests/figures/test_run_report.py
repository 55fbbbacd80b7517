"""What the report says of the run itself: its line, its training and the methods paragraph."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.methods import METHOD, methods
from napari_tomodrgn.figures.write import write_figures, write_run_report
from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.run import Run

from .conftest import run_document

CLASSES = {"rule": "classes", "column": "kmeans-4", "classes": ["class 0", "class 2"]}
IDS = frozenset(("TS_01", str(number)) for number in range(120))


def make(path: Path, **changes: Any) -> Run:
    particles = changes.pop("particles", 320)
    return Run.create(path, run_document(particles, **changes))


def changed(part: str, **values: Any) -> dict[str, Any]:
    return {part: {**run_document(320)[part], **values}}


def test_the_paragraph_holds_the_papers_settings(tmp_path: Path) -> None:
    text, references = methods(make(tmp_path / "run"), 12)

    for words in (
        "napari-tomodrgn 0.1.0 (Python 3.12.1, PyTorch 2.13.0, NumPy 2.2.0)",
        "the method of Powell and Davis [1]",
        "320 particles (13,120 tilt images), in boxes of 64 pixels of 8 Å",
        "encoder A of 256x3 (nodes × hidden layers) for each tilt image, whose 128 outputs",
        "were joined over 41 tilt images of each particle by concatenation",
        "an encoder B of 256x3, a latent of 128 dimensions and a decoder of 256x3",
        "1,632,000 learned parameters in the encoder and 280,066 learned parameters in the decoder",
        "AdamW (learning rate 0.0002; 1 particle a step; seed 3)",
        "β = 1/128",
        "weighted by exposure [2] and the cosine of the tilt; frequencies past their optimal exposure were left out",
        "10% of each particle's tilt images were held out",
    ):
        assert words in text
    assert references[0] == METHOD
    assert len(references) == 2
    assert "None" not in text
    assert "  " not in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (changed("model", pooling="attention"), "pooled over the tilt images of each particle by attention"),
        (changed("model", pooling="linear", encoder_parameters=0), "The model had no encoder network"),
        (changed("model", latent_dim=0, encoder_parameters=0), "A map was reconstructed with"),
        (changed("model", latent_dim=0, encoder_parameters=0), "decoder of 256x3 (nodes × hidden layers)"),
        (
            changed("data", forward_model={**ForwardModel().as_dict(), "ctf_power": 2, "map_hand": "flip"}),
            "premultiplied with the CTF and not weighted by exposure",
        ),
        (changed("data", dialect="warptools"), "read from a WarpTools optimisation set"),
        (changed("settings", kl_target=40.0), "a β that holds it at 40 nats a particle"),
        (changed("settings", whiten=True, focus_mask="/m.mrc"), "only what lies in the shadow of a soft mask counted"),
        (changed("settings", learning_rate_schedule="cosine"), "learning rate 0.0002, falling to 0 as a cosine"),
    ],
)
def test_the_paragraph_says_what_was_done_otherwise(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    assert words in methods(make(tmp_path / "run", **changes), 12)[0]


def test_classes_and_umap_are_in_the_paragraph(tmp_path: Path) -> None:
    labelling = {"clusters": 20, "method": "gmm", "seed": 5, "umap": True, "neighbours": 15, "volumes": True}

    text, references = methods(make(tmp_path / "run"), 12, [labelling])

    assert "20 classes by a Gaussian mixture model (seed 5), and a volume was decoded" in text
    assert "UMAP [3] of the latents was made with 15 neighbours" in text
    assert "McInnes" in references[2]


def test_a_run_that_records_little_has_a_paragraph_too(tmp_path: Path) -> None:
    data = {name: run_document(1)["data"][name] for name in ("star", "dialect", "fingerprint", "forward_model")}
    changes = {"settings": {}, "model": {"latent_dim": 2}, "versions": None}

    text, _ = methods(make(tmp_path / "run", data={**data, "standard_deviation": 1.0}, **changes), None)

    assert text.startswith("Structural heterogeneity was analysed with napari-tomodrgn by the method")


def test_the_report_shows_the_line_of_runs_with_counts_and_rules(
    tmp_path: Path, plant: Callable[..., AnalysisFolder]
) -> None:
    parent = make(tmp_path / "all <of them>", particles=500)
    Selection("clean", IDS, CLASSES).save(parent.path / "selections" / "clean.json")
    folder = plant(tmp_path / "run", volumes=False)
    Run.open(folder.run).update(parent={"run": str(parent.path), "selection": "clean"})
    Selection("good", IDS, {"rule": "lasso"}).save(folder.run / "selections" / "good.json")

    text = write_figures(folder, "kmeans-4").read_text(encoding="utf-8")

    line = text[text.index(">Lineage</h2>") : text.index(">Training</h2>")]
    assert line.index("all &lt;of them&gt;") < line.index("<b>clean</b>: 120 particles") < line.index('class="here"')
    assert "class 0, class 2 of kmeans-4" in line
    assert "<b>good</b>: 120 particles, lasso" in line
    assert "500 particles" in line
    assert "Particles had been selected as clean (120 particles) in run all &lt;of them&gt;" in text


def test_what_is_lost_is_said_in_the_line(tmp_path: Path, plant: Callable[..., AnalysisFolder]) -> None:
    folder = plant(tmp_path / "run", volumes=False)
    Run.open(folder.run).update(parent={"run": "/gone/before", "selection": "clean"})
    bad = folder.run / "selections" / "bad.json"
    bad.parent.mkdir()
    bad.write_text("{")

    text = write_figures(folder, "kmeans-4").read_text(encoding="utf-8")

    assert "not found any more at <code>/gone/before</code>" in text
    assert "selection <b>clean</b> (its file is gone)" in text
    assert "bad.json: is not a readable selection" in text


def test_a_run_that_was_not_analysed_has_a_report(tmp_path: Path) -> None:
    run = make(tmp_path / "run", **changed("model", latent_dim=0, encoder_parameters=0))
    layout.checkpoint_path(run.path, 12).parent.mkdir()
    layout.checkpoint_path(run.path, 12).touch()

    text = write_run_report(run).read_text(encoding="utf-8")

    assert "320 particles, not analysed" in text
    assert "It came from no other run, but from <code>/data/ribosomes.star</code>" in text
    assert "neither" not in text
    assert ">Methods</h2>" in text


def test_a_run_without_an_epoch_has_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has not finished an epoch yet"):
        write_run_report(make(tmp_path / "run", chosen_epoch=None))


def test_figures_are_drawn_only_where_they_are_missing_or_old(
    tmp_path: Path, plant: Callable[..., AnalysisFolder]
) -> None:
    folder = plant(tmp_path / "run", volumes=False)
    plant(tmp_path / "run", classes=2, volumes=False)
    (folder.path / "labels-mine-2.csv").write_text("tomogram,particle,label\n")
    run = Run.open(folder.run)
    text = write_run_report(run).read_text(encoding="utf-8")
    assert "4 classes by k-means" in text
    assert "2 classes by k-means" in text

    before = {path: path.stat().st_mtime_ns for path in folder.path.rglob("figures/**/*.png")}
    os.utime(folder.labels("kmeans-2"), (2e9, 2e9))
    folder.settings("kmeans-2").write_text(json.dumps({"clusters": 2, "method": "kmeans", "seed": 8}))
    write_run_report(run)

    drawn = {path.parent.name for path, time in before.items() if path.stat().st_mtime_ns != time}
    assert drawn == {"kmeans-2"}
