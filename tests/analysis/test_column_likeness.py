"""Columns of a star against latents: scipy's correlation, and the means over a particle's rows."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import starfile
from scipy.stats import spearmanr

from napari_tomodrgn.analysis.analyze import AnalyzeOptions, analyze
from napari_tomodrgn.analysis.column_likeness import column_of_particles, likeness, read_columns
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.columns import columns_caption, columns_figure
from napari_tomodrgn.figures.content import read_content
from napari_tomodrgn.runs.run import Run


def test_correlations_are_scipys_over_all_and_in_each_tomogram() -> None:
    generator = np.random.default_rng(0)
    components = generator.normal(size=(60, 12))
    values = np.round(components[:, 2] ** 3 + 0.5 * generator.normal(size=60), 1)  # with ties
    values[[4, 50]] = np.nan
    tomograms = ["a"] * 30 + ["b"] * 25 + ["few"] * 5

    found = likeness("rlnDefocusU", values, components, tomograms)

    there = np.isfinite(values)
    assert found.particles == 58
    assert found.tomograms == ("a", "b")
    assert found.strongest == 2
    for component in range(10):
        expected = spearmanr(values[there], components[there, component]).statistic
        assert found.overall[component] == pytest.approx(expected)
        for row, name in enumerate(found.tomograms):
            own = there & (np.array(tomograms) == name)
            assert found.within[row, component] == pytest.approx(
                spearmanr(values[own], components[own, component]).statistic
            )
    assert found.within.shape == (2, 10)


def test_a_column_that_is_the_same_for_all_correlates_with_nothing() -> None:
    found = likeness("box", np.ones(20), np.random.default_rng(0).normal(size=(20, 3)), ["a"] * 20)

    assert np.isnan(found.overall).all()
    assert np.isnan(found.within).all()


def test_a_column_is_the_mean_over_a_particles_rows(analysed_run: Run) -> None:
    particle_set = analysed_run.particle_set()
    block = particle_set.source.star.block(particle_set.source.particles_block)
    expected = pd.Series(block.floats("rlnDefocusU")).groupby(particle_set.source.row_particle).mean().to_numpy()
    kept = particle_set.take([3, 7, 20])

    np.testing.assert_allclose(column_of_particles(particle_set, "rlnDefocusU"), expected)
    np.testing.assert_allclose(column_of_particles(kept, "rlnDefocusU"), expected[[3, 7, 20]])
    assert column_of_particles(kept, "tilt images").tolist() == [5, 5, 5]


def test_what_is_asked_for_is_found_drawn_and_removed_again(analysed_run: Run, tmp_path: Path) -> None:
    run = Run.open(Path(shutil.copytree(analysed_run.path, tmp_path / "run")))
    options = AnalyzeOptions(run=run.path, clusters=3, umap=False, volumes=False, overwrite=True)
    columns = ("rlnDefocusU", "rlnAngleTilt")

    folder = analyze(options.model_copy(update={"columns": columns})).folder

    content = read_content(folder, "kmeans-3")
    assert list(content.columns or {}) == list(columns)
    table = starfile.read(run.path / "particles.star")
    table = table["particles"] if isinstance(table, dict) else table
    stored = read_columns(folder.columns("kmeans-3"), content.embedding.ids)["rlnDefocusU"]
    assert table["rlnDefocusU"].min() <= stored.min() <= stored.max() <= table["rlnDefocusU"].max()
    correlations = pd.read_csv(folder.column_correlations("kmeans-3"), keep_default_na=False)
    own = correlations[(correlations["column"] == "rlnAngleTilt") & (correlations["tomogram"] == "")]
    expected = [
        spearmanr(content.columns["rlnAngleTilt"], content.embedding.pca[:, component]).statistic
        for component in range(content.embedding.pca.shape[1])
    ]
    np.testing.assert_allclose(own["spearman"].astype(float), expected, atol=1e-4)
    figure = columns_figure(content)
    heights = [bar.get_height() for bar in figure.axes[5].patches]
    np.testing.assert_allclose(heights, expected, atol=1e-4)
    assert "(n = 24" in columns_caption(content)

    analyze(options)
    assert not list(folder.path.glob("column*"))


def test_a_column_that_is_not_there_writes_nothing(analysed_run: Run) -> None:
    options = AnalyzeOptions(run=analysed_run.path, epoch=1, columns=("rlnNothing",))
    with pytest.raises(InputError, match=r"--columns rlnNothing: .* has no such column; it has .*rlnDefocusU"):
        analyze(options)
    assert not (analysed_run.path / "analysis" / "epoch-0001").exists()
