"""Losses as a table of the analysis, from which columns come."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_tomodrgn.analysis.analyze import AnalyzeOptions, analyze
from napari_tomodrgn.analysis.columns import Classes, Numbers, columns_of_run
from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.analysis.losses import measure_losses
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.runs.run import Run


@pytest.fixture
def copied(run: Run, tmp_path: Path) -> Run:
    return Run.open(shutil.copytree(run.path, tmp_path / "run"))


def test_measured_losses_are_columns_by_particle(copied: Run) -> None:
    analyze(AnalyzeOptions(run=copied.path, clusters=3, umap=False, volumes=False, figures=False, losses=True))

    table = pd.read_csv(AnalysisFolder(copied.path, 2).losses, dtype={"tomogram": str, "particle": str})
    ids = copied.particle_set().ids[::-1]
    columns = columns_of_run(copied, 2, ids)
    of_particle = table.set_index(["tomogram", "particle"])
    for name in ("loss", "CC"):
        column = columns[name]
        assert isinstance(column, Numbers)
        np.testing.assert_allclose(column.values, of_particle.loc[ids, name])
    assert (table["loss"] > 0).all()
    assert table["CC"].between(-1, 1).all()


def test_the_distance_to_a_class_is_that_to_the_mean_of_its_latents(analysed_run: Run) -> None:
    latents = analysed_run.latents(2)
    columns = columns_of_run(analysed_run, 2, latents.ids)
    classes, distance = columns["kmeans-3"], columns["kmeans-3 distance"]
    assert isinstance(classes, Classes)
    assert isinstance(distance, Numbers)
    frame = pd.DataFrame(latents.z_mean.astype(np.float64))
    centre = frame.groupby(classes.codes).transform("mean")
    np.testing.assert_allclose(distance.values, np.linalg.norm(frame - centre, axis=1))


def test_without_the_images_nothing_is_written(copied: Run) -> None:
    star = copied.path / "particles.star"
    star.write_text(star.read_text().replace(".mrcs", "-gone.mrcs"))

    with pytest.raises(InputError, match=r"gone\.mrcs"):
        list(measure_losses(copied, 2, copied.particle_set()))

    assert not AnalysisFolder(copied.path, 2).losses.exists()
